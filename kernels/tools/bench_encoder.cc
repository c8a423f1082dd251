// How long an encoder of random weights takes on one thread, for a profiler or before and after a change.
//
//     bench_encoder [ZEROS [SECONDS [HIDDEN [SEQUENCES TOKENS]]]]
//
// Share of zero 4x1 blocks, seconds for each shape, 384 or 768, one shape instead of all.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "encoder/forward.h"

namespace {

using namespace inc_hf;

struct Shape {
  int64_t sequences, tokens;
};
constexpr Shape kShapes[] = {{1, 16}, {1, 128}, {8, 128}, {32, 32}, {1, 512}};

// What is packed one after another, and its numbers as encoder/plan.h has them.
class Encoder {
 public:
  Encoder(int64_t layers, int64_t hidden, double zeros) : zeros_(zeros) {
    const int64_t feed_forward = 4 * hidden, head_dim = hidden == 384 ? 32 : 64;
    numbers_ = {kPlanVersion, layers, hidden, hidden / head_dim, head_dim, feed_forward, 2, 0, 0, bits(0.1f), 0,
                4096,         -1};
    for (int64_t i = 0; i < layers; i++) {
      numbers_.insert(numbers_.end(), {-1, -1});
      for (int64_t j = 0; j < 4; j++) add_product(hidden, hidden);
      add_product(feed_forward, hidden);
      add_product(hidden, feed_forward);
      for (int64_t j = 0; j < 2; j++) numbers_.insert(numbers_.end(), {1, -1, -1, bits(1e-12f)});
    }
  }
  EncoderPlan plan() const {
    return read_plan(numbers_.data(), static_cast<int64_t>(numbers_.size()), weights_.data(),
                     static_cast<int64_t>(weights_.size()));
  }

 private:
  static int64_t bits(float value) {
    uint32_t u;
    std::memcpy(&u, &value, sizeof(u));
    return u;
  }
  void add_product(int64_t n, int64_t k) {
    std::vector<int8_t> w(n * k);
    std::bernoulli_distribution is_zero(zeros_);
    for (int64_t i = 0; i < n; i += 4) {
      for (int64_t j = 0; j < k; j++) {
        const bool zero = is_zero(generator_);
        for (int64_t o = i; o < i + 4; o++) w[o * k + j] = zero ? 0 : static_cast<int8_t>(generator_() % 127) - 63;
      }
    }
    const float scale = 1e-3f;
    const Weight weight = {w.data(), n, k, &scale, false, nullptr};
    const PackedHeader header = plan_packing(weight, current_isa(), Sparsity::kAuto);
    const int64_t at = static_cast<int64_t>(weights_.size());
    weights_.resize(at + (header.bytes + 63) / 64 * 64);
    pack(weight, header, weights_.data() + at);
    numbers_.insert(numbers_.end(), {0, at, header.bytes, 0, 0, 8, 1});
  }

  double zeros_;
  std::mt19937 generator_;
  std::vector<int64_t> numbers_;
  std::vector<char> weights_;
};

void measure(const EncoderPlan& plan, Shape shape, double seconds) {
  using Clock = std::chrono::steady_clock;
  const int64_t rows = shape.sequences * shape.tokens;
  std::vector<int64_t> cu;
  for (int64_t s = 0; s <= shape.sequences; s++) cu.push_back(s * shape.tokens);
  std::mt19937 generator;
  std::normal_distribution<float> normal;
  std::vector<float> x(rows * plan.hidden), y(x.size());
  for (float& value : x) value = normal(generator);
  std::vector<double> times;
  const Clock::time_point begin = Clock::now();
  do {
    const Clock::time_point start = Clock::now();
    encode(plan, x.data(), cu.data(), shape.sequences, y.data(), nullptr, serial, 1);
    times.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  } while (std::chrono::duration<double>(Clock::now() - begin).count() < seconds);
  std::sort(times.begin(), times.end());
  std::printf("%d x %d: %.2f ms, at best %.2f\n", int(shape.sequences), int(shape.tokens),
              1e3 * times[times.size() / 2], 1e3 * times[0]);
}

}  // namespace

int main(int argc, char** argv) {
  const double zeros = argc > 1 ? std::atof(argv[1]) : 0, seconds = argc > 2 ? std::atof(argv[2]) : 2;
  const int64_t hidden = argc > 3 ? std::atoi(argv[3]) : 384;
  const Encoder encoder(hidden == 384 ? 6 : 12, hidden, zeros);
  const EncoderPlan plan = encoder.plan();
  if (argc > 5) {
    measure(plan, {std::atoi(argv[4]), std::atoi(argv[5])}, seconds);
  } else {
    for (const Shape shape : kShapes) measure(plan, shape, seconds);
  }
}

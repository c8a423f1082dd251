// How long an encoder of random weights takes on one thread, for a profiler or before and after a change.
//
//     bench_encoder [ZEROS [SECONDS [HIDDEN [SEQUENCES TOKENS]]]]
//
// Share of zero 4x1 blocks, seconds for each shape, 384 or 768, one shape instead of all.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "encoder/forward.h"
#include "random_encoder.h"

namespace {

using namespace inc_hf;

struct Shape {
  int64_t sequences, tokens;
};
constexpr Shape kShapes[] = {{1, 16}, {1, 128}, {8, 128}, {32, 32}, {1, 512}};

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
  const RandomEncoder encoder(hidden == 384 ? 6 : 12, hidden, zeros);
  const EncoderPlan plan = encoder.plan();
  if (argc > 5) {
    measure(plan, {std::atoi(argv[4]), std::atoi(argv[5])}, seconds);
  } else {
    for (const Shape shape : kShapes) measure(plan, shape, seconds);
  }
}

// Attention on every ISA: in 8 bits the same bits as plain C++, in float close to formulas in double.
#include "attention/attention.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "check.h"

using namespace inc_hf;
using namespace inc_hf::test;

namespace {

constexpr float kGuard = 12345.0f;

struct Shape {
  int64_t tokens, head_dim;
};
const Shape kShapes[] = {{1, 8},   {2, 64},  {3, 20},  {7, 32},  {15, 33},  {16, 32},  {17, 64},  {31, 128},
                         {64, 32}, {65, 40}, {70, 16}, {97, 80}, {128, 32}, {300, 64}, {513, 32}, {700, 24}};

struct Inputs {
  Shape shape;
  static constexpr int64_t kBeyond = 15;
  int64_t stride, y_stride, window = -1;
  std::vector<float> q, k, v, bias;

  Inputs(Shape shape, float size) : shape(shape), stride(shape.head_dim + 5), y_stride(shape.head_dim + 3) {
    for (std::vector<float>* x : {&q, &k, &v}) {
      x->resize(shape.tokens * stride);
      for (float& value : *x) value = size * normal(generator());
    }
  }
  static std::mt19937& generator() {
    static std::mt19937 generator(7);
    return generator;
  }
  static float normal(std::mt19937& generator) {
    static std::normal_distribution<float> distribution;
    return distribution(generator);
  }
  // Bias of every distance, and what may be read beyond.
  void give_bias() {
    bias.resize(2 * shape.tokens + 2 * kBeyond);
    for (float& value : bias) value = normal(generator());
  }
  const float* middle() const { return bias.empty() ? nullptr : bias.data() + shape.tokens + kBeyond - 1; }
};

std::vector<float> run(const AttentionUkernels& ukernels, bool in_8_bits, const Inputs& in, float factor) {
  std::vector<float> y(in.shape.tokens * in.y_stride, kGuard);
  const AttentionHead head = {in.q.data(), in.k.data(), in.v.data(), in.stride, in.shape.tokens, in.shape.head_dim,
                              factor,      in.window,   in.middle(), y.data(),  in.y_stride};
  const int64_t bytes = ukernels.scratch_bytes(in.shape.tokens, in.shape.head_dim);
  uint8_t* scratch = static_cast<uint8_t*>(std::aligned_alloc(64, bytes));
  std::memset(scratch, 0xff, bytes);  // nothing may rely on what is there
  (in_8_bits ? ukernels.int8 : ukernels.fp32)(head, scratch);
  std::free(scratch);
  for (int64_t t = 0; t < in.shape.tokens; t++) {
    for (int64_t i = in.shape.head_dim; i < in.y_stride; i++) {
      CHECK(y[t * in.y_stride + i] == kGuard, "%s writes beyond a row", ukernels.name);
    }
  }
  return y;
}

// In double; in 8 bits with the roundings that attention.h promises.
std::vector<double> expected(bool in_8_bits, const Inputs& in, double factor) {
  const int64_t n = in.shape.tokens, d = in.shape.head_dim;
  std::vector<double> y(n * in.y_stride);
  auto rounded = [&](const std::vector<float>& x, int64_t first, int64_t step, int64_t count) {
    double amax = 1e-12;
    for (int64_t i = 0; i < count; i++) amax = std::max(amax, std::fabs(double{x[first + i * step]}));
    std::vector<double> out(count);
    for (int64_t i = 0; i < count; i++) {
      const double value = x[first + i * step];
      out[i] = in_8_bits ? std::nearbyint(value * (127 / amax)) * amax / 127 : value;
    }
    return out;
  };
  std::vector<std::vector<double>> keys, values;
  for (int64_t t = 0; t < n; t++) keys.push_back(rounded(in.k, t * in.stride, 1, d));
  for (int64_t i = 0; i < d; i++) values.push_back(rounded(in.v, i, in.stride, n));
  for (int64_t row = 0; row < n; row++) {
    const std::vector<double> q = rounded(in.q, row * in.stride, 1, d);
    std::vector<double> p(n);
    double most = -1e300, total = 0;
    for (int64_t t = 0; t < n; t++) {
      for (int64_t i = 0; i < d; i++) p[t] += q[i] * keys[t][i];
      p[t] *= factor;
      if (!in.bias.empty()) p[t] += in.middle()[t - row];
      if (in.window >= 0 && std::abs(t - row) > in.window) p[t] = -1e30;
      most = std::max(most, p[t]);
    }
    for (double& x : p) {
      x = in_8_bits ? std::nearbyint(255 * std::exp(x - most)) : std::exp(x - most);
      total += x;
    }
    for (int64_t i = 0; i < d; i++) {
      for (int64_t t = 0; t < n; t++) y[row * in.y_stride + i] += p[t] * values[i][t] / total;
    }
  }
  return y;
}

void check_close(const AttentionUkernels& ukernels, bool in_8_bits, const Inputs& in, float factor, double tolerance) {
  const std::vector<float> y = run(ukernels, in_8_bits, in, factor);
  const std::vector<double> wanted = expected(in_8_bits, in, factor);
  double size = 1e-30;
  for (float x : in.v) size = std::max(size, std::fabs(double{x}));
  for (int64_t t = 0; t < in.shape.tokens; t++) {
    for (int64_t i = 0; i < in.shape.head_dim; i++) {
      const int64_t at = t * in.y_stride + i;
      CHECK(std::fabs(y[at] - wanted[at]) <= tolerance * size, "%s, %d bits, %d x %d: %g instead of %g", ukernels.name,
            in_8_bits ? 8 : 32, int(in.shape.tokens), int(in.shape.head_dim), y[at], wanted[at]);
    }
  }
}

void check_same_bits(const AttentionUkernels& ukernels, const Inputs& in, float factor) {
  const std::vector<float> y = run(ukernels, true, in, factor),
                           plain = run(attention_ukernel__scalar, true, in, factor);
  CHECK(std::memcmp(y.data(), plain.data(), y.size() * sizeof(float)) == 0, "%s, %d x %d: other bits than plain C++",
        ukernels.name, int(in.shape.tokens), int(in.shape.head_dim));
}

// All products of the largest magnitudes, with equal and with opposite signs.
void check_extremes(const AttentionUkernels& ukernels) {
  for (const float sign : {1.0f, -1.0f}) {
    Inputs in({130, 128}, 1.0f);
    std::fill(in.q.begin(), in.q.end(), 1.0f);
    for (size_t i = 0; i < in.k.size(); i++) in.k[i] = sign * (i % 256 < 128 ? 1.0f : 0.5f);
    std::fill(in.v.begin(), in.v.end(), sign);
    check_same_bits(ukernels, in, 0.001f);
    check_close(ukernels, true, in, 0.001f, 1e-5);
  }
}

void check_nan(const AttentionUkernels& ukernels) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (const bool in_8_bits : {true, false}) {
      Inputs in({37, 32}, 1.0f);
      in.q[5 * in.stride + 3] = bad;
      const std::vector<float> y = run(ukernels, in_8_bits, in, 0.2f);
      for (int64_t t = 0; t < 37; t++) {
        CHECK(std::isnan(y[t * in.y_stride]) == (t == 5), "%s: row %d of a query with NaN in row 5", ukernels.name,
              int(t));
      }
      Inputs other({37, 32}, 1.0f);
      other.k[36 * other.stride + 31] = bad;
      for (float x : {run(ukernels, in_8_bits, other, 0.2f)[0], run(ukernels, in_8_bits, other, 0.2f)[36 * 35]}) {
        CHECK(std::isnan(x), "%s: a key of NaN gives %g", ukernels.name, x);
      }
    }
  }
}

}  // namespace

// Each ISA, or the one that the command line names.
int main(int argc, char** argv) {
  for (const AttentionUkernels* ukernels : kAllAttentionUkernels) {
    if (argc > 1 && ukernels->isa != parse_isa(argv[1])) continue;
    if (!is_supported(ukernels->isa)) {
      std::printf("%s: not on this CPU\n", ukernels->name);
      continue;
    }
    for (const Shape& shape : kShapes) {
      for (const float size : {1.0f, 4.0f, 1e-3f, 0.0f}) {
        const Inputs in(shape, size);
        const float factor = 1.0f / std::sqrt(static_cast<float>(shape.head_dim));
        check_close(*ukernels, false, in, factor, 2e-5);
        check_same_bits(*ukernels, in, factor);
        // A probability may be rounded to the neighbouring integer: the values that it counts are 2 apart at most.
        check_close(*ukernels, true, in, factor, 2.02 / 255);
      }
    }
    for (const Shape& shape : {Shape{1, 8}, Shape{37, 32}, Shape{64, 64}, Shape{130, 32}, Shape{300, 20}}) {
      for (const int64_t window : {-1, 0, 1, 5, 16, 64, 500}) {
        for (const bool with_bias : {false, true}) {
          Inputs in(shape, 1.0f);
          in.window = window;
          if (with_bias) in.give_bias();
          check_close(*ukernels, false, in, 0.2f, 2e-5);
          check_same_bits(*ukernels, in, 0.2f);
          check_close(*ukernels, true, in, 0.2f, 2.02 / 255);
        }
      }
    }
    check_extremes(*ukernels);
    check_nan(*ukernels);
  }
  std::printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}

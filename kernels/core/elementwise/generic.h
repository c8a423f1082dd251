// The bodies of the element-wise kernels. Include after exactly one simd/*.h.
#pragma once

#include <math.h>
#include <stdint.h>

#include "elementwise/activation.h"
#include "elementwise/ukernel.h"
#include "simd/unroll.h"

namespace {

// A vector that lies completely in the row, or only with its first `n` elements: the same three operations.
struct Whole {
  F32 get(const float* p) const { return load(p); }
  void put(float* p, F32 x) const { store(p, x); }
  F32 or_rest(F32 x, float) const { return x; }
};
struct Part {
  int n;
  F32 get(const float* p) const { return load_n(p, n); }
  void put(float* p, F32 x) const { store_n(p, x, n); }
  F32 or_rest(F32 x, float rest) const { return first_n(x, n, set1(rest)); }
};

// body(i, lanes) for every vector of [0, n).
template <typename Body>
inline void for_vectors(int64_t n, Body body) {
  int64_t i = 0;
  for (; i + F32::kWidth <= n; i += F32::kWidth) body(i, Whole{});
  if (i < n) body(i, Part{(int)(n - i)});
}

// The same with one of kSums accumulators: one alone would wait for its last addition, and round more.
constexpr int kSums = 4;
template <typename Body>
inline void for_vectors_by_sums(int64_t n, Body body) {
  int64_t i = 0;
  for (; i + kSums * F32::kWidth <= n; i += kSums * F32::kWidth) {
    INC_HF_UNROLL
    for (int s = 0; s < kSums; s++) body(i + s * F32::kWidth, s, Whole{});
  }
  for_vectors(n - i, [&](int64_t j, auto lanes) { body(i + j, 0, lanes); });
}

struct Sums {
  F32 v[kSums];
  explicit Sums(float start) : v{set1(start), set1(start), set1(start), set1(start)} {}
  float sum() const { return reduce_add((v[0] + v[1]) + (v[2] + v[3])); }
  float largest() const { return reduce_max(max(max(v[0], v[1]), max(v[2], v[3]))); }
};

template <inc_hf::Activation kKind>
void activate_all(const float* x, float* y, int64_t n) {
  for_vectors(n, [=](int64_t i, auto lanes) { lanes.put(y + i, activate<kKind>(lanes.get(x + i))); });
}

float mean_of(const float* x, int64_t n) {
  Sums total(0.0f);
  for_vectors_by_sums(n, [&](int64_t i, int s, auto lanes) { total.v[s] = total.v[s] + lanes.get(x + i); });
  return total.sum() / n;
}

void layer_norm_row(const float* x, const float* residual, const float* weight, const float* bias, float eps, float* y,
                    float* sum_out, int64_t cols) {
  if (residual != nullptr || sum_out != nullptr) {
    float* sum = sum_out != nullptr ? sum_out : y;
    for_vectors(cols, [=](int64_t i, auto lanes) {
      const F32 v = lanes.get(x + i);
      lanes.put(sum + i, residual != nullptr ? v + lanes.get(residual + i) : v);
    });
    x = sum;
  }
  const float mean = mean_of(x, cols);
  Sums deviation(0.0f), square(0.0f);
  for_vectors_by_sums(cols, [&](int64_t i, int s, auto lanes) {
    const F32 d = lanes.or_rest(lanes.get(x + i) - set1(mean), 0.0f);
    deviation.v[s] = deviation.v[s] + d;
    square.v[s] = fma(d, d, square.v[s]);
  });
  const float error = deviation.sum() / cols;  // what rounding left out of `mean`
  const float scale = 1.0f / sqrtf(square.sum() / cols - error * error + eps);
  for_vectors(cols, [=](int64_t i, auto lanes) {
    F32 v = fma(lanes.get(x + i) - set1(mean), set1(scale), set1(-error * scale));
    if (weight != nullptr) v = v * lanes.get(weight + i);
    if (bias != nullptr) v = v + lanes.get(bias + i);
    lanes.put(y + i, v);
  });
}

void rms_norm_row(const float* x, const float* weight, float eps, float* y, int64_t cols) {
  Sums square(0.0f);
  for_vectors_by_sums(cols, [&](int64_t i, int s, auto lanes) {
    const F32 v = lanes.get(x + i);
    square.v[s] = fma(v, v, square.v[s]);
  });
  // NaN, Inf and squares that overflow make NaN of the whole row: Inf would leave zeros of it.
  const float mean = square.sum() / cols;
  const float scale = mean <= 3.4e38f ? 1.0f / sqrtf(mean + eps) : NAN;
  for_vectors(cols, [=](int64_t i, auto lanes) {
    F32 v = lanes.get(x + i) * set1(scale);
    if (weight != nullptr) v = v * lanes.get(weight + i);
    lanes.put(y + i, v);
  });
}

void multiply(const float* x, const float* factor, float* y, int64_t n) {
  for_vectors(n, [=](int64_t i, auto lanes) { lanes.put(y + i, lanes.get(x + i) * lanes.get(factor + i)); });
}

void softmax_row(const float* x, const float* mask, float* y, int64_t cols) {
  if (mask != nullptr) {
    for_vectors(cols, [=](int64_t i, auto lanes) { lanes.put(y + i, lanes.get(x + i) + lanes.get(mask + i)); });
    x = y;
  }
  // This may overlook NaN, but the sum below does not.
  Sums most(-INFINITY);
  for_vectors_by_sums(cols, [&](int64_t i, int s, auto lanes) {
    most.v[s] = max(most.v[s], lanes.or_rest(lanes.get(x + i), -INFINITY));
  });
  const float largest = most.largest();
  Sums total(0.0f);
  for_vectors_by_sums(cols, [&](int64_t i, int s, auto lanes) {
    const F32 e = exp(lanes.get(x + i) - set1(largest));
    lanes.put(y + i, e);
    total.v[s] = total.v[s] + lanes.or_rest(e, 0.0f);
  });
  const float scale = 1.0f / total.sum();
  for_vectors(cols, [=](int64_t i, auto lanes) { lanes.put(y + i, lanes.get(y + i) * set1(scale)); });
}

// Plain loops, which compilers make vectors of.
void add_floats(const float* x, float* y, int64_t n, bool is_first) {
  if (is_first) {
    for (int64_t i = 0; i < n; i++) y[i] = x[i];
  } else {
    for (int64_t i = 0; i < n; i++) y[i] += x[i];
  }
}

void add_codes(const int8_t* codes, float scale, float* y, int64_t n, bool is_first) {
  if (is_first) {
    for (int64_t i = 0; i < n; i++) y[i] = (float)codes[i] * scale;
  } else {
    for (int64_t i = 0; i < n; i++) y[i] += (float)codes[i] * scale;
  }
}

constexpr inc_hf::ElementwiseUkernels ukernels_of(inc_hf::Isa isa, const char* name) {
  using inc_hf::Activation;
  return {name,
          isa,
          {activate_all<Activation::kNone>, activate_all<Activation::kRelu>, activate_all<Activation::kGeluErf>,
           activate_all<Activation::kGeluTanh>, activate_all<Activation::kSilu>, activate_all<Activation::kQuickGelu>},
          layer_norm_row,
          rms_norm_row,
          multiply,
          softmax_row,
          add_floats,
          add_codes};
}

}  // namespace

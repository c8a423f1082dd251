// What lies between two matrix products: activations, LayerNorm, RMSNorm, softmax. float32 in, float32 out, rows
// contiguous. `y` may be `x`, in layer_norm also `residual`. Errors are against double, for every ISA.
#pragma once

#include <cstdint>

#include "elementwise/activation_kind.h"
#include "isa.h"
#include "parallel.h"

namespace inc_hf {

// Elements of a thread: some microseconds, what it takes to wake one.
inline constexpr int64_t kGrain = 32768;
inline int64_t rows_grain(int64_t cols) { return cols < kGrain ? kGrain / cols : 1; }

// y[i] = activation(x[i]), the same bits on every ISA. With `exact` the value in double, for every finite x:
//   gelu       |error| <= 3e-7 max(1, |exact|). The error over |exact| is 3e-6 down to x = -2, 4e-4 to -4, 3e-2 to -5;
//              below -5.7 the result is -3.4e-27, whatever smaller value is exact.
//   gelu_tanh  |error| <= 5e-7 max(1, |exact|). The error over |exact| is 1e-5 down to x = -2, 3e-3 to -4, then no
//              digit is right; below -5.6 the result is -3.1e-22.
//   silu       |error| <= 3e-7 |exact| for x >= -88; -0 below -88.37.
//   quick_gelu |error| <= 6e-6 |exact| for x >= -51.7; -0 below -51.92.
// NaN gives NaN, +Inf gives +Inf. -Inf gives 0 for relu, the end of the tail for GELU, NaN for silu and
// quick_gelu as in torch.
void activate(Isa isa, Activation activation, const float* x, float* y, int64_t n, ParallelFor parallel_for);

// For every row of `cols` elements, with v = x + residual:
//   y = (v - mean(v)) / sqrt(variance(v) + eps) * weight + bias, sum_out = v
// `residual`, `weight`, `bias` and `sum_out` may be null. |error| <= 2e-6 max(1, |exact|) if weight and bias have unit
// scale, even if the mean is 100 times the deviation. NaN or Inf in a row makes the whole row NaN.
void layer_norm(Isa isa, const float* x, const float* residual, const float* weight, const float* bias, float eps,
                float* y, float* sum_out, int64_t rows, int64_t cols, ParallelFor parallel_for);

// y = x / sqrt(mean(x^2) + eps) * weight, row by row; `weight` may be null. |error| <= 2e-6 |exact|, NaN and Inf as
// above, and squares that overflow.
void rms_norm(Isa isa, const float* x, const float* weight, float eps, float* y, int64_t rows, int64_t cols,
              ParallelFor parallel_for);

// y = softmax(x + mask) over every row. `mask` may be null; its row r / rows_per_mask belongs to row r of x, so that 1
// is a mask as large as x, and `rows` one for all. |error| <= 1e-6; probabilities below 1e-38 are 0. A row of only -Inf
// is NaN, as is one with NaN or +Inf.
void softmax(Isa isa, const float* x, const float* mask, int64_t rows_per_mask, float* y, int64_t rows, int64_t cols,
             ParallelFor parallel_for);

}  // namespace inc_hf

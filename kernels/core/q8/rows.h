// What happens to rows around the integer products: rounding activations to 8 bits before, scaling sums after.
#pragma once

#include <stdint.h>

#include "elementwise/activation_kind.h"
#include "isa.h"

namespace inc_hf {

// How activations become integers. As codes they are unsigned: the signed integer plus 128, as u8 x s8 instructions
// want it. A row with NaN or Inf gets the scale NaN, which makes its results NaN.
struct Quantizer {
  int num_bits = 8;         // codes span [-2^(b-1), 2^(b-1) - 1] + 128
  float scale = 0;          // static, per tensor; 0: dynamic, one scale per row = amax / ((2^b - 1) / 2)
  int zero_point = 0;       // static only
  bool round_scale = true;  // dynamic scales are rounded to bfloat16, as our own checkpoints have it
};

enum class Output { kFloat, kCodes, kAccumulator };

// What becomes of a tile of accumulators:
//   y = activation((acc - correction[n]) * row_scale[m] * col_scale[n] + bias[n]) + residual[m][n]
// as float; or rounded to codes, y / out_scale + out_zero_point; or the raw integers acc - correction[n].
struct Epilogue {
  const float* row_scale;
  const float* col_scale;
  const float* bias;
  const int32_t* correction;  // zero point of the codes times the sum of the channel's weights
  Activation activation = Activation::kNone;
  const float* residual = nullptr;  // for floats only
  Output output = Output::kFloat;
  void* y = nullptr;
  int64_t stride = 0;  // between rows of y and of residual, in elements
  float out_scale = 1;
  float out_zero_point = 0;
};

// A tile of accumulators [rows][ldc] whose upper left corner is element (m, n) of y. All columns of a channel vector
// of the packed arrays may be read; y and residual are touched for `cols` columns only.
struct Tile {
  const int32_t* c;
  int64_t ldc, m, n;
  int rows, cols;
};

// Asks for the cache lines of y that a tile will be written to, so that they are there when its sums are done.
inline void prefetch(const Epilogue& epilogue, const Tile& tile) {
  const int64_t element = epilogue.output == Output::kCodes ? 1 : 4;
  const char* y = static_cast<const char*>(epilogue.y) + (tile.m * epilogue.stride + tile.n) * element;
  for (int r = 0; r < tile.rows; r++, y += epilogue.stride * element) {
    for (int64_t byte = 0; byte < tile.cols * element; byte += 64) __builtin_prefetch(y + byte, 1);
  }
}

struct Q8Rows {
  // x[k] -> codes[k_padded] and scale; what is beyond k is the code of zero.
  void (*quantize)(const Quantizer& quantizer, const float* x, int64_t k, int64_t k_padded, uint8_t* codes,
                   float* scale);
  // codes[n] -> int16, the code minus 128
  void (*widen)(const uint8_t* codes, int64_t n, int16_t* out);
  // codes[tokens][k_padded] -> xt[k][tokens], the token at position p being rows[p]; k_padded a multiple of 16. For
  // kNeonDot xt is signed, the codes minus 128.
  void (*transpose)(const uint8_t* const* rows, int tokens, int64_t k_padded, uint8_t* xt);
  void (*finish)(const Epilogue& epilogue, const Tile& tile);
};

extern const Q8Rows q8_rows__scalar, q8_rows__avx2, q8_rows__avx512, q8_rows__neondot;

inline const Q8Rows& q8_rows(Isa isa) {
#if defined(__x86_64__)
  isa = vector_isa(isa);
  if (isa == Isa::kAvx512Vnni) return q8_rows__avx512;
  if (isa != Isa::kScalar) return q8_rows__avx2;
#elif defined(__aarch64__)
  if (isa == Isa::kNeonDot) return q8_rows__neondot;
#endif
  (void)isa;
  return q8_rows__scalar;
}

}  // namespace inc_hf

// The bodies of q8/rows.h over the vectors of one simd/*.h, which is included before.
#pragma once

#include <math.h>
#include <string.h>

#include "elementwise/activation.h"
#include "q8/rows.h"
#include "simd/unroll.h"

namespace {

using inc_hf::Activation;
using inc_hf::Epilogue;
using inc_hf::Output;
using inc_hf::Quantizer;
using inc_hf::Tile;

constexpr int kWidth = F32::kWidth;
constexpr int32_t kInfinityBits = 0x7f800000;
constexpr float kBfloat16Epsilon = 0.0078125f, kFloatEpsilon = 1.1920929e-07f;

// Magnitudes of floats are ordered as their bits are, with Inf and NaN on top.
int32_t largest_magnitude_bits(const float* x, int64_t k) {
  const S32 magnitude = set1((int32_t)0x7fffffff);
  S32 largest = set1((int32_t)0);
  int64_t i = 0;
  for (; i + kWidth <= k; i += kWidth) largest = max(largest, bits(load(x + i)) & magnitude);
  if (i < k) largest = max(largest, bits(load_n(x + i, (int)(k - i))) & magnitude);
  return reduce_max(largest);
}

float round_to_bfloat16(float x) {
  uint32_t u;
  memcpy(&u, &x, 4);
  u = (u + 0x7fff + ((u >> 16) & 1)) & 0xffff0000u;
  memcpy(&x, &u, 4);
  return x;
}

float dynamic_scale(const Quantizer& quantizer, int32_t amax_bits) {
  float amax;
  memcpy(&amax, &amax_bits, 4);
  const float scale = amax / (((1 << quantizer.num_bits) - 1) / 2.0f);
  if (quantizer.round_scale) {
    const float rounded = round_to_bfloat16(scale);
    return rounded == 0 ? kBfloat16Epsilon : rounded;
  }
  return scale == 0 ? kFloatEpsilon : scale;
}

// x / scale + zero_point, rounded to integers.
struct Rounding {
  F32 scale, inverse, zero_point, qmin, qmax;
  bool divide;

  Rounding(float s, float zero, int num_bits)
      : scale(set1(s)),
        inverse(set1(1.0f / s)),
        zero_point(set1(zero)),
        qmin(set1((float)-(1 << (num_bits - 1)))),
        qmax(set1((float)((1 << (num_bits - 1)) - 1))),
        divide(s < 1e-30f) {}  // 1 / s could overflow

  F32 shift_and_clamp(F32 t) const { return min(max(t + zero_point, qmin), qmax); }
  S32 by_division(F32 x) const { return to_s32(shift_and_clamp(x / scale)); }
};

constexpr int kBlock = 4 * kWidth;

// Multiplying by 1 / scale is faster than dividing and differs by less than 1e-4 of an integer, so that it only matters
// close to the middle between two integers: there, divide. `kInRange`: |x / scale| <= 128 and the zero point is 0.
template <bool kInRange>
inline __attribute__((always_inline)) void quantize_block(const Rounding& rounding, const float* x, uint8_t* codes) {
  S32 rounded[4];
  F32 worst = set1(0.0f);
  INC_HF_UNROLL
  for (int j = 0; j < 4; j++) {
    F32 t = load(x + j * kWidth) * rounding.inverse;
    if (!kInRange) t = rounding.shift_and_clamp(t);
    rounded[j] = to_s32(t);
    worst = max(worst, abs(t - to_f32(rounded[j])));
  }
  if (any_greater(worst, set1(0.4999f)) || rounding.divide) {
    for (int j = 0; j < 4; j++) rounded[j] = rounding.by_division(load(x + j * kWidth));
  }
  store_codes(codes, rounded);
}

template <bool kInRange>
void quantize_row(const Rounding& rounding, const float* x, int64_t k, uint8_t* codes) {
  int64_t i = 0;
  for (; i + kBlock <= k; i += kBlock) quantize_block<kInRange>(rounding, x + i, codes + i);
  if (i == k) return;
  float tail[kBlock] = {};
  uint8_t tail_codes[kBlock];
  memcpy(tail, x + i, (size_t)(k - i) * sizeof(float));
  quantize_block<kInRange>(rounding, tail, tail_codes);
  memcpy(codes + i, tail_codes, (size_t)(k - i));
}

void quantize(const Quantizer& quantizer, const float* x, int64_t k, int64_t k_padded, uint8_t* codes, float* scale) {
  const int32_t amax_bits = largest_magnitude_bits(x, k);
  memset(codes + k, 128 + quantizer.zero_point, (size_t)(k_padded - k));
  if (amax_bits >= kInfinityBits) {
    *scale = NAN;
    memset(codes, 128, (size_t)k);
    return;
  }
  const bool dynamic = quantizer.scale == 0;
  *scale = dynamic ? dynamic_scale(quantizer, amax_bits) : quantizer.scale;
  const Rounding rounding(*scale, (float)quantizer.zero_point, quantizer.num_bits);
  if (dynamic && quantizer.num_bits == 8) {
    quantize_row<true>(rounding, x, k, codes);
  } else {
    quantize_row<false>(rounding, x, k, codes);
  }
}

void widen(const uint8_t* codes, int64_t n, int16_t* out) {
  for (int64_t i = 0; i < n; i++) out[i] = (int16_t)(codes[i] - 128);
}

// One vector of columns of a tile: what is the same for all its rows, and where its rows are.
struct Columns {
  F32 scale, bias;
  S32 correction;
  int64_t at;  // of its first element in y and residual
  int col, cols;

  Columns(const Epilogue& e, const Tile& tile, int c)
      : scale(load(e.col_scale + tile.n + c)),
        bias(load(e.bias + tile.n + c)),
        correction(load(e.correction + tile.n + c)),
        at(tile.m * e.stride + tile.n + c),
        col(c),
        cols(tile.cols - c < kWidth ? tile.cols - c : kWidth) {}

  S32 accumulator(const Tile& tile, int row) const { return load(tile.c + row * tile.ldc + col) - correction; }
  template <Activation kActivation>
  F32 result(const Epilogue& e, const Tile& tile, int row) const {
    return activate<kActivation>(to_f32(accumulator(tile, row)) * set1(e.row_scale[tile.m + row]) * scale + bias);
  }
};

// Both by value: what is known to be nobody else's need not be read again after each store.
template <Activation kActivation>
void finish_floats(const Epilogue e, const Tile tile) {
  for (int col = 0; col < tile.cols; col += kWidth) {
    const Columns columns(e, tile, col);
    float* y = (float*)e.y + columns.at;
    const float* residual = e.residual == nullptr ? nullptr : e.residual + columns.at;
    if (e.residual == nullptr && columns.cols == kWidth) {
      for (int r = 0; r < tile.rows; r++) store(y + r * e.stride, columns.result<kActivation>(e, tile, r));
      continue;
    }
    for (int r = 0; r < tile.rows; r++) {
      F32 v = columns.result<kActivation>(e, tile, r);
      if (e.residual != nullptr) v = v + load_n(residual + r * e.stride, columns.cols);
      store_n(y + r * e.stride, v, columns.cols);
    }
  }
}

template <Activation kActivation>
void finish_codes(const Epilogue& e, const Tile& tile) {
  const Rounding rounding(e.out_scale, e.out_zero_point, 8);
  for (int col = 0; col < tile.cols; col += kWidth) {
    const Columns columns(e, tile, col);
    for (int r = 0; r < tile.rows; r++) {
      uint8_t* to = (uint8_t*)e.y + columns.at + r * e.stride;
      if (isnan(e.row_scale[tile.m + r])) {
        memset(to, 128, (size_t)columns.cols);
        continue;
      }
      const F32 y = nan_to_zero(columns.result<kActivation>(e, tile, r));
      const S32 rounded[4] = {rounding.by_division(y), {}, {}, {}};
      uint8_t codes[kBlock];
      store_codes(codes, rounded);
      memcpy(to, codes, (size_t)columns.cols);
    }
  }
}

void finish_accumulators(const Epilogue& e, const Tile& tile) {
  for (int col = 0; col < tile.cols; col += kWidth) {
    const Columns columns(e, tile, col);
    for (int r = 0; r < tile.rows; r++) {
      int32_t sums[kWidth];
      store(sums, columns.accumulator(tile, r));
      memcpy((int32_t*)e.y + columns.at + r * e.stride, sums, columns.cols * sizeof(int32_t));
    }
  }
}

template <Activation kActivation>
void finish_tile(const Epilogue& e, const Tile& tile) {
  if (e.output == Output::kFloat) return finish_floats<kActivation>(e, tile);
  if (e.output == Output::kCodes) return finish_codes<kActivation>(e, tile);
  finish_accumulators(e, tile);
}

void finish(const Epilogue& epilogue, const Tile& tile) {
  switch (epilogue.activation) {
    case Activation::kNone: return finish_tile<Activation::kNone>(epilogue, tile);
    case Activation::kRelu: return finish_tile<Activation::kRelu>(epilogue, tile);
    case Activation::kGeluErf: return finish_tile<Activation::kGeluErf>(epilogue, tile);
    case Activation::kGeluTanh: return finish_tile<Activation::kGeluTanh>(epilogue, tile);
    case Activation::kSilu: return finish_tile<Activation::kSilu>(epilogue, tile);
    case Activation::kQuickGelu: return finish_tile<Activation::kQuickGelu>(epilogue, tile);
  }
}

}  // namespace

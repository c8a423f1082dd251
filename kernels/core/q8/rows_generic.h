// The bodies of q8/rows.h over the vectors of one simd/*.h, which is included before.
#pragma once

#include <math.h>
#include <string.h>

#include "elementwise/activation.h"
#include "q8/rows.h"

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

  F32 clamp(F32 t) const { return min(max(t + zero_point, qmin), qmax); }
  S32 by_division(F32 x) const { return to_s32(clamp(x / scale)) + set1((int32_t)128); }

  // x / scale rounded. Multiplying by 1 / scale is faster and differs by less than 1e-4 of an integer, so that it only
  // matters close to the middle between two integers: there, divide.
  S32 codes(F32 x) const {
    const F32 t = clamp(x * inverse);
    const F32 rounded = round_even(t);
    if (divide || any_greater(abs(t - rounded), set1(0.4999f))) return by_division(x);
    return to_s32(rounded) + set1((int32_t)128);
  }
};

void quantize(const Quantizer& quantizer, const float* x, int64_t k, int64_t k_padded, uint8_t* codes, float* scale) {
  const int32_t amax_bits = largest_magnitude_bits(x, k);
  memset(codes + k, 128 + quantizer.zero_point, (size_t)(k_padded - k));
  if (amax_bits >= kInfinityBits) {
    *scale = NAN;
    memset(codes, 128, (size_t)k);
    return;
  }
  *scale = quantizer.scale > 0 ? quantizer.scale : dynamic_scale(quantizer, amax_bits);
  const Rounding rounding(*scale, (float)quantizer.zero_point, quantizer.num_bits);
  int64_t i = 0;
  for (; i + kWidth <= k; i += kWidth) store_low_bytes(codes + i, rounding.codes(load(x + i)));
  if (i < k) {
    uint8_t tail[kWidth];
    store_low_bytes(tail, rounding.codes(load_n(x + i, (int)(k - i))));
    memcpy(codes + i, tail, (size_t)(k - i));
  }
}

void widen(const uint8_t* codes, int64_t n, int16_t* out) {
  for (int64_t i = 0; i < n; i++) out[i] = (int16_t)(codes[i] - 128);
}

template <Activation kActivation>
void finish_columns(const Epilogue& e, const Tile& tile, int col, int cols) {
  const int64_t n = tile.n + col;
  const F32 col_scale = load(e.col_scale + n), bias = load(e.bias + n);
  const S32 correction = load(e.correction + n);
  for (int r = 0; r < tile.rows; r++) {
    const int64_t m = tile.m + r, at = m * e.stride + n;
    const S32 acc = load(tile.c + r * tile.ldc + col) - correction;
    if (e.output == Output::kAccumulator) {
      int32_t sums[kWidth];
      store(sums, acc);
      memcpy((int32_t*)e.y + at, sums, cols * sizeof(int32_t));
      continue;
    }
    F32 y = activate<kActivation>(to_f32(acc) * set1(e.row_scale[m]) * col_scale + bias);
    if (e.residual != nullptr) y = y + load_n(e.residual + at, cols);
    if (e.output == Output::kFloat) {
      if (cols == kWidth) {
        store((float*)e.y + at, y);
      } else {
        store_n((float*)e.y + at, y, cols);
      }
    } else {
      uint8_t codes[kWidth];
      store_low_bytes(codes, Rounding(e.out_scale, e.out_zero_point, 8).by_division(nan_to_zero(y)));
      memcpy((uint8_t*)e.y + at, codes, (size_t)cols);
    }
  }
}

template <Activation kActivation>
void finish_tile(const Epilogue& epilogue, const Tile& tile) {
  for (int col = 0; col < tile.cols; col += kWidth) {
    const int left = tile.cols - col;
    finish_columns<kActivation>(epilogue, tile, col, left < kWidth ? left : kWidth);
  }
}

void finish(const Epilogue& epilogue, const Tile& tile) {
  switch (epilogue.activation) {
    case Activation::kNone: return finish_tile<Activation::kNone>(epilogue, tile);
    case Activation::kRelu: return finish_tile<Activation::kRelu>(epilogue, tile);
    case Activation::kGeluErf: return finish_tile<Activation::kGeluErf>(epilogue, tile);
    case Activation::kGeluTanh: return finish_tile<Activation::kGeluTanh>(epilogue, tile);
    case Activation::kSilu: return finish_tile<Activation::kSilu>(epilogue, tile);
  }
}

}  // namespace

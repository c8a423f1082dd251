// Sums of products of 8-bit integers with ARM's dot product, see q8gemm/generic.h.
#pragma once

#include <arm_neon.h>
#include <stdint.h>

#include "simd/word.h"

namespace {

// Codes to the signed integers that s8 x s8 wants.
inline int8x16_t minus_128(uint8x16_t codes) { return vreinterpretq_s8_u8(veorq_u8(codes, vdupq_n_u8(0x80))); }

struct Quads {
  using Vector = int32x4_t;
  using Activation = uint8_t;
  static constexpr int kWidth = 4, kGroup = 4;
  static constexpr int kZero = 128, kTaken = 128;
  static Vector zero() { return vdupq_n_s32(0); }
  static void store(int32_t* p, Vector x) { vst1q_s32(p, x); }
  static Vector load(const int8_t* p) { return vreinterpretq_s32_s8(vld1q_s8(p)); }
  static Vector broadcast(const uint8_t* p) {
    return vreinterpretq_s32_s8(minus_128(vreinterpretq_u8_s32(vdupq_n_s32(word(p)))));
  }
  static Vector add(Vector acc, Vector x, Vector w) {
    return vdotq_s32(acc, vreinterpretq_s8_s32(x), vreinterpretq_s8_s32(w));
  }
};

}  // namespace

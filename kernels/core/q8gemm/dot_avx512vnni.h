// Sums of products of 8-bit integers with AVX512-VNNI, see q8gemm/generic.h.
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "simd/word.h"

namespace {

struct Quads {
  using Vector = __m512i;
  using Activation = uint8_t;
  static constexpr int kWidth = 16, kGroup = 4;
  static constexpr int kZero = 128, kTaken = 0;
  static Vector zero() { return _mm512_setzero_si512(); }
  static void store(int32_t* p, Vector x) { _mm512_storeu_si512(p, x); }
  static Vector load(const int8_t* p) { return _mm512_loadu_si512(p); }
  static Vector broadcast(const uint8_t* p) { return _mm512_set1_epi32(word(p)); }
  static Vector add(Vector acc, Vector x, Vector w) { return _mm512_dpbusd_epi32(acc, x, w); }
};

}  // namespace

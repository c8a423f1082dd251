// Sums of products of 8-bit integers with AVX-VNNI, see q8gemm/generic.h.
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "simd/dpbusd256.h"
#include "simd/word.h"

namespace {

struct Quads {
  using Vector = __m256i;
  using Activation = uint8_t;
  static constexpr int kWidth = 8, kGroup = 4;
  static constexpr int kZero = 128, kTaken = 0;
  static Vector zero() { return _mm256_setzero_si256(); }
  static void store(int32_t* p, Vector x) { _mm256_storeu_si256((__m256i*)p, x); }
  static Vector load(const int8_t* p) { return _mm256_loadu_si256((const __m256i*)p); }
  static Vector broadcast(const uint8_t* p) { return _mm256_set1_epi32(word(p)); }
  static Vector add(Vector acc, Vector x, Vector w) { return dpbusd256(acc, x, w); }
};

}  // namespace

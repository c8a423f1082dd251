// Sums of products of 8-bit integers with AVX2, see q8gemm/generic.h.
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "simd/word.h"

namespace {

struct Avx2 {
  using Vector = __m256i;
  static constexpr int kWidth = 8;
  static Vector zero() { return _mm256_setzero_si256(); }
  static void store(int32_t* p, Vector x) { _mm256_storeu_si256((__m256i*)p, x); }
};

// u8 x s8: vpmaddubsw sums two products in 16 bits, so that two weights of a pair may not exceed |w0 + w1| = 128.
struct Quads : Avx2 {
  using Activation = uint8_t;
  static constexpr int kGroup = 4;
  static constexpr int kZero = 128, kTaken = 0;
  static Vector load(const int8_t* p) { return _mm256_loadu_si256((const __m256i*)p); }
  static Vector broadcast(const uint8_t* p) { return _mm256_set1_epi32(word(p)); }
  static Vector add(Vector acc, Vector x, Vector w) {
    const Vector pairs = _mm256_maddubs_epi16(x, w);
    return _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
};

// s16 x s16: as many multiplications per product as the two steps above, and exact for every weight.
struct Pairs : Avx2 {
  using Activation = int16_t;
  static constexpr int kGroup = 2;
  static constexpr int kZero = 0, kTaken = 0;
  static Vector load(const int8_t* p) { return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i*)p)); }
  static Vector broadcast(const int16_t* p) { return _mm256_set1_epi32(word(p)); }
  static Vector add(Vector acc, Vector x, Vector w) { return _mm256_add_epi32(acc, _mm256_madd_epi16(x, w)); }
};

}  // namespace

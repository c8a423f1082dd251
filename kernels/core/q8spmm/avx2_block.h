// Blocks of 32 and 8 tokens in 256-bit registers, and single tokens; `Dot` says how u8 x s8 quads are added.
#pragma once

#include <immintrin.h>
#include <string.h>

#include "q8spmm/generic.h"
#include "simd/word.h"

namespace {

inline __m256i load32(const uint8_t* p) { return _mm256_loadu_si256((const __m256i*)p); }
inline __m128i load8(const uint8_t* p) { return _mm_loadl_epi64((const __m128i*)p); }

template <typename Dot>
struct Block256 : Dot {
  using Vector = __m256i;
  static Vector zero() { return _mm256_setzero_si256(); }
  static Vector broadcast(const int8_t* p) { return _mm256_set1_epi32(word(p)); }
  // Channels x eight tokens to eight rows of four channels.
  static void store_transposed(int32_t* c, int64_t ldc, Vector a0, Vector a1, Vector a2, Vector a3) {
    const Vector lo01 = _mm256_unpacklo_epi32(a0, a1), hi01 = _mm256_unpackhi_epi32(a0, a1);
    const Vector lo23 = _mm256_unpacklo_epi32(a2, a3), hi23 = _mm256_unpackhi_epi32(a2, a3);
    const Vector rows[4] = {_mm256_unpacklo_epi64(lo01, lo23), _mm256_unpackhi_epi64(lo01, lo23),
                            _mm256_unpacklo_epi64(hi01, hi23), _mm256_unpackhi_epi64(hi01, hi23)};
    INC_HF_UNROLL
    for (int t = 0; t < 4; t++) {
      _mm_storeu_si128((__m128i*)(c + t * ldc), _mm256_castsi256_si128(rows[t]));
      _mm_storeu_si128((__m128i*)(c + (t + 4) * ldc), _mm256_extracti128_si256(rows[t], 1));
    }
  }
};

// Two halves of 16 tokens: eight accumulators each, so that everything stays in the sixteen registers.
template <typename Dot>
struct Half : Block256<Dot> {
  using Vector = __m256i;
  static constexpr int kTokens = 32, kVectors = 2;
  // Of all 32 tokens: interleaving the rows once serves both halves.
  static void gather(const uint8_t* xt, const uint16_t* ks, Vector* x, Vector* other_half) {
    const Vector r0 = load32(xt + size_t{ks[0]} * kTokens), r1 = load32(xt + size_t{ks[1]} * kTokens);
    const Vector r2 = load32(xt + size_t{ks[2]} * kTokens), r3 = load32(xt + size_t{ks[3]} * kTokens);
    const Vector a = _mm256_unpacklo_epi8(r0, r1), b = _mm256_unpacklo_epi8(r2, r3);
    const Vector c = _mm256_unpackhi_epi8(r0, r1), d = _mm256_unpackhi_epi8(r2, r3);
    x[0] = _mm256_unpacklo_epi16(a, b);
    x[1] = _mm256_unpackhi_epi16(a, b);
    other_half[0] = _mm256_unpacklo_epi16(c, d);
    other_half[1] = _mm256_unpackhi_epi16(c, d);
  }
  static void store(int32_t* c, int64_t ldc, Sums<Half>& sums) {
    INC_HF_UNROLL
    for (int v = 0; v < kVectors; v++) {
      Block256<Dot>::store_transposed(c + v * 8 * ldc, ldc, sums[0][v], sums[1][v], sums[2][v], sums[3][v]);
    }
  }
};

constexpr int64_t kQuadsTogether = 128;  // what is kept of them for the second half: 8 KiB

template <typename Dot>
void q8spmm_two_halves(const uint8_t* xt, const uint16_t* ks, const int8_t* w, int64_t quads, int32_t* c, int64_t ldc) {
  using Block = Half<Dot>;
  using Vector = __m256i;
  Sums<Block> low, high;
  Vector kept[kQuadsTogether][Block::kVectors];
  clear<Block>(low);
  clear<Block>(high);
  for (int64_t first = 0; first < quads; first += kQuadsTogether, ks += 4 * kQuadsTogether, w += 16 * kQuadsTogether) {
    const int64_t count = quads - first < kQuadsTogether ? quads - first : kQuadsTogether;
    accumulate<Block>(low, w, count, [&](int64_t q, Vector* x) { Block::gather(xt, ks + 4 * q, x, kept[q]); });
    accumulate<Block>(high, w, count, [&](int64_t q, Vector* x) {
      x[0] = kept[q][0];
      x[1] = kept[q][1];
    });
  }
  Block::store(c, ldc, low);
  Block::store(c + 16 * ldc, ldc, high);
}

template <typename Dot>
struct Narrow : Block256<Dot> {
  using Vector = __m256i;
  static constexpr int kTokens = 8, kVectors = 1;
  static void gather(const uint8_t* xt, const uint16_t* ks, Vector* x) {
    const __m128i a = _mm_unpacklo_epi8(load8(xt + size_t{ks[0]} * kTokens), load8(xt + size_t{ks[1]} * kTokens));
    const __m128i b = _mm_unpacklo_epi8(load8(xt + size_t{ks[2]} * kTokens), load8(xt + size_t{ks[3]} * kTokens));
    x[0] = _mm256_set_m128i(_mm_unpackhi_epi16(a, b), _mm_unpacklo_epi16(a, b));
  }
  static void store(int32_t* c, int64_t ldc, Sums<Narrow>& sums) {
    Block256<Dot>::store_transposed(c, ldc, sums[0][0], sums[1][0], sums[2][0], sums[3][0]);
  }
};

// Inserts the activations of a quad as dword `kAt` of x.
template <int kAt>
inline __m128i insert_quad(__m128i x, const uint8_t* codes, const uint16_t* ks) {
  uint64_t k;  // all four at once
  memcpy(&k, ks, 8);
  x = _mm_insert_epi8(x, codes[(uint16_t)k], 4 * kAt);
  x = _mm_insert_epi8(x, codes[(uint16_t)(k >> 16)], 4 * kAt + 1);
  x = _mm_insert_epi8(x, codes[(uint16_t)(k >> 32)], 4 * kAt + 2);
  return _mm_insert_epi8(x, codes[k >> 48], 4 * kAt + 3);
}

// One token: two quads at a time, each against its four channels in one half of a vector.
template <typename Dot>
void q8spmm_single(const uint8_t* codes, const uint16_t* ks, const int8_t* w, int64_t quads, int32_t* c, int64_t) {
  const __m256i halves = _mm256_set_epi32(1, 1, 1, 1, 0, 0, 0, 0);
  __m256i acc = _mm256_setzero_si256();
  int64_t q = 0;
  for (; q + 2 <= quads; q += 2) {
    const __m128i x = insert_quad<1>(insert_quad<0>(_mm_setzero_si128(), codes, ks + 4 * q), codes, ks + 4 * q + 4);
    acc = Dot::add(acc, _mm256_permutevar8x32_epi32(_mm256_castsi128_si256(x), halves),
                   _mm256_loadu_si256((const __m256i*)(w + 16 * q)));
  }
  __m128i sums = _mm_add_epi32(_mm256_castsi256_si128(acc), _mm256_extracti128_si256(acc, 1));
  if (q < quads) {
    const __m128i x = _mm_shuffle_epi32(insert_quad<0>(_mm_setzero_si128(), codes, ks + 4 * q), 0);
    sums = Dot::add(sums, x, _mm_loadu_si128((const __m128i*)(w + 16 * q)));
  }
  _mm_storeu_si128((__m128i*)c, sums);
}

}  // namespace

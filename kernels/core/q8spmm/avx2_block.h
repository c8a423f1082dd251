// Blocks of 32 and 8 tokens in 256-bit registers, and single tokens; `Dot` says how u8 x s8 quads are added.
#pragma once

#include <immintrin.h>
#include <string.h>

#include "q8spmm/generic.h"

namespace {

inline __m256i load32(const uint8_t* p) { return _mm256_loadu_si256((const __m256i*)p); }
inline __m128i load8(const uint8_t* p) { return _mm_loadl_epi64((const __m128i*)p); }

template <typename Dot>
struct Block256 : Dot {
  using Vector = __m256i;
  static Vector zero() { return _mm256_setzero_si256(); }
  static Vector broadcast(const int8_t* p) {
    int32_t quad;
    memcpy(&quad, p, 4);
    return _mm256_set1_epi32(quad);
  }
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
void q8spmm_two_halves(const uint8_t* xt, int64_t, const uint16_t* ks, const int8_t* w, int64_t quads, int32_t* c,
                       int64_t ldc) {
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

// One token, whose quads are put together in an integer register, from tables where each byte has been shifted to its
// place; the four channels fit one vector.
struct QuadTables {
  const uint32_t *byte0, *byte1, *byte2, *byte3;

  QuadTables(const uint8_t* xt, int64_t k_padded)
      : byte0((const uint32_t*)xt), byte1(byte0 + k_padded), byte2(byte1 + k_padded), byte3(byte2 + k_padded) {}
  __m128i quad(const uint16_t* ks) const {
    return _mm_set1_epi32((int)(byte0[ks[0]] | byte1[ks[1]] | byte2[ks[2]] | byte3[ks[3]]));
  }
};

template <typename Dot>
void q8spmm_single(const uint8_t* xt, int64_t k_padded, const uint16_t* ks, const int8_t* w, int64_t quads, int32_t* c,
                   int64_t) {
  const QuadTables tables(xt, k_padded);
  __m128i acc0 = _mm_setzero_si128(), acc1 = acc0;  // two, since one would wait for itself
  for (int64_t q = 0; q + 2 <= quads; q += 2, ks += 8, w += 32) {
    acc0 = Dot::add(acc0, tables.quad(ks), _mm_loadu_si128((const __m128i*)w));
    acc1 = Dot::add(acc1, tables.quad(ks + 4), _mm_loadu_si128((const __m128i*)(w + 16)));
  }
  if (quads % 2 != 0) acc0 = Dot::add(acc0, tables.quad(ks), _mm_loadu_si128((const __m128i*)w));
  _mm_storeu_si128((__m128i*)c, _mm_add_epi32(acc0, acc1));
}

}  // namespace

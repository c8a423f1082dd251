// Transposes bytes in blocks of 16 x 16 (8 rows: 8 x 16) with unpack instructions.
#pragma once

#include <immintrin.h>
#include <stdint.h>

namespace {

// rows[0..15] + k -> xt + k * tokens + position. Interleaving rows i and i + 8 four times transposes.
inline void transpose_16x16(const uint8_t* const* rows, int64_t k, int64_t tokens, uint8_t* xt) {
  __m128i a[16], b[16];
  for (int i = 0; i < 16; i++) a[i] = _mm_loadu_si128((const __m128i*)(rows[i] + k));
  for (int step = 0; step < 4; step++) {
    for (int i = 0; i < 8; i++) {
      b[2 * i] = _mm_unpacklo_epi8(a[i], a[i + 8]);
      b[2 * i + 1] = _mm_unpackhi_epi8(a[i], a[i + 8]);
    }
    for (int i = 0; i < 16; i++) a[i] = b[i];
  }
  for (int i = 0; i < 16; i++) _mm_storeu_si128((__m128i*)(xt + (k + i) * tokens), a[i]);
}

// Eight rows: three interleavings leave two rows of xt in each register.
inline void transpose_8x16(const uint8_t* const* rows, int64_t k, uint8_t* xt) {
  __m128i a[8], b[8];
  for (int i = 0; i < 8; i++) a[i] = _mm_loadu_si128((const __m128i*)(rows[i] + k));
  for (int step = 0; step < 3; step++) {
    for (int i = 0; i < 4; i++) {
      b[2 * i] = _mm_unpacklo_epi8(a[i], a[i + 4]);
      b[2 * i + 1] = _mm_unpackhi_epi8(a[i], a[i + 4]);
    }
    for (int i = 0; i < 8; i++) a[i] = b[i];
  }
  for (int i = 0; i < 8; i++) _mm_storeu_si128((__m128i*)(xt + k * 8 + i * 16), a[i]);
}

void transpose(const uint8_t* const* rows, int tokens, int64_t k_padded, uint8_t* xt) {
  for (int64_t k = 0; k < k_padded; k += 16) {
    if (tokens == 8) {
      transpose_8x16(rows, k, xt);
    } else {
      for (int t = 0; t < tokens; t += 16) transpose_16x16(rows + t, k, tokens, xt + t);
    }
  }
}

}  // namespace

// Codes of keys to the order that products read them in. Include after one simd/*.h.
#pragma once

#include <stdint.h>
#include <string.h>

#include "simd/word.h"
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace {

constexpr int kTogether = F32::kWidth < 4 ? 1 : 4;  // keys that are written together

// codes[kTogether][stride], uint8 with 128 added, to signed words: to[g * line] gets kGroup bytes of each key.
template <int kGroup>
inline void interleave_words(const uint8_t* codes, int64_t stride, int64_t groups, int8_t* to, int64_t line) {
  int64_t g = 0;
#if defined(__SSE2__)
  if constexpr (kGroup == 4 && kTogether == 4) {
    const __m128i flip = _mm_set1_epi8((char)0x80);
    for (; g + 4 <= groups; g += 4) {
      __m128i x[4];
      for (int i = 0; i < 4; i++) {
        x[i] = _mm_xor_si128(_mm_loadu_si128((const __m128i*)(codes + i * stride + g * 4)), flip);
      }
      const __m128i a = _mm_unpacklo_epi32(x[0], x[1]), b = _mm_unpacklo_epi32(x[2], x[3]);
      const __m128i c = _mm_unpackhi_epi32(x[0], x[1]), d = _mm_unpackhi_epi32(x[2], x[3]);
      const __m128i words[4] = {_mm_unpacklo_epi64(a, b), _mm_unpackhi_epi64(a, b), _mm_unpacklo_epi64(c, d),
                                _mm_unpackhi_epi64(c, d)};
      for (int i = 0; i < 4; i++) _mm_storeu_si128((__m128i*)(to + (g + i) * line), words[i]);
    }
  }
#endif
  for (; g < groups; g++) {
    for (int i = 0; i < kTogether; i++) {
      const int32_t flipped = word(codes + i * stride + g * kGroup) ^ (int32_t)0x80808080;
      memcpy(to + g * line + i * kGroup, &flipped, kGroup);
    }
  }
}

}  // namespace

// acc + four u8 x s8 products per 32-bit lane, in 256-bit or 128-bit registers: AVX-VNNI's instruction. AVX512-VNNI has
// the same with another encoding, for which the tests compile these files too, and so run them where AVX-VNNI is
// missing.
#pragma once

#include <immintrin.h>

namespace {

inline __m256i dpbusd256(__m256i acc, __m256i x, __m256i w) {
#if defined(__AVXVNNI__)
  return _mm256_dpbusd_avx_epi32(acc, x, w);
#else
  return _mm256_dpbusd_epi32(acc, x, w);
#endif
}

inline __m128i dpbusd128(__m128i acc, __m128i x, __m128i w) {
#if defined(__AVXVNNI__)
  return _mm_dpbusd_avx_epi32(acc, x, w);
#else
  return _mm_dpbusd_epi32(acc, x, w);
#endif
}

}  // namespace

// A chunk of activations rounded to bfloat16. Include after simd/avx512.h.
#pragma once

namespace {

// x[n], of which there may be 32, to a[32] and zeros.
inline void round_chunk(float* a, const float* x, int n) {
  const F32 low = load_n(x, n), high = load_n(x + (n > 16 ? 16 : 0), n - 16);
  _mm512_storeu_si512(a, (__m512i)_mm512_cvtne2ps_pbh(high.v, low.v));
}

}  // namespace

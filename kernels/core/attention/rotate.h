// Rotary positions (Su et al., 2021, arXiv 2104.09864), the halves of a head as pairs. Include after one simd/*.h.
#pragma once

#include <stdint.h>

namespace {

void rotate(float* x, int64_t stride, int64_t tokens, int64_t head_dim, const float* table) {
  const int64_t half = head_dim / 2;
  for (int64_t t = 0; t < tokens; t++, x += stride, table += head_dim) {
    for (int64_t i = 0; i < half; i += F32::kWidth) {
      const int n = (int)(half - i < F32::kWidth ? half - i : F32::kWidth);
      const F32 cosine = load_n(table + i, n), sine = load_n(table + half + i, n);
      const F32 a = load_n(x + i, n), b = load_n(x + half + i, n);
      store_n(x + i, a * cosine - b * sine, n);
      store_n(x + half + i, b * cosine + a * sine, n);
    }
  }
}

}  // namespace

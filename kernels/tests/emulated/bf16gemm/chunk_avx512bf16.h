// A chunk of activations rounded to bfloat16 as AVX512-BF16 does it, in plain C++: to nearest even, subnormals to zero.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

namespace {

inline uint16_t to_bfloat16(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  if (isnan(x)) return (uint16_t)(bits >> 16 | 0x40);
  if ((bits & 0x7f800000) == 0) return (uint16_t)(bits >> 16 & 0x8000);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

inline void round_chunk(float* a, const float* x, int n) {
  uint16_t rounded[32] = {};
  for (int i = 0; i < n; i++) rounded[i] = to_bfloat16(x[i]);
  memcpy(a, rounded, sizeof(rounded));
}

}  // namespace

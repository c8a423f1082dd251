// Sums of products of 8-bit integers in plain C, see q8gemm/generic.h.
#pragma once

#include <stdint.h>
#include <string.h>

#include "simd/word.h"

namespace {

struct Quads {
  using Vector = int32_t;
  using Activation = uint8_t;
  static constexpr int kWidth = 1, kGroup = 4;
  static constexpr int kZero = 128, kTaken = 0;
  static Vector zero() { return 0; }
  static void store(int32_t* p, Vector x) { *p = x; }
  static Vector load(const int8_t* p) { return word(p); }
  static Vector broadcast(const uint8_t* p) { return word(p); }
  static Vector add(Vector acc, Vector x, Vector w) {
    uint8_t a[4];
    int8_t b[4];
    memcpy(a, &x, 4);
    memcpy(b, &w, 4);
    return acc + a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3];
  }
};

}  // namespace

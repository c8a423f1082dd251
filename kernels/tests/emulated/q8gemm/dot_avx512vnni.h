// The vectors that q8gemm/amx.cc takes for few rows, in plain C++.
#pragma once

#include <stdint.h>
#include <string.h>

#include "simd/lanes.h"
#include "simd/word.h"

namespace {

struct Quads {
  using Vector = Lanes;
  using Activation = uint8_t;
  static constexpr int kWidth = 16, kGroup = 4;
  static constexpr int kZero = 128, kTaken = 0;
  static Vector zero() { return {}; }
  static void store(int32_t* p, const Vector& x) { memcpy(p, &x, sizeof(x)); }
  static Vector load(const int8_t* p) {
    Vector x;
    memcpy(&x, p, sizeof(x));
    return x;
  }
  static Vector broadcast(const uint8_t* p) {
    Vector x;
    for (int32_t& lane : x.lane) lane = word(p);
    return x;
  }
  static Vector add(Vector acc, const Vector& x, const Vector& w) {
    uint8_t a[64];
    int8_t b[64];
    memcpy(a, &x, 64);
    memcpy(b, &w, 64);
    for (int i = 0; i < 64; i++) acc.lane[i / 4] += a[i] * b[i];
    return acc;
  }
};

}  // namespace

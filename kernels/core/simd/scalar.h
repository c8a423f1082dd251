// Vectors of one element: the same names as simd/avx2.h, so that a kernel is written once.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

namespace {

struct F32 {
  static constexpr int kWidth = 1;
  float v;
};
struct S32 {
  static constexpr int kWidth = 1;
  int32_t v;
};

inline F32 set1(float x) { return {x}; }
inline F32 load(const float* p) { return {*p}; }
inline void store(float* p, F32 x) { *p = x.v; }
inline F32 load_n(const float* p, int n) { return {n > 0 ? *p : 0.0f}; }  // n of kWidth elements, the others 0
inline void store_n(float* p, F32 x, int n) {
  if (n > 0) *p = x.v;
}
inline F32 operator+(F32 a, F32 b) { return {a.v + b.v}; }
inline F32 operator-(F32 a, F32 b) { return {a.v - b.v}; }
inline F32 operator*(F32 a, F32 b) { return {a.v * b.v}; }
inline F32 operator/(F32 a, F32 b) { return {a.v / b.v}; }
inline F32 fma(F32 a, F32 b, F32 c) { return {fmaf(a.v, b.v, c.v)}; }    // a * b + c, rounded once
inline F32 fnma(F32 a, F32 b, F32 c) { return {fmaf(-a.v, b.v, c.v)}; }  // c - a * b, rounded once
inline F32 min(F32 a, F32 b) { return {a.v < b.v ? a.v : b.v}; }         // b if either is NaN, as x86 does
inline F32 max(F32 a, F32 b) { return {a.v > b.v ? a.v : b.v}; }         // b if either is NaN
inline F32 abs(F32 a) { return {fabsf(a.v)}; }
inline F32 sqrt(F32 a) { return {sqrtf(a.v)}; }
inline F32 round_even(F32 a) { return {nearbyintf(a.v)}; }
inline F32 first_n(F32 a, int n, F32 rest) { return n > 0 ? a : rest; }  // a in the first n lanes, rest in the others
inline float reduce_add(F32 a) { return a.v; }
inline float reduce_max(F32 a) { return a.v; }
inline bool any_greater(F32 a, F32 b) { return a.v > b.v; }
inline F32 nan_to_zero(F32 a) { return {a.v == a.v ? a.v : 0.0f}; }

inline S32 set1(int32_t x) { return {x}; }
inline S32 load(const int32_t* p) { return {*p}; }
inline void store(int32_t* p, S32 x) { *p = x.v; }
inline S32 operator+(S32 a, S32 b) { return {(int32_t)((uint32_t)a.v + (uint32_t)b.v)}; }
inline S32 operator-(S32 a, S32 b) { return {(int32_t)((uint32_t)a.v - (uint32_t)b.v)}; }
inline S32 max(S32 a, S32 b) { return {a.v > b.v ? a.v : b.v}; }
inline S32 operator&(S32 a, S32 b) { return {a.v & b.v}; }
template <int kBits>
inline S32 shift_left(S32 a) {
  return {(int32_t)((uint32_t)a.v << kBits)};
}
inline int32_t reduce_max(S32 a) { return a.v; }
inline int32_t reduce_add(S32 a) { return a.v; }
inline F32 to_f32(S32 a) { return {(float)a.v}; }
// Rounded to nearest even; INT32_MIN for what int32 cannot hold and NaN.
inline S32 to_s32(F32 a) {
  return {a.v >= -2147483648.0f && a.v < 2147483648.0f ? (int32_t)nearbyintf(a.v) : INT32_MIN};
}
inline S32 bits(F32 a) {
  S32 r;
  memcpy(&r.v, &a.v, 4);
  return r;
}
inline F32 from_bits(S32 a) {
  F32 r;
  memcpy(&r.v, &a.v, 4);
  return r;
}
// Four vectors of int32 to bytes: saturated to [-128, 127], plus 128.
inline void store_codes(uint8_t* p, const S32 (&a)[4]) {
  for (int i = 0; i < 4; i++) p[i] = (uint8_t)((a[i].v < -128 ? -128 : a[i].v > 127 ? 127 : a[i].v) + 128);
}
// The same, saturated to [0, 255].
inline void store_bytes(uint8_t* p, const S32 (&a)[4]) {
  for (int i = 0; i < 4; i++) p[i] = (uint8_t)(a[i].v < 0 ? 0 : a[i].v > 255 ? 255 : a[i].v);
}
inline F32 load_bf16_even(const uint16_t* p) { return from_bits({(int32_t)((uint32_t)p[0] << 16)}); }
inline F32 load_bf16_odd(const uint16_t* p) { return load_bf16_even(p + 1); }

}  // namespace

// What surrounds the tiles, without AVX-512: sixteen lanes of what simd/scalar.h has one of.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "simd/lanes.h"

namespace one {
#include "simd/scalar.h"
}  // namespace one

namespace {

#define EACH_LANE for (int i = 0; i < 16; i++)

struct F32 {
  static constexpr int kWidth = 16;
  float v[16];
};
struct S32 {
  static constexpr int kWidth = 16;
  Lanes v;
};

inline one::F32 lane(const F32& a, int i) { return {a.v[i]}; }
inline one::S32 lane(const S32& a, int i) { return {a.v.lane[i]}; }
inline void set_lane(F32& a, int i, one::F32 x) { a.v[i] = x.v; }
inline void set_lane(S32& a, int i, one::S32 x) { a.v.lane[i] = x.v; }

// f of each lane of the arguments
template <typename Result, typename F, typename... Vectors>
inline Result each(F f, const Vectors&... x) {
  Result r;
  EACH_LANE set_lane(r, i, f(lane(x, i)...));
  return r;
}
template <typename Result, typename T>
inline Result copy(const T* p) {
  Result r;
  memcpy(&r, p, sizeof(r));
  return r;
}

inline F32 set1(float x) {
  F32 r;
  EACH_LANE r.v[i] = x;
  return r;
}
inline F32 load(const float* p) { return copy<F32>(p); }
inline void store(float* p, F32 x) { memcpy(p, &x, sizeof(x)); }
inline F32 load_n(const float* p, int n) {
  F32 r;
  EACH_LANE r.v[i] = i < n ? p[i] : 0.0f;
  return r;
}
inline void store_n(float* p, F32 x, int n) {
  for (int i = 0; i < 16 && i < n; i++) p[i] = x.v[i];
}

#define BINARY(T, name)                                                   \
  inline T name(T a, T b) {                                               \
    return each<T>([](auto x, auto y) { return one::name(x, y); }, a, b); \
  }
BINARY(F32, operator+)
BINARY(F32, operator-)
BINARY(F32, operator*)
BINARY(F32, operator/)
BINARY(F32, min)
BINARY(F32, max)
BINARY(S32, operator+)
BINARY(S32, operator-)
BINARY(S32, operator&)
BINARY(S32, max)
#undef BINARY

#define UNARY(Result, name, T)                                   \
  inline Result name(T a) {                                      \
    return each<Result>([](auto x) { return one::name(x); }, a); \
  }
UNARY(F32, abs, F32)
UNARY(F32, sqrt, F32)
UNARY(F32, round_even, F32)
UNARY(F32, nan_to_zero, F32)
UNARY(F32, to_f32, S32)
UNARY(S32, to_s32, F32)
UNARY(S32, bits, F32)
UNARY(F32, from_bits, S32)
#undef UNARY

inline F32 fma(F32 a, F32 b, F32 c) {
  return each<F32>([](auto x, auto y, auto z) { return one::fma(x, y, z); }, a, b, c);
}
inline F32 fnma(F32 a, F32 b, F32 c) {
  return each<F32>([](auto x, auto y, auto z) { return one::fnma(x, y, z); }, a, b, c);
}
inline F32 first_n(F32 a, int n, F32 rest) {
  EACH_LANE a.v[i] = i < n ? a.v[i] : rest.v[i];
  return a;
}
inline float reduce_add(F32 a) {
  float sum = 0;
  EACH_LANE sum += a.v[i];
  return sum;
}
inline float reduce_max(F32 a) {
  float most = a.v[0];
  EACH_LANE most = a.v[i] > most ? a.v[i] : most;
  return most;
}
inline bool any_greater(F32 a, F32 b) {
  bool any = false;
  EACH_LANE any = any || a.v[i] > b.v[i];
  return any;
}

inline S32 set1(int32_t x) {
  S32 r;
  EACH_LANE r.v.lane[i] = x;
  return r;
}
inline S32 load(const int32_t* p) { return copy<S32>(p); }
inline void store(int32_t* p, S32 x) { memcpy(p, &x, sizeof(x)); }
template <int kBits>
inline S32 shift_left(S32 a) {
  return each<S32>([](auto x) { return one::shift_left<kBits>(x); }, a);
}
inline int32_t reduce_max(S32 a) {
  int32_t most = a.v.lane[0];
  EACH_LANE most = a.v.lane[i] > most ? a.v.lane[i] : most;
  return most;
}
inline int32_t reduce_add(S32 a) {
  uint32_t sum = 0;
  EACH_LANE sum += (uint32_t)a.v.lane[i];
  return (int32_t)sum;
}
inline void store_codes(uint8_t* p, const S32 (&a)[4]) {
  for (int j = 0; j < 64; j++) {
    const int32_t x = a[j / 16].v.lane[j % 16];
    p[j] = (uint8_t)((x < -128 ? -128 : x > 127 ? 127 : x) + 128);
  }
}
inline void store_bytes(uint8_t* p, const S32 (&a)[4]) {
  for (int j = 0; j < 64; j++) {
    const int32_t x = a[j / 16].v.lane[j % 16];
    p[j] = (uint8_t)(x < 0 ? 0 : x > 255 ? 255 : x);
  }
}
inline F32 load_bf16_even(const uint16_t* p) {
  F32 r;
  EACH_LANE r.v[i] = one::load_bf16_even(p + 2 * i).v;
  return r;
}
inline F32 load_bf16_odd(const uint16_t* p) {
  F32 r;
  EACH_LANE r.v[i] = one::load_bf16_odd(p + 2 * i).v;
  return r;
}

#undef EACH_LANE

}  // namespace

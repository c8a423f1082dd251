// Vectors of four elements, see simd/avx2.h.
#pragma once

#include <arm_neon.h>
#include <stdint.h>

namespace {

struct F32 {
  static constexpr int kWidth = 4;
  float32x4_t v;
};
struct S32 {
  static constexpr int kWidth = 4;
  int32x4_t v;
};

inline F32 set1(float x) { return {vdupq_n_f32(x)}; }
inline F32 load(const float* p) { return {vld1q_f32(p)}; }
inline void store(float* p, F32 x) { vst1q_f32(p, x.v); }
inline F32 load_n(const float* p, int n) {
  if (n >= 4) return load(p);
  float x[4] = {};
  for (int i = 0; i < n; i++) x[i] = p[i];
  return load(x);
}
inline void store_n(float* p, F32 a, int n) {
  if (n >= 4) return store(p, a);
  float x[4];
  store(x, a);
  for (int i = 0; i < n; i++) p[i] = x[i];
}
inline F32 operator+(F32 a, F32 b) { return {vaddq_f32(a.v, b.v)}; }
inline F32 operator-(F32 a, F32 b) { return {vsubq_f32(a.v, b.v)}; }
inline F32 operator*(F32 a, F32 b) { return {vmulq_f32(a.v, b.v)}; }
inline F32 operator/(F32 a, F32 b) { return {vdivq_f32(a.v, b.v)}; }
inline F32 fma(F32 a, F32 b, F32 c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
inline F32 fnma(F32 a, F32 b, F32 c) { return {vfmsq_f32(c.v, a.v, b.v)}; }
// Not vminq_f32: the others give b if either is NaN, and b of two zeros.
inline F32 min(F32 a, F32 b) { return {vbslq_f32(vcltq_f32(a.v, b.v), a.v, b.v)}; }
inline F32 max(F32 a, F32 b) { return {vbslq_f32(vcgtq_f32(a.v, b.v), a.v, b.v)}; }
inline F32 abs(F32 a) { return {vabsq_f32(a.v)}; }
inline F32 sqrt(F32 a) { return {vsqrtq_f32(a.v)}; }
inline F32 round_even(F32 a) { return {vrndnq_f32(a.v)}; }
inline F32 first_n(F32 a, int n, F32 rest) {
  const int32_t lanes[] = {0, 1, 2, 3};
  return {vbslq_f32(vcltq_s32(vld1q_s32(lanes), vdupq_n_s32(n)), a.v, rest.v)};
}
inline float reduce_add(F32 a) { return vaddvq_f32(a.v); }
inline float reduce_max(F32 a) { return vmaxvq_f32(a.v); }
inline bool any_greater(F32 a, F32 b) { return vmaxvq_u32(vcgtq_f32(a.v, b.v)) != 0; }
inline F32 nan_to_zero(F32 a) {
  return {vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(a.v), vceqq_f32(a.v, a.v)))};
}

inline S32 set1(int32_t x) { return {vdupq_n_s32(x)}; }
inline S32 load(const int32_t* p) { return {vld1q_s32(p)}; }
inline void store(int32_t* p, S32 x) { vst1q_s32(p, x.v); }
inline S32 operator+(S32 a, S32 b) { return {vaddq_s32(a.v, b.v)}; }
inline S32 operator-(S32 a, S32 b) { return {vsubq_s32(a.v, b.v)}; }
inline S32 max(S32 a, S32 b) { return {vmaxq_s32(a.v, b.v)}; }
inline S32 operator&(S32 a, S32 b) { return {vandq_s32(a.v, b.v)}; }
template <int kBits>
inline S32 shift_left(S32 a) {
  return {vshlq_n_s32(a.v, kBits)};
}
inline int32_t reduce_max(S32 a) { return vmaxvq_s32(a.v); }
inline int32_t reduce_add(S32 a) { return vaddvq_s32(a.v); }
inline F32 to_f32(S32 a) { return {vcvtq_f32_s32(a.v)}; }
// The instruction alone would give INT32_MAX for what is too large and 0 for NaN.
inline S32 to_s32(F32 a) {
  const uint32x4_t fits = vcltq_f32(a.v, vdupq_n_f32(2147483648.0f));
  return {vbslq_s32(fits, vcvtnq_s32_f32(a.v), vdupq_n_s32(INT32_MIN))};
}
inline S32 bits(F32 a) { return {vreinterpretq_s32_f32(a.v)}; }
inline F32 from_bits(S32 a) { return {vreinterpretq_f32_s32(a.v)}; }
inline void store_codes(uint8_t* p, const S32 (&a)[4]) {
  const int16x8_t lo = vqmovn_high_s32(vqmovn_s32(a[0].v), a[1].v), hi = vqmovn_high_s32(vqmovn_s32(a[2].v), a[3].v);
  const int8x16_t bytes = vqmovn_high_s16(vqmovn_s16(lo), hi);
  vst1q_u8(p, veorq_u8(vreinterpretq_u8_s8(bytes), vdupq_n_u8(0x80)));
}
inline void store_bytes(uint8_t* p, const S32 (&a)[4]) {
  const int16x8_t lo = vqmovn_high_s32(vqmovn_s32(a[0].v), a[1].v), hi = vqmovn_high_s32(vqmovn_s32(a[2].v), a[3].v);
  vst1q_u8(p, vqmovun_high_s16(vqmovun_s16(lo), hi));
}
inline uint32x4_t load_bf16_pairs(const uint16_t* p) { return vreinterpretq_u32_u16(vld1q_u16(p)); }
inline F32 load_bf16_even(const uint16_t* p) { return {vreinterpretq_f32_u32(vshlq_n_u32(load_bf16_pairs(p), 16))}; }
inline F32 load_bf16_odd(const uint16_t* p) {
  return {vreinterpretq_f32_u32(vandq_u32(load_bf16_pairs(p), vdupq_n_u32(0xffff0000)))};
}

}  // namespace

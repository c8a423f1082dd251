// Vectors of sixteen elements, see simd/avx2.h.
#pragma once

#include <immintrin.h>
#include <stdint.h>

namespace {

struct F32 {
  static constexpr int kWidth = 16;
  __m512 v;
};
struct S32 {
  static constexpr int kWidth = 16;
  __m512i v;
};

inline __mmask16 first_lanes(int n) { return n >= 16 ? 0xffff : n <= 0 ? 0 : (__mmask16)((1u << n) - 1); }

inline F32 set1(float x) { return {_mm512_set1_ps(x)}; }
inline F32 load(const float* p) { return {_mm512_loadu_ps(p)}; }
inline void store(float* p, F32 x) { _mm512_storeu_ps(p, x.v); }
inline F32 load_n(const float* p, int n) { return {_mm512_maskz_loadu_ps(first_lanes(n), p)}; }
inline void store_n(float* p, F32 x, int n) { _mm512_mask_storeu_ps(p, first_lanes(n), x.v); }
inline F32 operator+(F32 a, F32 b) { return {_mm512_add_ps(a.v, b.v)}; }
inline F32 operator-(F32 a, F32 b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline F32 operator*(F32 a, F32 b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline F32 operator/(F32 a, F32 b) { return {_mm512_div_ps(a.v, b.v)}; }
inline F32 fma(F32 a, F32 b, F32 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline F32 fnma(F32 a, F32 b, F32 c) { return {_mm512_fnmadd_ps(a.v, b.v, c.v)}; }
inline F32 min(F32 a, F32 b) { return {_mm512_min_ps(a.v, b.v)}; }
inline F32 max(F32 a, F32 b) { return {_mm512_max_ps(a.v, b.v)}; }
inline F32 abs(F32 a) { return {_mm512_abs_ps(a.v)}; }
inline F32 sqrt(F32 a) { return {_mm512_sqrt_ps(a.v)}; }
inline F32 round_even(F32 a) { return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
inline F32 first_n(F32 a, int n, F32 rest) { return {_mm512_mask_mov_ps(rest.v, first_lanes(n), a.v)}; }
inline float reduce_add(F32 a) { return _mm512_reduce_add_ps(a.v); }
inline float reduce_max(F32 a) { return _mm512_reduce_max_ps(a.v); }
inline bool any_greater(F32 a, F32 b) { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_GT_OQ) != 0; }
inline F32 nan_to_zero(F32 a) { return {_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a.v, a.v, _CMP_ORD_Q), a.v)}; }

inline S32 set1(int32_t x) { return {_mm512_set1_epi32(x)}; }
inline S32 load(const int32_t* p) { return {_mm512_loadu_si512(p)}; }
inline void store(int32_t* p, S32 x) { _mm512_storeu_si512(p, x.v); }
inline S32 operator+(S32 a, S32 b) { return {_mm512_add_epi32(a.v, b.v)}; }
inline S32 operator-(S32 a, S32 b) { return {_mm512_sub_epi32(a.v, b.v)}; }
inline S32 max(S32 a, S32 b) { return {_mm512_max_epi32(a.v, b.v)}; }
inline S32 operator&(S32 a, S32 b) { return {_mm512_and_si512(a.v, b.v)}; }
template <int kBits>
inline S32 shift_left(S32 a) {
  return {_mm512_slli_epi32(a.v, kBits)};
}
inline int32_t reduce_max(S32 a) { return _mm512_reduce_max_epi32(a.v); }
inline int32_t reduce_add(S32 a) { return _mm512_reduce_add_epi32(a.v); }
inline F32 to_f32(S32 a) { return {_mm512_cvtepi32_ps(a.v)}; }
inline S32 to_s32(F32 a) { return {_mm512_cvtps_epi32(a.v)}; }
inline S32 bits(F32 a) { return {_mm512_castps_si512(a.v)}; }
inline F32 from_bits(S32 a) { return {_mm512_castsi512_ps(a.v)}; }
inline void store_codes(uint8_t* p, const S32 (&a)[4]) {
  const __m512i lo = _mm512_packs_epi32(a[0].v, a[1].v), hi = _mm512_packs_epi32(a[2].v, a[3].v);
  const __m512i bytes = _mm512_xor_si512(_mm512_packs_epi16(lo, hi), _mm512_set1_epi8((char)0x80));
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  _mm512_storeu_si512(p, _mm512_permutexvar_epi32(order, bytes));
}
inline void store_bytes(uint8_t* p, const S32 (&a)[4]) {
  const __m512i lo = _mm512_packs_epi32(a[0].v, a[1].v), hi = _mm512_packs_epi32(a[2].v, a[3].v);
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  _mm512_storeu_si512(p, _mm512_permutexvar_epi32(order, _mm512_packus_epi16(lo, hi)));
}
inline F32 load_bf16_even(const uint16_t* p) {
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(p), 16))};
}
inline F32 load_bf16_odd(const uint16_t* p) {
  return {_mm512_castsi512_ps(_mm512_and_si512(_mm512_loadu_si512(p), _mm512_set1_epi32((int)0xffff0000)))};
}

}  // namespace

// Vectors of eight elements. Only <immintrin.h>, C headers and an anonymous namespace: nothing compiled for this ISA
// may be merged by the linker into code for another.
#pragma once

#include <immintrin.h>
#include <stdint.h>

namespace {

struct F32 {
  static constexpr int kWidth = 8;
  __m256 v;
};
struct S32 {
  static constexpr int kWidth = 8;
  __m256i v;
};

inline __m256i first_lanes(int n) {  // all bits set in the first n lanes
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

inline F32 set1(float x) { return {_mm256_set1_ps(x)}; }
inline F32 load(const float* p) { return {_mm256_loadu_ps(p)}; }
inline void store(float* p, F32 x) { _mm256_storeu_ps(p, x.v); }
inline F32 load_n(const float* p, int n) { return {_mm256_maskload_ps(p, first_lanes(n))}; }
inline void store_n(float* p, F32 x, int n) { _mm256_maskstore_ps(p, first_lanes(n), x.v); }
inline F32 operator+(F32 a, F32 b) { return {_mm256_add_ps(a.v, b.v)}; }
inline F32 operator-(F32 a, F32 b) { return {_mm256_sub_ps(a.v, b.v)}; }
inline F32 operator*(F32 a, F32 b) { return {_mm256_mul_ps(a.v, b.v)}; }
inline F32 operator/(F32 a, F32 b) { return {_mm256_div_ps(a.v, b.v)}; }
inline F32 fma(F32 a, F32 b, F32 c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
inline F32 fnma(F32 a, F32 b, F32 c) { return {_mm256_fnmadd_ps(a.v, b.v, c.v)}; }
inline F32 min(F32 a, F32 b) { return {_mm256_min_ps(a.v, b.v)}; }
inline F32 max(F32 a, F32 b) { return {_mm256_max_ps(a.v, b.v)}; }
inline F32 abs(F32 a) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.v)}; }
inline F32 sqrt(F32 a) { return {_mm256_sqrt_ps(a.v)}; }
inline F32 round_even(F32 a) { return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
inline F32 first_n(F32 a, int n, F32 rest) {
  return {_mm256_blendv_ps(rest.v, a.v, _mm256_castsi256_ps(first_lanes(n)))};
}
inline float reduce_add(F32 a) {
  __m128 x = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  x = _mm_add_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
}
inline float reduce_max(F32 a) {
  __m128 x = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  x = _mm_max_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
}
inline bool any_greater(F32 a, F32 b) { return _mm256_movemask_ps(_mm256_cmp_ps(a.v, b.v, _CMP_GT_OQ)) != 0; }
inline F32 nan_to_zero(F32 a) { return {_mm256_and_ps(a.v, _mm256_cmp_ps(a.v, a.v, _CMP_ORD_Q))}; }

inline S32 set1(int32_t x) { return {_mm256_set1_epi32(x)}; }
inline S32 load(const int32_t* p) { return {_mm256_loadu_si256((const __m256i*)p)}; }
inline void store(int32_t* p, S32 x) { _mm256_storeu_si256((__m256i*)p, x.v); }
inline S32 operator+(S32 a, S32 b) { return {_mm256_add_epi32(a.v, b.v)}; }
inline S32 operator-(S32 a, S32 b) { return {_mm256_sub_epi32(a.v, b.v)}; }
inline S32 max(S32 a, S32 b) { return {_mm256_max_epi32(a.v, b.v)}; }
inline S32 operator&(S32 a, S32 b) { return {_mm256_and_si256(a.v, b.v)}; }
template <int kBits>
inline S32 shift_left(S32 a) {
  return {_mm256_slli_epi32(a.v, kBits)};
}
inline int32_t reduce_max(S32 a) {
  __m128i x = _mm_max_epi32(_mm256_castsi256_si128(a.v), _mm256_extracti128_si256(a.v, 1));
  x = _mm_max_epi32(x, _mm_shuffle_epi32(x, _MM_SHUFFLE(1, 0, 3, 2)));
  return _mm_cvtsi128_si32(_mm_max_epi32(x, _mm_shuffle_epi32(x, _MM_SHUFFLE(2, 3, 0, 1))));
}
inline int32_t reduce_add(S32 a) {
  __m128i x = _mm_add_epi32(_mm256_castsi256_si128(a.v), _mm256_extracti128_si256(a.v, 1));
  x = _mm_add_epi32(x, _mm_shuffle_epi32(x, _MM_SHUFFLE(1, 0, 3, 2)));
  return _mm_cvtsi128_si32(_mm_add_epi32(x, _mm_shuffle_epi32(x, _MM_SHUFFLE(2, 3, 0, 1))));
}
inline F32 to_f32(S32 a) { return {_mm256_cvtepi32_ps(a.v)}; }
inline S32 to_s32(F32 a) { return {_mm256_cvtps_epi32(a.v)}; }
inline S32 bits(F32 a) { return {_mm256_castps_si256(a.v)}; }
inline F32 from_bits(S32 a) { return {_mm256_castsi256_ps(a.v)}; }
inline void store_codes(uint8_t* p, const S32 (&a)[4]) {
  const __m256i lo = _mm256_packs_epi32(a[0].v, a[1].v), hi = _mm256_packs_epi32(a[2].v, a[3].v);
  const __m256i bytes = _mm256_xor_si256(_mm256_packs_epi16(lo, hi), _mm256_set1_epi8((char)0x80));
  // Packing works within 128-bit lanes: put the groups of four back in order.
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  _mm256_storeu_si256((__m256i*)p, _mm256_permutevar8x32_epi32(bytes, order));
}
inline void store_bytes(uint8_t* p, const S32 (&a)[4]) {
  const __m256i lo = _mm256_packs_epi32(a[0].v, a[1].v), hi = _mm256_packs_epi32(a[2].v, a[3].v);
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  _mm256_storeu_si256((__m256i*)p, _mm256_permutevar8x32_epi32(_mm256_packus_epi16(lo, hi), order));
}
// The even and the odd ones of 2 * kWidth bfloat16: a bfloat16 is the upper half of a float.
inline F32 load_bf16_even(const uint16_t* p) {
  return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_loadu_si256((const __m256i*)p), 16))};
}
inline F32 load_bf16_odd(const uint16_t* p) {
  const __m256i high_half = _mm256_set1_epi32((int)0xffff0000);
  return {_mm256_castsi256_ps(_mm256_and_si256(_mm256_loadu_si256((const __m256i*)p), high_half))};
}

}  // namespace

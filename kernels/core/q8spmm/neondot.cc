#if defined(__aarch64__)
#include <arm_neon.h>
#include <stddef.h>

#include "q8spmm/ukernel.h"
#include "simd/unroll.h"

namespace {

using inc_hf::kBlockRows;

inline int8x16_t zip1_16(int8x16_t a, int8x16_t b) {
  return vreinterpretq_s8_s16(vzip1q_s16(vreinterpretq_s16_s8(a), vreinterpretq_s16_s8(b)));
}
inline int8x16_t zip2_16(int8x16_t a, int8x16_t b) {
  return vreinterpretq_s8_s16(vzip2q_s16(vreinterpretq_s16_s8(a), vreinterpretq_s16_s8(b)));
}

// The four rows ks[0..3] of xt, interleaved to quads of bytes per token, for sixteen tokens and for eight.
inline void gather(const int8_t* xt, const uint16_t* ks, int8x16_t (&x)[4]) {
  const int8x16_t r0 = vld1q_s8(xt + size_t{ks[0]} * 16), r1 = vld1q_s8(xt + size_t{ks[1]} * 16);
  const int8x16_t r2 = vld1q_s8(xt + size_t{ks[2]} * 16), r3 = vld1q_s8(xt + size_t{ks[3]} * 16);
  const int8x16_t a = vzip1q_s8(r0, r1), b = vzip1q_s8(r2, r3), c = vzip2q_s8(r0, r1), d = vzip2q_s8(r2, r3);
  x[0] = zip1_16(a, b);
  x[1] = zip2_16(a, b);
  x[2] = zip1_16(c, d);
  x[3] = zip2_16(c, d);
}
inline int8x16_t load8(const int8_t* p) { return vcombine_s8(vld1_s8(p), vdup_n_s8(0)); }
inline void gather(const int8_t* xt, const uint16_t* ks, int8x16_t (&x)[2]) {
  const int8x16_t a = vzip1q_s8(load8(xt + size_t{ks[0]} * 8), load8(xt + size_t{ks[1]} * 8));
  const int8x16_t b = vzip1q_s8(load8(xt + size_t{ks[2]} * 8), load8(xt + size_t{ks[3]} * 8));
  x[0] = zip1_16(a, b);
  x[1] = zip2_16(a, b);
}

// Channels x four tokens to four rows of four channels.
inline void store_transposed(int32_t* c, int64_t ldc, int32x4_t a0, int32x4_t a1, int32x4_t a2, int32x4_t a3) {
  const int64x2_t lo01 = vreinterpretq_s64_s32(vzip1q_s32(a0, a1)), hi01 = vreinterpretq_s64_s32(vzip2q_s32(a0, a1));
  const int64x2_t lo23 = vreinterpretq_s64_s32(vzip1q_s32(a2, a3)), hi23 = vreinterpretq_s64_s32(vzip2q_s32(a2, a3));
  vst1q_s32(c, vreinterpretq_s32_s64(vzip1q_s64(lo01, lo23)));
  vst1q_s32(c + ldc, vreinterpretq_s32_s64(vzip2q_s64(lo01, lo23)));
  vst1q_s32(c + 2 * ldc, vreinterpretq_s32_s64(vzip1q_s64(hi01, hi23)));
  vst1q_s32(c + 3 * ldc, vreinterpretq_s32_s64(vzip2q_s64(hi01, hi23)));
}

// Not over generic.h: with the lane in the instruction, one load brings the weights of all four channels.
template <int kTokens>
void tile(const uint8_t* xt, const uint16_t* ks, const int8_t* w, int64_t quads, int32_t* c, int64_t ldc) {
  constexpr int kVectors = kTokens / 4;
  int32x4_t sums[kBlockRows][kVectors];
  INC_HF_UNROLL
  for (int o = 0; o < kBlockRows; o++) {
    INC_HF_UNROLL
    for (int v = 0; v < kVectors; v++) sums[o][v] = vdupq_n_s32(0);
  }
  for (; quads > 0; quads--, ks += 4, w += 16) {
    int8x16_t x[kVectors];
    gather((const int8_t*)xt, ks, x);
    const int8x16_t weights = vld1q_s8(w);
    INC_HF_UNROLL
    for (int v = 0; v < kVectors; v++) {
      sums[0][v] = vdotq_laneq_s32(sums[0][v], x[v], weights, 0);
      sums[1][v] = vdotq_laneq_s32(sums[1][v], x[v], weights, 1);
      sums[2][v] = vdotq_laneq_s32(sums[2][v], x[v], weights, 2);
      sums[3][v] = vdotq_laneq_s32(sums[3][v], x[v], weights, 3);
    }
  }
  INC_HF_UNROLL
  for (int v = 0; v < kVectors; v++) {
    store_transposed(c + v * 4 * ldc, ldc, sums[0][v], sums[1][v], sums[2][v], sums[3][v]);
  }
}

// The codes of a quad, minus 128, in every 32-bit lane.
inline int8x16_t quad_of(const uint8_t* codes, const uint16_t* ks) {
  const uint32_t low = codes[ks[0]] | (uint32_t)codes[ks[1]] << 8;
  const uint32_t high = codes[ks[2]] | (uint32_t)codes[ks[3]] << 8;
  return vreinterpretq_s8_u32(vdupq_n_u32((low | high << 16) ^ 0x80808080u));
}

// One token: a quad against its four channels, in two sums, so that neither has to wait for the other.
void single(const uint8_t* codes, const uint16_t* ks, const int8_t* w, int64_t quads, int32_t* c, int64_t) {
  int32x4_t even = vdupq_n_s32(0), odd = vdupq_n_s32(0);
  for (; quads >= 2; quads -= 2, ks += 8, w += 32) {
    even = vdotq_s32(even, quad_of(codes, ks), vld1q_s8(w));
    odd = vdotq_s32(odd, quad_of(codes, ks + 4), vld1q_s8(w + 16));
  }
  if (quads > 0) even = vdotq_s32(even, quad_of(codes, ks), vld1q_s8(w));
  vst1q_s32(c, vaddq_s32(even, odd));
}

}  // namespace

namespace inc_hf {

const Q8SpmmUkernels q8spmm_ukernel_16x4c4__neondot = {"q8spmm_ukernel_16x4c4__neondot", Isa::kNeonDot, 16, 1,
                                                       tile<16>};
const Q8SpmmUkernels q8spmm_ukernel_8x4c4__neondot = {"q8spmm_ukernel_8x4c4__neondot", Isa::kNeonDot, 8, 1, tile<8>};
const Q8SpmmUkernels q8spmm_ukernel_1x4c4__neondot = {"q8spmm_ukernel_1x4c4__neondot", Isa::kNeonDot, 1, 1, single};

}  // namespace inc_hf
#endif

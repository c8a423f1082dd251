#if defined(__aarch64__)
#include "q8gemm/dot_neondot.h"
#include "q8gemm/ukernel.h"
#include "simd/unroll.h"

namespace {

constexpr int kNr = 16, kVectors = kNr / 4;

// One group of four values of k, which stand in 32-bit lane `kLane` of x.
template <int kLane, int kRows>
inline __attribute__((always_inline)) void add_group(int32x4_t (&acc)[kRows][kVectors], const int8x16_t (&x)[kRows],
                                                     const int8_t* w) {
  INC_HF_UNROLL
  for (int j = 0; j < kVectors; j++) {
    asm volatile("" : : : "memory");  // no loads ahead of their turn: the sums need nearly all registers
    const int8x16_t weights = vld1q_s8(w + j * 16);
    INC_HF_UNROLL
    for (int i = 0; i < kRows; i++) acc[i][j] = vdotq_laneq_s32(acc[i][j], weights, x[i], kLane);
  }
}

// Not over generic.h: with the lane in the instruction, one load and one subtraction serve four groups.
template <int kRows>
void tile(const void* a_rows, int64_t a_stride, const int8_t* panel, int64_t k_groups, int32_t* c) {
  constexpr int kGroupBytes = kNr * 4;
  const uint8_t* a = (const uint8_t*)a_rows;
  int8x16_t x[kRows];
  int32x4_t acc[kRows][kVectors];
  INC_HF_UNROLL
  for (int i = 0; i < kRows; i++) {
    INC_HF_UNROLL
    for (int j = 0; j < kVectors; j++) acc[i][j] = vdupq_n_s32(0);
  }
  for (; k_groups >= 4; k_groups -= 4, a += 16, panel += 4 * kGroupBytes) {
    INC_HF_UNROLL
    for (int i = 0; i < kRows; i++) x[i] = minus_128(vld1q_u8(a + i * a_stride));
    add_group<0>(acc, x, panel);
    add_group<1>(acc, x, panel + kGroupBytes);
    add_group<2>(acc, x, panel + 2 * kGroupBytes);
    add_group<3>(acc, x, panel + 3 * kGroupBytes);
  }
  for (; k_groups > 0; k_groups--, a += 4, panel += kGroupBytes) {
    INC_HF_UNROLL
    for (int i = 0; i < kRows; i++) x[i] = minus_128(vreinterpretq_u8_s32(vdupq_n_s32(word(a + i * a_stride))));
    add_group<0>(acc, x, panel);
  }
  INC_HF_UNROLL
  for (int i = 0; i < kRows; i++) {
    INC_HF_UNROLL
    for (int j = 0; j < kVectors; j++) vst1q_s32(c + i * kNr + j * 4, acc[i][j]);
  }
}

}  // namespace

namespace inc_hf {

const Q8GemmUkernels q8gemm_ukernel_6x16c4__neondot = {"q8gemm_ukernel_6x16c4__neondot",
                                                       Isa::kNeonDot,
                                                       PanelLayout::kQuads,
                                                       6,
                                                       kNr,
                                                       {tile<1>, tile<2>, tile<3>, tile<4>, tile<5>, tile<6>}};

}  // namespace inc_hf
#endif

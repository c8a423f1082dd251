#if defined(__x86_64__)
#include "simd/avx512.h"

#include "bf16gemm/chunk_avx512bf16.h"
#include "bf16gemm/generic.h"

namespace {

struct Native {
  using Weights = __m512i;
  static constexpr int kSteps = 1;
  template <int>
  static __m512i load(const uint16_t* w) {
    return _mm512_loadu_si512(w);
  }
  static F32 add(F32 acc, const float* x, __m512i w) {  // x is a pair of bfloat16
    return {_mm512_dpbf16_ps(acc.v, (__m512bh)_mm512_castps_si512(_mm512_set1_ps(*x)), (__m512bh)w)};
  }
  static void pack(float* a, const float* x, int n) { round_chunk(a, x, n); }
};

template <int kRows>
constexpr inc_hf::Bf16GemmTile kTile = bf16gemm_tile<Native, kRows, 1, 32>;

}  // namespace

namespace inc_hf {

const Bf16GemmUkernels bf16gemm_ukernel_12x32__avx512bf16 = {
    "bf16gemm_ukernel_12x32__avx512bf16",
    bf16gemm::Variant::kAvx512Bf16,
    12,
    32,
    2 * kChunk,
    bf16gemm_pack<Native>,
    {kTile<1>, kTile<2>, kTile<3>, kTile<4>, kTile<5>, kTile<6>, kTile<7>, kTile<8>, kTile<9>, kTile<10>, kTile<11>,
     kTile<12>},
    4,
    bf16gemm_tile<Native, 1, 4, 32>,
    bf16gemm_finish};

}  // namespace inc_hf
#endif

#if defined(__x86_64__)
#include "simd/avx512.h"

#include "bf16gemm/generic.h"

namespace {

template <int kRows>
constexpr inc_hf::Bf16GemmTile kTile = bf16gemm_tile<Widened, kRows, 1, 32>;

}  // namespace

namespace inc_hf {

const Bf16GemmUkernels bf16gemm_ukernel_12x32__avx512 = {
    "bf16gemm_ukernel_12x32__avx512",
    bf16gemm::Variant::kAvx512,
    12,
    32,
    kChunk,
    bf16gemm_pack<Widened>,
    {kTile<1>, kTile<2>, kTile<3>, kTile<4>, kTile<5>, kTile<6>, kTile<7>, kTile<8>, kTile<9>, kTile<10>, kTile<11>,
     kTile<12>},
    4,
    bf16gemm_tile<Widened, 1, 4, 32>,
    bf16gemm_finish};

}  // namespace inc_hf
#endif

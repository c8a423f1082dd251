#if defined(__x86_64__)
#include "simd/avx2.h"

#include "bf16gemm/generic.h"

namespace {

template <int kRows>
constexpr inc_hf::Bf16GemmTile kTile = bf16gemm_tile<Widened, kRows, 1, 16>;

}  // namespace

namespace inc_hf {

const Bf16GemmUkernels bf16gemm_ukernel_6x16__avx2 = {"bf16gemm_ukernel_6x16__avx2",
                                                      bf16gemm::Variant::kAvx2,
                                                      6,
                                                      16,
                                                      kChunk,
                                                      bf16gemm_pack<Widened>,
                                                      {kTile<1>, kTile<2>, kTile<3>, kTile<4>, kTile<5>, kTile<6>},
                                                      3,
                                                      bf16gemm_tile<Widened, 1, 3, 16>,
                                                      bf16gemm_finish};

}  // namespace inc_hf
#endif

#if defined(__aarch64__)
#include "simd/neon.h"

#include "bf16gemm/generic.h"

namespace {

template <int kRows>
constexpr inc_hf::Bf16GemmTile kTile = bf16gemm_tile<Widened, kRows, 1, 16>;

}  // namespace

namespace inc_hf {

const Bf16GemmUkernels bf16gemm_ukernel_4x16__neondot = {"bf16gemm_ukernel_4x16__neondot",
                                                         bf16gemm::Variant::kNeonDot,
                                                         4,
                                                         16,
                                                         kChunk,
                                                         bf16gemm_pack<Widened>,
                                                         {kTile<1>, kTile<2>, kTile<3>, kTile<4>},
                                                         2,
                                                         bf16gemm_tile<Widened, 1, 2, 16>,
                                                         bf16gemm_finish};

}  // namespace inc_hf
#endif

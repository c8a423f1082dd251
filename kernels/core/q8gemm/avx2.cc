#if defined(__x86_64__)
#include "q8gemm/dot_avx2.h"
#include "q8gemm/generic.h"

namespace inc_hf {

const Q8GemmUkernels q8gemm_ukernel_4x16c4__avx2 = {
    "q8gemm_ukernel_4x16c4__avx2",
    Isa::kAvx2,
    PanelLayout::kQuads,
    4,
    16,
    {q8gemm_tile<Quads, 1, 2>, q8gemm_tile<Quads, 2, 2>, q8gemm_tile<Quads, 3, 2>, q8gemm_tile<Quads, 4, 2>}};

const Q8GemmUkernels q8gemm_ukernel_6x16c2__avx2 = {
    "q8gemm_ukernel_6x16c2__avx2",
    Isa::kAvx2,
    PanelLayout::kPairs,
    6,
    16,
    {q8gemm_tile<Pairs, 1, 2>, q8gemm_tile<Pairs, 2, 2>, q8gemm_tile<Pairs, 3, 2>, q8gemm_tile<Pairs, 4, 2>,
     q8gemm_tile<Pairs, 5, 2>, q8gemm_tile<Pairs, 6, 2>}};

}  // namespace inc_hf
#endif

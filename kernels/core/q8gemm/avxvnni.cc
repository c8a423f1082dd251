#if defined(__x86_64__)
#include "q8gemm/dot_avxvnni.h"
#include "q8gemm/generic.h"

namespace inc_hf {

const Q8GemmUkernels q8gemm_ukernel_6x16c4__avxvnni = {
    "q8gemm_ukernel_6x16c4__avxvnni",
    Isa::kAvxVnni,
    PanelLayout::kQuads,
    6,
    16,
    {q8gemm_tile<Quads, 1, 2>, q8gemm_tile<Quads, 2, 2>, q8gemm_tile<Quads, 3, 2>, q8gemm_tile<Quads, 4, 2>,
     q8gemm_tile<Quads, 5, 2>, q8gemm_tile<Quads, 6, 2>}};

}  // namespace inc_hf
#endif

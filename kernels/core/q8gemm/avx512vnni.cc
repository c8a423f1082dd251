#if defined(__x86_64__)
#include "q8gemm/dot_avx512vnni.h"
#include "q8gemm/generic.h"

namespace inc_hf {

const Q8GemmUkernels q8gemm_ukernel_6x64c4__avx512vnni = {
    "q8gemm_ukernel_6x64c4__avx512vnni",
    Isa::kAvx512Vnni,
    PanelLayout::kQuads,
    6,
    64,
    {q8gemm_tile<Quads, 1, 4>, q8gemm_tile<Quads, 2, 4>, q8gemm_tile<Quads, 3, 4>, q8gemm_tile<Quads, 4, 4>,
     q8gemm_tile<Quads, 5, 4>, q8gemm_tile<Quads, 6, 4>}};

}  // namespace inc_hf
#endif

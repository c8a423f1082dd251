#if defined(__x86_64__)
#include "q8gemm/dot_avx2.h"
#include "simd/avx2.h"

#include "attention/generic.h"

namespace inc_hf {

const AttentionUkernels attention_ukernel__avx2 = attention_of<Pairs, 4, 2>(Isa::kAvx2, "attention_ukernel__avx2");

}  // namespace inc_hf
#endif

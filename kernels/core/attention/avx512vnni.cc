#if defined(__x86_64__)
#include "q8gemm/dot_avx512vnni.h"
#include "simd/avx512.h"

#include "attention/generic.h"

namespace inc_hf {

const AttentionUkernels attention_ukernel__avx512vnni =
    attention_of<Quads, 6, 4>(Isa::kAvx512Vnni, "attention_ukernel__avx512vnni");

}  // namespace inc_hf
#endif

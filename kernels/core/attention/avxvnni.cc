#if defined(__x86_64__)
#include "q8gemm/dot_avxvnni.h"
#include "simd/avx2.h"

#include "attention/generic.h"

namespace inc_hf {

const AttentionUkernels attention_ukernel__avxvnni =
    attention_of<Quads, 4, 2>(Isa::kAvxVnni, "attention_ukernel__avxvnni");

}  // namespace inc_hf
#endif

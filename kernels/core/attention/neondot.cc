#if defined(__aarch64__)
#include "q8gemm/dot_neondot.h"
#include "simd/neon.h"

#include "attention/generic.h"

namespace inc_hf {

const AttentionUkernels attention_ukernel__neondot =
    attention_of<Quads, 6, 4>(Isa::kNeonDot, "attention_ukernel__neondot");

}  // namespace inc_hf
#endif

#include "q8gemm/dot_scalar.h"
#include "simd/scalar.h"

#include "attention/generic.h"

namespace inc_hf {

const AttentionUkernels attention_ukernel__scalar =
    attention_of<Quads, 4, 4>(Isa::kScalar, "attention_ukernel__scalar");

}  // namespace inc_hf

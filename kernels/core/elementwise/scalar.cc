#include "simd/scalar.h"

#include "elementwise/generic.h"

namespace inc_hf {

const ElementwiseUkernels elementwise_ukernel__scalar = ukernels_of(Isa::kScalar, "elementwise_ukernel__scalar");

}  // namespace inc_hf

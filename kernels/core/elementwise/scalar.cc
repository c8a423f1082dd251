#include "simd/scalar.h"

#include "elementwise/generic.h"

namespace inc_hf {

const ElementwiseUkernels elementwise_ukernel__scalar = elementwise_ukernels("elementwise_ukernel__scalar");

}  // namespace inc_hf

#if defined(__aarch64__)
#include "simd/neon.h"

#include "elementwise/generic.h"

namespace inc_hf {

const ElementwiseUkernels elementwise_ukernel__neondot = ukernels_of(Isa::kNeonDot, "elementwise_ukernel__neondot");

}  // namespace inc_hf
#endif

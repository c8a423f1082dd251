#if defined(__x86_64__)
#include "simd/avx2.h"

#include "elementwise/generic.h"

namespace inc_hf {

const ElementwiseUkernels elementwise_ukernel__avx2 = ukernels_of(Isa::kAvx2, "elementwise_ukernel__avx2");

}  // namespace inc_hf
#endif

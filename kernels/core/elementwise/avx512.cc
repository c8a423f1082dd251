#if defined(__x86_64__)
#include "simd/avx512.h"

#include "elementwise/generic.h"

namespace inc_hf {

const ElementwiseUkernels elementwise_ukernel__avx512 = ukernels_of(Isa::kAvx512Vnni, "elementwise_ukernel__avx512");

}  // namespace inc_hf
#endif

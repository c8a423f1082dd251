#if defined(__x86_64__)
#include "q8spmm/avx2_block.h"
#include "simd/dpbusd256.h"

namespace {

struct Dot {
  static __m256i add(__m256i acc, __m256i x, __m256i w) { return dpbusd256(acc, x, w); }
  static __m128i add(__m128i acc, __m128i x, __m128i w) { return dpbusd128(acc, x, w); }
};

}  // namespace

namespace inc_hf {

const Q8SpmmUkernels q8spmm_ukernel_32x4c4__avxvnni = {"q8spmm_ukernel_32x4c4__avxvnni", Isa::kAvxVnni, 32, 2,
                                                       q8spmm_two_halves<Dot>};
const Q8SpmmUkernels q8spmm_ukernel_8x4c4__avxvnni = {"q8spmm_ukernel_8x4c4__avxvnni", Isa::kAvxVnni, 8, 1,
                                                      q8spmm_tile<Narrow<Dot>>};
const Q8SpmmUkernels q8spmm_ukernel_1x4c4__avxvnni = {"q8spmm_ukernel_1x4c4__avxvnni", Isa::kAvxVnni, 1, 1,
                                                      q8spmm_single<Dot>};

}  // namespace inc_hf
#endif

#if defined(__x86_64__)
#include "q8spmm/avx2_block.h"

namespace {

// vpmaddubsw sums two products in 16 bits; the packer pairs only weights that fit.
struct Dot {
  static __m256i add(__m256i acc, __m256i x, __m256i w) {
    return _mm256_add_epi32(acc, _mm256_madd_epi16(_mm256_maddubs_epi16(x, w), _mm256_set1_epi16(1)));
  }
  static __m128i add(__m128i acc, __m128i x, __m128i w) {
    return _mm_add_epi32(acc, _mm_madd_epi16(_mm_maddubs_epi16(x, w), _mm_set1_epi16(1)));
  }
};

}  // namespace

namespace inc_hf {

const Q8SpmmUkernels q8spmm_ukernel_32x4c4__avx2 = {"q8spmm_ukernel_32x4c4__avx2", Isa::kAvx2, 32, 2,
                                                    q8spmm_two_halves<Dot>};
const Q8SpmmUkernels q8spmm_ukernel_8x4c4__avx2 = {"q8spmm_ukernel_8x4c4__avx2", Isa::kAvx2, 8, 1,
                                                   q8spmm_tile<Narrow<Dot>>};
const Q8SpmmUkernels q8spmm_ukernel_1x4c4__avx2 = {"q8spmm_ukernel_1x4c4__avx2", Isa::kAvx2, 1, 1, q8spmm_single<Dot>};

}  // namespace inc_hf
#endif

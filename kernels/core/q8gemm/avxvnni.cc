#if defined(__x86_64__)
#include <immintrin.h>

#include "q8gemm/generic.h"
#include "simd/dpbusd256.h"
#include "simd/word.h"

namespace {

struct Quads {
  using Vector = __m256i;
  using Activation = uint8_t;
  static constexpr int kWidth = 8;
  static constexpr int kGroup = 4;
  static Vector zero() { return _mm256_setzero_si256(); }
  static void store(int32_t* p, Vector x) { _mm256_storeu_si256((__m256i*)p, x); }
  static Vector load(const int8_t* p) { return _mm256_loadu_si256((const __m256i*)p); }
  static Vector broadcast(const uint8_t* p) { return _mm256_set1_epi32(word(p)); }
  static Vector add(Vector acc, Vector x, Vector w) { return dpbusd256(acc, x, w); }
};

}  // namespace

namespace inc_hf {

const Q8GemmUkernels q8gemm_ukernel_6x16c4__avxvnni = {
    "q8gemm_ukernel_6x16c4__avxvnni",
    Isa::kAvxVnni,
    PanelLayout::kQuads,
    6,
    16,
    {q8gemm_tile<Quads, 1, 2>, q8gemm_tile<Quads, 2, 2>, q8gemm_tile<Quads, 3, 2>, q8gemm_tile<Quads, 4, 2>,
     q8gemm_tile<Quads, 5, 2>, q8gemm_tile<Quads, 6, 2>}};

}  // namespace inc_hf
#endif

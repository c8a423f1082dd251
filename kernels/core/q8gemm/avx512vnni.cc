#if defined(__x86_64__)
#include <immintrin.h>

#include "q8gemm/generic.h"
#include "simd/word.h"

namespace {

struct Quads {
  using Vector = __m512i;
  using Activation = uint8_t;
  static constexpr int kWidth = 16;
  static constexpr int kGroup = 4;
  static Vector zero() { return _mm512_setzero_si512(); }
  static void store(int32_t* p, Vector x) { _mm512_storeu_si512(p, x); }
  static Vector load(const int8_t* p) { return _mm512_loadu_si512(p); }
  static Vector broadcast(const uint8_t* p) { return _mm512_set1_epi32(word(p)); }
  static Vector add(Vector acc, Vector x, Vector w) { return _mm512_dpbusd_epi32(acc, x, w); }
};

}  // namespace

namespace inc_hf {

const Q8GemmUkernels q8gemm_ukernel_6x64c4__avx512vnni = {
    "q8gemm_ukernel_6x64c4__avx512vnni",
    Isa::kAvx512Vnni,
    PanelLayout::kQuads,
    6,
    64,
    {q8gemm_tile<Quads, 1, 4>, q8gemm_tile<Quads, 2, 4>, q8gemm_tile<Quads, 3, 4>, q8gemm_tile<Quads, 4, 4>,
     q8gemm_tile<Quads, 5, 4>, q8gemm_tile<Quads, 6, 4>}};

}  // namespace inc_hf
#endif

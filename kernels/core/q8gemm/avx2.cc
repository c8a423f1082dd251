#if defined(__x86_64__)
#include <immintrin.h>

#include "q8gemm/generic.h"
#include "simd/word.h"

namespace {

struct Avx2 {
  using Vector = __m256i;
  static constexpr int kWidth = 8;
  static Vector zero() { return _mm256_setzero_si256(); }
  static void store(int32_t* p, Vector x) { _mm256_storeu_si256((__m256i*)p, x); }
};

// u8 x s8: vpmaddubsw sums two products in 16 bits, so that two weights of a pair may not exceed |w0 + w1| = 128.
struct Quads : Avx2 {
  using Activation = uint8_t;
  static constexpr int kGroup = 4;
  static Vector load(const int8_t* p) { return _mm256_loadu_si256((const __m256i*)p); }
  static Vector broadcast(const uint8_t* p) { return _mm256_set1_epi32(word(p)); }
  static Vector add(Vector acc, Vector x, Vector w) {
    const Vector pairs = _mm256_maddubs_epi16(x, w);
    return _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
};

// s16 x s16: as many multiplications per product as the two steps above, and exact for every weight.
struct Pairs : Avx2 {
  using Activation = int16_t;
  static constexpr int kGroup = 2;
  static Vector load(const int8_t* p) { return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i*)p)); }
  static Vector broadcast(const int16_t* p) { return _mm256_set1_epi32(word(p)); }
  static Vector add(Vector acc, Vector x, Vector w) { return _mm256_add_epi32(acc, _mm256_madd_epi16(x, w)); }
};

}  // namespace

namespace inc_hf {

const Q8GemmUkernels q8gemm_ukernel_4x16c4__avx2 = {
    "q8gemm_ukernel_4x16c4__avx2",
    Isa::kAvx2,
    PanelLayout::kQuads,
    4,
    16,
    {q8gemm_tile<Quads, 1, 2>, q8gemm_tile<Quads, 2, 2>, q8gemm_tile<Quads, 3, 2>, q8gemm_tile<Quads, 4, 2>}};

const Q8GemmUkernels q8gemm_ukernel_6x16c2__avx2 = {
    "q8gemm_ukernel_6x16c2__avx2",
    Isa::kAvx2,
    PanelLayout::kPairs,
    6,
    16,
    {q8gemm_tile<Pairs, 1, 2>, q8gemm_tile<Pairs, 2, 2>, q8gemm_tile<Pairs, 3, 2>, q8gemm_tile<Pairs, 4, 2>,
     q8gemm_tile<Pairs, 5, 2>, q8gemm_tile<Pairs, 6, 2>}};

}  // namespace inc_hf
#endif

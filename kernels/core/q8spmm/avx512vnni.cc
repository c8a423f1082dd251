#if defined(__x86_64__)
#include "q8spmm/avx2_block.h"
#include "simd/dpbusd256.h"
#include "simd/word.h"

namespace {

struct Dot {
  static __m256i add(__m256i acc, __m256i x, __m256i w) { return dpbusd256(acc, x, w); }
  static __m128i add(__m128i acc, __m128i x, __m128i w) { return dpbusd128(acc, x, w); }
};

inline __m512i load64(const uint8_t* p) { return _mm512_loadu_si512(p); }

struct Wide512 {
  using Vector = __m512i;
  static constexpr int kTokens = 64, kVectors = 4;
  static Vector zero() { return _mm512_setzero_si512(); }
  static Vector broadcast(const int8_t* p) { return _mm512_set1_epi32(word(p)); }
  static Vector add(Vector acc, Vector x, Vector w) { return _mm512_dpbusd_epi32(acc, x, w); }
  static void gather(const uint8_t* xt, const uint16_t* ks, Vector* x) {
    const Vector r0 = load64(xt + size_t{ks[0]} * kTokens), r1 = load64(xt + size_t{ks[1]} * kTokens);
    const Vector r2 = load64(xt + size_t{ks[2]} * kTokens), r3 = load64(xt + size_t{ks[3]} * kTokens);
    const Vector a = _mm512_unpacklo_epi8(r0, r1), b = _mm512_unpacklo_epi8(r2, r3);
    const Vector c = _mm512_unpackhi_epi8(r0, r1), d = _mm512_unpackhi_epi8(r2, r3);
    x[0] = _mm512_unpacklo_epi16(a, b);
    x[1] = _mm512_unpackhi_epi16(a, b);
    x[2] = _mm512_unpacklo_epi16(c, d);
    x[3] = _mm512_unpackhi_epi16(c, d);
  }
  static void store(int32_t* c, int64_t ldc, Sums<Wide512>& sums) {
    INC_HF_UNROLL
    for (int v = 0; v < kVectors; v++)
      store_transposed(c + v * 16 * ldc, ldc, sums[0][v], sums[1][v], sums[2][v], sums[3][v]);
  }
  // Channels x sixteen tokens to sixteen rows of four channels.
  static void store_transposed(int32_t* c, int64_t ldc, Vector a0, Vector a1, Vector a2, Vector a3) {
    const Vector lo01 = _mm512_unpacklo_epi32(a0, a1), hi01 = _mm512_unpackhi_epi32(a0, a1);
    const Vector lo23 = _mm512_unpacklo_epi32(a2, a3), hi23 = _mm512_unpackhi_epi32(a2, a3);
    const Vector rows[4] = {_mm512_unpacklo_epi64(lo01, lo23), _mm512_unpackhi_epi64(lo01, lo23),
                            _mm512_unpacklo_epi64(hi01, hi23), _mm512_unpackhi_epi64(hi01, hi23)};
    INC_HF_UNROLL
    for (int t = 0; t < 4; t++) {
      _mm_storeu_si128((__m128i*)(c + t * ldc), _mm512_castsi512_si128(rows[t]));
      _mm_storeu_si128((__m128i*)(c + (t + 4) * ldc), _mm512_extracti32x4_epi32(rows[t], 1));
      _mm_storeu_si128((__m128i*)(c + (t + 8) * ldc), _mm512_extracti32x4_epi32(rows[t], 2));
      _mm_storeu_si128((__m128i*)(c + (t + 12) * ldc), _mm512_extracti32x4_epi32(rows[t], 3));
    }
  }
};

}  // namespace

namespace inc_hf {

const Q8SpmmUkernels q8spmm_ukernel_64x4c4__avx512vnni = {"q8spmm_ukernel_64x4c4__avx512vnni", Isa::kAvx512Vnni, 64, 4,
                                                          q8spmm_tile<Wide512>};
const Q8SpmmUkernels q8spmm_ukernel_8x4c4__avx512vnni = {"q8spmm_ukernel_8x4c4__avx512vnni", Isa::kAvx512Vnni, 8, 1,
                                                         q8spmm_tile<Narrow<Dot>>};
const Q8SpmmUkernels q8spmm_ukernel_1x4c4__avx512vnni = {"q8spmm_ukernel_1x4c4__avx512vnni", Isa::kAvx512Vnni, 1, 1,
                                                         q8spmm_single<Dot>};

}  // namespace inc_hf
#endif

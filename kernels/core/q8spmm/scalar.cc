#include <string.h>

#include "q8spmm/ukernel.h"

namespace {

constexpr int kTokens = 8;

void tile(const uint8_t* xt, const uint16_t* ks, const int8_t* w, int64_t quads, int32_t* c, int64_t ldc) {
  for (int t = 0; t < kTokens; t++) memset(c + t * ldc, 0, inc_hf::kBlockRows * sizeof(int32_t));
  for (int64_t i = 0; i < 4 * quads; i++) {
    const uint8_t* x = xt + ks[i] * kTokens;
    const int8_t* column = w + i / 4 * 16 + i % 4;
    for (int t = 0; t < kTokens; t++) {
      for (int o = 0; o < inc_hf::kBlockRows; o++) {
        // Unsigned: a corrupt weight may overflow.
        c[t * ldc + o] = (int32_t)((uint32_t)c[t * ldc + o] + (uint32_t)(x[t] * column[4 * o]));
      }
    }
  }
}

}  // namespace

namespace inc_hf {

const Q8SpmmUkernels q8spmm_ukernel_8x4c4__scalar = {"q8spmm_ukernel_8x4c4__scalar", Isa::kScalar, kTokens, 1, tile};

}  // namespace inc_hf

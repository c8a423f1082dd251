#include <string.h>

#include "q8gemm/ukernel.h"

namespace {

constexpr int kNr = 8, kGroup = 4;

template <int kRows>
void tile(const void* a_rows, int64_t a_stride, const int8_t* panel, int64_t k_groups, int32_t* c) {
  memset(c, 0, kRows * kNr * sizeof(int32_t));
  for (int i = 0; i < kRows; i++) {
    const uint8_t* a = (const uint8_t*)a_rows + i * a_stride;
    for (int64_t k = 0; k < k_groups; k++) {
      for (int j = 0; j < kNr * kGroup; j++) {
        c[i * kNr + j / kGroup] += a[k * kGroup + j % kGroup] * panel[k * kNr * kGroup + j];
      }
    }
  }
}

}  // namespace

namespace inc_hf {

const Q8GemmUkernels q8gemm_ukernel_4x8c4__scalar = {
    "q8gemm_ukernel_4x8c4__scalar", Isa::kScalar, PanelLayout::kQuads, 4, kNr, {tile<1>, tile<2>, tile<3>, tile<4>}};

}  // namespace inc_hf

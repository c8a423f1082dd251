// The contract of the dense micro-kernels, and the list of those that exist.
#pragma once

#include <stdint.h>

#include "isa.h"
#include "parallel.h"
#include "tile_rows.h"

namespace inc_hf {

// How the weights of a panel are laid out, which is also what the micro-kernel multiplies.
//   kQuads: [k / 4][nr][4] int8 against uint8 activations, products summed in 16 bits (AVX2) or 32 (VNNI, scalar);
//           kNeonDot takes 128 from the activations, as its instruction multiplies s8 x s8
//   kPairs: [k / 2][nr][2] int8 against int16 activations: exact for 8-bit weights where there is no VNNI
enum class PanelLayout : int32_t { kQuads = 4, kPairs = 2 };

inline constexpr int kMaxMr = 32;

// The k of a panel is padded with zeros to whole quads, for AMX to whole tiles of 64.
inline int64_t panel_k(Isa isa, int64_t k) {
  const int64_t multiple = isa == Isa::kAmx ? 64 : 4;
  return ceil_div(k, multiple) * multiple;
}

// c[rows][nr] = a[rows][k] * panel. `k_groups` counts groups of 4 or 2 along k, without those that a tile of AMX is
// padded with; `a_stride` is in elements.
// q8gemm_ukernel_<MR>x<NR>c<KR>__<isa>: MR rows of activations, NR output channels, KR values of k per instruction.
using Q8GemmUkernel = void (*)(const void* a, int64_t a_stride, const int8_t* panel, int64_t k_groups, int32_t* c);

struct Q8GemmUkernels {
  const char* name;
  Isa isa;
  PanelLayout layout;
  int mr, nr;
  Q8GemmUkernel rows[kMaxMr];          // rows[i] computes i + 1 rows, i < mr
  ConfigureTiles configure = nullptr;  // what the thread calls first, see tile_rows.h
};

// Each line of ukernels.inc is declared, and stands in the array that dispatch, tests and benchmark go through.
#define UKERNEL(isa, MR, NR, KR) extern const Q8GemmUkernels q8gemm_ukernel_##MR##x##NR##c##KR##__##isa;
#include "q8gemm/ukernels.inc"
#undef UKERNEL

inline constexpr const Q8GemmUkernels* kAllQ8GemmUkernels[] = {
#define UKERNEL(isa, MR, NR, KR) &q8gemm_ukernel_##MR##x##NR##c##KR##__##isa,
#include "q8gemm/ukernels.inc"
#undef UKERNEL
};

// The one that `isa` runs fastest; for kPairs only AVX2 has one of its own, others run quads exactly.
const Q8GemmUkernels& q8gemm_ukernels(Isa isa, PanelLayout layout);

}  // namespace inc_hf

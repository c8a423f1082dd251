// The contract of the bfloat16 micro-kernels.
#pragma once

#include <stdint.h>

#include "bf16gemm/variant.h"
#include "elementwise/activation_kind.h"
#include "tile_rows.h"

namespace inc_hf {

// Packed activations are [k / chunk][rows][64 bytes]: a cache line of each row in turn, whatever the stride of the rows
// was. Rows a multiple of 4 KiB apart would evict each other from L1.
inline constexpr int kBf16GemmMaxMr = 32;
inline constexpr int kBf16GemmChunkBytes = 64;

// c[rows][panels * nr] = a * panels. `pairs` counts pairs along k, without those that a tile of AMX is padded with;
// `panel_stride` is in elements.
using Bf16GemmTile = void (*)(const void* a, const uint16_t* w, int64_t panel_stride, int64_t pairs, float* c);

// What becomes of c: y = activation(c + bias) + residual, for `columns` of each row.
struct Bf16GemmEpilogue {
  const float* bias;
  Activation activation;
  const float* residual;  // or null; rows as far apart as those of y
  float* y;
  int64_t y_stride;
};

// bf16gemm_ukernel_<MR>x<NR>__<variant>: MR rows of activations, NR output channels.
struct Bf16GemmUkernels {
  const char* name;
  bf16gemm::Variant variant;
  int mr, nr, chunk;  // chunk: values of k in kBf16GemmChunkBytes of packed activations
  void (*pack)(const float* x, int64_t row_stride, int rows, int64_t k, void* a);
  Bf16GemmTile rows[kBf16GemmMaxMr];  // rows[i] computes i + 1 rows of one panel, i < mr
  // A row alone has too few additions under way in one panel to hide their latency: this one takes `wide` panels.
  int wide;
  Bf16GemmTile wide_row;
  void (*finish)(const float* c, int64_t c_stride, int rows, int64_t columns, const Bf16GemmEpilogue& epilogue);
  ConfigureTiles configure = nullptr;  // what the thread calls first, see tile_rows.h
};

// Each line of ukernels.inc is declared, and stands in the array that dispatch, tests and benchmark go through.
#define UKERNEL(variant, MR, NR) extern const Bf16GemmUkernels bf16gemm_ukernel_##MR##x##NR##__##variant;
#include "bf16gemm/ukernels.inc"
#undef UKERNEL

inline constexpr const Bf16GemmUkernels* kAllBf16GemmUkernels[] = {
#define UKERNEL(variant, MR, NR) &bf16gemm_ukernel_##MR##x##NR##__##variant,
#include "bf16gemm/ukernels.inc"
#undef UKERNEL
};

// Throws std::invalid_argument if this build has none.
const Bf16GemmUkernels& bf16gemm_ukernels(bf16gemm::Variant variant);

}  // namespace inc_hf

// What elementwise.cc needs of an ISA: one contiguous piece or row at a time.
#pragma once

#include <stdint.h>

#include "isa.h"

namespace inc_hf {

// elementwise_ukernel__<file>
struct ElementwiseUkernels {
  const char* name;
  Isa isa;  // the least that executes them: those of AVX2 serve AVX-VNNI too
  // One for each Activation, in the order of its values.
  void (*activate[6])(const float* x, float* y, int64_t n);
  void (*layer_norm)(const float* x, const float* residual, const float* weight, const float* bias, float eps, float* y,
                     float* sum_out, int64_t cols);
  void (*rms_norm)(const float* x, const float* weight, float eps, float* y, int64_t cols);
  void (*multiply)(const float* x, const float* factor, float* y, int64_t n);
  void (*softmax)(const float* x, const float* mask, float* y, int64_t cols);
  // y += x and y += code * scale; `=` instead of `+=` where it `is_first`. The same bits on every ISA.
  void (*add_floats)(const float* x, float* y, int64_t n, bool is_first);
  void (*add_codes)(const int8_t* codes, float scale, float* y, int64_t n, bool is_first);
};

// Each line of ukernels.inc is declared, and stands in the array that dispatch, tests and benchmark go through.
#define UKERNEL(isa) extern const ElementwiseUkernels elementwise_ukernel__##isa;
#include "elementwise/ukernels.inc"
#undef UKERNEL

inline constexpr const ElementwiseUkernels* kAllElementwiseUkernels[] = {
#define UKERNEL(isa) &elementwise_ukernel__##isa,
#include "elementwise/ukernels.inc"
#undef UKERNEL
};

// The first of the list that `isa` executes.
const ElementwiseUkernels& elementwise_ukernels(Isa isa);

}  // namespace inc_hf

// What elementwise.cc needs of an ISA: one contiguous piece or row at a time.
#pragma once

#include <stdint.h>

namespace inc_hf {

struct ElementwiseUkernels {
  const char* name;
  // One for each Activation, in the order of its values.
  void (*activate[5])(const float* x, float* y, int64_t n);
  void (*layer_norm)(const float* x, const float* residual, const float* weight, const float* bias, float eps, float* y,
                     float* sum_out, int64_t cols);
  void (*softmax)(const float* x, const float* mask, float* y, int64_t cols);
};

extern const ElementwiseUkernels elementwise_ukernel__scalar;
#if defined(__x86_64__)
extern const ElementwiseUkernels elementwise_ukernel__avx2;
extern const ElementwiseUkernels elementwise_ukernel__avx512;
#elif defined(__aarch64__)
extern const ElementwiseUkernels elementwise_ukernel__neondot;
#endif

}  // namespace inc_hf

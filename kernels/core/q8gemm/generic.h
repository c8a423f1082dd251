// The body of the dense micro-kernels, over a `Dot` that an ISA file defines in an anonymous namespace:
//   Dot::Vector, kWidth (int32 lanes), kGroup (values of k per lane), Activation (its element type)
//   zero(), load(const int8_t*), broadcast(const Activation*), add(acc, activations, weights), store(int32_t*, acc)
//   kZero, kTaken: the activation that stands for 0, and what the instruction takes from each activation
#pragma once

#include <stdint.h>

#include "q8gemm/ukernel.h"
#include "simd/unroll.h"

namespace {

template <typename Dot, int kRows, int kVectors>
void q8gemm_tile(const void* a_rows, int64_t a_stride, const int8_t* panel, int64_t k_groups, int32_t* c) {
  const typename Dot::Activation* a = (const typename Dot::Activation*)a_rows;
  typename Dot::Vector acc[kRows][kVectors];
  INC_HF_UNROLL
  for (int i = 0; i < kRows; i++) {
    INC_HF_UNROLL
    for (int j = 0; j < kVectors; j++) acc[i][j] = Dot::zero();
  }
  for (int64_t k = 0; k < k_groups; k++) {
    typename Dot::Vector w[kVectors];
    INC_HF_UNROLL
    for (int j = 0; j < kVectors; j++) w[j] = Dot::load(panel + j * Dot::kWidth * Dot::kGroup);
    INC_HF_UNROLL
    for (int i = 0; i < kRows; i++) {
      const typename Dot::Vector x = Dot::broadcast(a + i * a_stride + k * Dot::kGroup);
      INC_HF_UNROLL
      for (int j = 0; j < kVectors; j++) acc[i][j] = Dot::add(acc[i][j], x, w[j]);
    }
    panel += kVectors * Dot::kWidth * Dot::kGroup;
  }
  INC_HF_UNROLL
  for (int i = 0; i < kRows; i++) {
    INC_HF_UNROLL
    for (int j = 0; j < kVectors; j++) Dot::store(c + (i * kVectors + j) * Dot::kWidth, acc[i][j]);
  }
}

}  // namespace

// The body of the bfloat16 micro-kernels, over a `Dot` that says how a panel is multiplied:
//   Weights, kSteps (multiplications for a pair along k), load<step>(const uint16_t*), add(acc, activations, weights),
//   pack(four-byte activations*, x, n): one chunk. Needs the F32 of a simd/*.h, included before.
#pragma once

#include <stdint.h>

#include "bf16gemm/ukernel.h"
#include "elementwise/activation.h"
#include "simd/unroll.h"

namespace {

constexpr int kChunk = inc_hf::kBf16GemmChunkBytes / 4;  // four-byte activations

// The weights are widened, one float multiply-add for each element of a pair.
struct Widened {
  using Weights = F32;
  static constexpr int kSteps = 2;
  template <int kStep>
  static F32 load(const uint16_t* w) {
    return kStep == 0 ? load_bf16_even(w) : load_bf16_odd(w);
  }
  static F32 add(F32 acc, const float* x, F32 w) { return fma(set1(*x), w, acc); }
  static void pack(float* a, const float* x, int n) {
    for (int i = 0; i < kChunk; i += F32::kWidth) store(a + i, load_n(x + (i < n ? i : 0), n - i));
  }
};

template <typename Dot, int kStep, int kRows, int kPanels, int kVectors>
inline __attribute__((always_inline)) void add_step(const float* a, const uint16_t* w, int64_t panel_stride,
                                                    F32 (&acc)[kRows][kPanels * kVectors]) {
  typename Dot::Weights weights[kPanels * kVectors];
  INC_HF_UNROLL
  for (int j = 0; j < kPanels * kVectors; j++) {
    weights[j] = Dot::template load<kStep>(w + j / kVectors * panel_stride + j % kVectors * F32::kWidth * 2);
  }
  INC_HF_UNROLL
  for (int i = 0; i < kRows; i++) {
    INC_HF_UNROLL
    for (int j = 0; j < kPanels * kVectors; j++) acc[i][j] = Dot::add(acc[i][j], a + i * kChunk + kStep, weights[j]);
  }
}

template <typename Dot, int kRows, int kPanels, int kNr>
void bf16gemm_tile(const void* activations, const uint16_t* w, int64_t panel_stride, int64_t pairs, float* c) {
  constexpr int kVectors = kNr / F32::kWidth;
  constexpr int kChunkPairs = kChunk / Dot::kSteps;
  const float* a = (const float*)activations;
  F32 acc[kRows][kPanels * kVectors];
  INC_HF_UNROLL
  for (int i = 0; i < kRows; i++) {
    INC_HF_UNROLL
    for (int j = 0; j < kPanels * kVectors; j++) acc[i][j] = set1(0.0f);
  }
  for (; pairs > 0; pairs -= kChunkPairs, a += kRows * kChunk) {
    const int n = pairs < kChunkPairs ? (int)pairs : kChunkPairs;
    for (int p = 0; p < n; p++, w += 2 * kNr) {
      add_step<Dot, 0, kRows, kPanels, kVectors>(a + p * Dot::kSteps, w, panel_stride, acc);
      if constexpr (Dot::kSteps == 2) add_step<Dot, 1, kRows, kPanels, kVectors>(a + p * 2, w, panel_stride, acc);
    }
  }
  INC_HF_UNROLL
  for (int i = 0; i < kRows; i++) {
    INC_HF_UNROLL
    for (int j = 0; j < kPanels * kVectors; j++) store(c + i * kPanels * kNr + j * F32::kWidth, acc[i][j]);
  }
}

template <typename Dot>
void bf16gemm_pack(const float* x, int64_t row_stride, int rows, int64_t k, void* packed) {
  constexpr int kValues = kChunk * 2 / Dot::kSteps;
  float* a = (float*)packed;
  for (int64_t begin = 0; begin < k; begin += kValues) {
    const int n = k - begin < kValues ? (int)(k - begin) : kValues;
    for (int i = 0; i < rows; i++, a += kChunk) Dot::pack(a, x + i * row_stride + begin, n);
  }
}

template <inc_hf::Activation kKind>
void finish_row(const float* c, int64_t columns, const float* bias, const float* residual, float* y) {
  for (int64_t j = 0; j < columns; j += F32::kWidth) {
    const int n = columns - j < F32::kWidth ? (int)(columns - j) : F32::kWidth;
    F32 value = activate<kKind>(load(c + j) + load(bias + j));  // both are padded to whole vectors
    if (residual != nullptr) value = value + load_n(residual + j, n);
    store_n(y + j, value, n);
  }
}

inline void bf16gemm_finish(const float* c, int64_t c_stride, int rows, int64_t columns,
                            const inc_hf::Bf16GemmEpilogue& to) {
  using inc_hf::Activation;
  for (int i = 0; i < rows; i++) {
    const float* row = c + i * c_stride;
    const float* residual = to.residual == nullptr ? nullptr : to.residual + i * to.y_stride;
    float* y = to.y + i * to.y_stride;
    switch (to.activation) {
      case Activation::kNone: finish_row<Activation::kNone>(row, columns, to.bias, residual, y); break;
      case Activation::kRelu: finish_row<Activation::kRelu>(row, columns, to.bias, residual, y); break;
      case Activation::kGeluErf: finish_row<Activation::kGeluErf>(row, columns, to.bias, residual, y); break;
      case Activation::kGeluTanh: finish_row<Activation::kGeluTanh>(row, columns, to.bias, residual, y); break;
      case Activation::kSilu: finish_row<Activation::kSilu>(row, columns, to.bias, residual, y); break;
      case Activation::kQuickGelu: finish_row<Activation::kQuickGelu>(row, columns, to.bias, residual, y); break;
    }
  }
}

}  // namespace

#include "q8/linear.h"

#include <algorithm>

#include "q8gemm/multiply.h"
#include "q8spmm/multiply.h"
#include "q8spmm/ukernel.h"
#include "scratch.h"

namespace inc_hf {
namespace {

constexpr int64_t kElementsPerThread = 1 << 15;  // fewer to quantize are not worth waking a thread
constexpr int64_t kRowsTogether = 256;           // whose codes and results stay in the second-level cache

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

Epilogue from_row(const Epilogue& epilogue, int64_t m) {
  Epilogue rest = epilogue;
  const int64_t element = epilogue.output == Output::kCodes ? 1 : 4;
  rest.y = static_cast<char*>(epilogue.y) + m * epilogue.stride * element;
  if (epilogue.residual != nullptr) rest.residual += m * epilogue.stride;
  return rest;
}

void linear_rows(const PackedWeight& weight, const Quantizer& quantizer, const float* x, int64_t stride, int64_t m,
                 Epilogue epilogue, ParallelFor parallel_for) {
  const Scratch<uint8_t> codes(m * weight.k_padded);
  const Scratch<float> scales(m);
  quantize_rows(weight.header.isa, quantizer, x, stride, m, weight.header.k, codes.get(), scales.get(), parallel_for);
  epilogue.row_scale = scales.get();
  multiply(weight, codes.get(), m, quantizer.zero_point, epilogue, parallel_for);
}

}  // namespace

void quantize_rows(Isa isa, const Quantizer& quantizer, const float* x, int64_t stride, int64_t m, int64_t k,
                   uint8_t* codes, float* scales, ParallelFor parallel_for) {
  const Q8Rows& rows = q8_rows(isa);
  const int64_t length = padded_k(k);
  run_parallel(parallel_for, m, 1 + kElementsPerThread / (length + 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      rows.quantize(quantizer, x + i * stride, k, length, codes + i * length, scales + i);
    }
  });
}

void multiply(const PackedWeight& weight, const uint8_t* codes, int64_t m, int zero_point, Epilogue epilogue,
              ParallelFor parallel_for) {
  if (m == 0) return;
  // Pairs and s8 x s8 instructions multiply the signed integers, all others the codes, whose zero lies 128 higher.
  const bool is_signed = weight.header.kind == WeightKind::kDensePairs || weight.header.isa == Isa::kNeonDot;
  const int32_t zero = is_signed ? zero_point : 128 + zero_point;
  const Scratch<int32_t> correction(weight.n_padded);
  for (int64_t i = 0; i < weight.n_padded; i++)
    correction[i] = static_cast<int32_t>(static_cast<uint32_t>(zero) * weight.sums[i]);
  epilogue.correction = correction.get();
  epilogue.col_scale = weight.scale;
  epilogue.bias = weight.bias;
  if (weight.header.kind == WeightKind::kSparse) {
    multiply_blocks(weight, codes, m, epilogue, parallel_for);
  } else {
    multiply_panels(weight, codes, m, epilogue, parallel_for);
  }
}

void linear(const PackedWeight& weight, const Quantizer& quantizer, const float* x, int64_t stride, int64_t m,
            const Epilogue& epilogue, ParallelFor parallel_for, int64_t threads) {
  if (m <= kRowsTogether / 2 * threads) {
    return linear_rows(weight, quantizer, x, stride, m, epilogue, parallel_for);
  }
  // Many rows: each thread takes its share of them through all steps, as many at a time as its cache holds.
  run_parallel(parallel_for, m, divide_up(m, threads), [&](int64_t begin, int64_t end) {
    const int64_t steps = divide_up(end - begin, kRowsTogether);
    const int64_t rows = divide_up(divide_up(end - begin, steps), kMaxTokens) * kMaxTokens;
    for (int64_t i = begin; i < end; i += rows) {
      const int64_t next = std::min(i + rows, end);
      linear_rows(weight, quantizer, x + i * stride, stride, next - i, from_row(epilogue, i), serial);
    }
  });
}

}  // namespace inc_hf

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

Epilogue from_row(const Epilogue& epilogue, int64_t m) {
  Epilogue rest = epilogue;
  const int64_t element = epilogue.output == Output::kCodes ? 1 : 4;
  rest.y = static_cast<char*>(epilogue.y) + m * epilogue.stride * element;
  if (epilogue.residual != nullptr) rest.residual += m * epilogue.stride;
  if (epilogue.row_scale != nullptr) rest.row_scale += m;
  return rest;
}

// Calls f(first row, end, parallel_for). Of many rows each thread takes its share through all that f does, as many at a
// time as its cache holds; few rows come all at once, and all threads work on them together.
template <typename F>
void for_row_shares(int64_t m, ParallelFor parallel_for, int64_t threads, F f) {
  if (m <= kRowsTogether / 2 * threads) return f(0, m, parallel_for);
  run_parallel(parallel_for, m, ceil_div(m, threads), [&](int64_t begin, int64_t end) {
    const int64_t steps = ceil_div(end - begin, kRowsTogether);
    const int64_t rows = ceil_div(ceil_div(end - begin, steps), kMaxTokens) * kMaxTokens;
    for (int64_t i = begin; i < end; i += rows) f(i, std::min(i + rows, end), serial);
  });
}

// zero point of the codes times the sum of each channel's weights
Scratch<int32_t> correction_of(const PackedWeight& weight, int zero_point) {
  // Pairs and s8 x s8 instructions multiply the signed integers, all others the codes, whose zero lies 128 higher.
  const bool is_signed = weight.header.kind == WeightKind::kDensePairs || weight.header.isa == Isa::kNeonDot;
  const uint32_t zero = static_cast<uint32_t>(is_signed ? zero_point : 128 + zero_point);
  Scratch<int32_t> correction(weight.n_padded);
  for (int64_t i = 0; i < weight.n_padded; i++) correction[i] = static_cast<int32_t>(zero * weight.sums[i]);
  return correction;
}

void multiply_rows(const PackedWeight& weight, const uint8_t* codes, int64_t m, const Epilogue& epilogue,
                   ParallelFor parallel_for) {
  if (weight.header.kind == WeightKind::kSparse) {
    multiply_blocks(weight, codes, m, epilogue, parallel_for);
  } else {
    multiply_panels(weight, codes, m, epilogue, parallel_for);
  }
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
              ParallelFor parallel_for, int64_t threads) {
  if (m == 0) return;
  const Scratch<int32_t> correction = correction_of(weight, zero_point);
  epilogue.correction = correction.get();
  epilogue.col_scale = weight.scale;
  epilogue.bias = weight.bias;
  for_row_shares(m, parallel_for, threads, [&](int64_t first, int64_t end, ParallelFor inner) {
    multiply_rows(weight, codes + first * weight.k_padded, end - first, from_row(epilogue, first), inner);
  });
}

void linear(const PackedWeight& weight, const Quantizer& quantizer, const float* x, int64_t stride, int64_t m,
            const Epilogue& epilogue, ParallelFor parallel_for, int64_t threads) {
  for_row_shares(m, parallel_for, threads, [&](int64_t first, int64_t end, ParallelFor inner) {
    const int64_t rows = end - first;
    const Scratch<uint8_t> codes(rows * weight.k_padded);
    const Scratch<float> scales(rows);
    quantize_rows(weight.header.isa, quantizer, x + first * stride, stride, rows, weight.header.k, codes.get(),
                  scales.get(), inner);
    Epilogue here = from_row(epilogue, first);
    here.row_scale = scales.get();
    multiply(weight, codes.get(), rows, quantizer.zero_point, here, inner, threads);
  });
}

}  // namespace inc_hf

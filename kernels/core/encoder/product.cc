#include "encoder/product.h"

#include <algorithm>

#include "bf16gemm/bf16gemm.h"
#include "elementwise/ukernel.h"
#include "q8/linear.h"
#include "scratch.h"

namespace inc_hf {
namespace {

bool quantize_alike(const Product& a, const Product& b) {
  return a.kind == ProductKind::kInt8 && b.kind == ProductKind::kInt8 && a.weight.header.isa == b.weight.header.isa &&
         a.quantizer.num_bits == b.quantizer.num_bits && a.quantizer.scale == b.quantizer.scale &&
         a.quantizer.zero_point == b.quantizer.zero_point && a.quantizer.round_scale == b.quantizer.round_scale &&
         a.factors == b.factors;
}

Epilogue epilogue_of(const Product& product, const ProductResult& result) {
  Epilogue epilogue = {};
  epilogue.activation = result.activation;
  epilogue.residual = result.residual;
  epilogue.y = result.y;
  epilogue.stride = product.n;
  return epilogue;
}

// Rows of x as a product takes them: x itself, or what its factors make of it.
struct Input {
  Scratch<float> memory;
  const float* rows;
  int64_t stride;

  Input(const Product& product, const float* x, int64_t x_stride, int64_t m)
      : memory(product.factors == nullptr ? 1 : m * product.k), rows(x), stride(x_stride) {
    if (product.factors == nullptr) return;
    const auto multiply = elementwise_ukernels(product.weight.header.isa).multiply;
    for (int64_t i = 0; i < m; i++)
      multiply(x + i * x_stride, product.factors, memory.get() + i * product.k, product.k);
    rows = memory.get();
    stride = product.k;
  }
};

}  // namespace

void multiply(const Product& product, const float* x, int64_t stride, int64_t m, const ProductResult& result,
              ParallelFor parallel_for) {
  if (product.kind == ProductKind::kBfloat16) {
    return bf16gemm::run(product.bfloat16, x, stride, m, result.y, result.activation, result.residual, parallel_for);
  }
  const Input input(product, x, stride, m);
  linear(product.weight, product.quantizer, input.rows, input.stride, m, epilogue_of(product, result), parallel_for, 1);
}

void multiply_all(std::initializer_list<const Product*> products, const float* x, int64_t m,
                  std::initializer_list<float*> results, ParallelFor parallel_for) {
  const Product& first = **products.begin();
  const auto is_alike = [&](const Product* product) { return quantize_alike(first, *product); };
  if (!std::all_of(products.begin(), products.end(), is_alike)) {
    auto y = results.begin();
    for (const Product* product : products) {
      multiply(*product, x, first.k, m, {*y++, Activation::kNone, nullptr}, parallel_for);
    }
    return;
  }
  const Scratch<uint8_t> codes(m * first.weight.k_padded);
  const Scratch<float> scales(m);
  const Input input(first, x, first.k, m);
  quantize_rows(first.weight.header.isa, first.quantizer, input.rows, input.stride, m, first.k, codes.get(),
                scales.get(), parallel_for);
  auto y = results.begin();
  for (const Product* product : products) {
    Epilogue epilogue = epilogue_of(*product, {*y++, Activation::kNone, nullptr});
    epilogue.row_scale = scales.get();
    multiply(product->weight, codes.get(), m, first.quantizer.zero_point, epilogue, parallel_for, 1);
  }
}

}  // namespace inc_hf

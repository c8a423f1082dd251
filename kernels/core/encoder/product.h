// A product of float rows with whatever its weight is packed as.
#pragma once

#include <initializer_list>

#include "encoder/plan.h"
#include "parallel.h"

namespace inc_hf {

// y[m][n] = activation(x w^T + bias) + residual
struct ProductResult {
  float* y;
  Activation activation;
  const float* residual;  // [m][n], null or y itself
};

// x[m][k], rows `stride` apart
void multiply(const Product& product, const float* x, int64_t stride, int64_t m, const ProductResult& result,
              ParallelFor parallel_for);

// Products of the same rows [m][k], which are quantized once if all quantize alike.
void multiply_all(std::initializer_list<const Product*> products, const float* x, int64_t m,
                  std::initializer_list<float*> results, ParallelFor parallel_for);

}  // namespace inc_hf

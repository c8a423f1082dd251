// What enters the first layer of an encoder of texts: rows of some tables, added, and a LayerNorm of their sum.
#pragma once

#include <cstdint>

#include "isa.h"
#include "parallel.h"

namespace inc_hf {

// One table of embeddings, and the row of it that each token takes. Rows are floats, or 8-bit codes times a scale.
struct Embedding {
  const int64_t* ids;
  int64_t rows;
  const float* floats;  // null: there are codes
  const int8_t* codes;
  const float* scales;
  int64_t scale_stride;  // 1: a scale for each row; 0: one for all
};

// For every token, with v = ((first + second) + third ...), each as `float(code) * scale` or as it stands:
//   y = layer_norm(v), see elementwise/elementwise.h
// `weight` and `bias` may be null. Throws std::invalid_argument if an id is no row of its table.
void embed(Isa isa, const Embedding* tables, int64_t count, const float* weight, const float* bias, float eps, float* y,
           int64_t tokens, int64_t cols, ParallelFor parallel_for);

}  // namespace inc_hf

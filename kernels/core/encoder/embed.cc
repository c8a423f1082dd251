#include "encoder/embed.h"

#include <stdexcept>
#include <string>

#include "elementwise/elementwise.h"
#include "elementwise/ukernel.h"

namespace inc_hf {
namespace {

void check_ids(const Embedding& table, int64_t tokens) {
  for (int64_t i = 0; i < tokens; i++) {
    if (table.ids[i] < 0 || table.ids[i] >= table.rows) {
      throw std::invalid_argument("An id must be from 0 to " + std::to_string(table.rows - 1) + ", got " +
                                  std::to_string(table.ids[i]) + ".");
    }
  }
}

}  // namespace

void embed(Isa isa, const Embedding* tables, int64_t count, const float* weight, const float* bias, float eps, float* y,
           int64_t tokens, int64_t cols, ParallelFor parallel_for) {
  for (int64_t t = 0; t < count; t++) check_ids(tables[t], tokens);
  if (cols == 0) return;
  const ElementwiseUkernels& kernels = elementwise_ukernels(isa);
  run_parallel(parallel_for, tokens, rows_grain(cols), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      float* const row = y + i * cols;
      for (int64_t t = 0; t < count; t++) {
        const Embedding& table = tables[t];
        const int64_t id = table.ids[i];
        if (table.floats != nullptr) {
          kernels.add_floats(table.floats + id * cols, row, cols, t == 0);
        } else {
          kernels.add_codes(table.codes + id * cols, table.scales[id * table.scale_stride], row, cols, t == 0);
        }
      }
      kernels.layer_norm(row, nullptr, weight, bias, eps, row, nullptr, cols);
    }
  });
}

}  // namespace inc_hf

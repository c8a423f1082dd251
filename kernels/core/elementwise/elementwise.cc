#include "elementwise/elementwise.h"

#include "elementwise/ukernel.h"

namespace inc_hf {

namespace {

// p + offset, where null is "there is none".
template <typename T>
T* advance(T* p, int64_t offset) {
  return p == nullptr ? nullptr : p + offset;
}

}  // namespace

void activate(Isa isa, Activation activation, const float* x, float* y, int64_t n, ParallelFor parallel_for) {
  const auto kernel = elementwise_ukernels(isa).activate[static_cast<int>(activation)];
  run_parallel(parallel_for, n, kGrain, [=](int64_t begin, int64_t end) { kernel(x + begin, y + begin, end - begin); });
}

void layer_norm(Isa isa, const float* x, const float* residual, const float* weight, const float* bias, float eps,
                float* y, float* sum_out, int64_t rows, int64_t cols, ParallelFor parallel_for) {
  if (cols == 0) return;
  const auto kernel = elementwise_ukernels(isa).layer_norm;
  run_parallel(parallel_for, rows, rows_grain(cols), [=](int64_t begin, int64_t end) {
    for (int64_t i = begin * cols; i < end * cols; i += cols) {
      kernel(x + i, advance(residual, i), weight, bias, eps, y + i, advance(sum_out, i), cols);
    }
  });
}

void rms_norm(Isa isa, const float* x, const float* weight, float eps, float* y, int64_t rows, int64_t cols,
              ParallelFor parallel_for) {
  if (cols == 0) return;
  const auto kernel = elementwise_ukernels(isa).rms_norm;
  run_parallel(parallel_for, rows, rows_grain(cols), [=](int64_t begin, int64_t end) {
    for (int64_t i = begin * cols; i < end * cols; i += cols) kernel(x + i, weight, eps, y + i, cols);
  });
}

void softmax(Isa isa, const float* x, const float* mask, int64_t rows_per_mask, float* y, int64_t rows, int64_t cols,
             ParallelFor parallel_for) {
  if (cols == 0) return;
  const auto kernel = elementwise_ukernels(isa).softmax;
  run_parallel(parallel_for, rows, rows_grain(cols), [=](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) {
      kernel(x + r * cols, mask == nullptr ? nullptr : mask + r / rows_per_mask * cols, y + r * cols, cols);
    }
  });
}

}  // namespace inc_hf

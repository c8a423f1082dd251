// Checks of what Python hands over, and torch's thread pool. Bad input throws std::invalid_argument: ValueError.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>

#include "library.h"
#include "parallel.h"

namespace inc_hf::torch_ext {

// A macro, so that the message is only made when it is needed.
#define REQUIRE(condition, message)                         \
  do {                                                      \
    if (!(condition)) throw std::invalid_argument(message); \
  } while (false)

// What `number` stands for: the ops take and return numbers of C++'s enumerations, in `inc_hf/ops/numbers.py` by name,
// because the stable ABI does not free the copy that it makes of a string.
template <typename Enum, size_t count>
Enum member(const Enum (&all)[count], int64_t number, const char* name) {
  for (const Enum value : all) {
    if (static_cast<int64_t>(value) == number) return value;
  }
  throw std::invalid_argument("`" + std::string(name) + "` must be one of the " + std::to_string(count) +
                              " numbers in inc_hf/ops/numbers.py, got " + std::to_string(number) + ".");
}

inline constexpr int64_t kInUse = -1;  // instead of a number: the variant that runs

std::string shape_of(const Tensor& x);

// What came instead of a tensor as an op made it: "shape (3, 80)", with ", not contiguous" if it is not.
std::string layout_of(const Tensor& x);

// Names of the variants that this CPU executes, best first.
std::string supported_isas(const char* separator);

// A dense CPU tensor of `dtype`, otherwise an error that names it.
void require_tensor(const Tensor& x, const char* name, ScalarType dtype);

// `x` as a contiguous tensor of `numel` elements, otherwise an error.
Tensor require_vector(const Tensor& x, const char* name, ScalarType dtype, int64_t numel);

using OptionalTensor = std::optional<Tensor>;

// The floats of such a vector, which `x` keeps in memory; null if there is none.
const float* optional_vector(OptionalTensor& x, const char* name, int64_t numel);

// The caller says how many rows it expects of a packed weight, which has `packed`.
void require_out_features(int64_t packed, int64_t out_features);

// Rows of the last dimension, `stride` elements apart, without a copy where one is not needed.
struct Rows {
  Tensor tensor;  // keeps the memory
  int64_t m, k, stride;
  const float* data() const { return static_cast<const float*>(tensor.const_data_ptr()); }
};
Rows rows_of(const Tensor& x, const char* name);

// An uninitialized tensor of the shape of `x`.
Tensor empty_like(const Tensor& x, ScalarType dtype);

// The same, its last dimension replaced by `n`.
Tensor empty_like_rows(const Tensor& x, int64_t n, ScalarType dtype);

// `residual` must have the shape of the result; null if there is none.
const float* residual_data(std::optional<Tensor>& residual, const Tensor& result);

// at::parallel_for: torch.set_num_threads() is obeyed, nothing else is started. In a forked child, whose parent's
// threads are gone but not forgotten by OpenMP, everything runs on the calling thread.
void parallel_for(int64_t count, int64_t grain, void* context, ParallelBody body);

int64_t num_threads();

}  // namespace inc_hf::torch_ext

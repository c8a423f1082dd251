// inc_hf::{activate,layer_norm,softmax}: what lies between two matrix products.
#include "elementwise/elementwise.h"

#include "common.h"

namespace inc_hf::torch_ext {
namespace {

const float* floats(const Tensor& x) { return static_cast<const float*>(x.const_data_ptr()); }
float* mutable_floats(Tensor& x) { return static_cast<float*>(x.mutable_data_ptr()); }

// `x` as contiguous rows of its last dimension.
Rows contiguous_rows_of(const Tensor& x) {
  require_tensor(x, "x", ScalarType::Float);
  return rows_of(contiguous(x), "x");
}

Tensor activate(const Tensor& x, int64_t activation) {
  require_tensor(x, "x", ScalarType::Float);
  const Activation kind = member(kAllActivations, activation, "activation");
  const Tensor input = contiguous(x);
  Tensor y = empty_like(input, ScalarType::Float);
  inc_hf::activate(current_isa(), kind, floats(input), mutable_floats(y), x.numel(), parallel_for);
  return y;
}

Tensor layer_norm(const Tensor& x, OptionalTensor residual, OptionalTensor weight, OptionalTensor bias, double eps) {
  const Rows rows = contiguous_rows_of(x);
  Tensor y = empty_like(rows.tensor, ScalarType::Float);
  const float* added = residual_data(residual, y);
  const float* scale = optional_vector(weight, "weight", rows.k);
  const float* shift = optional_vector(bias, "bias", rows.k);
  inc_hf::layer_norm(current_isa(), rows.data(), added, scale, shift, static_cast<float>(eps), mutable_floats(y),
                     nullptr, rows.m, rows.k, parallel_for);
  return y;
}

// How many consecutive rows of x share a row of the mask: its sizes are those of x, then 1, then that of the last
// dimension, as (batch, 1, 1, keys) is for (batch, heads, queries, keys).
int64_t rows_per_mask(const Tensor& x, const Tensor& mask) {
  const int64_t missing = x.dim() - mask.dim();
  const auto size = [&](int64_t dim) { return dim < missing ? 1 : mask.size(dim - missing); };
  bool fits = missing >= 0 && size(x.dim() - 1) == x.size(x.dim() - 1);
  int64_t rows = 1, dim = x.dim() - 2;
  for (; fits && dim >= 0 && size(dim) == 1; dim--) rows *= x.size(dim);
  for (; fits && dim >= 0; dim--) fits = size(dim) == x.size(dim);
  REQUIRE(fits, "`mask` must have the first sizes of `x`, then 1, then the last size of `x`, " + shape_of(x) +
                    ", got " + shape_of(mask) + "; add any other to `x` first.");
  return rows;
}

Tensor softmax(const Tensor& x, OptionalTensor mask) {
  const Rows rows = contiguous_rows_of(x);
  Tensor y = empty_like(rows.tensor, ScalarType::Float);
  int64_t shared = 1;
  if (mask.has_value()) {
    require_tensor(*mask, "mask", ScalarType::Float);
    shared = rows_per_mask(x, *mask);
    mask = contiguous(*mask);
  }
  inc_hf::softmax(current_isa(), rows.data(), mask.has_value() ? floats(*mask) : nullptr, shared, mutable_floats(y),
                  rows.m, rows.k, parallel_for);
  return y;
}

}  // namespace

const Operators schemas({
    "activate(Tensor x, int activation) -> Tensor",
    "layer_norm(Tensor x, Tensor? residual, Tensor? weight, Tensor? bias, float eps) -> Tensor",
    "softmax(Tensor x, Tensor? mask) -> Tensor",
});

const Operators on_cpu("CPU", {
                                  {"activate", Boxed<&activate>::call},
                                  {"layer_norm", Boxed<&layer_norm>::call},
                                  {"softmax", Boxed<&softmax>::call},
                              });

}  // namespace inc_hf::torch_ext

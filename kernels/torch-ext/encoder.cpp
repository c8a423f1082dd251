// inc_hf::encoder: all layers of an encoder in one call, on the rows of the real tokens.
#include <algorithm>

#include "encoder/forward.h"

#include "common.h"

namespace inc_hf::torch_ext {
namespace {

constexpr int64_t kMostTokens = 65536;  // of a sequence: sums of 255 * 127 * 65536 fit 32 bits

EncoderPlan plan_of(const Tensor& numbers, const Tensor& weights) {
  require_tensor(numbers, "plan", ScalarType::Long);
  require_tensor(weights, "weights", ScalarType::Byte);
  REQUIRE(numbers.dim() == 1 && numbers.is_contiguous(),
          "`plan` must be contiguous and of one dimension, got " + layout_of(numbers) + ".");
  REQUIRE(weights.dim() == 1 && weights.is_contiguous(),
          "`weights` must be contiguous and of one dimension, got " + layout_of(weights) + ".");
  return read_plan(static_cast<const int64_t*>(numbers.const_data_ptr()), numbers.numel(), weights.const_data_ptr(),
                   weights.numel());
}

void check_cu_seqlens(const Tensor& cu_seqlens, int64_t rows, int64_t most) {
  const int64_t count = cu_seqlens.numel();
  const int64_t* cu = static_cast<const int64_t*>(cu_seqlens.const_data_ptr());
  REQUIRE(count >= 2 && cu[0] == 0 && cu[count - 1] == rows,
          "`cu_seqlens` must begin with 0 and end with the number of rows, " + std::to_string(rows) + ", got " +
              (count == 0 ? "nothing" : std::to_string(cu[0]) + " ... " + std::to_string(cu[count - 1])) + ".");
  for (int64_t i = 0; i + 1 < count; i++) {
    const int64_t length = cu[i + 1] - cu[i];
    REQUIRE(length > 0 && length <= most, "Each sequence must have 1 to " + std::to_string(most) + " tokens, got " +
                                              std::to_string(length) + " for sequence " + std::to_string(i) +
                                              "; leave out what is empty.");
  }
}

Tensor encoder(const Tensor& x, const Tensor& cu_seqlens, const Tensor& numbers, const Tensor& weights,
               bool every_layer) {
  const EncoderPlan plan = plan_of(numbers, weights);
  require_tensor(x, "x", ScalarType::Float);
  REQUIRE(x.dim() == 2 && x.size(1) == plan.hidden,
          "`x` must be of shape (tokens, " + std::to_string(plan.hidden) + "), got " + shape_of(x) + ".");
  const Tensor input = contiguous(x);
  const Tensor cu = require_vector(cu_seqlens, "cu_seqlens", ScalarType::Long, cu_seqlens.numel());
  const int64_t rows = x.size(0), layers = static_cast<int64_t>(plan.layers.size());
  check_cu_seqlens(cu, rows, std::min(kMostTokens, plan.positions));
  const int64_t shape[] = {rows, plan.hidden}, all_shape[] = {every_layer ? layers : 0, rows, plan.hidden};
  Tensor y = empty(shape, ScalarType::Float);
  Tensor all = empty(all_shape, ScalarType::Float);
  encode(plan, static_cast<const float*>(input.const_data_ptr()), static_cast<const int64_t*>(cu.const_data_ptr()),
         cu.numel() - 1, static_cast<float*>(y.mutable_data_ptr()),
         every_layer ? static_cast<float*>(all.mutable_data_ptr()) : nullptr, parallel_for, num_threads());
  return every_layer ? all : y;
}

}  // namespace

const Operators schemas({
    "encoder(Tensor x, Tensor cu_seqlens, Tensor plan, Tensor weights, bool every_layer) -> Tensor",
});

const Operators on_cpu("CPU", {
                                  {"encoder", Boxed<&encoder>::call},
                              });

}  // namespace inc_hf::torch_ext

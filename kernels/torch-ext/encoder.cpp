// inc_hf::encoder: all layers of an encoder in one call, on the rows of the real tokens.
#include <algorithm>
#include <optional>
#include <vector>

#include "encoder/embed.h"
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

// A table and its ids, and what keeps them in memory.
struct Table {
  Tensor ids, rows;
  OptionalTensor scale;
  int64_t cols() const { return rows.size(1); }

  Table(const Tensor& ids, const Tensor& rows, const OptionalTensor& scale, int64_t tokens)
      : ids(require_vector(ids, "ids", ScalarType::Long, tokens)), rows(rows), scale(scale) {
    require_tensor(rows, "table", scale.has_value() ? ScalarType::Char : ScalarType::Float);
    REQUIRE(rows.dim() == 2 && rows.is_contiguous(),
            "`table` must be contiguous and of two dimensions, got " + layout_of(rows) + ".");
    if (scale.has_value()) {
      const bool is_one = scale->numel() == 1;
      this->scale = require_vector(*scale, "scale", ScalarType::Float, is_one ? 1 : rows.size(0));
    }
  }

  Embedding embedding() const {
    Embedding found = {static_cast<const int64_t*>(ids.const_data_ptr()), rows.size(0), nullptr, nullptr, nullptr, 0};
    if (scale.has_value()) {
      found.codes = static_cast<const int8_t*>(rows.const_data_ptr());
      found.scales = static_cast<const float*>(scale->const_data_ptr());
      found.scale_stride = scale->numel() == 1 ? 0 : 1;
    } else {
      found.floats = static_cast<const float*>(rows.const_data_ptr());
    }
    return found;
  }
};

Tensor embed(const Tensor& ids, const Tensor& rows, OptionalTensor scale, OptionalTensor ids_2, OptionalTensor rows_2,
             OptionalTensor scale_2, OptionalTensor ids_3, OptionalTensor rows_3, OptionalTensor scale_3,
             OptionalTensor weight, OptionalTensor bias, double eps) {
  const int64_t tokens = ids.numel();
  std::vector<Table> tables;
  tables.emplace_back(ids, rows, scale, tokens);
  if (ids_2.has_value() && rows_2.has_value()) tables.emplace_back(*ids_2, *rows_2, scale_2, tokens);
  if (ids_3.has_value() && rows_3.has_value()) tables.emplace_back(*ids_3, *rows_3, scale_3, tokens);
  const int64_t cols = tables[0].cols(), shape[] = {tokens, cols};
  std::vector<Embedding> embeddings;
  for (const Table& table : tables) {
    REQUIRE(table.cols() == cols, "All tables must have as many columns, got " + std::to_string(cols) + " and " +
                                      std::to_string(table.cols()) + ".");
    embeddings.push_back(table.embedding());
  }
  const float* const factors = optional_vector(weight, "weight", cols);
  const float* const shifts = optional_vector(bias, "bias", cols);
  Tensor y = empty(shape, ScalarType::Float);
  inc_hf::embed(current_isa(), embeddings.data(), static_cast<int64_t>(embeddings.size()), factors, shifts,
                static_cast<float>(eps), static_cast<float*>(y.mutable_data_ptr()), tokens, cols, parallel_for);
  return y;
}

}  // namespace

const Operators schemas({
    "embed(Tensor ids, Tensor table, Tensor? scale, Tensor? ids_2, Tensor? table_2, Tensor? scale_2, Tensor? ids_3, "
    "Tensor? table_3, Tensor? scale_3, Tensor? weight, Tensor? bias, float eps) -> Tensor",
    "encoder(Tensor x, Tensor cu_seqlens, Tensor plan, Tensor weights, bool every_layer) -> Tensor",
});

const Operators on_cpu("CPU", {
                                  {"embed", Boxed<&embed>::call},
                                  {"encoder", Boxed<&encoder>::call},
                              });

}  // namespace inc_hf::torch_ext

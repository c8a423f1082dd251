#include "encoder/chunk.h"

#include <algorithm>
#include <cstring>

#include "attention/attention.h"
#include "elementwise/ukernel.h"
#include "encoder/product.h"

namespace inc_hf {
namespace {

constexpr int64_t kBlockRows = 64;  // as many as the widest sparse kernel takes
constexpr int64_t kFewRows = 32;    // of which all threads share each product instead

}  // namespace

struct Chunk::Rows {
  int64_t first, count;
  ParallelFor parallel_for;
  Scratch<float> memory;
  float *sum, *normed, *middle;

  Rows(const EncoderPlan& plan, int64_t first, int64_t count, ParallelFor parallel_for)
      : first(first),
        count(count),
        parallel_for(parallel_for),
        memory(count * (2 * plan.hidden + plan.middle())),
        sum(memory.get()),
        normed(sum + count * plan.hidden),
        middle(normed + count * plan.hidden) {}
};

Chunk::Chunk(const EncoderPlan& plan, const int64_t* cu_seqlens, int64_t sequences, ParallelFor parallel_for,
             int64_t threads)
    : plan_(plan),
      cu_(cu_seqlens),
      sequences_(sequences),
      rows_(cu_seqlens[sequences] - cu_seqlens[0]),
      parallel_for_(parallel_for),
      threads_(threads),
      memory_(rows_ * (plan.hidden + 4 * plan.width())),
      hidden_(memory_.get()),
      context_(hidden_ + rows_ * plan.hidden),
      query_(context_ + rows_ * plan.width()) {
  const bool is_one = plan.layers[0].key.kind == ProductKind::kNone;
  key_ = query_ + (is_one ? 1 : rows_) * plan.width();
  value_ = key_ + (is_one ? 1 : rows_) * plan.width();
  stride_ = (is_one ? 3 : 1) * plan.width();
}

void Chunk::run(const float* x, float* y, float* every_layer, int64_t layer_stride) {
  const int64_t bytes = rows_ * plan_.hidden * static_cast<int64_t>(sizeof(float));
  std::memcpy(hidden_, x, bytes);
  for_blocks([&](const Rows& rows) { project(plan_.layers[0], rows); });
  for (size_t i = 0; i < plan_.layers.size(); i++) {
    attend(plan_.layers[i]);
    for_blocks([&](const Rows& rows) {
      finish_layer(plan_.layers[i], rows);
      if (i + 1 < plan_.layers.size()) project(plan_.layers[i + 1], rows);
    });
    if (every_layer != nullptr) std::memcpy(every_layer + i * layer_stride, hidden_, bytes);
  }
  std::memcpy(y, hidden_, bytes);
}

// f(rows) for blocks of about equal height, each in one thread; of few rows there is one block for all threads.
template <typename F>
void Chunk::for_blocks(F f) {
  if (rows_ <= kFewRows) return f(Rows(plan_, 0, rows_, parallel_for_));
  const int64_t parts = std::max(ceil_div(rows_, kBlockRows), threads_);
  run_parallel(parallel_for_, parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const int64_t first = rows_ * i / parts;
      f(Rows(plan_, first, rows_ * (i + 1) / parts - first, serial));
    }
  });
}

void Chunk::attend(const EncoderLayer& layer) {
  int64_t longest = 0;
  for (int64_t s = 0; s < sequences_; s++) longest = std::max(longest, cu_[s + 1] - cu_[s]);
  const int64_t bytes = attention_ukernels(plan_.isa).scratch_bytes(longest, plan_.head_dim);
  const int64_t grain = longest <= kFewRows ? 4 * plan_.heads : 1;  // fewer heads are not worth waking a thread
  run_parallel(parallel_for_, sequences_ * plan_.heads, grain, [&](int64_t begin, int64_t end) {
    const Scratch<uint8_t> scratch(bytes);
    for (int64_t i = begin; i < end; i++) attend_head(layer, i / plan_.heads, i % plan_.heads, scratch.get());
  });
}

void Chunk::attend_head(const EncoderLayer& layer, int64_t sequence, int64_t head, uint8_t* scratch) {
  const int64_t first = cu_[sequence] - cu_[0], tokens = cu_[sequence + 1] - cu_[sequence];
  const int64_t at = first * stride_ + head * plan_.head_dim;
  const AttentionUkernels& ukernels = attention_ukernels(plan_.isa);
  for (float* x : {query_ + at, key_ + at}) {
    if (layer.rotary != nullptr) ukernels.rotate(x, stride_, tokens, plan_.head_dim, layer.rotary);
  }
  float* const y = context_ + first * plan_.width() + head * plan_.head_dim;
  const AttentionHead work = {query_ + at,  key_ + at,    value_ + at,         stride_, tokens,       plan_.head_dim,
                              plan_.factor, layer.window, plan_.bias_of(head), y,       plan_.width()};
  (plan_.attention == AttentionKind::kInt8 ? ukernels.int8 : ukernels.fp32)(work, scratch);
}

// y = norm(x), row by row
static void normalize(const EncoderPlan& plan, const Norm& norm, const float* x, float* y, int64_t rows) {
  if (norm.kind == NormKind::kNone) {
    std::memcpy(y, x, rows * plan.hidden * sizeof(float));
    return;
  }
  const ElementwiseUkernels& ukernels = elementwise_ukernels(plan.isa);
  for (int64_t i = 0; i < rows; i++, x += plan.hidden, y += plan.hidden) {
    if (norm.kind == NormKind::kRmsNorm) {
      ukernels.rms_norm(x, norm.weight, norm.eps, y, plan.hidden);
    } else {
      ukernels.layer_norm(x, nullptr, norm.weight, norm.bias, norm.eps, y, nullptr, plan.hidden);
    }
  }
}

// x = activation(x) * y, rows of `n` elements that lie `stride` apart
static void gate(const EncoderPlan& plan, float* x, const float* y, int64_t rows, int64_t n, int64_t stride) {
  const ElementwiseUkernels& ukernels = elementwise_ukernels(plan.isa);
  for (int64_t i = 0; i < rows; i++, x += stride, y += stride) {
    ukernels.activate[static_cast<int>(plan.activation)](x, x, n);
    ukernels.multiply(x, y, x, n);
  }
}

// hidden = norm(hidden + product(input)), or hidden + product(input) where norms come before the products.
void Chunk::add_and_norm(const Product& product, const Norm& norm, const float* input, int64_t stride,
                         const Rows& rows) {
  float* const hidden = hidden_ + rows.first * plan_.hidden;
  if (plan_.norm_place == NormPlace::kBefore) {
    return multiply(product, input, stride, rows.count, {hidden, Activation::kNone, hidden}, rows.parallel_for);
  }
  multiply(product, input, stride, rows.count, {rows.sum, Activation::kNone, hidden}, rows.parallel_for);
  normalize(plan_, norm, rows.sum, hidden, rows.count);
}

// From the attention of a layer to its end.
void Chunk::finish_layer(const EncoderLayer& layer, const Rows& rows) {
  const int64_t width = plan_.width();
  add_and_norm(layer.output, layer.attention_norm, context_ + rows.first * width, width, rows);
  const float* input = hidden_ + rows.first * plan_.hidden;
  if (plan_.norm_place == NormPlace::kBefore) {
    normalize(plan_, layer.feed_forward_norm, input, rows.normed, rows.count);
    input = rows.normed;
  }
  const int64_t stride = feed_forward(layer, input, rows);
  add_and_norm(layer.down, layer.feed_forward_norm, rows.middle, stride, rows);
}

// What `down` reads, in rows.middle; returns how far its rows lie apart.
int64_t Chunk::feed_forward(const EncoderLayer& layer, const float* input, const Rows& rows) {
  const int64_t n = plan_.feed_forward;
  if (layer.gate.kind != ProductKind::kNone) {
    float* const second = rows.middle + rows.count * n;
    multiply_all({&layer.gate, &layer.up}, input, rows.count, {rows.middle, second}, rows.parallel_for);
    gate(plan_, rows.middle, second, rows.count, n, n);
    return n;
  }
  const Activation activation = plan_.is_gated ? Activation::kNone : plan_.activation;
  multiply(layer.up, input, plan_.hidden, rows.count, {rows.middle, activation, nullptr}, rows.parallel_for);
  if (plan_.is_gated) gate(plan_, rows.middle, rows.middle + n, rows.count, n, 2 * n);
  return plan_.middle();
}

// Query, key and value.
void Chunk::project(const EncoderLayer& layer, const Rows& rows) {
  const int64_t at = rows.first * stride_;
  const float* input = hidden_ + rows.first * plan_.hidden;
  if (plan_.norm_place == NormPlace::kBefore) {
    normalize(plan_, layer.attention_norm, input, rows.normed, rows.count);
    input = rows.normed;
  }
  if (layer.key.kind == ProductKind::kNone) {
    const ProductResult result = {query_ + at, Activation::kNone, nullptr};
    return multiply(layer.query, input, plan_.hidden, rows.count, result, rows.parallel_for);
  }
  multiply_all({&layer.query, &layer.key, &layer.value}, input, rows.count, {query_ + at, key_ + at, value_ + at},
               rows.parallel_for);
}

}  // namespace inc_hf

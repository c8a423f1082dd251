// What an encoder is made of: where its packed weights and norms lie, and how its layers are put together.
#pragma once

#include <cstdint>
#include <vector>

#include "elementwise/activation_kind.h"
#include "q8/packed.h"
#include "q8/rows.h"

namespace inc_hf {

enum class ProductKind : int64_t { kInt8 = 0, kBfloat16 = 1, kNone = 2 };

// y = x w^T + bias on a packed weight.
struct Product {
  ProductKind kind;
  int64_t n, k;
  PackedWeight weight;   // kInt8
  Quantizer quantizer;   // kInt8: of its input
  const float* factors;  // kInt8: [k], by which its input is multiplied before; null: none
  const void* bfloat16;  // kBfloat16: what bf16gemm::run takes
};

enum class NormKind : int64_t { kNone = 0, kLayerNorm = 1, kRmsNorm = 2 };

struct Norm {
  NormKind kind;
  const float *weight, *bias;  // either may be null; RMSNorm has no bias
  float eps;
};

struct EncoderLayer {
  Product query, key, value;       // key and value are kNone if `query` computes all three, one after another
  Product output, gate, up, down;  // gate is kNone if `up` computes both, or if there is none
  Norm attention_norm, feed_forward_norm;
  int64_t window;       // as in attention/attention.h
  const float* rotary;  // [positions][head_dim] as in attention/attention.h; null: none
};

enum class NormPlace : int64_t { kAfter = 0, kBefore = 1 };  // the residual is added: BERT, ViT
enum class AttentionKind : int64_t { kInt8 = 0, kFloat = 1 };

inline constexpr int64_t kBeyondBias = 15;

struct EncoderPlan {
  Isa isa;
  int64_t hidden, heads, head_dim, feed_forward;
  Activation activation;
  NormPlace norm_place;
  AttentionKind attention;
  float factor;         // of the scores
  bool is_gated;        // activation(gate) * up; without a gate of its own, `up` computes both, one after the other
  int64_t positions;    // most tokens of a sequence
  const float* biases;  // of scores, [heads][bias_stride()]; null: none
  std::vector<EncoderLayer> layers;

  int64_t width() const { return heads * head_dim; }                             // of queries, keys and values
  int64_t middle() const { return is_gated ? 2 * feed_forward : feed_forward; }  // columns before `down`
  // What attention.h calls `bias` of a head: distances of fewer than `positions`, and as many more as may be read.
  int64_t bias_stride() const { return 2 * positions - 1 + 2 * kBeyondBias; }
  const float* bias_of(int64_t head) const {
    return biases == nullptr ? nullptr : biases + head * bias_stride() + positions - 1 + kBeyondBias;
  }
};

// A plan as numbers, in this order; floats as the bits of a float32, places as offsets into `weights`, -1 for nothing:
//   kPlanVersion, layers, hidden, heads, head_dim, feed_forward, activation, norm_place, attention, factor, is_gated,
//   positions, offset of biases
//   for each layer:  window, offset of rotary
//     for query, key, value, output, gate, up, down:  kind, offset, bytes, scale (0: dynamic), zero_point, num_bits,
//                                               whether a dynamic scale is rounded to bfloat16,
//                                               offset of factors
//     for the norms of attention and feed-forward:  kind, offset of weight, offset of bias, eps
inline constexpr int64_t kPlanVersion = 20260004, kPlanProduct = 8;

// Checks every number and every packed weight, so that nothing beyond `weights` is read. Throws std::invalid_argument,
// saying what is wrong.
EncoderPlan read_plan(const int64_t* numbers, int64_t count, const void* weights, int64_t bytes);

}  // namespace inc_hf

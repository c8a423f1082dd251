// What an encoder is made of: where its packed weights and norms lie, and how its layers are put together.
#pragma once

#include <cstdint>
#include <vector>

#include "elementwise/activation_kind.h"
#include "q8/packed.h"
#include "q8/rows.h"

namespace inc_hf {

enum class ProductKind : int64_t { kInt8 = 0, kBfloat16 = 1 };

// y = x w^T + bias on a packed weight.
struct Product {
  ProductKind kind;
  int64_t n, k;
  PackedWeight weight;   // kInt8
  Quantizer quantizer;   // kInt8: of its input
  const void* bfloat16;  // kBfloat16: what bf16gemm::run takes
};

struct Norm {
  const float *weight, *bias;  // either may be null
  float eps;
};

struct EncoderLayer {
  Product query, key, value, output, up, down;
  Norm attention_norm, feed_forward_norm;
};

enum class NormPlace : int64_t { kAfter = 0, kBefore = 1 };  // the residual is added: BERT, ViT
enum class AttentionKind : int64_t { kInt8 = 0, kFloat = 1 };

struct EncoderPlan {
  Isa isa;
  int64_t hidden, heads, head_dim, feed_forward;
  Activation activation;
  NormPlace norm_place;
  AttentionKind attention;
  float factor;  // of the scores
  std::vector<EncoderLayer> layers;

  int64_t width() const { return heads * head_dim; }  // of queries, keys and values
};

// A plan as numbers, in this order; floats as the bits of a float32, places as offsets into `weights`, -1 for nothing:
//   kPlanVersion, layers, hidden, heads, head_dim, feed_forward, activation, norm_place, attention, factor
//   for each layer:
//     for query, key, value, output, up, down:  kind, offset, bytes, scale (0: dynamic), zero_point, num_bits,
//                                               whether a dynamic scale is rounded to bfloat16
//     for the norms of attention and feed-forward:  offset of weight, offset of bias, eps
inline constexpr int64_t kPlanVersion = 20260001, kPlanHeader = 10, kPlanProduct = 7, kPlanNorm = 3;

// Checks every number and every packed weight, so that nothing beyond `weights` is read. Throws std::invalid_argument,
// saying what is wrong.
EncoderPlan read_plan(const int64_t* numbers, int64_t count, const void* weights, int64_t bytes);

}  // namespace inc_hf

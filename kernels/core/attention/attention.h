// softmax(factor q k^T + bias) v of one head of one sequence: the contract of the kernels, and the list of those that
// exist.
#pragma once

#include <stdint.h>

#include "isa.h"

namespace inc_hf {

struct AttentionHead {
  const float *q, *k, *v;  // [tokens][stride], of which head_dim values each
  int64_t stride;
  int64_t tokens, head_dim;
  float factor;       // positive and finite
  int64_t window;     // keys farther from a query than that count nothing; -1: all count
  const float* bias;  // added to the scores: that of key j for query i is bias[j - i], -tokens < j - i < tokens; as
                      // many as 15 more may be read on either side. Null: none
  float* y;           // [tokens][y_stride]
  int64_t y_stride;
};

// attention_ukernel__<isa>. `scratch` has room for scratch_bytes() and is aligned to 64. NaN or Inf in a query make its
// row NaN, in a key or value all rows.
struct AttentionUkernels {
  const char* name;
  Isa isa;
  // In 8 bits: queries and keys symmetric with a scale per token, values symmetric with a scale per channel, and
  // probabilities as round(255 exp(s - max)), divided by their sum. The integer sums are exact, and the results are
  // the same bits on every ISA.
  void (*int8)(const AttentionHead& head, uint8_t* scratch);
  void (*fp32)(const AttentionHead& head, uint8_t* scratch);
  int64_t (*scratch_bytes)(int64_t tokens, int64_t head_dim);
  // Turns x[tokens][stride], of which head_dim values each, by rotary positions in place. `table` [tokens][head_dim]:
  // for each token the cosines of the first half of the values, then their sines.
  void (*rotate)(float* x, int64_t stride, int64_t tokens, int64_t head_dim, const float* table);
};

// Each line of ukernels.inc is declared, and stands in the array that dispatch and tests go through.
#define UKERNEL(isa) extern const AttentionUkernels attention_ukernel__##isa;
#include "attention/ukernels.inc"
#undef UKERNEL

inline constexpr const AttentionUkernels* kAllAttentionUkernels[] = {
#define UKERNEL(isa) &attention_ukernel__##isa,
#include "attention/ukernels.inc"
#undef UKERNEL
};

const AttentionUkernels& attention_ukernels(Isa isa);

}  // namespace inc_hf

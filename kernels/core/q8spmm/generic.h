// The body of the block-sparse micro-kernels, over a `Block` that an ISA file defines in an anonymous namespace:
//   Block::Vector, kVectors (of tokens per pass), kPasses (1 or 2, over the tokens of the block)
//   gather<pass>(xt, ks, x[kVectors]): the four rows ks[0..3] of xt, interleaved to quads of bytes per token
//   zero(), broadcast(const int8_t*), add(acc, x, w), store<pass>(c, ldc, acc[4][kVectors])
#pragma once

#include <stdint.h>

#include "q8spmm/ukernel.h"
#include "simd/unroll.h"

namespace {

template <typename Block, int kPass>
inline void q8spmm_pass(const uint8_t* xt, const uint16_t* ks, const int8_t* w, int64_t quads, int32_t* c,
                        int64_t ldc) {
  typename Block::Vector acc[inc_hf::kBlockRows][Block::kVectors];
  INC_HF_UNROLL
  for (int o = 0; o < inc_hf::kBlockRows; o++) {
    INC_HF_UNROLL
    for (int v = 0; v < Block::kVectors; v++) acc[o][v] = Block::zero();
  }
  for (const uint16_t* end = ks + 4 * quads; ks != end; ks += 4, w += 16) {
    typename Block::Vector x[Block::kVectors];
    Block::template gather<kPass>(xt, ks, x);
    INC_HF_UNROLL
    for (int o = 0; o < inc_hf::kBlockRows; o++) {
      const typename Block::Vector weights = Block::broadcast(w + 4 * o);
      INC_HF_UNROLL
      for (int v = 0; v < Block::kVectors; v++) acc[o][v] = Block::add(acc[o][v], x[v], weights);
    }
  }
  Block::template store<kPass>(c, ldc, acc);
}

template <typename Block>
void q8spmm_tile(const uint8_t* xt, int64_t, const uint16_t* ks, const int8_t* w, int64_t quads, int32_t* c,
                 int64_t ldc) {
  q8spmm_pass<Block, 0>(xt, ks, w, quads, c, ldc);
  if (Block::kPasses == 2) q8spmm_pass<Block, Block::kPasses - 1>(xt, ks, w, quads, c, ldc);
}

}  // namespace

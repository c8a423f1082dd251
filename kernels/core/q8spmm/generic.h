// The body of the block-sparse micro-kernels, over a `Block` that an ISA file defines in an anonymous namespace:
//   Block::Vector, kVectors (of tokens per pass), kPasses (over the tokens of the block)
//   gather(xt, ks, pass, x[kVectors]): the four rows ks[0..3] of xt, interleaved to quads of bytes per token
//   zero(), broadcast(const int8_t*), add(acc, x, w), store(c, ldc, pass, acc[4][kVectors])
#pragma once

#include <stdint.h>

#include "q8spmm/ukernel.h"
#include "simd/unroll.h"

namespace {

template <typename Block>
void q8spmm_tile(const uint8_t* xt, const uint16_t* ks, const int8_t* w, int64_t quads, int32_t* c, int64_t ldc) {
  for (int pass = 0; pass < Block::kPasses; pass++) {
    typename Block::Vector acc[inc_hf::kBlockRows][Block::kVectors];
    INC_HF_UNROLL
    for (int o = 0; o < inc_hf::kBlockRows; o++) {
      INC_HF_UNROLL
      for (int v = 0; v < Block::kVectors; v++) acc[o][v] = Block::zero();
    }
    for (int64_t q = 0; q < quads; q++) {
      typename Block::Vector x[Block::kVectors];
      Block::gather(xt, ks + 4 * q, pass, x);
      INC_HF_UNROLL
      for (int o = 0; o < inc_hf::kBlockRows; o++) {
        const typename Block::Vector weights = Block::broadcast(w + 16 * q + 4 * o);
        INC_HF_UNROLL
        for (int v = 0; v < Block::kVectors; v++) acc[o][v] = Block::add(acc[o][v], x[v], weights);
      }
    }
    Block::store(c, ldc, pass, acc);
  }
}

}  // namespace

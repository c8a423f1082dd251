// The body of the block-sparse micro-kernels, over a `Block` that an ISA file defines in an anonymous namespace:
//   Block::Vector, kVectors (of tokens per pass)
//   gather(xt, ks, x[kVectors]): the four rows ks[0..3] of xt, interleaved to quads of bytes per token
//   zero(), broadcast(const int8_t*), add(acc, x, w), store(c, ldc, acc[4][kVectors])
#pragma once

#include <stdint.h>

#include "q8spmm/ukernel.h"
#include "simd/unroll.h"

namespace {

template <typename Block>
using Sums = typename Block::Vector[inc_hf::kBlockRows][Block::kVectors];

template <typename Block>
inline void clear(Sums<Block>& sums) {
  INC_HF_UNROLL
  for (int o = 0; o < inc_hf::kBlockRows; o++) {
    INC_HF_UNROLL
    for (int v = 0; v < Block::kVectors; v++) sums[o][v] = Block::zero();
  }
}

// sums += the activations of each quad, which next(quad, x[kVectors]) supplies, times its weights.
template <typename Block, typename Next>
inline __attribute__((always_inline)) void accumulate(Sums<Block>& sums, const int8_t* w, int64_t quads, Next next) {
  for (int64_t q = 0; q < quads; q++, w += 16) {
    typename Block::Vector x[Block::kVectors];
    next(q, x);
    INC_HF_UNROLL
    for (int o = 0; o < inc_hf::kBlockRows; o++) {
      const typename Block::Vector weights = Block::broadcast(w + 4 * o);
      INC_HF_UNROLL
      for (int v = 0; v < Block::kVectors; v++) sums[o][v] = Block::add(sums[o][v], x[v], weights);
    }
  }
}

template <typename Block>
void q8spmm_tile(const uint8_t* xt, const uint16_t* ks, const int8_t* w, int64_t quads, int32_t* c, int64_t ldc) {
  using Vector = typename Block::Vector;
  Sums<Block> sums;
  clear<Block>(sums);
  accumulate<Block>(sums, w, quads, [&](int64_t q, Vector(&x)[Block::kVectors]) { Block::gather(xt, ks + 4 * q, x); });
  Block::store(c, ldc, sums);
}

}  // namespace

// The contract of the block-sparse micro-kernels, and the list of those that exist.
#pragma once

#include <stdint.h>

#include "isa.h"

namespace inc_hf {

inline constexpr int kBlockRows = 4;  // output channels that share their zeros
inline constexpr int kMaxTokens = 64;

// One group of four output channels against a block of `tokens` tokens: c[t * ldc + o] = sum_k x[k][t] * w[o][k].
//   xt: activations, transposed: [k][tokens], in the order of `token_at`; uint8 codes, for kNeonDot int8, the codes
//       minus 128. Of a single token they are codes on every ISA, of which kNeonDot takes 128 itself.
//   ks, w: the values of k that are not zero, in quads: uint16 [quads][4], int8 [quads][4 channels][4 values of k]
// q8spmm_ukernel_<tokens>x4c4__<isa>
using Q8SpmmUkernel = void (*)(const uint8_t* xt, const uint16_t* ks, const int8_t* w, int64_t quads, int32_t* c,
                               int64_t ldc);

struct Q8SpmmUkernels {
  const char* name;
  Isa isa;
  int tokens, lanes;  // lanes: 128-bit lanes that the kernel interleaves in
  Q8SpmmUkernel run;
};

// Which token stands at `position` of a row of xt. The kernels interleave bytes within 128-bit lanes; in this order
// the results come out as consecutive tokens.
inline int token_at(int position, int lanes) {
  const int lane = position / 16, vector = position % 16 / 4;
  return 4 * lanes * vector + 4 * lane + position % 4;
}

// Each line of ukernels.inc is declared, and stands in the array that dispatch, tests and benchmark go through.
#define UKERNEL(isa, TOKENS) extern const Q8SpmmUkernels q8spmm_ukernel_##TOKENS##x4c4__##isa;
#include "q8spmm/ukernels.inc"
#undef UKERNEL

inline constexpr const Q8SpmmUkernels* kAllQ8SpmmUkernels[] = {
#define UKERNEL(isa, TOKENS) &q8spmm_ukernel_##TOKENS##x4c4__##isa,
#include "q8spmm/ukernels.inc"
#undef UKERNEL
};

// The widest of `isa` for at most `max_tokens` tokens at a time, or else its narrowest.
const Q8SpmmUkernels& q8spmm_ukernels(Isa isa, int max_tokens);

}  // namespace inc_hf

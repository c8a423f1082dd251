#include "q8spmm/multiply.h"

#include <algorithm>

#include "q8spmm/pack.h"
#include "q8spmm/ukernel.h"
#include "scratch.h"

namespace inc_hf {
namespace {

constexpr int64_t kProductsPerThread = int64_t{1} << 19;
constexpr int kTileChannels = 16;  // finished together: a cache line of float results

// The tokens, cut into blocks for the wide kernel and, at the end, for the narrow one.
struct TokenBlocks {
  const Q8SpmmUkernels& wide;
  const Q8SpmmUkernels& narrow;
  int64_t m, wides, narrows;

  TokenBlocks(Isa isa, int64_t tokens) : wide(q8spmm_ukernels(isa, true)), narrow(q8spmm_ukernels(isa, false)), m(tokens) {
    wides = m / wide.tokens;
    const int64_t rest = m - wides * wide.tokens;
    // A narrow block costs about a third more per token than a wide one.
    const bool fill_up = rest * 4 > wide.tokens * 3 - narrow.tokens;
    if (fill_up && rest > 0) wides++;
    narrows = fill_up ? 0 : (rest + narrow.tokens - 1) / narrow.tokens;
  }
  int64_t count() const { return wides + narrows; }
  const Q8SpmmUkernels& kernel(int64_t block) const { return block < wides ? wide : narrow; }
  int64_t first_token(int64_t block) const {
    return std::min(block, wides) * wide.tokens + std::max<int64_t>(0, block - wides) * narrow.tokens;
  }
};

void transpose_block(const PackedWeight& weight, const TokenBlocks& blocks, int64_t block, const uint8_t* codes,
                     uint8_t* xt) {
  const Q8SpmmUkernels& kernel = blocks.kernel(block);
  const int64_t first = blocks.first_token(block);
  const uint8_t* rows[kMaxTokens];
  for (int p = 0; p < kernel.tokens; p++) {  // beyond the end: the last token again, its results are dropped
    rows[p] = codes + std::min(first + token_at(p, kernel.lanes), blocks.m - 1) * weight.k_padded;
  }
  q8_rows(weight.header.isa).transpose(rows, kernel.tokens, weight.k_padded, xt + first * weight.k_padded);
}

// Sixteen channels for one block of tokens.
void multiply_tile(const PackedWeight& weight, const TokenBlocks& blocks, int64_t block, int64_t channel,
                   const uint8_t* xt, const Epilogue& epilogue) {
  alignas(64) int32_t c[kMaxTokens * kTileChannels];
  const Q8SpmmUkernels& kernel = blocks.kernel(block);
  const int64_t first = blocks.first_token(block);
  for (int g = 0; g < kTileChannels / kBlockRows; g++) {
    const int64_t group = channel / kBlockRows + g, quad = weight.first_quad[group];
    kernel.run(xt + first * weight.k_padded, weight.ks + 4 * quad, weight.w + 16 * quad,
               weight.first_quad[group + 1] - quad, c + g * kBlockRows, kTileChannels);
  }
  const int rows = static_cast<int>(std::min<int64_t>(kernel.tokens, blocks.m - first));
  const int cols = static_cast<int>(std::min<int64_t>(kTileChannels, weight.header.n - channel));
  q8_rows(weight.header.isa).finish(epilogue, {c, kTileChannels, first, channel, rows, cols});
}

}  // namespace

void multiply_blocks(const PackedWeight& weight, const uint8_t* codes, int64_t m, const Epilogue& epilogue,
                     ParallelFor parallel_for) {
  const TokenBlocks blocks(weight.header.isa, m);
  const int64_t padded_tokens = blocks.wides * blocks.wide.tokens + blocks.narrows * blocks.narrow.tokens;
  const Scratch<uint8_t> xt = scratch<uint8_t>(padded_tokens * weight.k_padded);
  const int64_t block_bytes = padded_tokens * weight.k_padded / blocks.count();
  run_parallel(parallel_for, blocks.count(), 1 + (1 << 17) / block_bytes, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; b++) transpose_block(weight, blocks, b, codes, xt.get());
  });

  const int64_t tiles = (weight.header.n + kTileChannels - 1) / kTileChannels;
  const int64_t products = 1 + 16 * weight.header.quads * padded_tokens / (blocks.count() * tiles);
  run_parallel(parallel_for, blocks.count() * tiles, 1 + kProductsPerThread / products, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      multiply_tile(weight, blocks, i / tiles, i % tiles * kTileChannels, xt.get(), epilogue);
    }
  });
}

}  // namespace inc_hf

#include "q8spmm/multiply.h"

#include <algorithm>
#include <vector>

#include "q8spmm/pack.h"
#include "q8spmm/ukernel.h"
#include "scratch.h"

namespace inc_hf {
namespace {

constexpr int64_t kProductsPerThread = int64_t{1} << 19;
constexpr int64_t kBytesPerThread = int64_t{1} << 17;  // to transpose
constexpr int64_t kWeightBytes = 192 * 1024, kBytesPerQuad = 24;
constexpr int kTileChannels = 16;  // finished together: a cache line of float results

// Some tokens, the kernel that takes them, and their activations in its order.
struct TokenBlock {
  const Q8SpmmUkernels* kernel;
  int64_t first;
  const uint8_t* xt;
};

// Cuts the tokens into blocks: as many wide ones as there are, narrow ones or one more wide one for the rest, single
// tokens for the last three. A narrow block costs about a third more per token than a wide one, a single token about
// as much as a third of a narrow block. A single token's activations are in order as they are; those of the others
// will be in `xt`, which has room for kMaxTokens more than m.
std::vector<TokenBlock> cut(const PackedWeight& weight, int64_t m, const uint8_t* codes, const uint8_t* xt) {
  std::vector<TokenBlock> blocks;
  for (int64_t first = 0; first < m;) {
    const int64_t rest = m - first;
    const Q8SpmmUkernels* kernel = &q8spmm_ukernels(weight.header.isa, kMaxTokens);
    if (rest < kernel->tokens * 3 / 4) kernel = &q8spmm_ukernels(weight.header.isa, rest <= 3 ? 1 : 8);
    blocks.push_back({kernel, first, (kernel->tokens == 1 ? codes : xt) + first * weight.k_padded});
    first += kernel->tokens;
  }
  return blocks;
}

void transpose_block(const PackedWeight& weight, const TokenBlock& block, int64_t m, const uint8_t* codes,
                     uint8_t* xt) {
  const int tokens = block.kernel->tokens;
  if (tokens == 1) return;
  const uint8_t* rows[kMaxTokens];
  for (int p = 0; p < tokens; p++) {  // beyond the end: the last token again, its results are dropped
    rows[p] = codes + std::min(block.first + token_at(p, block.kernel->lanes), m - 1) * weight.k_padded;
  }
  q8_rows(weight.header.isa).transpose(rows, tokens, weight.k_padded, xt + block.first * weight.k_padded);
}

// Sixteen channels for one block of tokens.
void multiply_tile(const PackedWeight& weight, const TokenBlock& block, int64_t m, int64_t channel,
                   const Epilogue& epilogue) {
  alignas(64) int32_t c[kMaxTokens * kTileChannels];
  const int rows = static_cast<int>(std::min<int64_t>(block.kernel->tokens, m - block.first));
  const int cols = static_cast<int>(std::min<int64_t>(kTileChannels, weight.header.n - channel));
  const Tile tile = {c, kTileChannels, block.first, channel, rows, cols};
  prefetch(epilogue, tile);
  for (int g = 0; g < kTileChannels / kBlockRows; g++) {
    const int64_t group = channel / kBlockRows + g, quad = weight.first_quad[group];
    block.kernel->run(block.xt, weight.ks + 4 * quad, weight.w + 16 * quad, weight.first_quad[group + 1] - quad,
                      c + g * kBlockRows, kTileChannels);
  }
  q8_rows(weight.header.isa).finish(epilogue, tile);
}

}  // namespace

void multiply_blocks(const PackedWeight& weight, const uint8_t* codes, int64_t m, const Epilogue& epilogue,
                     ParallelFor parallel_for) {
  const Scratch<uint8_t> xt((m + kMaxTokens) * weight.k_padded);
  const std::vector<TokenBlock> blocks = cut(weight, m, codes, xt.get());
  const int64_t count = static_cast<int64_t>(blocks.size());
  run_parallel(parallel_for, count, 1 + kBytesPerThread * count / (m * weight.k_padded),
               [&](int64_t begin, int64_t end) {
                 for (int64_t b = begin; b < end; b++) transpose_block(weight, blocks[b], m, codes, xt.get());
               });

  // Some tiles of the weight at a time, which stay in the second-level cache, take all blocks one after another.
  const int64_t tiles = (weight.header.n + kTileChannels - 1) / kTileChannels;
  const int64_t together = std::min(tiles, 1 + kWeightBytes * tiles / (kBytesPerQuad * weight.header.quads + 1));
  const int64_t products = 1 + 16 * weight.header.quads * m / (count * tiles);
  run_parallel(parallel_for, count * tiles, 1 + kProductsPerThread / products, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const int64_t first = i / (together * count) * together, rest = i % (together * count);
      const int64_t width = std::min(together, tiles - first);
      multiply_tile(weight, blocks[rest / width], m, (first + rest % width) * kTileChannels, epilogue);
    }
  });
}

}  // namespace inc_hf

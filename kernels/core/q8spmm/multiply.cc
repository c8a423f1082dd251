#include "q8spmm/multiply.h"

#include <algorithm>
#include <vector>

#include "q8spmm/pack.h"
#include "q8spmm/ukernel.h"
#include "scratch.h"

namespace inc_hf {
namespace {

constexpr int64_t kProductsPerThread = int64_t{1} << 19;
constexpr int kTileChannels = 16;  // finished together: a cache line of float results

// Some tokens, the kernel that takes them, and where their activations lie in transposed form.
struct TokenBlock {
  const Q8SpmmUkernels* kernel;
  int64_t first, at;
};

// Cuts the tokens into blocks: as many wide ones as there are, narrow ones or one more wide one for the rest, single
// tokens for the last three. A narrow block costs about a third more per token than a wide one, a single token about
// as much as a third of a narrow block.
std::vector<TokenBlock> cut(Isa isa, int64_t m, int64_t k_padded) {
  std::vector<TokenBlock> blocks;
  int64_t at = 0;
  for (int64_t first = 0; first < m;) {
    const int64_t rest = m - first;
    const Q8SpmmUkernels* kernel = &q8spmm_ukernels(isa, kMaxTokens);
    if (rest < kernel->tokens * 3 / 4) kernel = &q8spmm_ukernels(isa, rest <= 3 ? 1 : 8);
    blocks.push_back({kernel, first, at});
    first += kernel->tokens;
    at += kernel->bytes_per_k() * k_padded;
  }
  return blocks;
}

void transpose_block(const PackedWeight& weight, const TokenBlock& block, int64_t m, const uint8_t* codes,
                     uint8_t* xt) {
  const Q8Rows& rows_of_isa = q8_rows(weight.header.isa);
  const int tokens = block.kernel->tokens;
  if (tokens == 1) {
    void* tables = xt + block.at;
    return rows_of_isa.spread(codes + block.first * weight.k_padded, weight.k_padded, static_cast<uint32_t*>(tables));
  }
  const uint8_t* rows[kMaxTokens];
  for (int p = 0; p < tokens; p++) {  // beyond the end: the last token again, its results are dropped
    rows[p] = codes + std::min(block.first + token_at(p, block.kernel->lanes), m - 1) * weight.k_padded;
  }
  rows_of_isa.transpose(rows, tokens, weight.k_padded, xt + block.at);
}

// Sixteen channels for one block of tokens.
void multiply_tile(const PackedWeight& weight, const TokenBlock& block, int64_t m, int64_t channel, const uint8_t* xt,
                   const Epilogue& epilogue) {
  alignas(64) int32_t c[kMaxTokens * kTileChannels];
  const int rows = static_cast<int>(std::min<int64_t>(block.kernel->tokens, m - block.first));
  const int cols = static_cast<int>(std::min<int64_t>(kTileChannels, weight.header.n - channel));
  const Tile tile = {c, kTileChannels, block.first, channel, rows, cols};
  prefetch(epilogue, tile);
  for (int g = 0; g < kTileChannels / kBlockRows; g++) {
    const int64_t group = channel / kBlockRows + g, quad = weight.first_quad[group];
    block.kernel->run(xt + block.at, weight.k_padded, weight.ks + 4 * quad, weight.w + 16 * quad,
                      weight.first_quad[group + 1] - quad, c + g * kBlockRows, kTileChannels);
  }
  q8_rows(weight.header.isa).finish(epilogue, tile);
}

}  // namespace

void multiply_blocks(const PackedWeight& weight, const uint8_t* codes, int64_t m, const Epilogue& epilogue,
                     ParallelFor parallel_for) {
  const std::vector<TokenBlock> blocks = cut(weight.header.isa, m, weight.k_padded);
  const int64_t count = static_cast<int64_t>(blocks.size());
  const int64_t bytes = blocks.back().at + blocks.back().kernel->bytes_per_k() * weight.k_padded;
  const Scratch<uint8_t> xt(bytes);
  run_parallel(parallel_for, count, 1 + (1 << 17) * count / bytes, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; b++) transpose_block(weight, blocks[b], m, codes, xt.get());
  });

  const int64_t tiles = (weight.header.n + kTileChannels - 1) / kTileChannels;
  const int64_t products = 1 + 16 * weight.header.quads * m / (count * tiles);
  run_parallel(parallel_for, count * tiles, 1 + kProductsPerThread / products, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      multiply_tile(weight, blocks[i / tiles], m, i % tiles * kTileChannels, xt.get(), epilogue);
    }
  });
}

}  // namespace inc_hf

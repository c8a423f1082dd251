#include "q8spmm/pack.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace inc_hf {
namespace {

constexpr size_t kMostWaiting = 32;  // that are tried as partners, so that packing stays linear

// One k of a group of four channels; k = -1 stands for no block.
struct Block {
  int64_t k = -1;
  int8_t w[kBlockRows] = {};
};

constexpr int64_t kAtOnce = sizeof(uint64_t);

// The weights of a group at k, which are `rows` times `weight.k` apart.
Block block_at(const Weight& weight, const int8_t* w, int64_t rows, int64_t k) {
  Block block;
  for (int64_t o = 0; o < rows; o++) block.w[o] = w[o * weight.k + k];
  block.k = k;
  return block;
}

// Eight columns of a group in one word, the first in its lowest byte: one is zero where all its rows are.
uint64_t any_row(const Weight& weight, const int8_t* w, int64_t rows, int64_t k) {
  uint64_t any = 0;
  for (int64_t o = 0; o < rows; o++) {
    uint64_t row = 0;
    std::memcpy(&row, w + o * weight.k + k, std::min(kAtOnce, weight.k - k));
    any |= row;
  }
  return any;
}

std::vector<Block> nonzero_blocks(const Weight& weight, int64_t group) {
  std::vector<Block> blocks;
  const int64_t first = group * kBlockRows, rows = std::min<int64_t>(weight.n - first, kBlockRows);
  const int8_t* w = weight.w + first * weight.k;
  for (int64_t k = 0; k < weight.k; k += kAtOnce) {
    uint64_t any = any_row(weight, w, rows, k);
    for (int64_t i = k; any != 0; i++, any >>= 8) {
      if ((any & 0xff) != 0) blocks.push_back(block_at(weight, w, rows, i));
    }
  }
  return blocks;
}

bool fit_16_bits(const Block& a, const Block& b) {
  bool fit = true;
  for (int o = 0; o < kBlockRows; o++) fit &= std::abs(a.w[o] + b.w[o]) <= 128;
  return fit;
}

// vpmaddubsw adds the two blocks of a pair in 16 bits. Blocks that would overflow wait for a partner with which they
// do not, at last for an empty one: 8-bit weights stay exact at full speed.
std::vector<Block> pair_up(const std::vector<Block>& blocks) {
  std::vector<Block> pairs, waiting;
  for (const Block& block : blocks) {
    size_t i = waiting.size() > kMostWaiting ? waiting.size() - kMostWaiting : 0;
    while (i < waiting.size() && !fit_16_bits(waiting[i], block)) i++;
    if (i == waiting.size()) {
      waiting.push_back(block);
    } else {
      pairs.push_back(waiting[i]);
      pairs.push_back(block);
      waiting.erase(waiting.begin() + i);
    }
  }
  for (const Block& block : waiting) {
    pairs.push_back(block);
    if (waiting.size() > 1) pairs.push_back(Block());
  }
  return pairs;
}

std::vector<Block> blocks_in_order(const Weight& weight, int64_t group, Isa isa) {
  std::vector<Block> blocks = nonzero_blocks(weight, group);
  // by the kernels that read it, which are those of another ISA for AMX
  return vector_isa(isa) == Isa::kAvx2 ? pair_up(blocks) : blocks;
}

int64_t groups_of(int64_t n) { return (n + kBlockRows - 1) / kBlockRows; }

}  // namespace

int64_t count_quads(const Weight& weight, Isa isa) {
  int64_t quads = 0;
  for (int64_t g = 0; g < groups_of(weight.n); g++) quads += (blocks_in_order(weight, g, isa).size() + 3) / 4;
  return quads;
}

void pack_blocks(const Weight& weight, Isa isa, uint32_t* first_quad, uint16_t* ks, int8_t* w) {
  const int64_t padded_groups = (weight.n + kChannelVector - 1) / kChannelVector * kChannelVector / kBlockRows;
  uint32_t quads = 0;
  for (int64_t g = 0; g < padded_groups; g++) {
    first_quad[g] = quads;
    if (g >= groups_of(weight.n)) continue;
    const std::vector<Block> blocks = blocks_in_order(weight, g, isa);
    for (size_t i = 0; i < blocks.size(); i++) {
      if (blocks[i].k < 0) continue;
      const size_t quad = quads + i / 4;
      ks[4 * quad + i % 4] = static_cast<uint16_t>(blocks[i].k);
      for (int o = 0; o < kBlockRows; o++) w[16 * quad + 4 * o + i % 4] = blocks[i].w[o];
    }
    quads += static_cast<uint32_t>((blocks.size() + 3) / 4);
  }
  first_quad[padded_groups] = quads;
}

void unpack_blocks(const PackedWeight& packed, int8_t* w) {
  const PackedHeader& h = packed.header;
  std::memset(w, 0, h.n * h.k);
  for (int64_t channel = 0; channel < h.n; channel++) {
    const int64_t group = channel / kBlockRows, o = channel % kBlockRows;
    for (int64_t i = 4 * int64_t{packed.first_quad[group]}; i < 4 * int64_t{packed.first_quad[group + 1]}; i++) {
      // An empty block has a k, too: it adds nothing.
      w[channel * h.k + packed.ks[i]] += packed.w[i / 4 * 16 + 4 * o + i % 4];
    }
  }
}

}  // namespace inc_hf

#include "q8spmm/pack.h"

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

std::vector<Block> nonzero_blocks(const Weight& weight, int64_t group) {
  std::vector<Block> blocks;
  const int64_t first = group * kBlockRows, rows = weight.n - first < kBlockRows ? weight.n - first : kBlockRows;
  for (int64_t k = 0; k < weight.k; k++) {
    Block block;
    for (int64_t o = 0; o < rows; o++) block.w[o] = weight.w[(first + o) * weight.k + k];
    int32_t all;
    std::memcpy(&all, block.w, sizeof(all));
    if (all == 0) continue;
    block.k = k;
    blocks.push_back(block);
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
  return isa == Isa::kAvx2 ? pair_up(blocks) : blocks;
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

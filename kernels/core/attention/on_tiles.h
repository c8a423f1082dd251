// Attention in 8 bits whose products are computed in tile registers. Include after simd/amx.h and what int8.h wants.
#pragma once

#include "attention/int8.h"

namespace {

constexpr int kVectorsTogether = 4;  // tiles of sums, one for each 16 keys or channels

// Sixteen rows of activations, `stride` bytes apart, times `count` vectors of a panel; the sums go to rows that are
// `c_stride` elements apart.
inline void multiply_tiles(const uint8_t* a, int64_t stride, const Panel<int8_t>& panel, int count, void* c,
                           int64_t c_stride) {
  written(a);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  const int8_t* w = panel.w;
  for (int64_t g = 0; g < panel.groups; g += inc_hf::kTileRows, w += inc_hf::kTileRows * panel.to_group) {
    _tile_loadd(4, a + g * 4, stride);
    _tile_loadd(6, w, panel.to_group);
    _tile_dpbusd(0, 4, 6);
    if (count > 1) {
      _tile_loadd(7, w + panel.to_vector, panel.to_group);
      _tile_dpbusd(1, 4, 7);
    }
    if (count > 2) {
      _tile_loadd(6, w + 2 * panel.to_vector, panel.to_group);
      _tile_dpbusd(2, 4, 6);
    }
    if (count > 3) {
      _tile_loadd(7, w + 3 * panel.to_vector, panel.to_group);
      _tile_dpbusd(3, 4, 7);
    }
  }
  char* to = (char*)c;
  _tile_stored(0, to, c_stride * 4);
  if (count > 1) _tile_stored(1, to + kTileBytes, c_stride * 4);
  if (count > 2) _tile_stored(2, to + 2 * kTileBytes, c_stride * 4);
  if (count > 3) _tile_stored(3, to + 3 * kTileBytes, c_stride * 4);
}

// Tiles always have sixteen rows of queries. What those beyond the last query hold goes nowhere.
struct TileHead : Int8Head<Quads, inc_hf::kTileRows, 1, inc_hf::kTileRows> {
  using Int8Head::Int8Head;

  template <int R, bool kPlain>
  void attend_rows(const inc_hf::AttentionHead& head, int64_t row) const {
    attend_tile(head, row, R, kPlain);
  }

  void attend_tile(const inc_hf::AttentionHead& head, int64_t row, int rows, bool is_plain) const {
    float scale[inc_hf::kTileRows], inverse[inc_hf::kTileRows];
    for (int i = 0; i < rows; i++) scale[i] = pack_query(head, row + i, query + i * groups * kGroup);
    const KeyRange range = is_plain ? KeyRange{0, key_vectors} : keys_of(head, row, rows);
    for (int64_t v = range.first; v < range.end; v += kVectorsTogether) {
      const Panel<int8_t> panel = {keys + v * groups * kLine, groups * kLine, kLine, groups};
      multiply_tiles(query, groups * kGroup, panel, count_of(range.end - v), scores + v * kWidth, padded);
    }
    for (int i = 0; i < rows; i++) {
      F32 most = scale_keys(scores + i * padded, range);
      if (!is_plain) most = adjust_row(head, row + i, range, scale[i], scores + i * padded);
      const int32_t total = exponentials(i, range, is_plain ? scale[i] * head.factor : 1.0f, reduce_max(most));
      inverse[i] = 1.0f / (float)total + (scale[i] * 0.0f + *poison);
    }
    sum_values(head, row, rows, groups_of(range), inverse);
  }

  static int count_of(int64_t vectors) { return vectors < kVectorsTogether ? (int)vectors : kVectorsTogether; }

  // Sums of one query to scores without its scale, in place; returns the largest of each lane.
  F32 scale_keys(float* row, KeyRange range) const {
    F32 most = set1(-3e38f);
    for (int64_t key = range.first * kWidth; key < range.end * kWidth; key += kWidth) {
      const F32 x = to_f32(load((const int32_t*)(row + key)) + load(key_start + key)) * load(key_scale + key);
      store(row + key, x);
      most = max(x, most);
    }
    return most;
  }

  // Probabilities are zero from the end of the range to the end of a tile.
  void sum_values(const inc_hf::AttentionHead& head, int64_t row, int rows, KeyRange steps,
                  const float* inverse) const {
    const int64_t line = value_vectors * kLine;
    alignas(64) int32_t sums[inc_hf::kTileRows * kVectorsTogether * kWidth];
    constexpr int64_t kSums = kVectorsTogether * kWidth;
    for (int64_t first = 0; first < value_vectors; first += kVectorsTogether) {
      const int count = count_of(value_vectors - first);
      const Panel<int8_t> panel = {values + steps.first * line + first * kLine, kLine, line, steps.end - steps.first};
      multiply_tiles(weights + steps.first * kGroup, padded, panel, count, sums, kSums);
      for (int i = 0; i < rows; i++) {
        for (int j = 0; j < count; j++) {
          const int64_t at = (first + j) * kWidth, rest = head.head_dim - at;
          const F32 y = to_f32(load(sums + i * kSums + j * kWidth)) * load(value_scale + at) * set1(inverse[i]);
          store_n(head.y + (row + i) * head.y_stride + at, y, (int)(rest < kWidth ? rest : kWidth));
        }
      }
    }
  }
};

void attend_on_tiles(const inc_hf::AttentionHead& head, uint8_t* scratch) {
  configure_tiles(inc_hf::kTileRows);
  attend(head, TileHead(head.tokens, head.head_dim, scratch));
  configure_tiles(0);
}

int64_t scratch_on_tiles(int64_t tokens, int64_t head_dim) {
  const int64_t a = TileHead(tokens, head_dim, nullptr).bytes();
  const int64_t b = Fp32Head<6, 4>(tokens, head_dim, nullptr).bytes();
  return a > b ? a : b;
}

}  // namespace

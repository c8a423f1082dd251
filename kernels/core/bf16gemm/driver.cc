#include <algorithm>

#include "bf16gemm/blob.h"
#include "bf16gemm/ukernel.h"
#include "scratch.h"

namespace inc_hf::bf16gemm {
namespace {

// A block of packed activations stays in L2, with room for the panel that passes by.
constexpr int64_t kBlockBytes = 384 * 1024;

// Multiplications below which a thread costs more to wake than it saves.
constexpr int64_t kGrain = 1 << 18;

constexpr int kMaxTile = kBf16GemmMaxMr * 32;  // floats

struct Problem {
  const Bf16GemmUkernels& ukernels;
  Header header;
  const float* bias;
  const uint16_t* panels;
  const float* x;
  int64_t row_stride, m, block_rows;
  float* y;
  Activation activation;
  const float* residual;

  int64_t panel_count() const { return header.n_padded / ukernels.nr; }
  int64_t row_bytes() const { return round_up(header.k, ukernels.chunk) / ukernels.chunk * kBf16GemmChunkBytes; }
  int64_t max_block_rows() const { return std::max<int64_t>(kBlockBytes / row_bytes(), ukernels.mr); }
};

// Rows of each part if as few parts as possible, of at most `max_rows`, share them evenly: a last part of one row would
// take as long as one of four.
int64_t spread(int64_t rows, int64_t max_rows) { return ceil_div(rows, ceil_div(rows, max_rows)); }

// Calls f(first row, number of rows) for each tile of a block.
template <typename F>
void for_tiles(const Bf16GemmUkernels& ukernels, int64_t rows, F f) {
  const int64_t apart = rows - rows_apart(ukernels.configure, rows), height = spread(apart, ukernels.mr);
  for (int64_t i = 0; i < apart; i += height) f(i, int(std::min(height, apart - i)));
  if (apart < rows) f(apart, int(rows - apart));
}

// Packs `rows` rows from `begin` on, tile by tile.
void pack_block(const Problem& p, int64_t begin, int64_t rows, char* a) {
  for_tiles(p.ukernels, rows, [&](int64_t i, int tile_rows) {
    p.ukernels.pack(p.x + (begin + i) * p.row_stride, p.row_stride, tile_rows, p.header.k, a + i * p.row_bytes());
  });
}

// One panel for a block of rows, or several for a row alone.
void multiply(const Problem& p, int64_t begin, int64_t rows, const char* a, int64_t panel, int panels,
              TileRows& tiles) {
  const int nr = p.ukernels.nr;
  const int64_t n = p.header.n, column = panel * nr, stride = panel_stride(p.ukernels, p.header.k);
  const int64_t columns = std::min<int64_t>(panels * nr, n - column);
  alignas(64) float c[kMaxTile];
  for_tiles(p.ukernels, rows, [&](int64_t i, int tile_rows) {
    const Bf16GemmTile tile = panels > 1 ? p.ukernels.wide_row : p.ukernels.rows[tile_rows - 1];
    tiles.set(tile_rows);
    tile(a + i * p.row_bytes(), p.panels + panel * stride, stride, round_up(p.header.k, 2) / 2, c);
    const int64_t at = (begin + i) * n + column;
    const float* residual = p.residual == nullptr ? nullptr : p.residual + at;
    p.ukernels.finish(c, panels * nr, tile_rows, columns, {p.bias + column, p.activation, residual, p.y + at, n});
  });
}

// Items are panels of a block of rows, block after block.
void run_items(const Problem& p, int64_t item, int64_t end) {
  const Scratch<char> a(p.block_rows * p.row_bytes());
  TileRows tiles(p.ukernels.configure);
  for (bool first = true; item < end;) {
    const int64_t block = item / p.panel_count(), panel = item % p.panel_count();
    const int64_t begin = block * p.block_rows, rows = std::min(p.block_rows, p.m - begin);
    if (first || panel == 0) pack_block(p, begin, rows, a.get());
    first = false;
    const int64_t left = std::min(p.panel_count() - panel, end - item);
    const int panels = rows == 1 && left >= p.ukernels.wide ? p.ukernels.wide : 1;
    multiply(p, begin, rows, a.get(), panel, panels, tiles);
    item += panels;
  }
}

}  // namespace

void run(const void* blob, const float* x, int64_t row_stride, int64_t m, float* y, Activation activation,
         const float* residual, ParallelFor parallel_for) {
  if (m < 1) return;
  const Header header = read_header(blob);
  const char* bytes = static_cast<const char*>(blob);
  const auto* bias = reinterpret_cast<const float*>(bytes + bias_offset());
  const auto* panels = reinterpret_cast<const uint16_t*>(bytes + panels_offset(header));
  Problem p = {bf16gemm_ukernels(header.variant), header, bias, panels, x, row_stride, m, 0, y, activation, residual};
  p.block_rows = spread(m, p.max_block_rows());
  const int64_t grain = std::max<int64_t>(kGrain / (p.block_rows * panel_stride(p.ukernels, header.k)), 1);
  run_parallel(parallel_for, ceil_div(m, p.block_rows) * p.panel_count(), grain,
               [&](int64_t begin, int64_t end) { run_items(p, begin, end); });
}

}  // namespace inc_hf::bf16gemm

#include "q8gemm/multiply.h"

#include <algorithm>

#include "q8gemm/pack.h"
#include "scratch.h"

namespace inc_hf {
namespace {

constexpr int64_t kRowBlockBytes = 192 * 1024;            // of activations, to stay in the second-level cache
constexpr int64_t kProductsPerThread = int64_t{1} << 19;  // fewer are not worth waking a thread

// Calls f(first row, end) for tiles of about equal height: two of 4 rows beat one of 6 and one of 2.
template <typename F>
void for_tiles(const Q8GemmUkernels& ukernels, int64_t begin, int64_t end, F f) {
  const int64_t apart = end - rows_apart(ukernels.configure, end - begin);
  const int64_t tiles = ceil_div(apart - begin, ukernels.mr);
  for (int64_t t = 0; t < tiles; t++) {
    f(begin + (apart - begin) * t / tiles, begin + (apart - begin) * (t + 1) / tiles);
  }
  if (apart < end) f(apart, end);
}

// Rows [begin, end) of the activations against one panel.
void multiply_panel(const PackedWeight& weight, const Q8GemmUkernels& ukernels, const void* a, int64_t panel,
                    int64_t begin, int64_t end, const Epilogue& epilogue, TileRows& tile_rows) {
  const int64_t element = ukernels.layout == PanelLayout::kPairs ? 2 : 1;
  const int64_t groups = ceil_div(weight.header.k, 4) * 4 / static_cast<int64_t>(ukernels.layout);
  const int8_t* w = weight.panels + panel * ukernels.nr * panel_k(weight.header.isa, weight.header.k);
  const int64_t n = panel * ukernels.nr;
  const int cols = static_cast<int>(std::min<int64_t>(ukernels.nr, weight.header.n - n));
  const Q8Rows& rows_of_isa = q8_rows(weight.header.isa);
  alignas(64) int32_t c[kMaxMr * kChannelVector];
  for_tiles(ukernels, begin, end, [&](int64_t m, int64_t next) {
    const int rows = static_cast<int>(next - m);
    const char* a_rows = static_cast<const char*>(a) + m * weight.k_padded * element;
    const Tile tile = {c, ukernels.nr, m, n, rows, cols};
    prefetch(epilogue, tile);
    tile_rows.set(rows);
    ukernels.rows[rows - 1](a_rows, weight.k_padded, w, groups, c);
    rows_of_isa.finish(epilogue, tile);
  });
}

Scratch<int16_t> widen(const PackedWeight& weight, const uint8_t* codes, int64_t m, ParallelFor parallel_for) {
  Scratch<int16_t> wide(m * weight.k_padded);
  const Q8Rows& rows = q8_rows(weight.header.isa);
  run_parallel(parallel_for, m, 1 + (1 << 16) / weight.k_padded, [&](int64_t begin, int64_t end) {
    const int64_t at = begin * weight.k_padded;
    rows.widen(codes + at, (end - begin) * weight.k_padded, wide.get() + at);
  });
  return wide;
}

}  // namespace

void multiply_panels(const PackedWeight& weight, const uint8_t* codes, int64_t m, const Epilogue& epilogue,
                     ParallelFor parallel_for) {
  const Q8GemmUkernels& ukernels = dense_ukernels(weight.header);
  const bool pairs = ukernels.layout == PanelLayout::kPairs;
  const Scratch<int16_t> wide = pairs ? widen(weight, codes, m, parallel_for) : Scratch<int16_t>();
  const void* a = pairs ? static_cast<const void*>(wide.get()) : codes;

  const int64_t most_rows = std::max<int64_t>(ukernels.mr, kRowBlockBytes / (weight.k_padded * (pairs ? 2 : 1)));
  const int64_t row_blocks = (m + most_rows - 1) / most_rows;
  const int64_t panels = (weight.header.n + ukernels.nr - 1) / ukernels.nr;
  const int64_t products = (m + row_blocks - 1) / row_blocks * ukernels.nr * weight.k_padded;
  run_parallel(parallel_for, row_blocks * panels, 1 + kProductsPerThread / products, [&](int64_t begin, int64_t end) {
    TileRows tile_rows(ukernels.configure);
    for (int64_t i = begin; i < end; i++) {
      const int64_t block = i / panels;
      multiply_panel(weight, ukernels, a, i % panels, m * block / row_blocks, m * (block + 1) / row_blocks, epilogue,
                     tile_rows);
    }
  });
}

}  // namespace inc_hf

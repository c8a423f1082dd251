// Products on the tile registers of AMX: 32 rows times 32 channels at a time, over a `Dot` that an ISA file defines:
//   add0() .. add3(): sums 0 to 3 plus activations 4, 4, 5, 5 times weights 6, 7, 6, 7
// Tiles go by literal numbers, as GCC's intrinsics paste them into the name of a register: 0 to 3 are sums, 4 and 5
// activations, 6 and 7 weights. GCC does not know that they read memory, hence `written`.
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "tile_rows.h"

namespace {

constexpr int kTileBytes = 64;      // of a row of a tile
constexpr int kTileChannels = 16;   // sums in a row of a tile
constexpr int kTilePanel = 2 * 64;  // bytes from one group of k of a panel to the next: two tiles side by side
constexpr int kTallest = 2 * inc_hf::kTileRows;

// As ldtilecfg reads it.
struct TileShapes {
  uint8_t palette, start_row, reserved[14];
  uint16_t bytes[16];
  uint8_t rows[16];
};
static_assert(sizeof(TileShapes) == 64, "one cache line");

struct AllTileShapes {
  TileShapes of[inc_hf::kTileRows];  // [rows - 1]
};

// Weights are always 16 rows of k, padded with zeros; sums and activations have as many as there are.
constexpr AllTileShapes all_tile_shapes() {
  AllTileShapes all = {};
  for (int i = 0; i < inc_hf::kTileRows; i++) {
    all.of[i].palette = 1;
    for (int tile = 0; tile < 8; tile++) {
      all.of[i].bytes[tile] = kTileBytes;
      all.of[i].rows[tile] = (uint8_t)(tile < 6 ? i + 1 : inc_hf::kTileRows);
    }
  }
  return all;
}

alignas(64) constexpr AllTileShapes kTileShapes = all_tile_shapes();

void configure_tiles(int rows) {
  if (rows == 0) {
    _tile_release();
  } else {
    _tile_loadconfig(&kTileShapes.of[rows - 1]);
  }
}

// What was written to `p` is in memory.
inline void written(const void* p) { asm volatile("" : : "r"(p) : "memory"); }

// Where a block of sums lies: that of more than 16 rows has two tiles of activations, the second of which ends with the
// last row and shares some rows with the first.
template <int kRows>
struct TileBlock {
  static constexpr bool kTwo = kRows > inc_hf::kTileRows;
  static constexpr int kSecond = kTwo ? kRows - inc_hf::kTileRows : 0;  // its first row

  static void begin() {
    _tile_zero(0);
    _tile_zero(1);
    if constexpr (kTwo) {
      _tile_zero(2);
      _tile_zero(3);
    }
  }

  // Adds 64 bytes of each row of activations, `stride` bytes apart, times the same k of a panel.
  template <typename Dot>
  static void add(const void* activations, int64_t stride, const void* panel) {
    const char *a = (const char*)activations, *w = (const char*)panel;
    _tile_loadd(4, a, stride);
    _tile_loadd(6, w, kTilePanel);
    Dot::add0();
    _tile_loadd(7, w + kTileBytes, kTilePanel);
    Dot::add1();
    if constexpr (kTwo) {
      _tile_loadd(5, a + kSecond * stride, stride);
      Dot::add2();
      Dot::add3();
    }
  }

  // Sums of 32 bits to c[kRows][32].
  static void store(void* sums) {
    constexpr int64_t kLine = 2 * kTileChannels * 4;
    char* c = (char*)sums;
    _tile_stored(0, c, kLine);
    _tile_stored(1, c + kTileBytes, kLine);
    if constexpr (kTwo) {
      c += kSecond * kLine;
      _tile_stored(2, c, kLine);
      _tile_stored(3, c + kTileBytes, kLine);
    }
  }
};

}  // namespace

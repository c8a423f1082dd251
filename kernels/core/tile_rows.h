// Micro-kernels of AMX need the tile registers of their thread to be configured for their number of rows. That takes
// about as long as a few products, so it is done when the number changes; and a thread that goes to do something else
// gives its tiles back, as they would have to be saved at each switch of threads.
#pragma once

#include <stdint.h>

namespace inc_hf {

inline constexpr int kTileRows = 16;  // the most rows of a tile

// Makes tiles of so many rows; 0 gives them back.
using ConfigureTiles = void (*)(int rows);

// Of so many rows, those at the end that get a tile of their own: 40 rows are three tiles as 24 and 16, but four as
// 20 and 20. Zero for micro-kernels without tiles.
inline int64_t rows_apart(ConfigureTiles configure, int64_t rows) {
  const bool is_odd = (rows + kTileRows - 1) / kTileRows % 2 == 1;
  return configure != nullptr && is_odd && rows > 2 * kTileRows ? kTileRows : 0;
}

// Around the calls of one thread. Micro-kernels without tiles have null for `configure`.
class TileRows {
 public:
  explicit TileRows(ConfigureTiles configure) : configure_(configure) {}
  TileRows(const TileRows&) = delete;
  TileRows& operator=(const TileRows&) = delete;
  ~TileRows() { set(0); }

  // Before a micro-kernel computes `rows` rows; those beyond a tile are in a second one that overlaps the first.
  void set(int rows) {
    rows = rows < kTileRows ? rows : kTileRows;
    if (configure_ == nullptr || rows == rows_) return;
    configure_(rows);
    rows_ = rows;
  }

 private:
  ConfigureTiles configure_;
  int rows_ = 0;
};

}  // namespace inc_hf

#include "q8/units.h"

#include <string.h>

namespace inc_hf {
namespace {

int64_t bytes_per_row(const Units& units) { return (units.k + 7) / 8; }

template <int rows>
void expand(const Units& units, const int8_t* values, int8_t* w) {
  const uint8_t* mask = units.mask;
  for (int64_t i = 0; i < units.n; i += rows, w += rows * units.k) {
    for (int64_t first = 0; first < units.k; first += 8) {
      uint32_t left = *mask++;
      while (left != 0) {
        const int bit = __builtin_clz(left) - 24;
        left &= ~(0x80u >> bit);
        for (int row = 0; row < rows; row++) w[row * units.k + first + bit] = *values++;
      }
    }
  }
}

}  // namespace

int64_t count_units(const Units& units) {
  const int64_t per_row = bytes_per_row(units);
  const uint8_t behind = units.k % 8 == 0 ? 0 : 0xff >> units.k % 8;
  int64_t count = 0;
  for (int64_t i = 0; i < units.n / units.rows * per_row; i++) {
    if (i % per_row == per_row - 1 && (units.mask[i] & behind) != 0) return -1;
    count += __builtin_popcount(units.mask[i]);
  }
  return count;
}

void expand_units(const Units& units, const int8_t* values, int8_t* w) {
  if (units.n == 0) return;
  memset(w, 0, units.n * units.k);
  units.rows == 4 ? expand<4>(units, values, w) : expand<1>(units, values, w);
}

}  // namespace inc_hf

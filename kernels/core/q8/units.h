// Weights stored without their zeros: a bit for each unit of some rows and one column, and the units that are not zero.
#pragma once

#include <stdint.h>

namespace inc_hf {

struct Units {
  const uint8_t* mask;  // (k + 7) / 8 bytes for each row of units, the highest bit first
  int64_t n, k, rows;   // of the weight, and of a unit: 1 or 4, of which n is a multiple
};

// Units whose bit is 1; -1 if a bit behind the last column is.
int64_t count_units(const Units& units);

// `values` are those of the units, from left to right and from top to bottom; all of w[n][k] is written.
void expand_units(const Units& units, const int8_t* values, int8_t* w);

}  // namespace inc_hf

// Sixteen integers, as a vector of AVX-512 has them, in plain C++.
#pragma once

#include <stdint.h>

namespace {

struct Lanes {
  int32_t lane[16];
};

}  // namespace

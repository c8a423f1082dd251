// Four bytes from any address as one integer, to be broadcast.
#pragma once

#include <stdint.h>
#include <string.h>

namespace {

inline int32_t word(const void* p) {
  int32_t x;
  memcpy(&x, p, 4);
  return x;
}

}  // namespace

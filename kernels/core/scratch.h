// Memory for the time of one call.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

namespace inc_hf {

struct Free {
  void operator()(void* p) const { std::free(p); }
};

template <typename T>
using Scratch = std::unique_ptr<T[], Free>;

// Room for `count` elements, not initialized, aligned to a cache line.
template <typename T>
Scratch<T> scratch(int64_t count) {
  const size_t bytes = (static_cast<size_t>(count) * sizeof(T) + 63) / 64 * 64;
  void* p = std::aligned_alloc(64, bytes == 0 ? 64 : bytes);
  if (p == nullptr) throw std::bad_alloc();
  return Scratch<T>(static_cast<T*>(p));
}

}  // namespace inc_hf

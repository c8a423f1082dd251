#include "scratch.h"

#include <array>
#include <cstdlib>
#include <new>

namespace inc_hf {
namespace {

// Blocks that are larger than needed would hide an overrun from the sanitizer.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kPlain = true;
#else
constexpr bool kPlain = false;
#endif
constexpr int64_t kLine = 64, kKept = 32 << 20;  // larger blocks are returned to the system at once

struct Block {
  void* memory = nullptr;
  int64_t bytes = 0;
  bool taken = false;
};

// As many as a call holds at a time. Calls with more, or with larger blocks, go to the system.
struct Blocks : std::array<Block, 8> {
  ~Blocks() {
    for (Block& block : *this) std::free(block.memory);
  }
};

thread_local Blocks blocks;

void* allocate(int64_t bytes) {
  void* memory = std::aligned_alloc(kLine, static_cast<size_t>(bytes));
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* take_scratch(int64_t bytes) {
  if (kPlain) return allocate((bytes + kLine) / kLine * kLine);
  bytes = (bytes + kLine) / kLine * kLine;
  Block* best = nullptr;  // the smallest that fits, otherwise the largest, to be made larger
  for (Block& block : blocks) {
    if (block.taken) continue;
    const bool fits = block.bytes >= bytes;
    if (best == nullptr ||
        (fits ? best->bytes < bytes || block.bytes < best->bytes : best->bytes < bytes && block.bytes > best->bytes)) {
      best = &block;
    }
  }
  if (best == nullptr || bytes > kKept) return allocate(bytes);
  if (best->bytes < bytes) {
    void* memory = allocate(bytes);
    std::free(best->memory);
    best->memory = memory;
    best->bytes = bytes;
  }
  best->taken = true;
  return best->memory;
}

void give_scratch_back(void* memory) {
  for (Block& block : blocks) {
    if (!kPlain && block.memory == memory) {
      block.taken = false;
      return;
    }
  }
  std::free(memory);
}

}  // namespace inc_hf

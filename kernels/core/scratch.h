// Memory for the time of one call. A thread keeps a few blocks for its next call: fresh pages from the system cost more
// than filling them.
#pragma once

#include <cstdint>

namespace inc_hf {

// `bytes` bytes aligned to a cache line, not initialized; to be given back by the same thread.
void* take_scratch(int64_t bytes);
void give_scratch_back(void* block);

template <typename T>
class Scratch {
 public:
  Scratch() = default;
  explicit Scratch(int64_t count) : data_(static_cast<T*>(take_scratch(count * static_cast<int64_t>(sizeof(T))))) {}
  Scratch(Scratch&& other) noexcept : data_(other.data_) { other.data_ = nullptr; }
  Scratch& operator=(Scratch&&) = delete;
  ~Scratch() {
    if (data_ != nullptr) give_scratch_back(data_);
  }
  T* get() const { return data_; }
  T& operator[](int64_t i) const { return data_[i]; }

 private:
  T* data_ = nullptr;
};

}  // namespace inc_hf

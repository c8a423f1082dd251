// A tensor of torch, over the C functions of libtorch.h.
#pragma once

#include <stdexcept>
#include <utility>

#include "libtorch.h"

namespace inc_hf::torch_ext {

enum class ScalarType { Float, BFloat16, Char, Byte, Int, Long };

// The number that torch has for it.
int32_t code_of(ScalarType dtype);

// torch's name for the type with this number, "Float"; "another type" if no op takes or returns such tensors.
const char* dtype_name(int32_t code);

// Torch has printed why by then.
inline void check(AOTITorchError error) {
  if (error != 0) throw std::runtime_error("LibTorch has refused a call; its message is above.");
}

// Owns a reference; copies share the memory.
class Tensor {
 public:
  explicit Tensor(AtenTensorHandle owned) : handle_(owned) {}
  Tensor(const Tensor& other) { check(aoti_torch_new_tensor_handle(other.handle_, &handle_)); }
  Tensor(Tensor&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Tensor& operator=(Tensor other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Tensor() {
    if (handle_ != nullptr) aoti_torch_delete_tensor_object(handle_);
  }

  int64_t dim() const { return ask(aoti_torch_get_dim); }
  int64_t numel() const { return ask(aoti_torch_get_numel); }
  int32_t dtype() const { return ask(aoti_torch_get_dtype); }
  int32_t device_type() const { return ask(aoti_torch_get_device_type); }
  bool is_contiguous() const { return ask(aoti_torch_is_contiguous); }
  const void* const_data_ptr() const { return ask(torch_get_const_data_ptr); }
  void* mutable_data_ptr() { return ask(torch_get_mutable_data_ptr); }
  int64_t size(int64_t i) const { return ask(aoti_torch_get_size, i); }
  int64_t stride(int64_t i) const { return ask(aoti_torch_get_stride, i); }

  // The caller owns the reference now.
  AtenTensorHandle release() { return std::exchange(handle_, nullptr); }

 private:
  template <typename T>
  T ask(AOTITorchError (*function)(AtenTensorHandle, T*)) const {
    T value;
    check(function(handle_, &value));
    return value;
  }
  int64_t ask(AOTITorchError (*function)(AtenTensorHandle, int64_t, int64_t*), int64_t i) const {
    int64_t value;
    check(function(handle_, i, &value));
    return value;
  }

  AtenTensorHandle handle_;
};

// `x` itself, or a copy that is contiguous.
Tensor contiguous(const Tensor& x);

// An uninitialized tensor on the CPU, of `dim` dimensions of these sizes. Not through the dispatcher: that would take a
// third of a small call.
Tensor empty(const int64_t* sizes, int64_t dim, ScalarType dtype);
template <size_t dim>
Tensor empty(const int64_t (&sizes)[dim], ScalarType dtype) {
  return empty(sizes, dim, dtype);
}

}  // namespace inc_hf::torch_ext

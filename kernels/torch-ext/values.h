// Arguments and results of operators as LibTorch passes them: 64 bits each, in the lowest bytes.
#pragma once

#include <cstring>
#include <optional>
#include <type_traits>

#include "tensor.h"

namespace inc_hf::torch_ext {

template <typename T>
StableIValue to_value(T plain) {
  static_assert(std::is_arithmetic_v<T> || std::is_pointer_v<T>);
  StableIValue value = 0;
  std::memcpy(&value, &plain, sizeof(plain));
  return value;
}
inline StableIValue to_value(Tensor&& tensor) { return to_value(tensor.release()); }

// Takes over what `value` refers to.
template <typename T>
struct FromValue {
  static_assert(std::is_arithmetic_v<T> || std::is_pointer_v<T>);
  static T call(StableIValue value) {
    T plain;
    std::memcpy(&plain, &value, sizeof(plain));
    return plain;
  }
};
template <>
struct FromValue<Tensor> {
  static Tensor call(StableIValue value) { return Tensor(FromValue<AtenTensorHandle>::call(value)); }
};
// A pointer to a value that was made with `new`, or null.
template <typename T>
struct FromValue<std::optional<T>> {
  static std::optional<T> call(StableIValue value) {
    StableIValue* const pointer = FromValue<StableIValue*>::call(value);
    if (pointer == nullptr) return std::nullopt;
    const StableIValue content = *pointer;
    delete pointer;
    return FromValue<T>::call(content);
  }
};
template <typename T>
T from_value(StableIValue value) {
  return FromValue<T>::call(value);
}

}  // namespace inc_hf::torch_ext

// Registering C++ functions as operators of torch.
#pragma once

#include <initializer_list>
#include <tuple>

#include "values.h"

namespace inc_hf::torch_ext {

template <typename Result>
void put(StableIValue* stack, Result&& result) {
  stack[0] = to_value(std::move(result));
}
template <typename A, typename B>
void put(StableIValue* stack, std::tuple<A, B>&& result) {
  stack[0] = to_value(std::move(std::get<0>(result)));
  stack[1] = to_value(std::move(std::get<1>(result)));
}

// `function` as LibTorch calls it: arguments on the stack, which are taken over, and the results in their place.
template <auto function>
struct Boxed;
template <typename Result, typename... Args, Result (*function)(Args...)>
struct Boxed<function> {
  static void call(StableIValue* stack, uint64_t num_args, uint64_t) {
    if (num_args != sizeof...(Args)) throw std::logic_error("The schema of an operator does not fit its function.");
    unpack_and_call(stack, std::index_sequence_for<Args...>());
  }

 private:
  template <size_t... i>
  static void unpack_and_call(StableIValue* stack, std::index_sequence<i...>) {
    // Braces: in this order, and all of them before the call, so that nothing is lost if it throws.
    std::tuple<std::decay_t<Args>...> args{from_value<std::decay_t<Args>>(stack[i])...};
    put(stack, function(std::move(std::get<i>(args))...));
  }
};

// Adds operators to the namespace `inc_hf`, as long as it lives: give it a name at namespace scope.
class Operators {
 public:
  // Their schemas.
  explicit Operators(std::initializer_list<const char*> schemas) {
    check(aoti_torch_library_init_fragment("inc_hf", __FILE__, __LINE__, &library_));
    for (const char* schema : schemas) check(aoti_torch_library_def(library_, schema));
  }

  struct Implementation {
    const char* name;
    void (*function)(StableIValue*, uint64_t, uint64_t);
  };
  // What runs for tensors of `dispatch_key`.
  Operators(const char* dispatch_key, std::initializer_list<Implementation> implementations) {
    check(aoti_torch_library_init_impl("inc_hf", dispatch_key, __FILE__, __LINE__, &library_));
    for (const auto& [name, function] : implementations) {
      check(torch_library_impl(library_, name, function, kOldestTorch));
    }
  }

  Operators(const Operators&) = delete;
  Operators& operator=(const Operators&) = delete;
  ~Operators() { aoti_torch_delete_library_object(library_); }

 private:
  TorchLibraryHandle library_;
};

}  // namespace inc_hf::torch_ext

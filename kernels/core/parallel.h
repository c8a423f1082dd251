// How the kernels reach the threads of their caller. They start none of their own.
#pragma once

#include <cstdint>
#include <type_traits>

namespace inc_hf {

// Calls body(context, begin, end) on disjoint ranges that cover [0, count), each of at least `grain` items, except the
// last; returns when all are done. The caller of a kernel supplies it; `serial` is the one for a single thread.
using ParallelBody = void (*)(void* context, int64_t begin, int64_t end);
using ParallelFor = void (*)(int64_t count, int64_t grain, void* context, ParallelBody body);

// The number of parts of size y that hold x.
inline int64_t ceil_div(int64_t x, int64_t y) { return (x + y - 1) / y; }

inline void serial(int64_t count, int64_t, void* context, ParallelBody body) {
  if (count > 0) body(context, 0, count);
}

// `parallel_for(count, grain, [&](int64_t begin, int64_t end) {...})` for a lambda. It must not throw.
template <typename F>
void run_parallel(ParallelFor parallel_for, int64_t count, int64_t grain, F&& body) {
  using Function = std::remove_reference_t<F>;
  parallel_for(count, grain, const_cast<void*>(static_cast<const void*>(&body)),
               [](void* context, int64_t begin, int64_t end) { (*static_cast<Function*>(context))(begin, end); });
}

}  // namespace inc_hf

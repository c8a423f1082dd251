// What both kinds of attention share: memory for a head, and the way through its queries.
#pragma once

#include <math.h>
#include <string.h>

#include "attention/attention.h"
#include "simd/unroll.h"

namespace {

constexpr int kWidth = F32::kWidth;

// Keys beyond the end of a sequence have this score.
constexpr float kNever = -1e30f;

inline int64_t round_up(int64_t x, int64_t multiple) { return (x + multiple - 1) / multiple * multiple; }

// Takes arrays one after another, each from a multiple of 64 bytes; without memory it only counts.
struct Room {
  uint8_t* base;
  int64_t end = 0;

  template <typename T>
  T* take(int64_t count) {
    T* const start = base == nullptr ? nullptr : (T*)(base + end);
    end += round_up(count * (int64_t)sizeof(T), 64);
    return start;
  }
};

template <int kValue>
struct Count {
  static constexpr int value = kValue;
};

// f(Count<n>()) for 1 <= n <= kMost.
template <int kMost, typename F>
inline __attribute__((always_inline)) void with_count(int n, F f) {
  if constexpr (kMost > 1) {
    if (n < kMost) return with_count<kMost - 1>(n, f);
  }
  f(Count<kMost>());
}

// Calls f(first, Count<n>()) for pieces of at most kMost vectors of [0, vectors).
template <int kMost, typename F>
inline __attribute__((always_inline)) void for_pieces(int64_t vectors, F f) {
  for (int64_t i = 0; i < vectors; i += kMost) {
    with_count<kMost>((int)(vectors - i < kMost ? vectors - i : kMost), [&](auto count) { f(i, count); });
  }
}

// A row of head_dim values by its vectors; the last one may be shorter.
template <typename F>
inline void for_head(int64_t head_dim, F f) {
  for (int64_t i = 0; i < head_dim; i += kWidth) f(i, (int)(head_dim - i < kWidth ? head_dim - i : kWidth));
}

// Vectors of keys, [first, end).
struct KeyRange {
  int64_t first, end;
};

// Those that the window of `rows` queries reaches.
inline KeyRange keys_of(const inc_hf::AttentionHead& head, int64_t row, int64_t rows) {
  const int64_t all = (head.tokens + kWidth - 1) / kWidth;
  if (head.window < 0) return {0, all};
  const int64_t first = row - head.window, end = row + rows + head.window;
  return {first <= 0 ? 0 : first / kWidth, end >= head.tokens ? all : (end + kWidth - 1) / kWidth};
}

// Scores of a query and the keys that begin `distance` tokens after it, without those outside of the window.
inline F32 within_window(F32 x, int64_t distance, int64_t window) {
  const int64_t before = -window - distance, end = window + 1 - distance;  // lanes
  if (end < kWidth) x = first_n(x, end < 0 ? 0 : (int)end, set1(kNever));
  if (before > 0) x = first_n(set1(kNever), before > kWidth ? kWidth : (int)before, x);
  return x;
}

// Vectors of keys or values: the first, and how many elements it is to the next one, and to its own next group.
template <typename Weight>
struct Panel {
  const Weight* w;
  int64_t to_vector, to_group, groups;
};

// Adds R rows of activations, `stride` elements apart, times V vectors. `Dot` is one of q8gemm/generic.h, or FloatDot.
template <typename Dot, int R, int V, typename Weight>
inline __attribute__((always_inline)) void add_products(const typename Dot::Activation* a, int64_t stride,
                                                        const Panel<Weight>& panel, typename Dot::Vector (&c)[R][V]) {
  const Weight* from = panel.w;
  for (int64_t g = 0; g < panel.groups; g++, from += panel.to_group) {
    typename Dot::Vector w[V];
    INC_HF_UNROLL
    for (int j = 0; j < V; j++) w[j] = Dot::load(from + j * panel.to_vector);
    INC_HF_UNROLL
    for (int i = 0; i < R; i++) {
      const typename Dot::Vector x = Dot::broadcast(a + i * stride + g * Dot::kGroup);
      INC_HF_UNROLL
      for (int j = 0; j < V; j++) c[i][j] = Dot::add(c[i][j], x, w[j]);
    }
  }
}

// All queries of a head, in tiles of about equal height.
template <typename Head>
void attend(const inc_hf::AttentionHead& head, const Head& work) {
  work.pack(head);
  const bool is_plain = head.window < 0 && head.bias == nullptr;
  const int64_t tiles = (head.tokens + Head::kTileRows - 1) / Head::kTileRows;
  for (int64_t t = 0; t < tiles; t++) {
    const int64_t row = head.tokens * t / tiles, rows = head.tokens * (t + 1) / tiles - row;
    with_count<Head::kTileRows>((int)rows, [&](auto count) {
      is_plain ? work.template attend_rows<count.value, true>(head, row)
               : work.template attend_rows<count.value, false>(head, row);
    });
  }
}

}  // namespace

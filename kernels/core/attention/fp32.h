// Attention in float. Include after one simd/*.h.
#pragma once

#include "attention/tiles.h"
#include "elementwise/activation.h"

namespace {

struct FloatDot {
  using Vector = F32;
  using Activation = float;
  static constexpr int kGroup = 1;
  static F32 load(const float* p) { return ::load(p); }
  static F32 broadcast(const float* p) { return set1(*p); }
  static F32 add(F32 sum, F32 x, F32 w) { return fma(x, w, sum); }
};

template <int kRows, int kVectors>
struct Fp32Head {
  static constexpr int kTileRows = kRows;

  Room room;
  int64_t key_vectors, value_vectors, padded;
  float *keys, *values, *scores;  // [tokens / kWidth][head_dim][kWidth], [tokens][value_vectors][kWidth]

  Fp32Head(int64_t tokens, int64_t head_dim, uint8_t* scratch) : room{scratch} {
    key_vectors = (tokens + kWidth - 1) / kWidth;
    value_vectors = (head_dim + kWidth - 1) / kWidth;
    padded = key_vectors * kWidth;
    keys = room.take<float>(padded * head_dim);
    values = room.take<float>(tokens * value_vectors * kWidth);
    scores = room.take<float>(kRows * padded);
  }
  int64_t bytes() const { return room.end; }

  void pack(const inc_hf::AttentionHead& head) const {
    for (int64_t t = 0; t < padded; t++) {
      float* to = keys + t / kWidth * head.head_dim * kWidth + t % kWidth;
      const float* from = head.k + t * head.stride;
      for (int64_t i = 0; i < head.head_dim; i++) to[i * kWidth] = t < head.tokens ? from[i] : 0.0f;
    }
    for (int64_t t = 0; t < head.tokens; t++) {
      for_head(head.head_dim, [&](int64_t i, int n) {
        store(values + t * value_vectors * kWidth + i, load_n(head.v + t * head.stride + i, n));
      });
    }
  }

  template <int R, bool>
  void attend_rows(const inc_hf::AttentionHead& head, int64_t row) const {
    const KeyRange range = keys_of(head, row, R);
    for_pieces<kVectors>(range.end - range.first,
                         [&](int64_t piece, auto count) { score<R, count.value>(head, row, range.first + piece); });
    float inverse[R];
    for (int i = 0; i < R; i++) inverse[i] = 1.0f / exponentials(scores + i * padded, range);
    for_pieces<kVectors>(value_vectors, [&](int64_t first, auto count) {
      sum_values<R, count.value>(head, row, first, range, inverse);
    });
  }

  template <int R, int V>
  static void begin_with_zero(F32 (&c)[R][V]) {
    INC_HF_UNROLL
    for (int i = 0; i < R; i++) {
      INC_HF_UNROLL
      for (int j = 0; j < V; j++) c[i][j] = set1(0.0f);
    }
  }

  template <int R, int V>
  void score(const inc_hf::AttentionHead& head, int64_t row, int64_t first) const {
    F32 c[R][V];
    begin_with_zero(c);
    const int64_t line = head.head_dim * kWidth;
    add_products<FloatDot>(head.q + row * head.stride, head.stride,
                           Panel<float>{keys + first * line, line, kWidth, head.head_dim}, c);
    INC_HF_UNROLL
    for (int j = 0; j < V; j++) {
      const int64_t at = (first + j) * kWidth, rest = head.tokens - at;
      INC_HF_UNROLL
      for (int i = 0; i < R; i++) {
        F32 x = c[i][j] * set1(head.factor);
        if (head.bias != nullptr) x = x + load(head.bias + at - (row + i));
        if (head.window >= 0) x = within_window(x, at - (row + i), head.window);
        store(scores + i * padded + at, first_n(x, (int)(rest < kWidth ? rest : kWidth), set1(kNever)));
      }
    }
  }

  // exp(s - max) in place; returns the sum, NaN if a score is NaN or Inf.
  float exponentials(float* s, KeyRange range) const {
    const int64_t begin = range.first * kWidth, end = range.end * kWidth;
    F32 most = set1(kNever), total = set1(0.0f), poison = set1(0.0f);
    for (int64_t t = begin; t < end; t += kWidth) {
      most = max(load(s + t), most);
      poison = fma(load(s + t), set1(0.0f), poison);
    }
    const F32 largest = set1(reduce_max(most));
    for (int64_t t = begin; t < end; t += kWidth) {
      const F32 e = exp(load(s + t) - largest);
      store(s + t, e);
      total = total + e;
    }
    return reduce_add(total) + reduce_add(poison);
  }

  template <int R, int V>
  void sum_values(const inc_hf::AttentionHead& head, int64_t row, int64_t first, KeyRange range,
                  const float (&inverse)[R]) const {
    F32 c[R][V];
    begin_with_zero(c);
    const int64_t begin = range.first * kWidth, line = value_vectors * kWidth;
    const int64_t end = range.end * kWidth < head.tokens ? range.end * kWidth : head.tokens;
    add_products<FloatDot>(scores + begin, padded,
                           Panel<float>{values + begin * line + first * kWidth, kWidth, line, end - begin}, c);
    INC_HF_UNROLL
    for (int j = 0; j < V; j++) {
      const int64_t at = (first + j) * kWidth, rest = head.head_dim - at;
      INC_HF_UNROLL
      for (int i = 0; i < R; i++) {
        store_n(head.y + (row + i) * head.y_stride + at, c[i][j] * set1(inverse[i]),
                (int)(rest < kWidth ? rest : kWidth));
      }
    }
  }
};

}  // namespace

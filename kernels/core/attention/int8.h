// Attention in 8-bit integers. Include after one simd/*.h and one q8gemm/dot_*.h.
#pragma once

#include "attention/interleave.h"
#include "attention/tiles.h"

namespace {

// 255 * 2^x for x <= 0, relative error 8e-5, a hundredth of what rounding to integers costs; 255 * 2^-126 below -126.
inline F32 exp2_255(F32 x) {
  constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23: adding it leaves the integer in the lowest bits
  x = max(x, set1(-126.0f));
  const F32 shifted = x + set1(kMagic);
  const F32 r = x - (shifted - set1(kMagic));  // [-0.5, 0.5]
  F32 p = set1(255.0f * 0.05517166f);
  p = fma(p, r, set1(255.0f * 0.24261116f));
  p = fma(p, r, set1(255.0f * 0.69326099f));
  p = fma(p, r, set1(255.0f * 0.99992807f));
  return from_bits(bits(p) + shift_left<23>(bits(shifted)));
}

// A row to symmetric integers, as uint8 with 128 added; what is beyond head_dim is zero. Returns the scale, NaN if the
// row has NaN or Inf.
inline float quantize_head(const float* x, int64_t head_dim, uint8_t* codes) {
  F32 most = set1(1e-12f), poison = set1(0.0f);
  for_head(head_dim, [&](int64_t i, int n) {
    const F32 v = load_n(x + i, n);
    most = max(most, abs(v));
    poison = fma(v, set1(0.0f), poison);
  });
  const float amax = reduce_max(most);
  const F32 inverse = set1(127.0f / amax);
  for (int64_t i = 0; i < head_dim; i += 4 * kWidth) {
    S32 rounded[4];
    INC_HF_UNROLL
    for (int j = 0; j < 4; j++) {
      const int64_t at = i + j * kWidth, n = head_dim - at;
      rounded[j] = n <= 0 ? set1((int32_t)0) : to_s32(load_n(x + at, (int)(n < kWidth ? n : kWidth)) * inverse);
    }
    store_codes(codes + i, rounded);
  }
  return amax * (1.0f / 127.0f) + reduce_add(poison);
}

// Four vectors of integers in [0, 255].
inline void store_activations(uint8_t* p, const S32 (&a)[4]) { store_bytes(p, a); }
inline void store_activations(int16_t* p, const S32 (&a)[4]) {
  uint8_t bytes[4 * kWidth];
  store_activations(bytes, a);
  for (int i = 0; i < 4 * kWidth; i++) p[i] = bytes[i];
}

// Tiles multiply kGroupsTogether groups of k at a time: heads are padded to them with zeros, and behind the values is
// as much room.
template <typename Dot, int kRows, int kVectors, int kGroupsTogether = 1>
struct Int8Head {
  using Activation = typename Dot::Activation;
  static constexpr int kTileRows = kRows, kGroup = Dot::kGroup;
  static constexpr int kLine = kWidth * kGroup;  // bytes of a vector of weights
  static constexpr int kBlock = 4 * kWidth;

  Room room;
  int64_t tokens, width, key_vectors, groups, value_vectors, padded;  // groups of k in a head, padded tokens
  int8_t *keys, *values;  // [tokens / kWidth][groups][kWidth][kGroup], [tokens / kGroup][value_vectors][kWidth][kGroup]
  int32_t *key_start, *value_start;  // what the sums begin with
  float *key_scale, *value_scale, *scores, *poison;
  uint8_t* codes;
  Activation *query, *weights;  // [kRows][groups * kGroup], [kRows][padded]

  Int8Head(int64_t tokens, int64_t head_dim, uint8_t* scratch) : room{scratch}, tokens(tokens), width(head_dim) {
    key_vectors = (tokens + kWidth - 1) / kWidth;
    groups = round_up((head_dim + kGroup - 1) / kGroup, kGroupsTogether);
    value_vectors = (head_dim + kWidth - 1) / kWidth;
    padded = round_up(tokens, kBlock) + kBlock;  // blocks begin where a window does
    keys = room.take<int8_t>(key_vectors * groups * kLine);
    values = room.take<int8_t>((round_up(tokens, kGroup) / kGroup + kGroupsTogether - 1) * value_vectors * kLine);
    key_start = room.take<int32_t>(key_vectors * kWidth);
    value_start = room.take<int32_t>(value_vectors * kWidth);
    key_scale = room.take<float>(key_vectors * kWidth);
    value_scale = room.take<float>(value_vectors * kWidth);
    scores = room.take<float>(kRows * padded);
    poison = room.take<float>(1);
    codes = room.take<uint8_t>(kTogether * code_stride());
    query = room.take<Activation>(kRows * groups * kGroup);
    weights = room.take<Activation>(kRows * padded);
  }
  int64_t bytes() const { return room.end; }
  int64_t code_stride() const { return round_up(width, kBlock); }

  void pack(const inc_hf::AttentionHead& head) const { *poison = pack_keys(head) + pack_values(head); }

  // Returns 0, or NaN if a key has NaN or Inf.
  float pack_keys(const inc_hf::AttentionHead& head) const {
    float bad = 0.0f;
    for (int64_t t = 0; t < key_vectors * kWidth; t++) {
      uint8_t* const row = codes + t % kTogether * code_stride();
      if (t < head.tokens) {
        key_scale[t] = quantize_head(head.k + t * head.stride, head.head_dim, row);
        bad += key_scale[t] * 0.0f;
      } else {  // a score that no real key has
        key_scale[t] = 1e20f;
        memset(row, 128, (size_t)(groups * kGroup));
      }
      if (t % kTogether != kTogether - 1) continue;
      const int64_t first = t - (kTogether - 1);
      int8_t* const to = keys + first / kWidth * groups * kLine + first % kWidth * kGroup;
      interleave_words<kGroup>(codes, code_stride(), groups, to, kLine);
    }
    for (int64_t v = 0; v < key_vectors; v++) {
      const int8_t* from = keys + v * groups * kLine;
      store(key_start + v * kWidth, times<Dot::kTaken - Dot::kZero>(sum_of(from, groups, kLine)));
    }
    for (int64_t t = head.tokens; t < key_vectors * kWidth; t++) key_start[t] = -(1 << 29);
    return bad;
  }

  // Sums over `count` vectors of weights, `stride` bytes apart.
  static S32 sum_of(const int8_t* from, int64_t count, int64_t stride) {
    const Activation ones[4] = {Dot::kTaken + 1, Dot::kTaken + 1, Dot::kTaken + 1, Dot::kTaken + 1};
    typename Dot::Vector sum = Dot::zero();
    if constexpr (Dot::kTaken != Dot::kZero || Dot::kTaken != 0) {
      for (int64_t g = 0; g < count; g++) sum = Dot::add(sum, Dot::broadcast(ones), Dot::load(from + g * stride));
    }
    return {sum};
  }
  template <int kFactor>  // 0, 128 or -128
  static S32 times(S32 x) {
    if constexpr (kFactor == 0) return set1((int32_t)0);
    return kFactor > 0 ? shift_left<7>(x) : set1((int32_t)0) - shift_left<7>(x);
  }

  float pack_values(const inc_hf::AttentionHead& head) const {
    float bad = 0.0f;
    for (int64_t i = 0; i < value_vectors; i++) {
      const int64_t at = i * kWidth;
      const int n = (int)(head.head_dim - at < kWidth ? head.head_dim - at : kWidth);
      F32 most = set1(1e-12f), infinite = set1(0.0f);
      for (int64_t t = 0; t < head.tokens; t++) {
        const F32 x = load_n(head.v + t * head.stride + at, n);
        most = max(most, abs(x));
        infinite = fma(x, set1(0.0f), infinite);
      }
      bad += reduce_add(infinite);
      store(value_scale + at, most * set1(1.0f / 127.0f));
      const F32 inverse = set1(127.0f) / most;
      for (int64_t t = 0; t < head.tokens; t += kGroup) {
        S32 rounded[kGroup];
        INC_HF_UNROLL
        for (int j = 0; j < kGroup; j++) {
          const bool real = t + j < head.tokens;
          rounded[j] = real ? to_s32(load_n(head.v + (t + j) * head.stride + at, n) * inverse) : set1((int32_t)0);
        }
        store_interleaved(values + (t / kGroup * value_vectors + i) * kLine, rounded);
      }
      const int64_t steps = round_up(head.tokens, kGroup) / kGroup;
      store(value_start + at, times<Dot::kTaken>(sum_of(values + i * kLine, steps, value_vectors * kLine)));
    }
    return bad;
  }

  // [kGroup][kWidth] small integers to bytes [kWidth][kGroup].
  static void store_interleaved(int8_t* to, const S32 (&x)[kGroup]) {
    if constexpr (kGroup == 4) {
      const S32 byte = set1((int32_t)255);
      const S32 low = (x[0] & byte) + shift_left<8>(x[1] & byte), high = shift_left<16>(x[2] & byte);
      int32_t words[kWidth];
      store(words, low + high + shift_left<24>(x[3]));
      memcpy(to, words, sizeof(words));
    } else {
      int32_t rows[kGroup][kWidth];
      for (int j = 0; j < kGroup; j++) store(rows[j], x[j]);
      for (int i = 0; i < kWidth * kGroup; i++) to[i] = (int8_t)rows[i % kGroup][i / kGroup];
    }
  }

  template <int R, bool kPlain>
  void attend_rows(const inc_hf::AttentionHead& head, int64_t row) const {
    float scale[R];
    for (int i = 0; i < R; i++) scale[i] = pack_query(head, row + i, query + i * groups * kGroup);
    const KeyRange range = kPlain ? KeyRange{0, key_vectors} : keys_of(head, row, R);
    F32 most[R];
    for (int i = 0; i < R; i++) most[i] = set1(-3e38f);
    for_pieces<kVectors>(range.end - range.first,
                         [&](int64_t piece, auto count) { score<R, count.value>(range.first + piece, most); });
    if constexpr (!kPlain) adjust<R>(head, row, range, scale, most);
    float inverse[R];
    for (int i = 0; i < R; i++) {
      const float factor = kPlain ? scale[i] * head.factor : 1.0f;
      const int32_t total = exponentials(i, range, factor, reduce_max(most[i]));
      inverse[i] = 1.0f / (float)total + (scale[i] * 0.0f + *poison);
    }
    for_pieces<kVectors>(value_vectors, [&](int64_t first, auto count) {
      sum_values<R, count.value>(head, row, first, range, inverse);
    });
  }

  float pack_query(const inc_hf::AttentionHead& head, int64_t row, Activation* to) const {
    const float scale = quantize_head(head.q + row * head.stride, head.head_dim, codes);
    if constexpr (Dot::kZero == 128) {
      memcpy(to, codes, (size_t)(groups * kGroup));
    } else {
      for (int64_t i = 0; i < groups * kGroup; i++) to[i] = (Activation)(codes[i] - 128 + Dot::kZero);
    }
    return scale;
  }

  template <int R, int V>
  static void begin_with(const int32_t* start, typename Dot::Vector (&c)[R][V]) {
    INC_HF_UNROLL
    for (int i = 0; i < R; i++) {
      INC_HF_UNROLL
      for (int j = 0; j < V; j++) c[i][j] = load(start + j * kWidth).v;
    }
  }

  // Scores of R queries and V vectors of keys, without the scale of the queries.
  template <int R, int V>
  void score(int64_t first, F32 (&most)[R]) const {
    typename Dot::Vector c[R][V];
    begin_with(key_start + first * kWidth, c);
    const Panel<int8_t> panel = {keys + first * groups * kLine, groups * kLine, kLine, groups};
    add_products<Dot>(query, groups * kGroup, panel, c);
    INC_HF_UNROLL
    for (int j = 0; j < V; j++) {
      const F32 scale = load(key_scale + (first + j) * kWidth);
      INC_HF_UNROLL
      for (int i = 0; i < R; i++) {
        const F32 x = to_f32({c[i][j]}) * scale;
        store(scores + i * padded + (first + j) * kWidth, x);
        most[i] = max(x, most[i]);
      }
    }
  }

  // Scales, bias and window in what `score` has stored.
  template <int R>
  void adjust(const inc_hf::AttentionHead& head, int64_t row, KeyRange range, const float (&scale)[R],
              F32 (&most)[R]) const {
    for (int i = 0; i < R; i++) most[i] = adjust_row(head, row + i, range, scale[i], scores + i * padded);
  }
  // The same for one query; returns the largest score of each lane.
  static F32 adjust_row(const inc_hf::AttentionHead& head, int64_t row, KeyRange range, float scale, float* scores) {
    F32 most = set1(-3e38f);
    for (int64_t key = range.first * kWidth; key < range.end * kWidth; key += kWidth) {
      const int64_t distance = key - row;
      F32 x = load(scores + key) * set1(scale * head.factor);
      if (head.bias != nullptr) x = x + load(head.bias + distance);
      if (head.window >= 0) x = within_window(x, distance, head.window);
      store(scores + key, x);
      most = max(x, most);
    }
    return most;
  }

  // The groups of values that a range of keys needs; all where the sums begin with a correction for all.
  KeyRange groups_of(KeyRange range) const {
    const int64_t all = (tokens + kGroup - 1) / kGroup, end = (range.end * kWidth + kGroup - 1) / kGroup;
    if (Dot::kTaken != 0) return {0, all};
    return {range.first * kWidth / kGroup, end < all ? end : all};
  }

  // Probabilities of row i before they are divided by their sum, which is returned.
  int32_t exponentials(int i, KeyRange range, float factor, float most) const {
    const F32 scale = set1(factor * 1.44269504f), shift = set1(-(factor * 1.44269504f) * most);
    S32 total = set1((int32_t)0);
    const KeyRange groups = groups_of(range);  // of which some lanes may be outside of the range
    for (int64_t t = groups.first * kGroup; t < range.first * kWidth; t++) weights[i * padded + t] = 0;
    for (int64_t t = range.end * kWidth; t < groups.end * kGroup; t++) weights[i * padded + t] = 0;
    for_pieces<4>(range.end - range.first, [&](int64_t piece, auto count) {
      const int64_t first = range.first + piece;
      S32 e[4] = {set1((int32_t)0), set1((int32_t)0), set1((int32_t)0), set1((int32_t)0)};
      INC_HF_UNROLL
      for (int j = 0; j < count.value; j++) {
        e[j] = to_s32(exp2_255(fma(load(scores + i * padded + (first + j) * kWidth), scale, shift)));
        total = total + e[j];
      }
      store_activations(weights + i * padded + first * kWidth, e);
    });
    return reduce_add(total);
  }

  template <int R, int V>
  void sum_values(const inc_hf::AttentionHead& head, int64_t row, int64_t first, KeyRange range,
                  const float (&inverse)[R]) const {
    const KeyRange steps = groups_of(range);
    typename Dot::Vector c[R][V];
    const int64_t line = value_vectors * kLine;
    begin_with(value_start + first * kWidth, c);
    const Panel<int8_t> panel = {values + steps.first * line + first * kLine, kLine, line, steps.end - steps.first};
    add_products<Dot>(weights + steps.first * kGroup, padded, panel, c);
    INC_HF_UNROLL
    for (int j = 0; j < V; j++) {
      const int64_t at = (first + j) * kWidth, rest = head.head_dim - at;
      const F32 scale = load(value_scale + at);
      INC_HF_UNROLL
      for (int i = 0; i < R; i++) {
        const F32 y = to_f32({c[i][j]}) * scale * set1(inverse[i]);
        store_n(head.y + (row + i) * head.y_stride + at, y, (int)(rest < kWidth ? rest : kWidth));
      }
    }
  }
};

}  // namespace

// Both kinds of attention over the vectors of one simd/*.h and one q8gemm/dot_*.h, which are included before.
#pragma once

#include "attention/fp32.h"
#include "attention/int8.h"
#include "attention/rotate.h"

namespace {

template <typename Dot, int kRows, int kVectors>
int64_t attention_scratch(int64_t tokens, int64_t head_dim) {
  const int64_t a = Int8Head<Dot, kRows, kVectors>(tokens, head_dim, nullptr).bytes();
  const int64_t b = Fp32Head<kRows, kVectors>(tokens, head_dim, nullptr).bytes();
  return a > b ? a : b;
}

template <typename Dot, int kRows, int kVectors>
void attend_int8(const inc_hf::AttentionHead& head, uint8_t* scratch) {
  attend(head, Int8Head<Dot, kRows, kVectors>(head.tokens, head.head_dim, scratch));
}

template <int kRows, int kVectors>
void attend_fp32(const inc_hf::AttentionHead& head, uint8_t* scratch) {
  attend(head, Fp32Head<kRows, kVectors>(head.tokens, head.head_dim, scratch));
}

// kRows x kVectors sums are in registers at a time.
template <typename Dot, int kRows, int kVectors>
constexpr inc_hf::AttentionUkernels attention_of(inc_hf::Isa isa, const char* name) {
  return {name,
          isa,
          attend_int8<Dot, kRows, kVectors>,
          attend_fp32<kRows, kVectors>,
          attention_scratch<Dot, kRows, kVectors>,
          rotate};
}

}  // namespace

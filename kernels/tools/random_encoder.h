// An encoder of random INT8 weights, for tests and benchmarks.
#pragma once

#include <cstring>
#include <random>
#include <vector>

#include "encoder/plan.h"

namespace inc_hf {

// What is packed one after another, and its numbers as encoder/plan.h has them.
class RandomEncoder {
 public:
  RandomEncoder(int64_t layers, int64_t hidden, double zeros, bool is_gated = false) : zeros_(zeros) {
    const int64_t feed_forward = 4 * hidden, head_dim = hidden > 384 ? 64 : 32;
    numbers_ = {kPlanVersion, layers, hidden, hidden / head_dim, head_dim, feed_forward, 2, 0, 0, bits(0.1f),
                is_gated,     4096,   -1};
    for (int64_t i = 0; i < layers; i++) {
      numbers_.insert(numbers_.end(), {-1, -1});
      for (int64_t j = 0; j < 4; j++) add_product(hidden, hidden);
      if (is_gated) add_product(feed_forward, hidden);
      if (!is_gated) numbers_.insert(numbers_.end(), {2, -1, 0, 0, 0, 8, 0, -1});
      add_product(feed_forward, hidden);
      add_product(hidden, feed_forward);
      for (int64_t j = 0; j < 2; j++) numbers_.insert(numbers_.end(), {1, -1, -1, bits(1e-12f)});
    }
  }
  EncoderPlan plan() const { return plan(numbers_); }
  EncoderPlan plan(const std::vector<int64_t>& numbers) const {
    return read_plan(numbers.data(), static_cast<int64_t>(numbers.size()), weights_.data(),
                     static_cast<int64_t>(weights_.size()));
  }
  const std::vector<int64_t>& numbers() const { return numbers_; }

 private:
  static int64_t bits(float value) {
    uint32_t u;
    std::memcpy(&u, &value, sizeof(u));
    return u;
  }
  void add_product(int64_t n, int64_t k) {
    std::vector<int8_t> w(n * k);
    std::bernoulli_distribution is_zero(zeros_);
    for (int64_t i = 0; i < n; i += 4) {
      for (int64_t j = 0; j < k; j++) {
        const bool zero = is_zero(generator_);
        for (int64_t o = i; o < i + 4; o++) w[o * k + j] = zero ? 0 : static_cast<int8_t>(generator_() % 127) - 63;
      }
    }
    const float scale = 1e-3f;
    const Weight weight = {w.data(), n, k, &scale, false, nullptr};
    const PackedHeader header = plan_packing(weight, current_isa(), Sparsity::kAuto);
    const int64_t at = static_cast<int64_t>(weights_.size());
    weights_.resize(at + (header.bytes + 63) / 64 * 64);
    pack(weight, header, weights_.data() + at);
    numbers_.insert(numbers_.end(), {0, at, header.bytes, 0, 0, 8, 1, -1});
  }

  double zeros_;
  std::mt19937 generator_;
  std::vector<int64_t> numbers_;
  std::vector<char> weights_;
};

}  // namespace inc_hf

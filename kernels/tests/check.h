// What the tests of q8 share: CHECK, threads, buffers of exactly their size, so that AddressSanitizer sees what is read
// or written beyond, and the product of integers as three plain loops.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "q8/linear.h"

namespace inc_hf::test {

inline int failures = 0;

#define CHECK(condition, ...)                                     \
  do {                                                            \
    if (!(condition) && ++inc_hf::test::failures <= 20) {         \
      std::printf("%s:%d: %s: ", __FILE__, __LINE__, #condition); \
      std::printf(__VA_ARGS__);                                   \
      std::printf("\n");                                          \
    }                                                             \
  } while (0)

template <typename F>
void check_refused(const char* what, F&& f) {
  try {
    f();
  } catch (const std::invalid_argument& error) {
    CHECK(std::strlen(error.what()) > 20, "%s: no reason", what);
    return;
  }
  CHECK(false, "%s: accepted", what);
}

inline std::mt19937 generator;

// One of low, ..., high.
inline int64_t random_int(int64_t low, int64_t high) {
  return low + static_cast<int64_t>(generator() % static_cast<uint64_t>(high - low + 1));
}

inline std::vector<float> random_floats(int64_t count, float deviation = 1) {
  std::normal_distribution<float> normal(0, deviation);
  std::vector<float> values(count);
  for (float& value : values) value = normal(generator);
  return values;
}

// Every item is a range of its own for one of four threads: the smallest ranges that a caller could make.
inline void threaded(int64_t count, int64_t, void* context, ParallelBody body) {
  std::vector<std::thread> threads;
  for (int64_t t = 0; t < std::min<int64_t>(4, count); t++) {
    threads.emplace_back([=] {
      for (int64_t i = count - 1 - t; i >= 0; i -= 4) body(context, i, i + 1);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

inline bool same(int32_t a, int32_t b) { return a == b; }
inline bool same(uint8_t a, uint8_t b) { return a == b; }
inline bool same(float a, float b) { return (std::isnan(a) && std::isnan(b)) || std::memcmp(&a, &b, 4) == 0; }

// An output of rows `gap` elements apart; without a gap it ends where the memory ends, with one a guard follows.
template <typename T>
struct Rows {
  int64_t cols, stride;
  std::vector<T> data;

  Rows(int64_t rows, int64_t n, int64_t gap) : cols(n), stride(n + gap), data(rows * stride, T(93)) {}

  void check_equal(const std::vector<T>& expected, const std::string& what) const {
    for (size_t i = 0; i < data.size(); i++) {
      const int64_t row = i / stride, col = i % stride;
      const T value = col < cols ? expected[row * cols + col] : T(93);
      CHECK(same(data[i], value), "%s, row %d, column %d of %d: %.9g, expected %.9g", what.c_str(), int(row), int(col),
            int(cols), double(data[i]), double(value));
    }
  }
};

enum class Fill { kSevenBits, kEightBits, kEnds, kHighest, kLowest };
inline constexpr Fill kAllFills[] = {Fill::kSevenBits, Fill::kEightBits, Fill::kEnds, Fill::kHighest, Fill::kLowest};

inline int8_t random_weight(Fill fill) {
  switch (fill) {
    case Fill::kSevenBits: return random_int(-64, 63);
    case Fill::kEightBits: return random_int(-128, 127);
    case Fill::kEnds: return random_int(0, 1) ? 127 : -128;
    case Fill::kHighest: return 127;
    case Fill::kLowest: return -128;
  }
  return 0;
}

// A weight [n][k] of which each 4x1 block is zero with a probability of `zeros`.
inline std::vector<int8_t> random_weights(int64_t n, int64_t k, Fill fill, double zeros) {
  std::vector<int8_t> w(n * k);
  std::bernoulli_distribution is_zero(zeros);
  for (int64_t i = 0; i < n; i += 4) {
    for (int64_t j = 0; j < k; j++) {
      if (is_zero(generator)) continue;
      for (int64_t o = i; o < std::min(i + 4, n); o++) w[o * k + j] = random_weight(fill);
    }
  }
  return w;
}

// Codes times a weight, and what must come out.
struct Problem {
  int64_t m, n, k;
  int zero_point;
  std::vector<int8_t> w;
  std::vector<float> scale, bias;
  std::vector<uint8_t> codes;     // [m][padded_k(k)]; what is beyond k must not matter
  std::vector<int32_t> expected;  // [m][n]

  Problem(int64_t m, int64_t n, int64_t k, Fill fill, double zeros = 0.5)
      : m(m),
        n(n),
        k(k),
        zero_point(random_int(-128, 127)),
        w(random_weights(n, k, fill, zeros)),
        scale(n),
        bias(random_floats(n)),
        codes(m * padded_k(k)) {
    for (float& s : scale) s = 0.001f * random_int(1, 20);
    const int64_t kind = random_int(0, 5);  // of the codes: all lowest, all highest, both, or any
    const int64_t lowest = kind == 1 ? 255 : 0, highest = kind == 0 ? 0 : 255;
    for (uint8_t& code : codes) code = kind < 3 ? (random_int(0, 1) ? lowest : highest) : random_int(0, 255);
    multiply_plainly();
  }

  void multiply_plainly() {
    expected.assign(m * n, 0);
    for (int64_t i = 0; i < m; i++) {
      for (int64_t j = 0; j < n; j++) {
        int64_t sum = 0;
        for (int64_t p = 0; p < k; p++) sum += (codes[i * padded_k(k) + p] - 128 - zero_point) * w[j * k + p];
        expected[i * n + j] = static_cast<int32_t>(sum);
      }
    }
  }

  Weight weight() const { return {w.data(), n, k, scale.data(), true, bias.data()}; }
  std::string name() const {
    return "m=" + std::to_string(m) + " n=" + std::to_string(n) + " k=" + std::to_string(k) +
           " zero_point=" + std::to_string(zero_point);
  }
};

struct Free {
  void operator()(void* p) const { std::free(p); }
};
using Bytes = std::unique_ptr<uint8_t[], Free>;

// As many bytes as a packed weight takes: a multiple of 64, and aligned so.
inline Bytes packed_bytes(int64_t size) { return Bytes(static_cast<uint8_t*>(std::aligned_alloc(64, size))); }

struct Packed {
  Bytes bytes;
  PackedWeight weight;
};

inline Packed pack_weight(const Weight& weight, Isa isa, Sparsity sparsity) {
  const PackedHeader header = plan_packing(weight, isa, sparsity);
  Packed packed = {packed_bytes(header.bytes), {}};
  std::memset(packed.bytes.get(), 0xa5, header.bytes);
  pack(weight, header, packed.bytes.get());
  packed.weight = check_packed(packed.bytes.get(), header.bytes);
  return packed;
}

inline void check_accumulators(const Problem& p, Isa isa, Sparsity sparsity, ParallelFor parallel_for = serial) {
  const Packed packed = pack_weight(p.weight(), isa, sparsity);
  Rows<int32_t> y(p.m, p.n, random_int(0, 1) * 5);
  Epilogue epilogue = {};
  epilogue.output = Output::kAccumulator;
  epilogue.y = y.data.data();
  epilogue.stride = y.stride;
  multiply(packed.weight, p.codes.data(), p.m, p.zero_point, epilogue, parallel_for);
  y.check_equal(p.expected, p.name());
}

struct Test {
  const char* name;
  void (*run)(Isa isa);
};

template <typename F>
void run_test(const std::string& name, F&& test) {
  const int before = failures;
  generator.seed(0);
  test();
  std::printf("%s: %s\n", name.c_str(), failures == before ? "ok" : "FAILED");
}

// A test of its own for each micro-kernel of `isa`: `all` has an entry for each line of a ukernels.inc.
template <typename Ukernels, size_t kCount>
void test_each(const Ukernels* const (&all)[kCount], Isa isa, void (*test)(const Ukernels&)) {
  for (const Ukernels* ukernels : all) {
    if (ukernels->isa == isa) run_test(ukernels->name, [=] { test(*ukernels); });
  }
}

// Each test on each ISA, or on the one that the command line names.
inline int run_tests(int argc, char** argv, const std::vector<Test>& tests) {
  for (Isa isa : kAllIsas) {
    if (argc > 1 && isa != parse_isa(argv[1])) continue;
    if (!is_supported(isa)) {
      std::printf("skipped: %s (this CPU lacks it)\n", isa_name(isa));
      continue;
    }
    for (const Test& test : tests) {
      run_test(std::string(test.name) + " " + isa_name(isa), [&] { test.run(isa); });
    }
  }
  std::printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}

}  // namespace inc_hf::test

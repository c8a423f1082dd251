// The block-sparse product and its micro-kernels against plain loops, bit for bit.
#include "check.h"
#include "q8spmm/ukernel.h"

namespace {

using namespace inc_hf;
using namespace inc_hf::test;

constexpr Sparsity kSparse = Sparsity::kSparse;

void test_ragged_shapes(Isa isa) {
  for (Fill fill : kAllFills) {
    for (int64_t m = 0; m <= 140; m++) check_accumulators({m, 9, 13, fill}, isa, kSparse);
    for (int64_t n = 1; n <= 130; n++) check_accumulators({5, n, 7, fill}, isa, kSparse);
    for (int64_t k = 1; k <= 70; k++) check_accumulators({k % 2 + 1, 6, k, fill, 0.3}, isa, kSparse);
  }
}

void test_zeros(Isa isa) {
  for (int64_t m : {1, 6, 40, 70}) {
    for (double zeros : {0.0, 0.1, 0.5, 0.9, 0.97, 1.0}) {
      check_accumulators({m, 66, 150, Fill::kEightBits, zeros}, isa, kSparse);
      check_accumulators({m, 66, 151, Fill::kSevenBits, zeros}, isa, kSparse);
    }
  }
}

void test_large_shapes(Isa isa) {
  for (Fill fill : kAllFills) {
    check_accumulators({2, 5, 8192, fill, 0.0}, isa, kSparse);
    check_accumulators({1, 5, 8191, fill, 0.5}, isa, kSparse);
  }
  check_accumulators({1, 3, kMaxK, Fill::kEightBits, 0.0}, isa, kSparse);  // every k that 16 bits hold
  check_accumulators({9, 3, kMaxK, Fill::kSevenBits, 0.0}, isa, kSparse);
  check_accumulators({70, 5, 8191, Fill::kEightBits, 0.9}, isa, kSparse);
  check_accumulators({40, 2, 40000, Fill::kEightBits, 0.9}, isa, kSparse);
}

void test_threads(Isa isa) {
  for (Fill fill : {Fill::kSevenBits, Fill::kEightBits}) {
    check_accumulators({0, 100, 30, fill}, isa, kSparse, threaded);
    check_accumulators({1, 150, 300, fill}, isa, kSparse, threaded);
    check_accumulators({135, 70, 500, fill, 0.8}, isa, kSparse, threaded);
  }
}

// What the kernel takes from the codes, or is taken before they are transposed.
int zero_of(const Q8SpmmUkernels& ukernels) { return ukernels.isa == Isa::kNeonDot ? 128 : 0; }

// x[k][token] as the kernel wants it.
std::vector<uint8_t> transposed(const Q8SpmmUkernels& ukernels, const std::vector<uint8_t>& x, int64_t k) {
  const int64_t tokens = ukernels.tokens;
  const int zero = tokens > 1 ? zero_of(ukernels) : 0;
  std::vector<uint8_t> xt(k * tokens);
  for (int64_t i = 0; i < k * tokens; i++) {
    xt[i] = x[i / tokens * tokens + token_at(static_cast<int>(i % tokens), ukernels.lanes)] - zero;
  }
  return xt;
}

void check_ukernel(const Q8SpmmUkernels& ukernels, int64_t k, int64_t quads) {
  const int64_t tokens = ukernels.tokens;
  std::vector<uint8_t> x(k * tokens);
  std::vector<uint16_t> ks(4 * quads);
  std::vector<int8_t> w(16 * quads);
  for (uint8_t& value : x) value = random_int(0, 255);
  for (uint16_t& value : ks) value = random_int(0, k - 1);
  // On AVX2 no two weights overflow 16 bits.
  for (int8_t& value : w) value = random_weight(ukernels.isa == Isa::kAvx2 ? Fill::kSevenBits : Fill::kEightBits);
  Rows<int32_t> c(tokens, kBlockRows, random_int(0, 3));
  ukernels.run(transposed(ukernels, x, k).data(), ks.data(), w.data(), quads, c.data.data(), c.stride);
  std::vector<int32_t> expected(tokens * kBlockRows);
  for (int64_t i = 0; i < tokens * kBlockRows; i++) {
    for (int64_t p = 0; p < 4 * quads; p++) {
      const int value = x[ks[p] * tokens + i / kBlockRows] - zero_of(ukernels);
      expected[i] += value * w[p / 4 * 16 + i % kBlockRows * 4 + p % 4];
    }
  }
  c.check_equal(expected, std::string(ukernels.name) + " quads=" + std::to_string(quads));
}

void test_ukernel(const Q8SpmmUkernels& ukernels) {
  for (int64_t quads : {0, 1, 2, 7, 100}) check_ukernel(ukernels, 16 * random_int(1, 20), quads);
}

void test_ukernels(Isa isa) { test_each(kAllQ8SpmmUkernels, isa, test_ukernel); }

}  // namespace

int main(int argc, char** argv) {
  return run_tests(argc, argv,
                   {{"ukernels", test_ukernels},
                    {"ragged_shapes", test_ragged_shapes},
                    {"zeros", test_zeros},
                    {"large_shapes", test_large_shapes},
                    {"threads", test_threads}});
}

// The dense product and its micro-kernels against plain loops, bit for bit.
#include "check.h"
#include "q8gemm/ukernel.h"

namespace {

using namespace inc_hf;
using namespace inc_hf::test;

constexpr Sparsity kDense = Sparsity::kDense;

void test_ragged_shapes(Isa isa) {
  for (Fill fill : kAllFills) {
    for (int64_t m = 0; m <= 70; m++) check_accumulators({m, 35, 21, fill}, isa, kDense);
    for (int64_t n = 1; n <= 130; n++) check_accumulators({5, n, 7, fill}, isa, kDense);
    for (int64_t k = 1; k <= 70; k++) check_accumulators({7, 5, k, fill, 0.0}, isa, kDense);
  }
}

void test_large_shapes(Isa isa) {
  for (Fill fill : kAllFills) {
    check_accumulators({2, 3, kMaxK, fill, 0.0}, isa, kDense);  // the largest sums
    check_accumulators({3, 17, 8192, fill, 0.0}, isa, kDense);
  }
  check_accumulators({61, 5, 8191, Fill::kEightBits}, isa, kDense);  // several blocks of rows
  check_accumulators({130, 140, 100, Fill::kSevenBits}, isa, kDense);
}

void test_threads(Isa isa) {
  for (Fill fill : {Fill::kSevenBits, Fill::kEightBits}) {
    check_accumulators({0, 100, 30, fill}, isa, kDense, threaded);
    check_accumulators({1, 150, 300, fill}, isa, kDense, threaded);
    check_accumulators({43, 70, 8190, fill}, isa, kDense, threaded);
  }
}

template <typename Activation>
void check_ukernel(const Q8GemmUkernels& ukernels, int rows, int64_t k_groups, int lowest, int highest, Fill fill) {
  const int64_t group = static_cast<int64_t>(ukernels.layout), k = k_groups * group, nr = ukernels.nr;
  const int64_t stride = k + random_int(0, 3);
  const int zero = ukernels.isa == Isa::kNeonDot ? 128 : 0;  // what the kernel takes from the codes
  std::vector<Activation> a((rows - 1) * stride + k);
  std::vector<int8_t> panel(panel_k(ukernels.isa, k) * nr);
  for (Activation& value : a) value = static_cast<Activation>(random_int(lowest, highest));
  for (int64_t i = 0; i < k * nr; i++) panel[i] = random_weight(fill);
  Rows<int32_t> c(rows, nr, 0);
  TileRows tile_rows(ukernels.configure);
  tile_rows.set(rows);
  ukernels.rows[rows - 1](a.data(), stride, panel.data(), k_groups, c.data.data());
  std::vector<int32_t> expected(rows * nr);
  for (int64_t i = 0; i < rows * nr; i++) {
    for (int64_t p = 0; p < k; p++) {
      expected[i] += (a[i / nr * stride + p] - zero) * panel[(p / group * nr + i % nr) * group + p % group];
    }
  }
  c.check_equal(expected, std::string(ukernels.name) + " k_groups=" + std::to_string(k_groups));
}

void test_ukernel(const Q8GemmUkernels& ukernels) {
  const bool pairs = ukernels.layout == PanelLayout::kPairs;
  // Quads on AVX2 are for weights of which no two overflow 16 bits.
  const Fill fill = ukernels.isa == Isa::kAvx2 && !pairs ? Fill::kSevenBits : Fill::kEightBits;
  for (int rows = 1; rows <= ukernels.mr; rows++) {
    for (int64_t k_groups : {1, 2, 3, 8, 65, 96}) {
      if (pairs) {
        check_ukernel<int16_t>(ukernels, rows, k_groups, -128, 127, fill);
      } else {
        check_ukernel<uint8_t>(ukernels, rows, k_groups, 0, 255, fill);
      }
    }
  }
}

void test_ukernels(Isa isa) { test_each(kAllQ8GemmUkernels, isa, test_ukernel); }

}  // namespace

int main(int argc, char** argv) {
  return run_tests(argc, argv,
                   {{"ukernels", test_ukernels},
                    {"ragged_shapes", test_ragged_shapes},
                    {"large_shapes", test_large_shapes},
                    {"threads", test_threads}});
}

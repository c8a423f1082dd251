// Weights without their zeros come back, whatever the number of columns; a mask that does not fit is noticed.
#include "q8/units.h"

#include "check.h"

namespace {

using namespace inc_hf;

void test_round_trip(int64_t n, int64_t k, int64_t rows, int kept_of_ten) {
  const int64_t per_row = (k + 7) / 8;
  std::vector<int8_t> w(n * k, 0), values, found(n * k, 93);
  std::vector<uint8_t> mask(n / rows * per_row, 0);
  for (int64_t i = 0; i < n / rows; i++) {
    for (int64_t j = 0; j < k; j++) {
      if ((i * 7 + j * 3 + j * j) % 10 >= kept_of_ten) continue;
      mask[i * per_row + j / 8] |= 0x80 >> j % 8;
      for (int64_t row = 0; row < rows; row++) {
        values.push_back(w[(i * rows + row) * k + j] = static_cast<int8_t>(i * 31 + j * 17 + row * 5 - 128));
      }
    }
  }
  const Units units = {mask.data(), n, k, rows};
  const int64_t count = static_cast<int64_t>(values.size()) / rows;
  CHECK(count_units(units) == count, "%d x %d, rows %d", int(n), int(k), int(rows));
  expand_units(units, values.data(), found.data());
  CHECK(found == w, "%d x %d, rows %d", int(n), int(k), int(rows));
  if (k % 8 == 0 || n == 0) return;
  mask.back() |= 1;
  CHECK(count_units(units) == -1, "a bit behind column %d", int(k));
}

}  // namespace

int main() {
  for (int64_t rows : {1, 4}) {
    for (int64_t k : {1, 7, 8, 9, 16, 63, 64, 129}) {
      for (int64_t blocks : {0, 1, 3, 8}) {
        for (int kept : {0, 2, 10}) test_round_trip(blocks * rows, k, rows, kept);
      }
    }
  }
  std::printf("%d failures\n", inc_hf::test::failures);
  return inc_hf::test::failures == 0 ? 0 : 1;
}

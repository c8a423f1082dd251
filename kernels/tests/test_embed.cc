// Embeddings: the LayerNorm of sums that plain loops make, to the same bits on every ISA and with any threads.
#include "check.h"
#include "elementwise/elementwise.h"
#include "encoder/embed.h"

using namespace inc_hf;
using namespace inc_hf::test;

namespace {

constexpr int64_t kTokens = 37, kEntries = 11;
constexpr float kEps = 1e-12f;

struct Tables {
  int64_t cols;
  std::vector<float> floats = random_floats(kEntries * cols), scales = random_floats(kEntries), one = {0.02f};
  std::vector<int8_t> codes;
  std::vector<int64_t> ids[3];

  explicit Tables(int64_t cols) : cols(cols) {
    for (int64_t i = 0; i < kEntries * cols; i++) codes.push_back(static_cast<int8_t>(random_int(-128, 127)));
    for (std::vector<int64_t>& found : ids) {
      for (int64_t i = 0; i < kTokens; i++) found.push_back(random_int(0, kEntries - 1));
    }
  }

  std::vector<Embedding> all() const {
    return {{ids[0].data(), kEntries, nullptr, codes.data(), scales.data(), 1},
            {ids[1].data(), kEntries, floats.data(), nullptr, nullptr, 0},
            {ids[2].data(), kEntries, nullptr, codes.data(), one.data(), 0}};
  }

  std::vector<float> sums(size_t count) const {
    std::vector<float> found;
    for (int64_t i = 0; i < kTokens; i++) {
      for (int64_t j = 0; j < cols; j++) {
        float sum = static_cast<float>(codes[ids[0][i] * cols + j]) * scales[ids[0][i]];
        if (count > 1) sum += floats[ids[1][i] * cols + j];
        if (count > 2) sum += static_cast<float>(codes[ids[2][i] * cols + j]) * one[0];
        found.push_back(sum);
      }
    }
    return found;
  }
};

void test_sums(Isa isa, int64_t cols) {
  const Tables tables(cols);
  const std::vector<float> weight = random_floats(cols), bias = random_floats(cols);
  for (size_t count = 1; count <= 3; count++) {
    const std::vector<float> sums = tables.sums(count);
    std::vector<float> expected(sums.size()), found(sums.size());
    layer_norm(isa, sums.data(), nullptr, weight.data(), bias.data(), kEps, expected.data(), nullptr, kTokens, cols,
               serial);
    for (const ParallelFor parallel_for : {serial, threaded}) {
      embed(isa, tables.all().data(), static_cast<int64_t>(count), weight.data(), bias.data(), kEps, found.data(),
            kTokens, cols, parallel_for);
      CHECK(found == expected, "%s: %d tables, %d columns", isa_name(isa), int(count), int(cols));
    }
  }
}

void test_refused(Isa isa) {
  Tables tables(8);
  std::vector<float> y(kTokens * 8);
  for (const int64_t wrong : {int64_t{-1}, kEntries, int64_t{1} << 40}) {
    tables.ids[1][kTokens - 1] = wrong;
    check_refused("an id that is no row",
                  [&] { embed(isa, tables.all().data(), 3, nullptr, nullptr, kEps, y.data(), kTokens, 8, serial); });
  }
}

}  // namespace

int main() {
  for (const Isa isa : kAllIsas) {
    if (!is_supported(isa)) continue;
    for (const int64_t cols : {1, 15, 16, 33, 96, 384}) test_sums(isa, cols);
    test_refused(isa);
  }
  std::printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}

#include "q8gemm/pack.h"

#include <cstring>

namespace inc_hf {
namespace {

// Calls visit(offset in the panels, channel, first k, number of k) for each group of the weight.
template <typename F>
void for_each_group(int64_t n, int64_t k, const Q8GemmUkernels& ukernels, F visit) {
  const int64_t group = static_cast<int64_t>(ukernels.layout), nr = ukernels.nr;
  const int64_t groups = panel_k(ukernels.isa, k) / group;
  for (int64_t i = 0; i < n; i++) {
    int64_t at = (i / nr * groups * nr + i % nr) * group;
    for (int64_t j = 0; j < k; j += group, at += nr * group) visit(at, i, j, k - j < group ? k - j : group);
  }
}

}  // namespace

bool pairs_fit_16_bits(const Weight& weight) {
  for (int64_t i = 0; i < weight.n; i++) {
    const int8_t* row = weight.w + i * weight.k;
    bool fits = true;
    for (int64_t j = 0; j + 1 < weight.k; j += 2) {
      const int sum = row[j] + row[j + 1];
      fits &= sum <= 128 && sum >= -128;
    }
    if (!fits) return false;
  }
  return true;
}

const Q8GemmUkernels& dense_ukernels(const PackedHeader& header) {
  return q8gemm_ukernels(header.isa,
                         header.kind == WeightKind::kDensePairs ? PanelLayout::kPairs : PanelLayout::kQuads);
}

void pack_panels(const Weight& weight, const Q8GemmUkernels& ukernels, int8_t* panels) {
  for_each_group(weight.n, weight.k, ukernels, [&](int64_t at, int64_t channel, int64_t k, int64_t count) {
    std::memcpy(panels + at, weight.w + channel * weight.k + k, count);
  });
}

void unpack_panels(const PackedWeight& packed, const Q8GemmUkernels& ukernels, int8_t* w) {
  const PackedHeader& h = packed.header;
  for_each_group(h.n, h.k, ukernels, [&](int64_t at, int64_t channel, int64_t k, int64_t count) {
    std::memcpy(w + channel * h.k + k, packed.panels + at, count);
  });
}

}  // namespace inc_hf

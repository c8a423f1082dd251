// Any small weight: packed for any ISA it passes the checks, comes back as it was, and gives the products of plain
// loops.
#include <fuzzer/FuzzedDataProvider.h>

#include "../check.h"

using namespace inc_hf;
using namespace inc_hf::test;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

// As many values as wanted: the bytes over and over again.
std::vector<uint8_t> repeat(const std::vector<uint8_t>& bytes, int64_t count) {
  std::vector<uint8_t> values(count);
  for (int64_t i = 0; i < count && !bytes.empty(); i++) values[i] = bytes[i % bytes.size()];
  return values;
}

void check_product(const PackedWeight& packed, const std::vector<int8_t>& w, const std::vector<uint8_t>& codes,
                   int64_t m, int zero_point) {
  const int64_t n = packed.header.n, k = packed.header.k;
  std::vector<int32_t> y(m * n);
  Epilogue epilogue = {};
  epilogue.output = Output::kAccumulator;
  epilogue.y = y.data();
  epilogue.stride = n;
  multiply(packed, codes.data(), m, zero_point, epilogue, serial);
  for (int64_t i = 0; i < m * n; i++) {
    int32_t sum = 0;
    for (int64_t p = 0; p < k; p++) sum += (codes[i / n * padded_k(k) + p] - 128 - zero_point) * w[i % n * k + p];
    require(y[i] == sum);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  FuzzedDataProvider data(bytes, size);
  const Isa isa = data.PickValueInArray(kAllIsas);
  const Sparsity sparsity = data.PickValueInArray({Sparsity::kAuto, Sparsity::kDense, Sparsity::kSparse});
  const int64_t m = data.ConsumeIntegralInRange(0, 70), n = data.ConsumeIntegralInRange(0, 140);
  const int64_t k = data.ConsumeIntegralInRange(0, 100);
  const int zero_point = data.ConsumeIntegralInRange(-128, 127);
  const float scale = data.ConsumeBool() ? 1 : data.ConsumeFloatingPoint<float>();
  const std::vector<uint8_t> codes =
      repeat(data.ConsumeBytes<uint8_t>(data.ConsumeIntegralInRange(0, 20)), m * padded_k(k));
  const std::vector<uint8_t> values = repeat(data.ConsumeRemainingBytes<uint8_t>(), n * k);
  const std::vector<int8_t> w(values.begin(), values.end());
  if (!is_supported(isa)) return 0;

  Packed packed;
  try {
    packed = pack_weight({w.data(), n, k, &scale, false, nullptr}, isa, sparsity);
  } catch (const std::invalid_argument&) {
    require(n == 0 || k == 0 || !(scale > 0) || std::isinf(scale));
    return 0;
  }
  std::vector<int8_t> unpacked(n * k);
  unpack(packed.weight, unpacked.data());
  require(unpacked == w);
  check_product(packed.weight, w, codes, m, zero_point);
  return 0;
}

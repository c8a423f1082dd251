// Bytes that claim to be a packed weight, of q8 or of bf16gemm: refused with std::invalid_argument, or else the weight
// can be multiplied and unpacked. That of q8 has its indices checked first, as they are when it is packed.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>
#include <vector>

#include "bf16gemm/bf16gemm.h"
#include "q8/linear.h"

using namespace inc_hf;

namespace {

struct Free {
  void operator()(void* p) const { std::free(p); }
};

// Exactly as many bytes as there are, aligned as those of a weight are.
struct Bytes {
  std::unique_ptr<uint8_t[], Free> data;
  int64_t size;
  explicit Bytes(int64_t size) : size(size) {
    void* p = nullptr;
    if (posix_memalign(&p, 64, size) != 0) throw std::bad_alloc();
    data.reset(static_cast<uint8_t*>(p));
    std::memset(p, 0, size);
  }
};

// What the input says to write over valid bytes: anything from some place on, single bytes, a shorter end.
void mutate(FuzzedDataProvider& input, Bytes& bytes) {
  for (int i = input.ConsumeIntegralInRange(0, 8); i > 0; i--) {
    const int64_t at = input.ConsumeIntegralInRange<int64_t>(0, bytes.size - 1);
    bytes.data[at] = input.ConsumeIntegral<uint8_t>();
  }
  if (input.ConsumeBool()) bytes.size -= input.ConsumeIntegralInRange<int64_t>(0, bytes.size);
  const int64_t at = input.ConsumeIntegralInRange<int64_t>(0, bytes.size);
  const std::vector<uint8_t> rest = input.ConsumeRemainingBytes<uint8_t>();
  const size_t count = std::min<size_t>(rest.size(), bytes.size - at);
  if (count > 0) std::memcpy(bytes.data.get() + at, rest.data(), count);
}

// A cut leaves memory behind the end that must not be touched: copied to where there is none.
Bytes exactly(const Bytes& bytes) {
  Bytes copy(bytes.size);
  std::memcpy(copy.data.get(), bytes.data.get(), bytes.size);
  return copy;
}

Bytes arbitrary(FuzzedDataProvider& input) {
  const std::vector<uint8_t> rest = input.ConsumeRemainingBytes<uint8_t>();
  Bytes bytes(rest.size());
  std::copy(rest.begin(), rest.end(), bytes.data.get());
  return bytes;
}

Bytes valid_q8(FuzzedDataProvider& input) {
  const Isa isa = input.PickValueInArray(kAllIsas);
  const Sparsity sparsity = input.ConsumeBool() ? Sparsity::kDense : Sparsity::kSparse;
  const int64_t n = input.ConsumeIntegralInRange(1, 70), k = input.ConsumeIntegralInRange(1, 40);
  const int64_t step = input.ConsumeIntegralInRange(1, 50);
  const float scale = 1;
  std::vector<int8_t> w(n * k);
  for (int64_t i = 0; i < n * k; i += step) w[i] = static_cast<int8_t>(i * 37);
  const Weight weight = {w.data(), n, k, &scale, false, nullptr};
  const PackedHeader header = plan_packing(weight, isa, sparsity);
  Bytes bytes(header.bytes);
  pack(weight, header, bytes.data.get());
  return bytes;
}

// With the right checksum behind it the header gets as far as the checks of what it says.
void seal(Bytes& bytes) {
  PackedHeader header;
  if (bytes.size < static_cast<int64_t>(sizeof(header))) return;
  std::memcpy(&header, bytes.data.get(), sizeof(header));
  header.checksum = checksum_of(header);
  std::memcpy(bytes.data.get(), &header, sizeof(header));
}

void use_q8(const Bytes& bytes) {
  const PackedWeight packed = check_packed(bytes.data.get(), bytes.size);
  check_indices(packed);
  const int64_t n = packed.header.n, k = packed.header.k;
  if (n * k > 1 << 16) return;
  std::vector<int8_t> w(n * k);
  unpack(packed, w.data());
  for (int64_t m : {1, 3, 70}) {
    const std::vector<uint8_t> codes(m * padded_k(k), 255);
    const std::vector<float> row_scale(m, 2.0f);
    std::vector<int32_t> sums(m * n);
    std::vector<uint8_t> results(m * n);
    std::vector<float> y(m * n);
    Epilogue epilogue = {};
    epilogue.row_scale = row_scale.data();
    epilogue.stride = n;
    epilogue.output = Output::kAccumulator;
    epilogue.y = sums.data();
    multiply(packed, codes.data(), m, 127, epilogue, serial);
    epilogue.output = Output::kCodes;
    epilogue.y = results.data();
    multiply(packed, codes.data(), m, -128, epilogue, serial);
    epilogue.output = Output::kFloat;
    epilogue.y = y.data();
    multiply(packed, codes.data(), m, 0, epilogue, serial);
  }
}

Bytes valid_bf16(FuzzedDataProvider& input) {
  const bf16gemm::Variant variant = input.PickValueInArray(bf16gemm::kAllVariants);
  const int64_t n = input.ConsumeIntegralInRange(1, 70), k = input.ConsumeIntegralInRange(1, 40);
  const std::vector<uint16_t> w(n * k, 0x3f80);
  Bytes bytes(bf16gemm::packed_size(variant, n, k));
  bf16gemm::pack(variant, w.data(), k, nullptr, n, k, bytes.data.get());
  return bytes;
}

void use_bf16(const Bytes& bytes) {
  const bf16gemm::Header header = bf16gemm::check(bytes.data.get(), bytes.size);
  if (header.n * header.k > 1 << 16) return;
  std::vector<uint16_t> w(header.n * header.k);
  bf16gemm::unpack(bytes.data.get(), w.data());
  for (int64_t m : {1, 14}) {
    const std::vector<float> x(m * header.k, 1.0f);
    std::vector<float> y(m * header.n);
    bf16gemm::run(bytes.data.get(), x.data(), header.k, m, y.data(), Activation::kSilu, nullptr, serial);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  FuzzedDataProvider input(bytes, size);
  const bool q8 = input.ConsumeBool(), sealed = q8 && input.ConsumeBool();
  try {
    if (input.ConsumeIntegralInRange(0, 3) == 0) {
      Bytes any = arbitrary(input);
      if (sealed) seal(any);
      q8 ? use_q8(any) : use_bf16(any);
    } else {
      Bytes valid = q8 ? valid_q8(input) : valid_bf16(input);
      mutate(input, valid);
      if (sealed) seal(valid);
      q8 ? use_q8(exactly(valid)) : use_bf16(exactly(valid));
    }
  } catch (const std::invalid_argument&) {
  }
  return 0;
}

#include <cstring>
#include <stdexcept>
#include <string>

#include "bf16gemm/blob.h"
#include "bf16gemm/ukernel.h"

namespace inc_hf::bf16gemm {
namespace {

constexpr uint32_t kMagic = 0x36314642;  // "BF16"
constexpr uint32_t kVersion = 1;
constexpr int64_t kMaxSize = int64_t{1} << 30;  // so that no size overflows

[[noreturn]] void refuse(const std::string& reason) {
  throw std::invalid_argument("Not a bf16gemm weight this CPU can run: " + reason);
}

Header make_header(Variant variant, int64_t n, int64_t k) {
  if (n < 1 || k < 1 || n > kMaxSize || k > kMaxSize) {
    throw std::invalid_argument("bf16gemm: n and k must be in [1, 2^30], got n=" + std::to_string(n) +
                                " and k=" + std::to_string(k) + ".");
  }
  const int nr = bf16gemm_ukernels(variant).nr;
  Header header = {kMagic, kVersion, variant, 0, n, k, round_up(n, nr), 0, {}};
  header.bytes = int64_t(panels_offset(header)) + header.n_padded * panel_k(variant, k) * 2;
  return header;
}

// Where a row of w begins, in elements from the first panel, and where a column is from there.
int64_t row_offset(int64_t row, int64_t k, const Bf16GemmUkernels& ukernels) {
  return row / ukernels.nr * panel_stride(ukernels, k) + row % ukernels.nr * 2;
}
int64_t column_offset(int64_t column, int nr) { return column / 2 * 2 * nr + column % 2; }

}  // namespace

size_t packed_size(Variant variant, int64_t n, int64_t k) { return make_header(variant, n, k).bytes; }

void pack(Variant variant, const uint16_t* w, int64_t row_stride, const float* bias, int64_t n, int64_t k, void* blob) {
  const Header header = make_header(variant, n, k);
  char* bytes = static_cast<char*>(blob);
  std::memset(bytes, 0, header.bytes);
  std::memcpy(bytes, &header, sizeof(header));
  if (bias != nullptr) std::memcpy(bytes + bias_offset(), bias, n * sizeof(float));
  uint16_t* panels = reinterpret_cast<uint16_t*>(bytes + panels_offset(header));
  const Bf16GemmUkernels& ukernels = bf16gemm_ukernels(variant);
  for (int64_t i = 0; i < n; i++) {
    uint16_t* row = panels + row_offset(i, k, ukernels);
    for (int64_t j = 0; j < k; j++) row[column_offset(j, ukernels.nr)] = w[i * row_stride + j];
  }
}

Header check(const void* blob, size_t bytes) {
  if (blob == nullptr || bytes < sizeof(Header)) refuse("it has no header, it is " + std::to_string(bytes) + " bytes.");
  if (reinterpret_cast<uintptr_t>(blob) % alignof(float) != 0) refuse("its address is not a multiple of 4.");
  const Header header = read_header(blob);
  if (header.magic != kMagic) refuse("it does not begin with the magic number.");
  if (header.version != kVersion) {
    refuse("its version is " + std::to_string(header.version) + ", not " + std::to_string(kVersion) + ".");
  }
  if (!is_supported(header.variant)) {
    refuse(std::string("its variant is ") + variant_name(header.variant) + "; pack the weight again on this machine.");
  }
  const Header expected = make_header(header.variant, header.n, header.k);
  if (header.n_padded != expected.n_padded || header.bytes != expected.bytes) refuse("its sizes are contradictory.");
  if (bytes != size_t(header.bytes)) {
    refuse("it is " + std::to_string(bytes) + " bytes, its header says " + std::to_string(header.bytes) + ".");
  }
  return header;
}

void unpack(const void* blob, uint16_t* w) {
  const Header header = read_header(blob);
  const auto* panels = reinterpret_cast<const uint16_t*>(static_cast<const char*>(blob) + panels_offset(header));
  const Bf16GemmUkernels& ukernels = bf16gemm_ukernels(header.variant);
  for (int64_t i = 0; i < header.n; i++) {
    const uint16_t* row = panels + row_offset(i, header.k, ukernels);
    for (int64_t j = 0; j < header.k; j++) w[i * header.k + j] = row[column_offset(j, ukernels.nr)];
  }
}

}  // namespace inc_hf::bf16gemm

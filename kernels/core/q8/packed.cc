#include "q8/packed.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <stdexcept>
#include <string>

#include "q8/rows.h"
#include "q8gemm/pack.h"
#include "q8spmm/pack.h"

namespace inc_hf {
namespace {

constexpr uint32_t kMagic = 0x38514849, kVersion = 2;  // "IHQ8"
constexpr int64_t kAlignment = 64;

int64_t round_up(int64_t x, int64_t multiple) { return (x + multiple - 1) / multiple * multiple; }

// Byte offsets of the parts; each step returns where the part starts.
struct Offsets {
  int64_t scale, bias, sums, weights, ks, w, end;

  explicit Offsets(const PackedHeader& h) {
    const int64_t n_padded = round_up(h.n, kChannelVector);
    end = sizeof(PackedHeader);
    scale = take(n_padded * 4);
    bias = take(n_padded * 4);
    sums = take(n_padded * 4);
    if (h.kind == WeightKind::kSparse) {
      weights = take((n_padded / kBlockRows + 1) * 4);
      ks = take(h.quads * 8);
      w = take(h.quads * 16);
    } else {
      weights = take(n_padded * panel_k(h.isa, h.k));
      ks = w = end;
    }
  }
  int64_t take(int64_t bytes) {
    const int64_t start = end;
    end = round_up(end + bytes, kAlignment);
    return start;
  }
};

PackedWeight locate(const PackedHeader& header, const void* bytes) {
  const Offsets at(header);
  const char* base = static_cast<const char*>(bytes);
  PackedWeight p;
  p.header = header;
  p.n_padded = round_up(header.n, kChannelVector);
  p.k_padded = round_up(header.k, 16);
  p.scale = reinterpret_cast<const float*>(base + at.scale);
  p.bias = reinterpret_cast<const float*>(base + at.bias);
  p.sums = reinterpret_cast<const int32_t*>(base + at.sums);
  p.panels = reinterpret_cast<const int8_t*>(base + at.weights);
  p.first_quad = reinterpret_cast<const uint32_t*>(base + at.weights);
  p.ks = reinterpret_cast<const uint16_t*>(base + at.ks);
  p.w = reinterpret_cast<const int8_t*>(base + at.w);
  return p;
}

void require(bool condition, const char* what) {
  if (!condition)
    throw std::invalid_argument(std::string("The packed weight is corrupt: ") + what + ". Pack it again.");
}

void check_header(const PackedHeader& h, int64_t size) {
  require(h.magic == kMagic && h.version == kVersion, "it does not begin with the header of this version");
  require(h.isa >= Isa::kScalar && h.isa <= Isa::kAmx, "unknown ISA");
  if (!is_supported(h.isa)) {
    throw std::invalid_argument(std::string("The weight was packed for ") + isa_name(h.isa) +
                                ", which this CPU lacks; pack it here.");
  }
  require(h.kind >= WeightKind::kDenseQuads && h.kind <= WeightKind::kSparse, "unknown kind of weight");
  require(h.kind != WeightKind::kDensePairs || h.isa == Isa::kAvx2, "pairs are for AVX2");
  require(h.n > 0 && h.n < (int64_t{1} << 31) && h.k > 0 && h.k <= kMaxK, "its shape is out of range");
  require(h.quads >= 0 && h.quads <= size, "it has more blocks than bytes");
  require(h.bytes == size && Offsets(h).end == size, "its size is not what its header says");
  // Of a sparse weight nothing else tells a wrong k without a look at all its indices.
  require(h.checksum == checksum_of(h), "its header is not the one that packing wrote");
}

void check_scales(const Weight& weight) {
  for (int64_t i = 0; i < (weight.per_channel ? weight.n : 1); i++) {
    if (!(weight.scale[i] > 0) || std::isinf(weight.scale[i])) {
      throw std::invalid_argument("Weight scales must be positive and finite, got " + std::to_string(weight.scale[i]) +
                                  " for channel " + std::to_string(i) + ".");
    }
  }
}

}  // namespace

uint64_t checksum_of(const PackedHeader& header) {
  uint64_t words[sizeof(PackedHeader) / sizeof(uint64_t)], sum = 0;
  std::memcpy(words, &header, sizeof(header));
  for (size_t i = 0; i + 1 < std::size(words); i++) {
    sum = (sum ^ words[i]) * 0x9e3779b97f4a7c15;  // odd, so that different sums stay different
    sum ^= sum >> 32;
  }
  return sum;
}

double crossover(Isa isa, WeightKind dense) {
  if (isa == Isa::kScalar) return 0.1;
  if (isa == Isa::kNeonDot) return 0.5;  // not measured: the instructions in both loops say 0.46
  if (isa == Isa::kAmx) return 0.9;      // not measured: tiles multiply 8 times as many products as VNNI
  if (dense == WeightKind::kDensePairs) return 0.2;
  return 0.35;
}

PackedHeader plan_packing(const Weight& weight, Isa isa, Sparsity sparsity) {
  if (weight.n <= 0 || weight.k <= 0 || weight.k > kMaxK) {
    throw std::invalid_argument("A weight must have at least one row and 1 to " + std::to_string(kMaxK) +
                                " columns, got " + std::to_string(weight.n) + " x " + std::to_string(weight.k) + ".");
  }
  check_scales(weight);
  PackedHeader header = {};
  header.magic = kMagic;
  header.version = kVersion;
  header.isa = isa;
  header.n = weight.n;
  header.k = weight.k;
  header.kind = isa == Isa::kAvx2 && !pairs_fit_16_bits(weight) ? WeightKind::kDensePairs : WeightKind::kDenseQuads;
  if (sparsity != Sparsity::kDense) {
    const int64_t quads = count_quads(weight, isa);
    const double zeros = 1.0 - 16.0 * quads / (static_cast<double>(weight.n) * weight.k);
    if (sparsity == Sparsity::kSparse || zeros >= crossover(isa, header.kind)) {
      header.kind = WeightKind::kSparse;
      header.quads = quads;
    }
  }
  header.bytes = Offsets(header).end;
  header.checksum = checksum_of(header);
  return header;
}

void pack(const Weight& weight, const PackedHeader& header, void* out) {
  std::memset(out, 0, header.bytes);
  std::memcpy(out, &header, sizeof(header));
  const PackedWeight p = locate(header, out);
  float* scale = const_cast<float*>(p.scale);
  float* bias = const_cast<float*>(p.bias);
  int32_t* sums = const_cast<int32_t*>(p.sums);
  for (int64_t i = 0; i < weight.n; i++) {
    scale[i] = weight.scale[weight.per_channel ? i : 0];
    bias[i] = weight.bias == nullptr ? 0.0f : weight.bias[i];
    int32_t sum = 0;
    for (int64_t j = 0; j < weight.k; j++) sum += weight.w[i * weight.k + j];
    sums[i] = sum;
  }
  if (header.kind == WeightKind::kSparse) {
    pack_blocks(weight, header.isa, const_cast<uint32_t*>(p.first_quad), const_cast<uint16_t*>(p.ks),
                const_cast<int8_t*>(p.w));
    check_indices(p);
  } else {
    pack_panels(weight, dense_ukernels(header), const_cast<int8_t*>(p.panels));
  }
}

PackedWeight check_packed(const void* bytes, int64_t size) {
  require(size >= static_cast<int64_t>(sizeof(PackedHeader)), "it is shorter than a header");
  require(reinterpret_cast<uintptr_t>(bytes) % sizeof(int32_t) == 0, "its address is not aligned");
  PackedHeader header;
  std::memcpy(&header, bytes, sizeof(header));
  check_header(header, size);
  return locate(header, bytes);
}

void check_indices(const PackedWeight& p) {
  if (p.header.kind != WeightKind::kSparse) return;
  const uint32_t* end = p.first_quad + p.n_padded / kBlockRows;
  const bool ordered = p.first_quad[0] == 0 && *end == p.header.quads && std::is_sorted(p.first_quad, end + 1);
  require(ordered, "its blocks are out of order");
  const uint16_t* end_k = p.ks + 4 * p.header.quads;
  require(std::all_of(p.ks, end_k, [&](uint16_t k) { return k < p.header.k; }),
          "a column of a block lies beyond the weight");
}

void unpack(const PackedWeight& packed, int8_t* w) {
  check_indices(packed);
  if (packed.header.kind == WeightKind::kSparse) {
    unpack_blocks(packed, w);
  } else {
    unpack_panels(packed, dense_ukernels(packed.header), w);
  }
}

}  // namespace inc_hf

// How a weight is packed, that it comes back as it was, that no broken header passes check_packed(), and no broken
// index check_indices().
#include <limits>

#include "check.h"

namespace {

using namespace inc_hf;
using namespace inc_hf::test;

constexpr float kInf = std::numeric_limits<float>::infinity(), kNan = std::numeric_limits<float>::quiet_NaN();
constexpr Sparsity kAllSparsities[] = {Sparsity::kDense, Sparsity::kSparse, Sparsity::kAuto};

void check_roundtrip(const Problem& p, Isa isa, Sparsity sparsity) {
  const Packed packed = pack_weight(p.weight(), isa, sparsity);
  std::vector<int8_t> w(p.n * p.k, 93);
  unpack(packed.weight, w.data());
  CHECK(w == p.w, "%s", p.name().c_str());
  for (int64_t i = 0; i < packed.weight.n_padded; i++) {
    const bool real = i < p.n;
    int32_t sum = 0;
    for (int64_t j = 0; real && j < p.k; j++) sum += p.w[i * p.k + j];
    CHECK(packed.weight.scale[i] == (real ? p.scale[i] : 0) && packed.weight.bias[i] == (real ? p.bias[i] : 0) &&
              packed.weight.sums[i] == sum,
          "%s, channel %d", p.name().c_str(), int(i));
  }
}

void test_roundtrip(Isa isa) {
  for (Sparsity sparsity : kAllSparsities) {
    for (Fill fill : kAllFills) {
      for (int64_t n : {1, 3, 4, 16, 31, 64, 65, 130}) check_roundtrip({0, n, 19, fill}, isa, sparsity);
      for (int64_t k : {1, 2, 3, 5, 16, 33, 129}) check_roundtrip({0, 18, k, fill, 0.3}, isa, sparsity);
    }
    check_roundtrip({0, 5, kMaxK, Fill::kEightBits}, isa, sparsity);
    check_roundtrip({0, 9, 30, Fill::kEightBits, 1.0}, isa, sparsity);
  }
}

void test_one_scale(Isa isa) {
  const std::vector<int8_t> w = random_weights(5, 3, Fill::kEightBits, 0);
  const float scale = 0.25f;
  const Packed packed = pack_weight({w.data(), 5, 3, &scale, false, nullptr}, isa, Sparsity::kAuto);
  for (int i = 0; i < 5; i++) CHECK(packed.weight.scale[i] == 0.25f && packed.weight.bias[i] == 0, "channel %d", i);
}

// Blocks that are zero in four channels, 0 to 100 of 100 quads.
void test_auto(Isa isa) {
  const double least = crossover(isa, WeightKind::kDenseQuads);
  for (int quads = 0; quads <= 100; quads++) {
    Problem p(3, 4, 400, Fill::kSevenBits, 0.0);
    for (int64_t i = 0; i < 4 * 400; i++) p.w[i] = i % 400 < 4 * quads ? 1 + p.w[i] / 4 * 2 : 0;  // odd, so not zero
    p.multiply_plainly();
    const WeightKind kind = plan_packing(p.weight(), isa, Sparsity::kAuto).kind;
    const double zeros = 1 - quads / 100.0;
    CHECK((kind == WeightKind::kSparse) == (zeros >= least), "%g zeros, from %g on sparse", zeros, least);
    CHECK(plan_packing(p.weight(), isa, Sparsity::kDense).kind == WeightKind::kDenseQuads, "%g zeros", zeros);
    CHECK(plan_packing(p.weight(), isa, Sparsity::kSparse).quads == quads, "%g zeros", zeros);
    check_accumulators(p, isa, Sparsity::kAuto);
  }
}

// Only AVX2 has another layout for weights of which two could overflow 16 bits.
void test_pairs(Isa isa) {
  const auto kind_of = [&](std::vector<int8_t> w) {
    const float scale = 1;
    return plan_packing({w.data(), 2, static_cast<int64_t>(w.size() / 2), &scale, false, nullptr}, isa,
                        Sparsity::kDense)
        .kind;
  };
  const WeightKind eight_bits = isa == Isa::kAvx2 ? WeightKind::kDensePairs : WeightKind::kDenseQuads;
  CHECK(kind_of({1, 1, 1, 127, 1, 1, 1, 1}) == WeightKind::kDenseQuads, "127 + 1");
  CHECK(kind_of({1, 1, 1, 1, 1, -64, -64, 1}) == WeightKind::kDenseQuads, "-64 in two pairs");
  CHECK(kind_of({1, 1, -64, -64, 1, -128, 0, 127}) == WeightKind::kDenseQuads, "-128 + 1");
  CHECK(kind_of({1, 1, 127, 1, 1, -128}) == WeightKind::kDenseQuads, "127 and -128 alone");
  CHECK(kind_of({1, 1, 1, 1, 127, 2, 1, 1}) == eight_bits, "127 + 2");
  CHECK(kind_of({1, 1, 1, 1, 1, 1, -128, -1}) == eight_bits, "-128 - 1");
}

// Only AVX2 leaves places empty, where two weights would overflow 16 bits.
void test_quads(Isa isa) {
  const auto quads_of = [&](Fill fill) {
    const Problem p(0, 8, 10, fill, 0.0);
    return plan_packing(p.weight(), isa, Sparsity::kSparse).quads;
  };
  CHECK(quads_of(Fill::kSevenBits) == 6, "%d", int(quads_of(Fill::kSevenBits)));
  CHECK(quads_of(Fill::kHighest) == (vector_isa(isa) == Isa::kAvx2 ? 10 : 6), "%d", int(quads_of(Fill::kHighest)));
}

void test_bad_weights(Isa isa) {
  std::vector<int8_t> w(6);
  std::vector<float> scale = {1, 1, 1};
  const auto refuse = [&](const char* what, int64_t n, int64_t k) {
    check_refused(what, [&] { plan_packing({w.data(), n, k, scale.data(), true, nullptr}, isa, Sparsity::kAuto); });
  };
  refuse("n = 0", 0, 2);
  refuse("k = 0", 3, 0);
  refuse("n < 0", -1, 2);
  refuse("k < 0", 3, -2);
  refuse("k > kMaxK", 1, kMaxK + 1);
  for (float bad : {0.0f, -1.0f, kInf, kNan}) {
    for (float& s : scale) {
      s = bad;
      refuse("scale", 3, 2);
      s = 1;
    }
  }
}

// A copy of valid bytes to break, again without a byte too many.
Bytes copy_of(const Packed& packed) {
  Bytes bytes = packed_bytes(packed.weight.header.bytes);
  std::memcpy(bytes.get(), packed.bytes.get(), packed.weight.header.bytes);
  return bytes;
}

// The changed header gets its checksum, so that what refuses it is the check that it was changed for.
template <typename Change>
Bytes with_header(const Packed& packed, Change change) {
  Bytes bytes = copy_of(packed);
  PackedHeader& header = *reinterpret_cast<PackedHeader*>(bytes.get());
  change(header);
  header.checksum = checksum_of(header);
  return bytes;
}

template <typename Change>
void refuse_header(const Packed& packed, const char* what, Change change) {
  const Bytes bytes = with_header(packed, change);
  check_refused(what, [&] { check_packed(bytes.get(), packed.weight.header.bytes); });
}

void check_refuses_indices(const char* what, const Bytes& bytes, int64_t size) {
  const PackedWeight packed = check_packed(bytes.get(), size);
  check_refused(what, [&] { check_indices(packed); });
  std::vector<int8_t> w(packed.header.n * packed.header.k);
  check_refused(what, [&] { unpack(packed, w.data()); });
}

template <typename Change>
void refuse_indices(const Packed& packed, const char* what, Change change) {
  const Bytes bytes = copy_of(packed);
  const int64_t size = packed.weight.header.bytes;
  const PackedWeight copy = check_packed(bytes.get(), size);
  change(const_cast<uint32_t*>(copy.first_quad), const_cast<uint16_t*>(copy.ks));
  check_refuses_indices(what, bytes, size);
}

void test_changed_header(Isa isa) {
  for (Sparsity sparsity : {Sparsity::kDense, Sparsity::kSparse}) {
    const Packed packed = pack_weight(Problem(0, 70, 40, Fill::kEightBits).weight(), isa, sparsity);
    for (size_t bit = 0; bit < 8 * sizeof(PackedHeader); bit++) {
      const Bytes bytes = copy_of(packed);
      bytes[bit / 8] ^= 1 << bit % 8;
      check_refused("bit", [&] { check_packed(bytes.get(), packed.weight.header.bytes); });
    }
  }
}

void test_corrupt_header(Isa isa) {
  for (Sparsity sparsity : {Sparsity::kDense, Sparsity::kSparse}) {
    const Packed packed = pack_weight(Problem(0, 70, 40, Fill::kEightBits).weight(), isa, sparsity);
    const auto refuse_header = [&](const char* what, auto change) { ::refuse_header(packed, what, change); };
    refuse_header("magic", [](PackedHeader& h) { h.magic++; });
    refuse_header("version", [](PackedHeader& h) { h.version++; });
    refuse_header("isa", [](PackedHeader& h) { h.isa = Isa(6); });
    refuse_header("negative isa", [](PackedHeader& h) { h.isa = Isa(-1); });
    refuse_header("kind", [](PackedHeader& h) { h.kind = WeightKind(3); });
    refuse_header("negative kind", [](PackedHeader& h) { h.kind = WeightKind(-1); });
    refuse_header("n", [](PackedHeader& h) { h.n = 129; });
    refuse_header("n = 0", [](PackedHeader& h) { h.n = 0; });
    refuse_header("n < 0", [](PackedHeader& h) { h.n = -70; });
    refuse_header("huge n", [](PackedHeader& h) { h.n = std::numeric_limits<int64_t>::max(); });
    refuse_header("k = 0", [](PackedHeader& h) { h.k = 0; });
    refuse_header("k < 0", [](PackedHeader& h) { h.k = -40; });
    refuse_header("huge k", [](PackedHeader& h) { h.k = int64_t{1} << 62; });
    refuse_header("bytes", [](PackedHeader& h) { h.bytes -= 64; });
    for (Isa other : kAllIsas) {
      if (!is_supported(other)) refuse_header(isa_name(other), [&](PackedHeader& h) { h.isa = other; });
      if (other == Isa::kAvx2) continue;
      refuse_header("pairs of another ISA", [&](PackedHeader& h) {
        h.isa = other;
        h.kind = WeightKind::kDensePairs;
      });
    }
    check_refused("short", [&] { check_packed(packed.bytes.get(), packed.weight.header.bytes - 64); });
    check_refused("long", [&] { check_packed(packed.bytes.get(), packed.weight.header.bytes + 64); });
    check_refused("no header", [&] { check_packed(packed.bytes.get(), 63); });
    check_refused("nothing", [&] { check_packed(nullptr, 0); });
  }
}

void test_corrupt_blocks(Isa isa) {
  const Packed packed = pack_weight(Problem(0, 70, 40, Fill::kEightBits).weight(), isa, Sparsity::kSparse);
  const int64_t groups = packed.weight.n_padded / 4, quads = packed.weight.header.quads;
  for (int64_t g = 0; g <= groups; g++) {
    refuse_indices(packed, "far quad", [&](uint32_t* first_quad, uint16_t*) { first_quad[g] = 1u << 31; });
    refuse_indices(packed, "quad beyond the end",
                   [&](uint32_t* first_quad, uint16_t*) { first_quad[g] = static_cast<uint32_t>(quads) + 1; });
    if (g > 0 && packed.weight.first_quad[g - 1] == 0) continue;
    refuse_indices(packed, "quads go back",
                   [&](uint32_t* first_quad, uint16_t*) { first_quad[g] = g == 0 ? 1 : first_quad[g - 1] - 1; });
  }
  for (int64_t i = 0; i < 4 * quads; i++) {
    for (uint16_t k : {40, 65535}) refuse_indices(packed, "k", [&](uint32_t*, uint16_t* ks) { ks[i] = k; });
  }
}

// A header that the blocks do not belong to.
void test_corrupt_sparse_header(Isa isa) {
  const Packed packed = pack_weight(Problem(0, 70, 40, Fill::kEightBits).weight(), isa, Sparsity::kSparse);
  refuse_header(packed, "dense", [](PackedHeader& h) { h.kind = WeightKind::kDenseQuads; });
  refuse_header(packed, "quads", [](PackedHeader& h) { h.quads += 8; });
  refuse_header(packed, "negative quads", [](PackedHeader& h) { h.quads = -h.quads; });
  refuse_header(packed, "huge quads", [](PackedHeader& h) { h.quads = int64_t{1} << 60; });
  const Bytes narrower = with_header(packed, [](PackedHeader& h) { h.k = 20; });
  check_refuses_indices("k that is too small", narrower, packed.weight.header.bytes);
}

}  // namespace

int main(int argc, char** argv) {
  return run_tests(argc, argv,
                   {{"roundtrip", test_roundtrip},
                    {"one_scale", test_one_scale},
                    {"auto", test_auto},
                    {"pairs", test_pairs},
                    {"quads", test_quads},
                    {"bad_weights", test_bad_weights},
                    {"changed_header", test_changed_header},
                    {"corrupt_header", test_corrupt_header},
                    {"corrupt_blocks", test_corrupt_blocks},
                    {"corrupt_sparse_header", test_corrupt_sparse_header}});
}

// A weight in the order that the kernels read it: one block of plain bytes, which the caller keeps wherever it likes.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "isa.h"

namespace inc_hf {

enum class WeightKind : int32_t { kDenseQuads = 0, kDensePairs = 1, kSparse = 2 };

// Stands at the start of the bytes; then, each starting at a multiple of 64: float scale[n_padded], float
// bias[n_padded], int32 sums[n_padded] (of each channel's weights), and the weights:
//   dense: int8 panels as in q8gemm/ukernel.h
//   sparse: uint32 first_quad[n_padded / 4 + 1], uint16 ks[quads][4], int8 w[quads][16] as in q8spmm/ukernel.h
struct PackedHeader {
  uint32_t magic, version;
  Isa isa;
  WeightKind kind;
  int64_t n, k;   // output channels, input features
  int64_t quads;  // sparse only
  int64_t bytes;  // of everything
  int64_t reserved;
  uint64_t checksum;  // of what stands before it
};
static_assert(sizeof(PackedHeader) == 64, "the header takes one cache line");

inline constexpr int64_t kChannelVector = 64;  // channels are padded to a multiple of it
inline constexpr int64_t kMaxK = 65536;        // 255 * 128 * 65536 < 2^31, and a value of k fits 16 bits

// Where the parts of a packed weight lie. Only `check_packed` makes one from foreign bytes.
struct PackedWeight {
  PackedHeader header;
  int64_t n_padded, k_padded;  // k_padded: a multiple of 16
  const float* scale;
  const float* bias;
  const int32_t* sums;
  const int8_t* panels;
  const uint32_t* first_quad;
  const uint16_t* ks;
  const int8_t* w;
};

// What to pack: int8 weight [n][k], one scale per channel or one for all, an optional bias.
struct Weight {
  const int8_t* w;
  int64_t n, k;
  const float* scale;
  bool per_channel;
  const float* bias;
};

enum class Sparsity { kAuto, kDense, kSparse };

inline constexpr Sparsity kAllSparsities[] = {Sparsity::kAuto, Sparsity::kDense, Sparsity::kSparse};

// How a weight is best packed for `isa`, and how many bytes that takes. Throws std::invalid_argument for a k beyond
// kMaxK or scales that are not positive and finite.
PackedHeader plan_packing(const Weight& weight, Isa isa, Sparsity sparsity);

// Writes header.bytes bytes to `out`, which is aligned to 64, and checks their indices.
void pack(const Weight& weight, const PackedHeader& header, void* out);

uint64_t checksum_of(const PackedHeader& header);

// Checks the header against its checksum and `size`, which takes the same time for every weight: it is done at each
// call. Throws std::invalid_argument, saying what is wrong.
PackedWeight check_packed(const void* bytes, int64_t size);

// Checks the blocks of a sparse weight, whose indices are a third of its bytes: with check_packed, everything that
// keeps the kernels within the weight and its activations. Throws std::invalid_argument. It is done when packed and
// unpacked; nobody may change the bytes in between.
void check_indices(const PackedWeight& packed);

// The int8 weight [n][k] again. Throws what check_indices throws.
void unpack(const PackedWeight& packed, int8_t* w);

// From which share of zero 4x1 blocks on a weight is packed sparse. From 128 tokens on the sparse kernel is faster from
// 10 % (AVX512-VNNI), 20 % (AVX2) or 0 % (AVX2 with pairs) on, with 8 tokens from 70, 45 and 20 %, and with one from
// more than 75 % (scripts/bench_kernels.py). This is between them: few tokens lose less than many win.
double crossover(Isa isa, WeightKind dense);

}  // namespace inc_hf

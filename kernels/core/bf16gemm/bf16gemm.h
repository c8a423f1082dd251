// y = activation(x * w^T + bias) + residual: weights in bfloat16, packed once, everything else in float.
#pragma once

#include <cstddef>
#include <cstdint>

#include "bf16gemm/variant.h"
#include "elementwise/activation_kind.h"
#include "isa.h"
#include "parallel.h"

namespace inc_hf::bf16gemm {

// How a packed weight begins. Then come, each on a multiple of 64 bytes, n_padded float of bias and the panels
// [n_padded / NR][k / 2][NR][2] of bfloat16, see blob.h. A blob is for the memory of one machine, not for a file.
struct Header {
  uint32_t magic, version;
  Variant variant;
  int32_t reserved;
  int64_t n, k, n_padded, bytes;
  int64_t padding[2];
};
static_assert(sizeof(Header) == 64);

// Bytes of a packed weight w[n][k]; throws std::invalid_argument unless n and k are in [1, 2^30].
size_t packed_size(Variant variant, int64_t n, int64_t k);
inline size_t packed_size(Isa isa, int64_t n, int64_t k) { return packed_size(variant_of(isa), n, k); }

// Fills `blob`, packed_size() bytes. `row_stride` is in elements; `bias` may be null.
void pack(Variant variant, const uint16_t* w, int64_t row_stride, const float* bias, int64_t n, int64_t k, void* blob);
inline void pack(Isa isa, const uint16_t* w, int64_t row_stride, const float* bias, int64_t n, int64_t k, void* blob) {
  pack(variant_of(isa), w, row_stride, bias, n, k, blob);
}

// The header of a blob that run() and unpack() may have; throws std::invalid_argument, saying why, for any other.
Header check(const void* blob, size_t bytes);

// w[n][k], bit for bit what was packed.
void unpack(const void* blob, uint16_t* w);

// y[m][n] from x[m][k] with `row_stride` elements from row to row; `residual` [m][n] may be null or y itself.
// A row of y depends on its row of x alone, not on m. `blob` has passed check().
void run(const void* blob, const float* x, int64_t row_stride, int64_t m, float* y, Activation activation,
         const float* residual, ParallelFor parallel_for);

}  // namespace inc_hf::bf16gemm

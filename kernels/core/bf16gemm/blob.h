// What a blob looks like to both pack() and run().
#pragma once

#include <cstring>

#include "bf16gemm/bf16gemm.h"
#include "bf16gemm/ukernel.h"

namespace inc_hf::bf16gemm {

inline int64_t round_up(int64_t x, int64_t multiple) { return (x + multiple - 1) / multiple * multiple; }

inline Header read_header(const void* blob) {
  Header header;
  std::memcpy(&header, blob, sizeof(header));
  return header;
}

inline size_t bias_offset() { return sizeof(Header); }
inline size_t panels_offset(const Header& header) { return bias_offset() + round_up(header.n_padded * 4, 64); }

// The k of a panel is padded with zeros to pairs, for AMX to whole tiles.
inline int64_t panel_k(Variant variant, int64_t k) { return round_up(k, variant == Variant::kAmx ? 32 : 2); }

// Elements of a panel.
inline int64_t panel_stride(const Bf16GemmUkernels& ukernels, int64_t k) {
  return panel_k(ukernels.variant, k) * ukernels.nr;
}

}  // namespace inc_hf::bf16gemm

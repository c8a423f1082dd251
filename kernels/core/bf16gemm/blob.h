// What a blob looks like to both pack() and run().
#pragma once

#include <cstring>

#include "bf16gemm/bf16gemm.h"

namespace inc_hf::bf16gemm {

inline int64_t round_up(int64_t x, int64_t multiple) { return (x + multiple - 1) / multiple * multiple; }

inline Header read_header(const void* blob) {
  Header header;
  std::memcpy(&header, blob, sizeof(header));
  return header;
}

inline size_t bias_offset() { return sizeof(Header); }
inline size_t panels_offset(const Header& header) { return bias_offset() + round_up(header.n_padded * 4, 64); }

// Elements of a panel; k is padded to pairs.
inline int64_t panel_stride(int64_t k, int nr) { return round_up(k, 2) * nr; }

}  // namespace inc_hf::bf16gemm

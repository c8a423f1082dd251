// Weights to 4x1 blocks and back.
#pragma once

#include "q8/packed.h"
#include "q8spmm/ukernel.h"

namespace inc_hf {

// Quads of blocks that packing for `isa` gives.
int64_t count_quads(const Weight& weight, Isa isa);

// `ks` and `w` are zero before.
void pack_blocks(const Weight& weight, Isa isa, uint32_t* first_quad, uint16_t* ks, int8_t* w);
void unpack_blocks(const PackedWeight& packed, int8_t* w);

}  // namespace inc_hf

// Weights to panels and back.
#pragma once

#include "q8/packed.h"
#include "q8gemm/ukernel.h"

namespace inc_hf {

// Whether no two weights that vpmaddubsw adds in 16 bits can overflow: 255 * |w0 + w1| <= 32767. So it is for all
// 7-bit weights.
bool pairs_fit_16_bits(const Weight& weight);

// The dense kernels for the layout in the header.
const Q8GemmUkernels& dense_ukernels(const PackedHeader& header);

// [n][k] -> [n_padded / nr][k_padded / group][nr][group]; `panels` is zero before.
void pack_panels(const Weight& weight, const Q8GemmUkernels& ukernels, int8_t* panels);
void unpack_panels(const PackedWeight& packed, const Q8GemmUkernels& ukernels, int8_t* w);

}  // namespace inc_hf

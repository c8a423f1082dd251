// Which variants bf16gemm has: not one for each Isa, as only some CPUs with AVX512-VNNI have AVX512-BF16.
#pragma once

#include <stdint.h>

#include "isa.h"

namespace inc_hf::bf16gemm {

// kAmx and kAvx512Bf16 round the activations to bfloat16, to nearest even, and take subnormals for zero. The others
// widen the weights on the way into a float multiply-add and round nothing more.
enum class Variant : int32_t { kScalar, kAvx2, kAvx512, kAvx512Bf16, kNeonDot, kAmx };

inline constexpr Variant kAllVariants[] = {Variant::kAmx,  Variant::kAvx512Bf16, Variant::kAvx512,
                                           Variant::kAvx2, Variant::kNeonDot,    Variant::kScalar};

// "scalar", "avx2", "avx512", "avx512bf16", "neondot" or "amx".
const char* variant_name(Variant variant);

// Whether this CPU executes it.
bool is_supported(Variant variant);

// The variant that `isa` runs; kAvx512Vnni runs kAvx512Bf16 if that is fast on this CPU.
Variant variant_of(Isa isa);

}  // namespace inc_hf::bf16gemm

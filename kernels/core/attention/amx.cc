#if defined(__x86_64__)
#include "q8gemm/dot_avx512vnni.h"
#include "simd/avx512.h"

#include "attention/generic.h"
#include "simd/amx.h"

#include "attention/on_tiles.h"

namespace inc_hf {

const AttentionUkernels attention_ukernel__amx = {"attention_ukernel__amx", Isa::kAmx,        attend_on_tiles,
                                                  attend_fp32<6, 4>,        scratch_on_tiles, rotate};

}  // namespace inc_hf
#endif

#include "bf16gemm/variant.h"

namespace inc_hf::bf16gemm {

const char* variant_name(Variant variant) {
  switch (variant) {
    case Variant::kScalar: return "scalar";
    case Variant::kAvx2: return "avx2";
    case Variant::kAvx512: return "avx512";
    case Variant::kAvx512Bf16: return "avx512bf16";
    case Variant::kNeonDot: return "neondot";
    case Variant::kAmx: return "amx";
  }
  return "unknown";
}

bool is_supported(Variant variant) {
  switch (variant) {
    case Variant::kScalar: return true;
    case Variant::kAvx2: return inc_hf::is_supported(Isa::kAvx2);
    case Variant::kAvx512: return inc_hf::is_supported(Isa::kAvx512Vnni);
    case Variant::kAvx512Bf16: return inc_hf::is_supported(Isa::kAvx512Vnni) && has_avx512bf16();
    case Variant::kNeonDot: return inc_hf::is_supported(Isa::kNeonDot);
    case Variant::kAmx: return inc_hf::is_supported(Isa::kAmx);
  }
  return false;
}

Variant variant_of(Isa isa) {
  switch (isa) {
    case Isa::kScalar: return Variant::kScalar;
    case Isa::kAvx2:
    case Isa::kAvxVnni: return Variant::kAvx2;
    case Isa::kAvx512Vnni: return has_fast_avx512bf16() ? Variant::kAvx512Bf16 : Variant::kAvx512;
    case Isa::kNeonDot: return Variant::kNeonDot;
    case Isa::kAmx: return Variant::kAmx;
  }
  return Variant::kScalar;
}

}  // namespace inc_hf::bf16gemm

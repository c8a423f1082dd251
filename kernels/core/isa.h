// Which variants of the kernels this library has, and which of them this CPU executes.
#pragma once

namespace inc_hf {

enum class Isa { kScalar, kAvx2, kAvxVnni, kAvx512Vnni, kNeonDot, kAmx };

// Best first; no CPU has both kNeonDot and one that stands before it.
inline constexpr Isa kAllIsas[] = {Isa::kAmx, Isa::kAvx512Vnni, Isa::kAvxVnni, Isa::kAvx2, Isa::kNeonDot, Isa::kScalar};

// "scalar", "avx2", "avxvnni", "avx512vnni", "neondot" or "amx".
const char* isa_name(Isa isa);

// The variant of that name; throws std::invalid_argument, naming the choices.
Isa parse_isa(const char* name);

// Whether the CPU and the operating system execute it.
bool is_supported(Isa isa);

// Whether the CPU executes it, but the operating system does not let this process: only AMX has to be asked for.
bool is_refused(Isa isa);

// The variant whose kernels `isa` takes where it has none of its own: kAmx those of kAvx512Vnni, all others their own.
Isa vector_isa(Isa isa);

// Whether the CPU multiplies bfloat16 pairs (AVX512-BF16).
bool has_avx512bf16();

// Whether that takes less time than as many float multiply-adds.
bool has_fast_avx512bf16();

// The best supported variant, or the one that the environment variable INC_HF_ISA names. Decided once;
// throws std::invalid_argument if that variant is unknown or cannot run here.
Isa current_isa();

}  // namespace inc_hf

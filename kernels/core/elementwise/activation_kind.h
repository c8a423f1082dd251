// The functions between two layers, by name.
#pragma once

namespace inc_hf {

enum class Activation { kNone, kRelu, kGeluErf, kGeluTanh, kSilu, kQuickGelu };

inline constexpr Activation kAllActivations[] = {Activation::kNone,     Activation::kRelu, Activation::kGeluErf,
                                                 Activation::kGeluTanh, Activation::kSilu, Activation::kQuickGelu};

// "none", "relu", "gelu" (with erf), "gelu_tanh", "silu" or "quick_gelu", as transformers' ACT2FN names them where it
// can.
const char* activation_name(Activation activation);

// The activation of that name; throws std::invalid_argument, naming the choices.
Activation parse_activation(const char* name);

}  // namespace inc_hf

#include "elementwise/activation_kind.h"

#include <cstring>
#include <stdexcept>
#include <string>

namespace inc_hf {

const char* activation_name(Activation activation) {
  switch (activation) {
    case Activation::kNone: return "none";
    case Activation::kRelu: return "relu";
    case Activation::kGeluErf: return "gelu";
    case Activation::kGeluTanh: return "gelu_tanh";
    case Activation::kSilu: return "silu";
    case Activation::kQuickGelu: return "quick_gelu";
  }
  return "unknown";
}

Activation parse_activation(const char* name) {
  std::string choices;
  for (Activation activation : kAllActivations) {
    if (std::strcmp(name, activation_name(activation)) == 0) return activation;
    choices += std::string(choices.empty() ? "" : ", ") + activation_name(activation);
  }
  throw std::invalid_argument("Unknown activation '" + std::string(name) + "'; choose one of " + choices + ".");
}

}  // namespace inc_hf

// The operators of the library, registered with LibTorch's stable ABI: one binary for every torch >= 2.11.
// Those of q8.cpp, bf16.cpp and elementwise.cpp join this namespace.
#include "common.h"
#include "isa.h"

namespace inc_hf::torch_ext {
namespace {

std::string isa() { return isa_name(current_isa()); }

std::string isas() { return supported_isas(","); }

}  // namespace

STABLE_TORCH_LIBRARY(inc_hf, m) {
  m.def("isa() -> str");
  m.def("isas() -> str");
}

STABLE_TORCH_LIBRARY_IMPL(inc_hf, CompositeExplicitAutograd, m) {
  m.impl("isa", TORCH_BOX(&isa));
  m.impl("isas", TORCH_BOX(&isas));
}

}  // namespace inc_hf::torch_ext

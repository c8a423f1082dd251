// The operators of the library, registered with LibTorch's stable ABI: one binary for every torch >= 2.11.
// Those of q8.cpp, bf16.cpp and elementwise.cpp join this namespace.
#include "common.h"
#include "isa.h"

namespace inc_hf::torch_ext {
namespace {

int64_t isa() { return static_cast<int64_t>(current_isa()); }

bool isa_is_supported(int64_t isa) { return is_supported(member(kAllIsas, isa, "isa")); }

}  // namespace

STABLE_TORCH_LIBRARY(inc_hf, m) {
  m.def("isa() -> int");
  m.def("isa_is_supported(int isa) -> bool");
}

STABLE_TORCH_LIBRARY_IMPL(inc_hf, CompositeExplicitAutograd, m) {
  m.impl("isa", TORCH_BOX(&isa));
  m.impl("isa_is_supported", TORCH_BOX(&isa_is_supported));
}

}  // namespace inc_hf::torch_ext

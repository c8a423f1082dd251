// The operators of the library, registered with LibTorch's stable ABI: one binary for every torch >= 2.11.
// Those of q8.cpp, bf16.cpp, elementwise.cpp and encoder.cpp join this namespace.
#include "common.h"
#include "isa.h"

namespace inc_hf::torch_ext {
namespace {

int64_t isa() { return static_cast<int64_t>(current_isa()); }

bool isa_is_supported(int64_t isa) { return is_supported(member(kAllIsas, isa, "isa")); }

bool isa_is_refused(int64_t isa) { return is_refused(member(kAllIsas, isa, "isa")); }

}  // namespace

const Operators schemas({
    "isa() -> int",
    "isa_is_supported(int isa) -> bool",
    "isa_is_refused(int isa) -> bool",
});

const Operators anywhere("CompositeExplicitAutograd", {
                                                          {"isa", Boxed<&isa>::call},
                                                          {"isa_is_supported", Boxed<&isa_is_supported>::call},
                                                          {"isa_is_refused", Boxed<&isa_is_refused>::call},
                                                      });

}  // namespace inc_hf::torch_ext

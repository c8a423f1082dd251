#include "elementwise/ukernel.h"

#include <stdexcept>
#include <string>

namespace inc_hf {
namespace {

// Whether a CPU that has `isa` executes what is compiled for `needed`: on x86 each has all before it.
bool executes(Isa isa, Isa needed) {
  return needed == isa || needed == Isa::kScalar || (isa != Isa::kNeonDot && needed < isa);
}

}  // namespace

const ElementwiseUkernels& elementwise_ukernels(Isa isa) {
  for (const ElementwiseUkernels* ukernels : kAllElementwiseUkernels) {
    if (executes(vector_isa(isa), ukernels->isa)) return *ukernels;
  }
  throw std::invalid_argument(std::string("There are no element-wise functions for ") + isa_name(isa) + ".");
}

}  // namespace inc_hf

#include "q8gemm/ukernel.h"

#include <stdexcept>
#include <string>

namespace inc_hf {

const Q8GemmUkernels& q8gemm_ukernels(Isa isa, PanelLayout layout) {
  for (const Q8GemmUkernels* ukernels : kAllQ8GemmUkernels) {
    if (ukernels->isa == isa && ukernels->layout == layout) return *ukernels;
  }
  throw std::invalid_argument(std::string("There is no dense kernel of this layout for ") + isa_name(isa) + ".");
}

}  // namespace inc_hf

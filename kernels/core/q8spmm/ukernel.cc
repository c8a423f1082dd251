#include "q8spmm/ukernel.h"

#include <stdexcept>
#include <string>

namespace inc_hf {

const Q8SpmmUkernels& q8spmm_ukernels(Isa isa, int max_tokens) {
  const Q8SpmmUkernels* found = nullptr;
  for (const Q8SpmmUkernels* ukernels : kAllQ8SpmmUkernels) {  // widest first
    if (ukernels->isa == vector_isa(isa) && (found == nullptr || found->tokens > max_tokens)) found = ukernels;
  }
  if (found == nullptr)
    throw std::invalid_argument(std::string("There is no sparse kernel for ") + isa_name(isa) + ".");
  return *found;
}

}  // namespace inc_hf

#include "attention/attention.h"

#include <stdexcept>
#include <string>

namespace inc_hf {

const AttentionUkernels& attention_ukernels(Isa isa) {
  for (const AttentionUkernels* ukernels : kAllAttentionUkernels) {
    if (ukernels->isa == isa) return *ukernels;
  }
  throw std::invalid_argument(std::string("There is no attention kernel for ") + isa_name(isa) + ".");
}

}  // namespace inc_hf

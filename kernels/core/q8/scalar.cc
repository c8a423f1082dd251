#include "simd/scalar.h"

#include "q8/rows_generic.h"

namespace {

void transpose(const uint8_t* const* rows, int tokens, int64_t k_padded, uint8_t* xt) {
  for (int64_t k = 0; k < k_padded; k++) {
    for (int t = 0; t < tokens; t++) xt[k * tokens + t] = rows[t][k];
  }
}

}  // namespace

namespace inc_hf {
const Q8Rows q8_rows__scalar = {quantize, widen, transpose, finish};
}

#if defined(__x86_64__)
#include "simd/avx512.h"

#include "q8/rows_generic.h"
#include "q8/transpose_sse.h"

namespace inc_hf {
const Q8Rows q8_rows__avx512 = {quantize, widen, transpose, finish};
}
#endif

#if defined(__x86_64__)
#include "simd/avx2.h"

#include "q8/rows_generic.h"
#include "q8/transpose_sse.h"

namespace inc_hf {
const Q8Rows q8_rows__avx2 = {quantize, widen, transpose, finish};
}
#endif

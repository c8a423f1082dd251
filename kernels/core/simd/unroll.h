// Unrolls the loop that follows completely. Loops over register tiles need it early, or the tile lives in memory.
#pragma once

#if defined(__clang__)
#define INC_HF_UNROLL _Pragma("unroll")
#else
#define INC_HF_UNROLL _Pragma("GCC unroll 16")
#endif

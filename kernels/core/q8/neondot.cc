#if defined(__aarch64__)
#include "simd/neon.h"

#include "q8/rows_generic.h"

namespace {

// rows[0..kRows - 1] + k -> xt + k * kRows, minus 128. Interleaving each row of the first half with one of the second
// transposes sixteen rows in four steps; eight rows in three, with two rows of xt in each register.
template <int kRows>
inline void transpose_block(const uint8_t* const* rows, int64_t k, uint8_t* xt) {
  uint8x16_t a[kRows], b[kRows];
  for (int i = 0; i < kRows; i++) a[i] = veorq_u8(vld1q_u8(rows[i] + k), vdupq_n_u8(0x80));
  for (int step = kRows; step > 1; step /= 2) {
    for (int i = 0; i < kRows / 2; i++) {
      b[2 * i] = vzip1q_u8(a[i], a[i + kRows / 2]);
      b[2 * i + 1] = vzip2q_u8(a[i], a[i + kRows / 2]);
    }
    for (int i = 0; i < kRows; i++) a[i] = b[i];
  }
  INC_HF_UNROLL
  for (int i = 0; i < kRows; i++) vst1q_u8(xt + k * kRows + i * 16, a[i]);
}

void transpose(const uint8_t* const* rows, int tokens, int64_t k_padded, uint8_t* xt) {
  for (int64_t k = 0; k < k_padded; k += 16) {
    if (tokens == 8) {
      transpose_block<8>(rows, k, xt);
    } else {
      transpose_block<16>(rows, k, xt);
    }
  }
}

}  // namespace

namespace inc_hf {
const Q8Rows q8_rows__neondot = {quantize, widen, transpose, finish};
}
#endif

// Activation functions of a vector. Include after exactly one simd/*.h. Every operation is rounded as IEEE 754 says, so
// that all ISAs give the same bits. NaN stays NaN. Errors are |float32 - exact|, measured over all exponents by
// tests/test_elementwise.cc; the polynomials come from scripts/fit_activations.py.
#pragma once

#include "elementwise/activation_kind.h"

namespace {

// R with R(a)^4 = Phi(-a) for 0 <= a <= 5.7; R(5.7) is 0 up to rounding.
constexpr float kGeluErfEnd = 5.7f;
constexpr float kGeluErf[] = {0.8408966f,     -0.16773999f,   -0.05016368f,   0.004575341f,   0.0038753485f,
                              -8.134737e-05f, -0.0002927729f, 5.6021618e-05f, -3.2435148e-06f};

// R with R(a)^4 = (1 - tanh(sqrt(2 / pi) (a + 0.044715 a^3))) / 2 for 0 <= a <= 5.6; R(5.6) is 0 up to rounding.
constexpr float kGeluTanhEnd = 5.6f;
constexpr float kGeluTanh[] = {0.8408968f,     -0.16774873f, -0.050115027f,  0.0046559353f,   0.0038480537f,
                               0.00021416116f, -0.00064726f, 0.00019445554f, -2.5749403e-05f, 1.3239198e-06f};

// exp(r) for |r| <= ln(2) / 2.
constexpr float kExp[] = {1.0f, 0.9999997f, 0.4999915f, 0.16667636f, 0.04189793f, 0.008290315f};

// Horner's rule: the vectors in flight hide its latency better than fewer steps with more multiplications.
template <int kCount>
inline F32 polynomial(const float (&coefficients)[kCount], F32 x) {
  F32 y = set1(coefficients[kCount - 1]);
  for (int i = kCount - 2; i >= 0; --i) y = fma(y, x, set1(coefficients[i]));
  return y;
}

// max(x, 0) - |x| R(|x|)^4: the fourth root of the tail is flat enough for a short polynomial.
template <int kCount>
inline F32 gelu(const float (&root)[kCount], float end, F32 x) {
  const F32 a = min(abs(x), set1(end));
  const F32 r = polynomial(root, a);
  const F32 r2 = r * r;
  return fnma(a, r2 * r2, max(set1(0.0f), x));
}

inline F32 gelu_erf(F32 x) { return gelu(kGeluErf, kGeluErfEnd, x); }

inline F32 gelu_tanh(F32 x) { return gelu(kGeluTanh, kGeluTanhEnd, x); }

// 2^n exp(r) with x = n ln(2) + r; 0 below -87.69 and +Inf above 88.37, as 2^n has no float32 there.
inline F32 exp(F32 x) {
  x = min(set1(88.8f), max(set1(-88.1f), x));
  // 1.5 * 2^23 leaves the integer in the lowest bits of the sum, 127 is the bias of the exponent.
  const F32 shifted = fma(x, set1(1.44269504f), set1(12582912.0f + 127.0f));
  const F32 n = shifted - set1(12582912.0f + 127.0f);
  const F32 r = fnma(n, set1(-2.12194440e-4f), fnma(n, set1(0.693359375f), x));  // ln(2), the first part in 10 bits
  return polynomial(kExp, r) * from_bits(shift_left<23>(bits(shifted)));
}

// -0 below -88.37, where |silu| < 4e-37.
inline F32 silu(F32 x) { return x / (set1(1.0f) + exp(set1(0.0f) - x)); }

// x sigmoid(1.702 x), the GELU of CLIP; -0 below -51.92, where its magnitude is below 3e-37.
inline F32 quick_gelu(F32 x) { return x / (set1(1.0f) + exp(x * set1(-1.702f))); }

inline F32 relu(F32 x) { return max(set1(0.0f), x); }

template <inc_hf::Activation kKind>
inline F32 activate(F32 x) {
  switch (kKind) {
    case inc_hf::Activation::kNone: return x;
    case inc_hf::Activation::kRelu: return relu(x);
    case inc_hf::Activation::kGeluErf: return gelu_erf(x);
    case inc_hf::Activation::kGeluTanh: return gelu_tanh(x);
    case inc_hf::Activation::kSilu: return silu(x);
    case inc_hf::Activation::kQuickGelu: return quick_gelu(x);
  }
}

}  // namespace

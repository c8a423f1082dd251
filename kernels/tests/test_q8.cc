// Rows before and after the integer product: codes against a reference that divides, results against the formula of
// q8/rows.h in plain C++, both bit for bit on every ISA.
#include <limits>

#include "check.h"

namespace {

using namespace inc_hf;
using namespace inc_hf::test;

constexpr float kInf = std::numeric_limits<float>::infinity(), kNan = std::numeric_limits<float>::quiet_NaN();

float to_bfloat16(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  const uint32_t half = bits & 0xffff, odd = bits >> 16 & 1;
  bits = (bits & 0xffff0000) + (half > 0x8000 || (half == 0x8000 && odd) ? 0x10000 : 0);
  std::memcpy(&x, &bits, 4);
  return x;
}

float expected_scale(const Quantizer& q, const float* x, int64_t k) {
  float amax = 0;
  for (int64_t i = 0; i < k; i++) {
    if (!std::isfinite(x[i])) return kNan;
    amax = std::max(amax, std::fabs(x[i]));
  }
  if (q.scale > 0) return q.scale;
  const float scale = amax / (float((1 << q.num_bits) - 1) / 2);
  if (!q.round_scale) return scale == 0 ? std::numeric_limits<float>::epsilon() : scale;
  return to_bfloat16(scale) == 0 ? 0x1p-7f : to_bfloat16(scale);  // the epsilon of bfloat16
}

uint8_t expected_code(float x, float scale, float zero_point, int num_bits) {
  const float lowest = -std::exp2(num_bits - 1.0f), highest = std::exp2(num_bits - 1.0f) - 1;
  return 128 + int(std::nearbyint(std::min(std::max(x / scale + zero_point, lowest), highest)));
}

void check_quantized(Isa isa, const Quantizer& q, const std::vector<float>& x, int64_t m, int64_t k, int64_t stride) {
  const int64_t length = padded_k(k);
  Rows<uint8_t> codes(m, length, 0);
  Rows<float> scales(m, 1, 0);
  quantize_rows(isa, q, x.data(), stride, m, k, codes.data.data(), scales.data.data(), k % 10 ? serial : threaded);
  std::vector<float> scale(m);
  std::vector<uint8_t> expected(m * length, uint8_t(128 + q.zero_point));
  for (int64_t i = 0; i < m; i++) {
    scale[i] = expected_scale(q, &x[i * stride], k);
    for (int64_t j = 0; j < k; j++) {
      expected[i * length + j] =
          std::isnan(scale[i]) ? 128 : expected_code(x[i * stride + j], scale[i], q.zero_point, q.num_bits);
    }
  }
  const std::string what = "k=" + std::to_string(k) + " bits=" + std::to_string(q.num_bits) +
                           " scale=" + std::to_string(q.scale) + " zero_point=" + std::to_string(q.zero_point);
  scales.check_equal(scale, "scales, " + what);
  codes.check_equal(expected, "codes, " + what);
}

std::vector<Quantizer> quantizers() {
  std::vector<Quantizer> all;
  for (int bits = 2; bits <= 8; bits++) {
    for (bool round_scale : {false, true}) all.push_back({bits, 0, 0, round_scale});
    for (float scale : {0.02f, 0.25f, 1e-38f, 3e38f}) {
      all.push_back({bits, scale, int(random_int(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)), true});
    }
  }
  for (int zero_point : {-128, -1, 0, 1, 127}) all.push_back({8, 0.03f, zero_point, true});
  return all;
}

void test_quantize_sizes(Isa isa) {
  for (const Quantizer& q : quantizers()) {
    for (int64_t k = 1; k <= 70; k++) {
      const int64_t m = k % 5, stride = k + k % 3;
      const std::vector<float> x = random_floats(m == 0 ? 0 : (m - 1) * stride + k);
      check_quantized(isa, q, x, m, k, stride);
    }
    check_quantized(isa, q, random_floats(3 * 1027), 3, 1027, 1027);
    check_quantized(isa, q, random_floats(kMaxK), 1, kMaxK, kMaxK);
  }
}

// Rows of every magnitude, down to subnormals and zeros, up to the largest floats.
void test_quantize_magnitudes(Isa isa) {
  for (const Quantizer& q : quantizers()) {
    for (int exponent = -149; exponent <= 127; exponent++) {
      std::vector<float> x = random_floats(37);
      for (float& value : x) value = std::ldexp(std::fmin(std::fmax(value, -1.99f), 1.99f), exponent);
      x[36] = std::ldexp(1.999f, exponent);
      check_quantized(isa, q, x, 1, 37, 37);
    }
    check_quantized(isa, q, std::vector<float>(40, 0.0f), 2, 20, 20);
    check_quantized(isa, q, std::vector<float>(40, -0.0f), 2, 20, 20);
    check_quantized(isa, q, std::vector<float>(40, std::numeric_limits<float>::max()), 2, 20, 20);
  }
}

// Middles between two integers and the floats next to them, where a multiplication by 1 / scale rounds to the wrong
// side. The first value makes the dynamic scale what it is without it.
void test_quantize_middles(Isa isa) {
  for (int bits : {8, 5}) {
    const int highest = (1 << (bits - 1)) - 1;
    for (int round = 0; round < 200; round++) {
      const float scale = round == 0 ? 0.5f : to_bfloat16(std::ldexp(1 + 0.005f * round, round % 40 - 20));
      std::vector<float> x = {scale * (highest + 0.5f)};
      for (int i = -highest - 1; i < highest; i++) {
        const float middle = float((i + 0.5) * double(scale));
        for (float value : {std::nextafter(middle, -kInf), middle, std::nextafter(middle, kInf)}) x.push_back(value);
      }
      const int64_t k = x.size();
      check_quantized(isa, {bits, 0, 0, true}, x, 1, k, k);
      check_quantized(isa, {bits, 0, 0, false}, x, 1, k, k);
      check_quantized(isa, {bits, scale, 0, true}, x, 1, k, k);
      check_quantized(isa, {bits, scale, 1 - round % 3, true}, x, 1, k, k);
    }
  }
}

// Scales in the middle between two of bfloat16.
void test_scale_middles(Isa isa) {
  for (int i = 0; i < 128; i++) {
    const float scale = (128.5f + i) * 0x1p-12f;
    std::vector<float> x = random_floats(30);
    x[7] = -127.5f * scale;
    check_quantized(isa, {}, x, 1, 30, 30);
  }
}

// A row with NaN or infinity gives only NaN; the others stay as they are.
void test_not_finite(Isa isa) {
  const Problem p(5, 40, 37, Fill::kEightBits);
  const Packed packed = pack_weight(p.weight(), isa, Sparsity::kDense);
  const std::vector<float> clean = random_floats(5 * 37);
  const auto run = [&](const Quantizer& q, const std::vector<float>& x) {
    Rows<float> y(5, 40, 0);
    Epilogue epilogue = {};
    epilogue.y = y.data.data();
    epilogue.stride = 40;
    linear(packed.weight, q, x.data(), 37, 5, epilogue, serial, 1);
    return y;
  };
  for (const Quantizer& q : {Quantizer(), Quantizer{8, 0.02f, 3, true}}) {
    std::vector<float> expected = run(q, clean).data;
    std::fill_n(expected.begin() + 2 * 40, 40, kNan);
    for (float bad : {kNan, -kNan, kInf, -kInf}) {
      for (int64_t j = 0; j < 37; j++) {
        std::vector<float> x = clean;
        x[2 * 37 + j] = bad;
        check_quantized(isa, q, x, 5, 37, 37);
        run(q, x).check_equal(expected, "column " + std::to_string(j));
      }
    }
  }
}

double activate(Activation activation, double x) {
  switch (activation) {
    case Activation::kNone: return x;
    case Activation::kRelu: return x > 0 ? x : 0;
    case Activation::kGeluErf: return x / 2 * std::erfc(-x / std::sqrt(2.0));
    case Activation::kGeluTanh: return x / (1 + std::exp(-2 * std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case Activation::kSilu: return x / (1 + std::exp(-x));
    case Activation::kQuickGelu: return x / (1 + std::exp(-1.702 * x));
  }
  return 0;
}

std::vector<float> product(const Problem& p, const std::vector<float>& row_scale) {
  std::vector<float> y(p.m * p.n);
  for (int64_t i = 0; i < p.m * p.n; i++) {
    y[i] = float(p.expected[i]) * row_scale[i / p.n] * p.scale[i % p.n] + p.bias[i % p.n];
  }
  return y;
}

template <typename T>
Rows<T> multiply_rows(const Packed& packed, const Problem& p, Epilogue epilogue, int64_t gap,
                      ParallelFor parallel_for = serial) {
  Rows<T> y(p.m, p.n, gap);
  epilogue.y = y.data.data();
  epilogue.stride = y.stride;
  multiply(packed.weight, p.codes.data(), p.m, p.zero_point, epilogue, parallel_for);
  return y;
}

// Shapes of several tiles of every kernel, and of ragged ones.
std::vector<Problem> problems() {
  std::vector<Problem> all;
  for (Fill fill : {Fill::kSevenBits, Fill::kEightBits}) {
    for (int64_t m : {1, 2, 5, 13, 70}) {
      for (int64_t n : {1, 7, 16, 41, 67}) all.emplace_back(m, n, 30, fill, 0.6);
    }
  }
  return all;
}

void test_float(Isa isa) {
  for (const Problem& p : problems()) {
    std::vector<float> row_scale = random_floats(p.m, 0.02f);
    row_scale[p.m / 2] = kNan;
    const std::vector<float> y = product(p, row_scale), residual = random_floats(p.m * (p.n + 3));
    std::vector<float> relu(y), sum(y);
    for (int64_t i = 0; i < p.m * p.n; i++) {
      relu[i] = y[i] < 0 ? 0 : y[i];
      sum[i] = relu[i] + residual[i / p.n * (p.n + 3) + i % p.n];
    }
    for (Sparsity sparsity : {Sparsity::kDense, Sparsity::kSparse}) {
      const Packed packed = pack_weight(p.weight(), isa, sparsity);
      Epilogue epilogue = {};
      epilogue.row_scale = row_scale.data();
      multiply_rows<float>(packed, p, epilogue, 0).check_equal(y, p.name());
      multiply_rows<float>(packed, p, epilogue, 9, threaded).check_equal(y, p.name());
      epilogue.activation = Activation::kRelu;
      multiply_rows<float>(packed, p, epilogue, 0).check_equal(relu, "relu, " + p.name());
      epilogue.residual = residual.data();
      multiply_rows<float>(packed, p, epilogue, 3).check_equal(sum, "residual, " + p.name());

      Rows<float> in_place(p.m, p.n, 3);
      in_place.data = residual;
      for (int64_t i = 0; i < p.m * 3; i++) in_place.data[i / 3 * (p.n + 3) + p.n + i % 3] = 93;  // the guard
      epilogue.residual = in_place.data.data();
      epilogue.y = in_place.data.data();
      epilogue.stride = in_place.stride;
      multiply(packed.weight, p.codes.data(), p.m, p.zero_point, epilogue, threaded);
      in_place.check_equal(sum, "in place, " + p.name());
    }
  }
}

void test_activations(Isa isa) {
  for (const Problem& p : problems()) {
    const std::vector<float> row_scale = random_floats(p.m, 0.05f), y = product(p, row_scale);
    const Packed scalar = pack_weight(p.weight(), Isa::kScalar, Sparsity::kDense);
    for (Activation activation : kAllActivations) {
      Epilogue epilogue = {};
      epilogue.row_scale = row_scale.data();
      epilogue.activation = activation;
      const std::vector<float> expected = multiply_rows<float>(scalar, p, epilogue, 0).data;
      for (int64_t i = 0; i < p.m * p.n; i++) {
        const double exact = activate(activation, y[i]);  // the bounds are those of test_elementwise.cc
        CHECK(std::fabs(expected[i] - exact) <= 5e-7 * std::max(1.0, std::fabs(exact)), "%s(%.9g) = %.9g, not %.9g",
              activation_name(activation), y[i], expected[i], exact);
      }
      for (Sparsity sparsity : {Sparsity::kDense, Sparsity::kSparse}) {
        const Packed packed = pack_weight(p.weight(), isa, sparsity);
        multiply_rows<float>(packed, p, epilogue, 1).check_equal(expected, activation_name(activation) + p.name());
      }
    }
  }
}

// Results rounded to codes again; NaN becomes the code of zero.
void test_codes(Isa isa) {
  for (const Problem& p : problems()) {
    std::vector<float> row_scale = random_floats(p.m, 0.05f);
    row_scale[p.m / 2] = kNan;
    const std::vector<float> y = product(p, row_scale);
    for (int zero_point : {0, -128, 17, 127}) {
      std::vector<uint8_t> expected(p.m * p.n);
      for (int64_t i = 0; i < p.m * p.n; i++) {
        expected[i] = std::isnan(y[i]) ? 128 : expected_code(y[i], 0.3f, zero_point, 8);
      }
      for (Sparsity sparsity : {Sparsity::kDense, Sparsity::kSparse}) {
        const Packed packed = pack_weight(p.weight(), isa, sparsity);
        Epilogue epilogue = {};
        epilogue.row_scale = row_scale.data();
        epilogue.output = Output::kCodes;
        epilogue.out_scale = 0.3f;
        epilogue.out_zero_point = zero_point;
        multiply_rows<uint8_t>(packed, p, epilogue, 0).check_equal(expected, p.name());
        multiply_rows<uint8_t>(packed, p, epilogue, 14, threaded).check_equal(expected, p.name());
      }
    }
  }
}

// The codes of the reference, multiplied plainly, give the result of linear(): for all rows together, for each alone,
// and in several threads at once.
void test_linear(Isa isa) {
  for (Problem& p : problems()) {
    const Quantizer q = p.n % 2 ? Quantizer() : Quantizer{7, 0.04f, 5, true};
    const int64_t stride = p.k + 2, length = padded_k(p.k);
    const std::vector<float> x = random_floats((p.m - 1) * stride + p.k);
    std::vector<float> scale(p.m);
    for (int64_t i = 0; i < p.m; i++) {
      scale[i] = expected_scale(q, &x[i * stride], p.k);
      for (int64_t j = 0; j < p.k; j++) {
        p.codes[i * length + j] = expected_code(x[i * stride + j], scale[i], q.zero_point, q.num_bits);
      }
    }
    p.zero_point = q.zero_point;
    p.multiply_plainly();
    const std::vector<float> expected = product(p, scale);
    for (Sparsity sparsity : {Sparsity::kDense, Sparsity::kSparse}) {
      const Packed packed = pack_weight(p.weight(), isa, sparsity);
      const auto run = [&](int64_t first, int64_t m, ParallelFor parallel_for) {
        Rows<float> y(m, p.n, 0);
        Epilogue epilogue = {};
        epilogue.y = y.data.data();
        epilogue.stride = p.n;
        linear(packed.weight, q, x.data() + first * stride, stride, m, epilogue, parallel_for, 4);
        const auto begin = expected.begin() + first * p.n;
        return std::equal(y.data.begin(), y.data.end(), begin, [](float a, float b) { return same(a, b); });
      };
      CHECK(run(0, p.m, serial), "%s", p.name().c_str());
      CHECK(run(0, 0, serial), "no rows");
      for (int64_t i = 0; i < p.m; i++) CHECK(run(i, 1, serial), "%s, row %d alone", p.name().c_str(), int(i));
      if (p.m != 13) continue;
      bool equal[3] = {};
      std::vector<std::thread> callers;
      for (bool& e : equal) {
        callers.emplace_back([&] {
          e = run(0, p.m, threaded);
          for (int i = 0; i < 30; i++) e &= run(i % 13, 1, serial) && run(0, i % 13, serial);
        });
      }
      for (std::thread& caller : callers) caller.join();
      CHECK(equal[0] && equal[1] && equal[2], "%s, several callers", p.name().c_str());
    }
  }
}

// More rows than are taken together give what each gives alone, with their own residuals.
void test_many_rows(Isa isa) {
  const int64_t m = 700, n = 36, k = 21;
  const Problem p(1, n, k, Fill::kEightBits);
  const std::vector<float> x = random_floats(m * k), residual = random_floats(m * n);
  for (Sparsity sparsity : {Sparsity::kDense, Sparsity::kSparse}) {
    const Packed packed = pack_weight(p.weight(), isa, sparsity);
    const auto run = [&](int64_t first, int64_t rows, float* y, ParallelFor parallel_for, int64_t threads) {
      Epilogue epilogue = {};
      epilogue.y = y;
      epilogue.stride = n;
      epilogue.residual = residual.data() + first * n;
      linear(packed.weight, {}, x.data() + first * k, k, rows, epilogue, parallel_for, threads);
    };
    std::vector<float> expected(m * n);
    for (int64_t i = 0; i < m; i++) run(i, 1, &expected[i * n], serial, 1);
    for (const auto& [parallel_for, threads] : {std::pair(&serial, 1), {&threaded, 4}, {&threaded, 40}}) {
      Rows<float> y(m, n, 0);
      run(0, m, y.data.data(), parallel_for, threads);
      CHECK(y.data == expected, "%s, %d threads", isa_name(isa), threads);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  return run_tests(argc, argv,
                   {{"quantize_sizes", test_quantize_sizes},
                    {"quantize_magnitudes", test_quantize_magnitudes},
                    {"quantize_middles", test_quantize_middles},
                    {"scale_middles", test_scale_middles},
                    {"not_finite", test_not_finite},
                    {"float", test_float},
                    {"activations", test_activations},
                    {"codes", test_codes},
                    {"linear", test_linear},
                    {"many_rows", test_many_rows}});
}

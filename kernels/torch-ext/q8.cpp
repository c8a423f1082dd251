// inc_hf::q8_*: packing int8 weights, quantizing activations, multiplying them.
#include <cstring>

#include "common.h"
#include "q8/linear.h"
#include "q8/units.h"

namespace inc_hf::torch_ext {
namespace {

using OptionalTensor = std::optional<Tensor>;

PackedWeight packed_weight(const Tensor& packed) {
  require_tensor(packed, "packed", ScalarType::Byte);
  REQUIRE(packed.dim() == 1 && packed.is_contiguous(),
          "`packed` must be what q8_pack returned, got " + layout_of(packed) + ".");
  return check_packed(packed.const_data_ptr(), packed.numel());
}

Isa supported_isa(int64_t number) {
  const Isa isa = number == kInUse ? current_isa() : member(kAllIsas, number, "isa");
  REQUIRE(is_supported(isa),
          "This CPU lacks " + std::string(isa_name(isa)) + "; choose one of " + supported_isas(", ") + ".");
  return isa;
}

Tensor q8_pack(const Tensor& weight, const Tensor& weight_scale, OptionalTensor bias, int64_t isa, int64_t kind) {
  require_tensor(weight, "weight", ScalarType::Char);
  REQUIRE(weight.dim() == 2, "`weight` must be of shape (out_features, in_features), got " + shape_of(weight) + ".");
  const int64_t n = weight.size(0);
  const Tensor w = contiguous(weight);
  const Tensor scale =
      require_vector(weight_scale, "weight_scale", ScalarType::Float, weight_scale.numel() == 1 ? 1 : n);
  if (bias.has_value()) bias = require_vector(*bias, "bias", ScalarType::Float, n);
  const Weight to_pack = {static_cast<const int8_t*>(w.const_data_ptr()),
                          n,
                          weight.size(1),
                          static_cast<const float*>(scale.const_data_ptr()),
                          scale.numel() != 1 || n == 1,
                          bias.has_value() ? static_cast<const float*>(bias->const_data_ptr()) : nullptr};
  const PackedHeader header = plan_packing(to_pack, supported_isa(isa), member(kAllSparsities, kind, "kind"));
  const int64_t shape[] = {header.bytes};
  Tensor packed = empty(shape, ScalarType::Byte);
  pack(to_pack, header, packed.mutable_data_ptr());
  return packed;
}

Tensor q8_unpack(const Tensor& packed) {
  const PackedWeight weight = packed_weight(packed);
  const int64_t shape[] = {weight.header.n, weight.header.k};
  Tensor w = empty(shape, ScalarType::Char);
  unpack(weight, static_cast<int8_t*>(w.mutable_data_ptr()));
  return w;
}

Tensor q8_expand(const Tensor& values, const Tensor& mask, int64_t k, int64_t rows) {
  require_tensor(values, "values", ScalarType::Char);
  require_tensor(mask, "mask", ScalarType::Byte);
  REQUIRE(rows == 1 || rows == 4, "`rows` must be 1 or 4, got " + std::to_string(rows) + ".");
  REQUIRE(mask.dim() == 2 && k > 0 && mask.size(1) == k / 8 + (k % 8 != 0),
          "`mask` must have a bit for each of " + std::to_string(k) + " columns, got shape " + shape_of(mask) + ".");
  const Tensor units = contiguous(values), bits = contiguous(mask);
  const int64_t shape[] = {mask.size(0) * rows, k};
  const Units stored = {static_cast<const uint8_t*>(bits.const_data_ptr()), shape[0], k, rows};
  const int64_t count = count_units(stored);
  REQUIRE(count >= 0 && values.numel() == count * rows,
          "`mask` says which of " + std::to_string(count) + " units there are, and `values` has " +
              std::to_string(values.numel() / rows) + "; the two are not of the same weight.");
  Tensor w = empty(shape, ScalarType::Char);
  expand_units(stored, static_cast<const int8_t*>(units.const_data_ptr()), static_cast<int8_t*>(w.mutable_data_ptr()));
  return w;
}

std::tuple<int64_t, int64_t> q8_describe(const Tensor& packed) {
  const PackedHeader header = packed_weight(packed).header;
  return {static_cast<int64_t>(header.isa), static_cast<int64_t>(header.kind)};
}

// `side` is "input" or "out", for the messages.
Quantizer quantizer_of(const OptionalTensor& scale, const OptionalTensor& zero_point, int64_t num_bits,
                       bool round_scale, const std::string& side = "input") {
  REQUIRE(num_bits >= 2 && num_bits <= 8, "`num_bits` must be in [2, 8], got " + std::to_string(num_bits) + ".");
  Quantizer quantizer;
  quantizer.num_bits = static_cast<int>(num_bits);
  quantizer.round_scale = round_scale;
  if (scale.has_value()) {
    const Tensor value = require_vector(*scale, (side + "_scale").c_str(), ScalarType::Float, 1);
    quantizer.scale = *static_cast<const float*>(value.const_data_ptr());
    REQUIRE(quantizer.scale > 0 && quantizer.scale <= 3.4e38f,
            "`" + side + "_scale` must be positive and finite, got " + std::to_string(quantizer.scale) + ".");
  }
  if (zero_point.has_value()) {
    REQUIRE(scale.has_value(), "`" + side + "_zero_point` needs an `" + side + "_scale`, got none.");
    const Tensor value = require_vector(*zero_point, (side + "_zero_point").c_str(), ScalarType::Char, 1);
    quantizer.zero_point = *static_cast<const int8_t*>(value.const_data_ptr());
  }
  return quantizer;
}

std::tuple<Tensor, Tensor> q8_quantize(const Tensor& x, const OptionalTensor& scale, const OptionalTensor& zero_point,
                                       int64_t num_bits, bool round_scale) {
  const Rows rows = rows_of(x, "x");
  const Quantizer quantizer = quantizer_of(scale, zero_point, num_bits, round_scale);
  Tensor codes = empty_like_rows(x, padded_k(rows.k), ScalarType::Byte);
  Tensor scales = empty_like_rows(x, 1, ScalarType::Float);
  quantize_rows(current_isa(), quantizer, rows.data(), rows.stride, rows.m, rows.k,
                static_cast<uint8_t*>(codes.mutable_data_ptr()), static_cast<float*>(scales.mutable_data_ptr()),
                parallel_for);
  return {codes, scales};
}

// Checks what all products of codes have in common; returns the number of rows.
int64_t rows_of_codes(const Tensor& codes, const PackedWeight& weight, int64_t zero_point) {
  require_tensor(codes, "codes", ScalarType::Byte);
  REQUIRE(codes.is_contiguous() && codes.dim() > 0 && codes.size(codes.dim() - 1) == weight.k_padded,
          "`codes` must be what q8_quantize returned for " + std::to_string(weight.header.k) + " features, got " +
              layout_of(codes) + ".");
  REQUIRE(zero_point >= -128 && zero_point <= 127,
          "`zero_point` must be in [-128, 127], got " + std::to_string(zero_point) + ".");
  return codes.numel() / weight.k_padded;
}

Tensor q8_accumulate(const Tensor& codes, const Tensor& packed, int64_t zero_point, int64_t out_features) {
  const PackedWeight weight = packed_weight(packed);
  require_out_features(weight.header.n, out_features);
  const int64_t m = rows_of_codes(codes, weight, zero_point);
  Tensor y = empty_like_rows(codes, weight.header.n, ScalarType::Int);
  Epilogue epilogue = {};
  epilogue.output = Output::kAccumulator;
  epilogue.y = y.mutable_data_ptr();
  epilogue.stride = weight.header.n;
  multiply(weight, static_cast<const uint8_t*>(codes.const_data_ptr()), m, static_cast<int>(zero_point), epilogue,
           parallel_for, num_threads());
  return y;
}

Epilogue epilogue_into(Tensor& y, OptionalTensor& residual, int64_t activation) {
  Epilogue epilogue = {};
  epilogue.activation = member(kAllActivations, activation, "activation");
  epilogue.residual = residual_data(residual, y);
  epilogue.y = y.mutable_data_ptr();
  epilogue.stride = y.size(y.dim() - 1);
  return epilogue;
}

Tensor q8_matmul(const Tensor& codes, const Tensor& scales, const Tensor& packed, int64_t zero_point,
                 int64_t out_features, int64_t activation, OptionalTensor residual, const OptionalTensor& out_scale,
                 const OptionalTensor& out_zero_point) {
  const PackedWeight weight = packed_weight(packed);
  require_out_features(weight.header.n, out_features);
  const int64_t m = rows_of_codes(codes, weight, zero_point);
  const Tensor row_scale = require_vector(scales, "scales", ScalarType::Float, m);
  const Quantizer out = quantizer_of(out_scale, out_zero_point, 8, false, "out");
  const bool requantize = out_scale.has_value();
  Tensor y = empty_like_rows(codes, requantize ? padded_k(out_features) : out_features,
                             requantize ? ScalarType::Byte : ScalarType::Float);
  if (requantize) {
    REQUIRE(!residual.has_value(),
            "`residual` cannot be added to a result that is rounded to 8 bits, got both it and `out_scale`; leave out "
            "one.");
    std::memset(y.mutable_data_ptr(), 128 + out.zero_point, y.numel());
  }
  Epilogue epilogue = epilogue_into(y, residual, activation);
  epilogue.row_scale = static_cast<const float*>(row_scale.const_data_ptr());
  if (requantize) {
    epilogue.output = Output::kCodes;
    epilogue.out_scale = out.scale;
    epilogue.out_zero_point = static_cast<float>(out.zero_point);
  }
  multiply(weight, static_cast<const uint8_t*>(codes.const_data_ptr()), m, static_cast<int>(zero_point), epilogue,
           parallel_for, num_threads());
  return y;
}

Tensor q8_linear_packed(const Tensor& x, const Tensor& packed, const OptionalTensor& input_scale,
                        const OptionalTensor& input_zero_point, int64_t num_bits, bool round_scale,
                        int64_t out_features, int64_t activation, OptionalTensor residual) {
  const PackedWeight weight = packed_weight(packed);
  require_out_features(weight.header.n, out_features);
  const Rows rows = rows_of(x, "x");
  REQUIRE(rows.k == weight.header.k,
          "`x` must have " + std::to_string(weight.header.k) + " features, got shape " + shape_of(x) + ".");
  const Quantizer quantizer = quantizer_of(input_scale, input_zero_point, num_bits, round_scale);
  Tensor y = empty_like_rows(x, out_features, ScalarType::Float);
  const Epilogue epilogue = epilogue_into(y, residual, activation);
  linear(weight, quantizer, rows.data(), rows.stride, rows.m, epilogue, parallel_for, num_threads());
  return y;
}

// On a weight as it is in a checkpoint, for exported programs: packs it at every call, but runs on any CPU.
Tensor q8_linear(const Tensor& x, const Tensor& weight, const Tensor& weight_scale, const OptionalTensor& bias,
                 const OptionalTensor& input_scale, const OptionalTensor& input_zero_point, int64_t num_bits,
                 bool round_scale, int64_t activation) {
  const Tensor packed = q8_pack(weight, weight_scale, bias, kInUse, static_cast<int64_t>(Sparsity::kDense));
  return q8_linear_packed(x, packed, input_scale, input_zero_point, num_bits, round_scale, weight.size(0), activation,
                          std::nullopt);
}

}  // namespace

const Operators schemas({
    "q8_pack(Tensor weight, Tensor weight_scale, Tensor? bias, int isa, int kind) -> Tensor",
    "q8_unpack(Tensor packed) -> Tensor",
    "q8_describe(Tensor packed) -> (int, int)",
    "q8_expand(Tensor values, Tensor mask, int k, int rows) -> Tensor",
    "q8_quantize(Tensor x, Tensor? scale, Tensor? zero_point, int num_bits, bool round_scale) -> (Tensor, Tensor)",
    "q8_accumulate(Tensor codes, Tensor packed, int zero_point, int out_features) -> Tensor",

    "q8_matmul(Tensor codes, Tensor scales, Tensor packed, int zero_point, int out_features, int activation, "
    "Tensor? residual, Tensor? out_scale, Tensor? out_zero_point) -> Tensor",

    "q8_linear_packed(Tensor x, Tensor packed, Tensor? input_scale, Tensor? input_zero_point, int num_bits, "
    "bool round_scale, int out_features, int activation, Tensor? residual) -> Tensor",

    "q8_linear(Tensor x, Tensor weight, Tensor weight_scale, Tensor? bias, Tensor? input_scale, "
    "Tensor? input_zero_point, int num_bits, bool round_scale, int activation) -> Tensor",
});

const Operators on_cpu("CPU", {
                                  {"q8_pack", Boxed<&q8_pack>::call},
                                  {"q8_unpack", Boxed<&q8_unpack>::call},
                                  {"q8_describe", Boxed<&q8_describe>::call},
                                  {"q8_expand", Boxed<&q8_expand>::call},
                                  {"q8_quantize", Boxed<&q8_quantize>::call},
                                  {"q8_accumulate", Boxed<&q8_accumulate>::call},
                                  {"q8_matmul", Boxed<&q8_matmul>::call},
                                  {"q8_linear_packed", Boxed<&q8_linear_packed>::call},
                                  {"q8_linear", Boxed<&q8_linear>::call},
                              });

}  // namespace inc_hf::torch_ext

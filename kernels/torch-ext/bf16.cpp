// inc_hf::bf16_*: packing bfloat16 weights and multiplying float activations by them.
#include <cstring>

#include "bf16gemm/bf16gemm.h"
#include "bf16gemm/blob.h"
#include "common.h"

namespace inc_hf::torch_ext {
namespace {

using bf16gemm::Header;
using bf16gemm::Variant;
using OptionalTensor = std::optional<Tensor>;

Header header_of(const Tensor& packed) {
  require_tensor(packed, "packed", ScalarType::Byte);
  REQUIRE(packed.dim() == 1 && packed.is_contiguous(),
          "`packed` must be what bf16_pack returned, got " + layout_of(packed) + ".");
  return bf16gemm::check(packed.const_data_ptr(), packed.numel());
}

// Names of the variants that this CPU executes, best first.
std::string supported_variants(const char* separator) {
  std::string names;
  for (Variant variant : bf16gemm::kAllVariants) {
    if (bf16gemm::is_supported(variant)) names += std::string(names.empty() ? "" : separator) + variant_name(variant);
  }
  return names;
}

Variant supported_variant(int64_t number) {
  if (number == kInUse) return bf16gemm::variant_of(current_isa());
  const Variant variant = member(bf16gemm::kAllVariants, number, "variant");
  REQUIRE(bf16gemm::is_supported(variant), "This CPU lacks " + std::string(bf16gemm::variant_name(variant)) +
                                               "; choose one of " + supported_variants(", ") + ".");
  return variant;
}

bool bf16_is_supported(int64_t variant) {
  return bf16gemm::is_supported(member(bf16gemm::kAllVariants, variant, "variant"));
}

int64_t bf16_variant() { return static_cast<int64_t>(bf16gemm::variant_of(current_isa())); }

Tensor bf16_pack(const Tensor& weight, OptionalTensor bias, int64_t variant_number) {
  require_tensor(weight, "weight", ScalarType::BFloat16);
  REQUIRE(weight.dim() == 2, "`weight` must be of shape (out_features, in_features), got " + shape_of(weight) + ".");
  const int64_t n = weight.size(0), k = weight.size(1);
  const Tensor w = contiguous(weight);
  if (bias.has_value()) bias = require_vector(*bias, "bias", ScalarType::Float, n);
  const Variant variant = supported_variant(variant_number);
  const int64_t shape[] = {static_cast<int64_t>(bf16gemm::packed_size(variant, n, k))};
  Tensor packed = empty(shape, ScalarType::Byte);
  bf16gemm::pack(variant, static_cast<const uint16_t*>(w.const_data_ptr()), k,
                 bias.has_value() ? static_cast<const float*>(bias->const_data_ptr()) : nullptr, n, k,
                 packed.mutable_data_ptr());
  return packed;
}

Tensor bf16_unpack(const Tensor& packed) {
  const Header header = header_of(packed);
  const int64_t shape[] = {header.n, header.k};
  Tensor w = empty(shape, ScalarType::BFloat16);
  bf16gemm::unpack(packed.const_data_ptr(), static_cast<uint16_t*>(w.mutable_data_ptr()));
  return w;
}

Tensor bf16_unpack_bias(const Tensor& packed) {
  const int64_t shape[] = {header_of(packed).n};
  Tensor bias = empty(shape, ScalarType::Float);
  std::memcpy(bias.mutable_data_ptr(), static_cast<const char*>(packed.const_data_ptr()) + bf16gemm::bias_offset(),
              shape[0] * sizeof(float));
  return bias;
}

int64_t bf16_describe(const Tensor& packed) { return static_cast<int64_t>(header_of(packed).variant); }

Tensor bf16_linear_packed(const Tensor& x, const Tensor& packed, int64_t out_features, int64_t activation,
                          OptionalTensor residual) {
  const Header header = header_of(packed);
  require_out_features(header.n, out_features);
  const Rows rows = rows_of(x, "x");
  REQUIRE(rows.k == header.k,
          "`x` must have " + std::to_string(header.k) + " features, got shape " + shape_of(x) + ".");
  const Activation kind = member(kAllActivations, activation, "activation");
  Tensor y = empty_like_rows(x, out_features, ScalarType::Float);
  const float* added = residual_data(residual, y);
  bf16gemm::run(packed.const_data_ptr(), rows.data(), rows.stride, rows.m, static_cast<float*>(y.mutable_data_ptr()),
                kind, added, parallel_for);
  return y;
}

}  // namespace

const Operators schemas({
    "bf16_is_supported(int variant) -> bool",
    "bf16_variant() -> int",
    "bf16_pack(Tensor weight, Tensor? bias, int variant) -> Tensor",
    "bf16_unpack(Tensor packed) -> Tensor",
    "bf16_unpack_bias(Tensor packed) -> Tensor",
    "bf16_describe(Tensor packed) -> int",
    "bf16_linear_packed(Tensor x, Tensor packed, int out_features, int activation, Tensor? residual) -> Tensor",
});

const Operators anywhere("CompositeExplicitAutograd", {
                                                          {"bf16_is_supported", Boxed<&bf16_is_supported>::call},
                                                          {"bf16_variant", Boxed<&bf16_variant>::call},
                                                      });

const Operators on_cpu("CPU", {
                                  {"bf16_pack", Boxed<&bf16_pack>::call},
                                  {"bf16_unpack", Boxed<&bf16_unpack>::call},
                                  {"bf16_unpack_bias", Boxed<&bf16_unpack_bias>::call},
                                  {"bf16_describe", Boxed<&bf16_describe>::call},
                                  {"bf16_linear_packed", Boxed<&bf16_linear_packed>::call},
                              });

}  // namespace inc_hf::torch_ext

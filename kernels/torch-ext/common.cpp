#include "common.h"

#include <pthread.h>

#include <vector>

#include "isa.h"

namespace inc_hf::torch_ext {

std::string shape_of(const Tensor& x) {
  std::string text = "(";
  for (int64_t i = 0; i < x.dim(); i++) text += (i > 0 ? ", " : "") + std::to_string(x.size(i));
  return text + ")";
}

std::string layout_of(const Tensor& x) {
  return "shape " + shape_of(x) + (x.is_contiguous() ? "" : ", not contiguous");
}

std::string supported_isas(const char* separator) {
  std::string names;
  for (Isa isa : kAllIsas) {
    if (is_supported(isa)) names += std::string(names.empty() ? "" : separator) + isa_name(isa);
  }
  return names;
}

void require_tensor(const Tensor& x, const char* name, ScalarType dtype) {
  const bool on_cuda = x.device_type() == aoti_torch_device_type_cuda();
  REQUIRE(
      x.device_type() == aoti_torch_device_type_cpu(),
      std::string("`") + name + "` must be on the CPU, got a tensor on " + (on_cuda ? "CUDA" : "another device") + ".");
  REQUIRE(x.dtype() == code_of(dtype), std::string("`") + name + "` must be of type " + dtype_name(code_of(dtype)) +
                                           ", got " + dtype_name(x.dtype()) + ".");
}

Tensor require_vector(const Tensor& x, const char* name, ScalarType dtype, int64_t numel) {
  require_tensor(x, name, dtype);
  REQUIRE(x.numel() == numel, std::string("`") + name + "` must have " + std::to_string(numel) +
                                  " elements, got shape " + shape_of(x) + ".");
  return contiguous(x);
}

const float* optional_vector(OptionalTensor& x, const char* name, int64_t numel) {
  if (!x.has_value()) return nullptr;
  x = require_vector(*x, name, ScalarType::Float, numel);
  return static_cast<const float*>(x->const_data_ptr());
}

void require_out_features(int64_t packed, int64_t out_features) {
  REQUIRE(out_features == packed, "`out_features` is " + std::to_string(packed) + " for this packed weight, got " +
                                      std::to_string(out_features) + ".");
}

Rows rows_of(const Tensor& x, const char* name) {
  require_tensor(x, name, ScalarType::Float);
  REQUIRE(x.dim() > 0, std::string("`") + name + "` must have at least one dimension, got shape ().");
  const int64_t k = x.size(x.dim() - 1);
  const bool strided_rows = x.dim() == 2 && x.stride(1) == 1 && x.stride(0) >= k;
  const Tensor rows = strided_rows ? x : contiguous(x);
  int64_t m = 1;
  for (int64_t i = 0; i + 1 < x.dim(); i++) m *= x.size(i);
  return {rows, m, k, strided_rows ? x.stride(0) : k};
}

namespace {

std::vector<int64_t> sizes_of(const Tensor& x) {
  std::vector<int64_t> sizes(x.dim());
  for (size_t i = 0; i < sizes.size(); i++) sizes[i] = x.size(i);
  return sizes;
}

}  // namespace

Tensor empty_like(const Tensor& x, ScalarType dtype) {
  const std::vector<int64_t> sizes = sizes_of(x);
  return empty(sizes.data(), sizes.size(), dtype);
}

Tensor empty_like_rows(const Tensor& x, int64_t n, ScalarType dtype) {
  std::vector<int64_t> sizes = sizes_of(x);
  sizes.back() = n;
  return empty(sizes.data(), sizes.size(), dtype);
}

const float* residual_data(std::optional<Tensor>& residual, const Tensor& result) {
  if (!residual.has_value()) return nullptr;
  require_tensor(*residual, "residual", ScalarType::Float);
  REQUIRE(shape_of(*residual) == shape_of(result),
          "`residual` must have the shape of the result, " + shape_of(result) + ", got " + shape_of(*residual) + ".");
  residual = contiguous(*residual);
  return static_cast<const float*>(residual->const_data_ptr());
}

namespace {

bool in_forked_child = false;

[[maybe_unused]] const int fork_handler = pthread_atfork(nullptr, nullptr, [] { in_forked_child = true; });

}  // namespace

void parallel_for(int64_t count, int64_t grain, void* context, ParallelBody body) {
  if (in_forked_child || count <= grain) return serial(count, grain, context, body);
  const auto call = [&](int64_t begin, int64_t end) { body(context, begin, end); };
  const auto on_thread = [](int64_t begin, int64_t end, void* call_of_all) {
    (*static_cast<decltype(call)*>(call_of_all))(begin, end);
  };
  check(torch_parallel_for(0, count, grain, on_thread, const_cast<void*>(static_cast<const void*>(&call))));
}

int64_t num_threads() {
  uint32_t count;
  check(torch_get_num_threads(&count));
  return count;
}

}  // namespace inc_hf::torch_ext

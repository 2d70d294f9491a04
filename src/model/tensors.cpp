#include "model/tensors.h"

#include "base/error.h"

#include <cstring>
#include <utility>

namespace expandft {

at::ScalarType scalar_type(Dtype dtype) {
  switch (dtype) {
    case Dtype::kF64:
      return at::kDouble;
    case Dtype::kF32:
      return at::kFloat;
    case Dtype::kF16:
      return at::kHalf;
    case Dtype::kBF16:
      return at::kBFloat16;
    case Dtype::kI64:
      return at::kLong;
    case Dtype::kI32:
      return at::kInt;
    default:
      break;
  }
  throw input_error("tensors of dtype " + std::string(safetensors_name(dtype)) +
                        " cannot be used in arithmetic; expected F32, F16 or BF16",
                    {}, "quantised checkpoints are not supported: use the original");
}

Dtype dtype_of(at::ScalarType type) {
  switch (type) {
    case at::kDouble:
      return Dtype::kF64;
    case at::kFloat:
      return Dtype::kF32;
    case at::kHalf:
      return Dtype::kF16;
    case at::kBFloat16:
      return Dtype::kBF16;
    case at::kLong:
      return Dtype::kI64;
    case at::kInt:
      return Dtype::kI32;
    default:
      break;
  }
  throw failure("no safetensors dtype for " + std::string(c10::toString(type)));
}

at::Tensor mapped_tensor(const TensorView& view) {
  // The deleter owns a reference to the map, so the tensor may outlive the checkpoint object.
  auto* data = const_cast<std::byte*>(view.bytes.data());
  return at::from_blob(
      data, view.shape, [file = view.file](void*) {},
      at::TensorOptions().dtype(scalar_type(view.dtype)));
}

TensorView rows_of(const TensorView& view, std::int64_t begin, std::int64_t count) {
  TensorView rows = view;
  const std::size_t row = view.bytes.size() / static_cast<std::size_t>(view.shape.at(0));
  rows.shape[0] = count;
  rows.bytes = view.bytes.subspan(static_cast<std::size_t>(begin) * row,
                                  static_cast<std::size_t>(count) * row);
  return rows;
}

at::Tensor load_tensor(const TensorView& view, at::ScalarType dtype, at::Device device) {
  const at::Tensor mapped = mapped_tensor(view);
  // MKL's products of a single fp32 row depend on the alignment of the weights in their last bits.
  // 16-bit kernels only need whole elements.
  const std::size_t alignment = mapped.element_size() == 2 ? 2 : 64;
  const bool aligned = reinterpret_cast<std::uintptr_t>(view.bytes.data()) % alignment == 0;
  if (device.is_cpu() && mapped.scalar_type() == dtype && aligned) return mapped;
  at::Tensor copy = mapped.to(at::TensorOptions().dtype(dtype).device(device),
                              /*non_blocking=*/false, /*copy=*/true);
  view.release();
  return copy;
}

void copy_into(std::span<std::byte> bytes, const at::Tensor& tensor, Dtype dtype) {
  const at::Tensor ready = tensor.detach().to(at::kCPU, scalar_type(dtype)).contiguous();
  if (!bytes.empty()) std::memcpy(bytes.data(), ready.data_ptr(), bytes.size());
}

TensorSource source_of(std::string name, at::Tensor tensor, Dtype dtype) {
  Shape shape = tensor.sizes().vec();
  auto fill = [tensor = std::move(tensor), dtype](std::span<std::byte> out) {
    copy_into(out, tensor, dtype);
  };
  return {std::move(name), dtype, std::move(shape), std::move(fill)};
}

}  // namespace expandft

#include "export/assembled_model.h"

#include "gguf/writing/gguf_tensor_writer.h"
#include "model/tensors.h"

#include <memory>
#include <utility>

namespace expandft {
namespace {

/// The tensor as its source gives it.
at::Tensor tensor_of_source(const TensorSource& source) {
  if (!source.fill) return mapped_tensor(source.origin.value());
  at::Tensor tensor = at::empty(source.shape, scalar_type(source.dtype));
  source.fill({static_cast<std::byte*>(tensor.mutable_data_ptr()), tensor.nbytes()});
  return tensor;
}

}  // namespace

AssembledModel::AssembledModel(fs::path path, Json config, const std::vector<TensorSource>& tensors,
                               Compute compute)
    : files_(ModelDirectory::of_parts(std::move(path), std::move(config),
                                      [&] {
                                        std::map<std::string, TensorView> views;
                                        for (const TensorSource& source : tensors) {
                                          views[source.name] =
                                              source.fill
                                                  ? TensorView{source.dtype, source.shape, {}, {}}
                                                  : source.origin.value();
                                        }
                                        return views;
                                      }())),
      compute_(std::move(compute)) {
  for (const TensorSource& source : tensors) sources_.emplace(source.name, source);
}

AssembledModel AssembledModel::of(const GgufImport& import) {
  return {import.file.path(), import.config, import.tensors, tensor_of_source};
}

AssembledModel AssembledModel::of(const GgufExport& gguf, bool rounded) {
  const Compute compute = [&gguf, rounded](const TensorSource& source) {
    if (!rounded || !gguf.spec().names.holds(source.name)) return tensor_of_source(source);
    const std::vector<float> numbers =
        rounded_numbers(source, gguf.spec(), gguf.target(), gguf.type());
    return at::tensor(numbers, at::kFloat).view(source.shape);
  };
  return {gguf.model().where, gguf.model().config, gguf.model().tensors, compute};
}

ReadableModel AssembledModel::readable() const {
  // The head is read piece by piece: the tensor that was read last is kept.
  struct Last {
    std::string name;
    at::Tensor tensor;
  };
  return {files_, [this, last = std::make_shared<Last>()](const std::string& name) {
            const auto source = sources_.find(name);
            if (source == sources_.end()) return at::Tensor();
            if (last->name != name) {
              last->tensor = at::Tensor();  // freed before the next takes memory
              *last = {name, compute_(source->second)};
            }
            return last->tensor;
          }};
}

}  // namespace expandft

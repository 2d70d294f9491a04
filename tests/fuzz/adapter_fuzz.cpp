#include "checkpoint/adapter_directory.h"
#include "checkpoint/peft_adapter.h"
#include "fuzz.h"

using namespace expandft;

// An adapter, expandft's or PEFT's: adapter_config.json, a NUL byte, adapter_model.safetensors. An
// accepted adapter must have the tensors that its config implies.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  const std::string_view all = fuzz::as_text(data, size);
  const std::size_t end = std::min(all.find('\0'), all.size());
  folder.write("adapter_config.json", all.substr(0, end));
  folder.write("adapter_model.safetensors", all.substr(std::min(end + 1, all.size())));
  fuzz::expect_input_error([] {
    const AdapterDirectory adapter = AdapterDirectory::open(folder.path());
    const AdapterInfo& info = adapter.info();
    for (const std::int64_t layer : info.layers) {
      if (layer < 0 || layer >= info.num_hidden_layers) std::abort();
      adapter.tensors().at(copy_tensor_name(layer, "down_proj", info.copies - 1, "weight"));
    }
    if (info.neurons.size() != info.widths.size()) std::abort();
    for (std::size_t i = 0; i < info.widths.size(); ++i) {
      const std::vector<std::int64_t>& neurons = info.neurons[i];
      if (std::ssize(neurons) != info.widths[i] || neurons.front() < 0 ||
          neurons.back() >= 2 * info.intermediate_size) {
        std::abort();
      }
    }
  });
  fuzz::expect_input_error([] {
    const PeftAdapter adapter = PeftAdapter::open(folder.path());
    for (const auto& [name, view] : adapter.tensors()) {
      if (view.shape.size() != 2) std::abort();
    }
  });
  fuzz::expect_input_error([] { is_peft_adapter(folder.path()); });
  return 0;
}

#include "checkpoint/adapter_directory.h"

#include "base/json.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "checkpoint/neuron_indices.h"

#include <algorithm>
#include <string>
#include <vector>

using namespace expandft;
using namespace expandft::testing;

namespace {

const AdapterInfo kInfo{.base_model = "models/base",
                        .base_fingerprint = "0123",
                        .layers = {1, 3},
                        .copies = 3,
                        .num_hidden_layers = 4,
                        .hidden_size = 2,
                        .intermediate_size = 5,
                        .method = Method::kNew,
                        .strength = 0.5};

TensorSource filled(std::string name, Shape shape) {
  return {std::move(name), Dtype::kF32, std::move(shape),
          [](std::span<std::byte> bytes) { std::ranges::fill(bytes, std::byte{7}); }};
}

std::vector<TensorSource> tensors_of(const AdapterInfo& info, bool biases = false) {
  std::vector<TensorSource> out;
  const std::int64_t h = info.hidden_size, p = info.intermediate_size;
  for (const std::int64_t layer : info.layers) {
    for (std::int64_t copy = 1; copy < info.copies; ++copy) {
      for (const char* const projection : {"gate_proj", "up_proj"}) {
        out.push_back(filled(copy_tensor_name(layer, projection, copy, "weight"), {p, h}));
        if (biases) out.push_back(filled(copy_tensor_name(layer, projection, copy, "bias"), {p}));
      }
      out.push_back(filled(copy_tensor_name(layer, "down_proj", copy, "weight"), {h, p}));
    }
  }
  return out;
}

Error error_on_opening(const fs::path& directory) {
  const Error error = error_of([&] { AdapterDirectory::open(directory); });
  CHECK(error.code() == ExitCode::kBadInput);
  CHECK(has(error.where(), directory.string()));
  return error;
}

}  // namespace

TEST_CASE("An adapter is read back as it was written", "[adapter_directory]") {
  const TempDirectory temp;
  const bool biases = GENERATE(false, true);
  write_adapter(temp.path(), kInfo, tensors_of(kInfo, biases));
  const AdapterDirectory adapter = AdapterDirectory::open(temp.path());
  CHECK(adapter.path() == temp.path());
  CHECK(adapter.info().base_model == "models/base");
  CHECK(adapter.info().base_fingerprint == "0123");
  CHECK(adapter.info().layers == std::vector<std::int64_t>{1, 3});
  CHECK(adapter.info().copies == 3);
  CHECK(adapter.info().num_hidden_layers == 4);
  CHECK(adapter.info().hidden_size == 2);
  CHECK(adapter.info().intermediate_size == 5);
  CHECK(adapter.info().method == Method::kNew);
  CHECK(adapter.info().strength == 0.5);
  CHECK(adapter.tensors().size() == (biases ? 20 : 12));
  const TensorView& down = adapter.tensors().at("model.layers.3.mlp.down_proj.copy2.weight");
  CHECK(down.shape == Shape{2, 5});
  CHECK(down.bytes.front() == std::byte{7});
}

TEST_CASE("Directories that are not expandft adapters are refused", "[adapter_directory]") {
  const TempDirectory temp;
  const fs::path config = temp / "adapter_config.json";
  SECTION("no adapter_config.json") {
    CHECK(has(error_on_opening(temp.path()).message(), "no adapter_config.json"));
    CHECK(has(error_on_opening(temp / std::string(300, 'a')).message(), "no adapter_config.json"));
  }
  SECTION("an adapter of PEFT") {
    write_file_atomically(config, R"({"peft_type": "LORA", "r": 8})");
    CHECK(has(error_on_opening(temp.path()).message(), "PEFT adapter (\"LORA\")"));
  }
  SECTION("other JSON") {
    for (const char* const text : {"{}", "[]", "7", R"({"format": 3})", R"({"format": "other"})"}) {
      write_file_atomically(config, text);
      CHECK(has(error_on_opening(temp.path()).message(), "not an expandft adapter"));
    }
  }
  SECTION("not JSON") {
    write_file_atomically(config, "{");
    CHECK(has(error_on_opening(temp.path()).where(), "adapter_config.json:1"));
  }
  SECTION("no weights") {
    write_adapter(temp.path(), kInfo, tensors_of(kInfo));
    fs::remove(temp / "adapter_model.safetensors");
    CHECK(has(error_on_opening(temp.path()).where(), "adapter_model.safetensors"));
  }
}

TEST_CASE("An adapter whose method is called \"train\" opens", "[adapter_directory]") {
  const TempDirectory temp;
  write_adapter(temp.path(), kInfo, tensors_of(kInfo));
  const fs::path file = temp / "adapter_config.json";
  Json config = read_json(file);
  config["train"] = config["method"];
  config.erase("method");
  write_file_atomically(file, config.dump());
  CHECK(AdapterDirectory::open(temp.path()).info().method == Method::kNew);
  config["train"] = "lora";
  write_file_atomically(file, config.dump());
  CHECK(has(error_on_opening(temp.path()).message(), "\"train\" is \"lora\""));
}

TEST_CASE("Every damaged field of an adapter is named", "[adapter_directory]") {
  const TempDirectory temp;
  write_adapter(temp.path(), kInfo, tensors_of(kInfo));
  const fs::path file = temp / "adapter_config.json";
  const Json whole = read_json(file);
  const auto message = [&](const char* key, const Json& value) {
    CAPTURE(key, value.dump());
    Json damaged = whole;
    damaged[key] = value;
    write_file_atomically(file, damaged.dump());
    const Error error = error_on_opening(temp.path());
    CHECK(error.where() == file.string());
    return error.message();
  };
  CHECK(has(message("format_version", 4), "format version 4; this expandft reads up to 3"));
  for (const char* const key :
       {"format_version", "copies", "num_hidden_layers", "hidden_size", "intermediate_size"}) {
    for (const Json& value : {Json(0), Json(-1), Json(1.5), Json("1"), Json()}) {
      CHECK(has(message(key, value), "field \"" + std::string(key) + "\""));
    }
  }
  for (const char* const key : {"base_model_name_or_path", "base_fingerprint", "method"}) {
    CHECK(has(message(key, 1), "field \"" + std::string(key) + "\" must be a string"));
  }
  for (const char* const layers : {"[]", "null", "[4]", "[-1]", "[3, 1]", "[1, 1]", "[1.0]", "1"}) {
    CHECK(has(message("layers", Json::parse(layers)), "field \"layers\" is"));
  }
  for (const Json& strength : {Json(1.5), Json(-0.1), Json("1"), Json()}) {
    CHECK(has(message("strength", strength), "field \"strength\""));
  }
  for (const int copies : {1, 65}) CHECK(has(message("copies", copies), "expected 2 to 64"));
  for (const auto& [key, unused] : whole.items()) {
    Json damaged = whole;
    damaged.erase(key);
    write_file_atomically(file, damaged.dump());
    error_on_opening(temp.path());
  }
}

TEST_CASE("An adapter's tensors must match its config", "[adapter_directory]") {
  const TempDirectory temp;
  std::vector<TensorSource> tensors = tensors_of(kInfo);
  const std::string name = tensors[4].name;
  const auto message = [&] {
    write_adapter(temp.path(), kInfo, tensors);
    const Error error = error_on_opening(temp.path());
    CHECK(has(error.where(), "adapter_model.safetensors"));
    return error.message();
  };
  SECTION("missing") {
    tensors.erase(tensors.begin() + 4);
    CHECK(has(message(), "tensor \"" + name + "\" is missing"));
  }
  SECTION("of another shape") {
    std::ranges::reverse(tensors[4].shape);
    CHECK(has(message(), "tensor \"" + name + "\" is missing or does not have the shape"));
  }
  SECTION("a bias of another shape") {
    tensors.push_back(filled(copy_tensor_name(1, "up_proj", 1, "bias"), {2}));
    CHECK(has(message(), "tensor \"model.layers.1.mlp.up_proj.copy1.bias\""));
  }
  SECTION("unknown") {
    tensors.push_back(filled(copy_tensor_name(2, "up_proj", 1, "weight"), {5, 2}));
    CHECK(has(message(), "copy1.weight\" does not belong to this adapter"));
  }
}

namespace {

/// Of layers with five neurons, the copies have two and three.
AdapterInfo narrow_info() {
  AdapterInfo info = kInfo;
  info.copies = 2;
  info.widths = {2, 3};
  info.neurons = {{0, 4}, {1, 2, 3}};
  return info;
}

std::vector<TensorSource> narrow_tensors(const AdapterInfo& info) {
  std::vector<TensorSource> out;
  for (std::size_t i = 0; i < info.layers.size(); ++i) {
    const std::int64_t layer = info.layers[i], m = info.widths[i], h = info.hidden_size;
    out.push_back(filled(copy_tensor_name(layer, "gate_proj", 1, "weight"), {m, h}));
    out.push_back(filled(copy_tensor_name(layer, "up_proj", 1, "weight"), {m, h}));
    out.push_back(filled(copy_tensor_name(layer, "down_proj", 1, "weight"), {h, m}));
  }
  return out;
}

}  // namespace

TEST_CASE("A narrow adapter is read back as it was written", "[adapter_directory]") {
  const TempDirectory temp;
  const AdapterInfo info = narrow_info();
  write_adapter(temp.path(), info, narrow_tensors(info));
  const AdapterDirectory adapter = AdapterDirectory::open(temp.path());
  CHECK(adapter.info().widths == info.widths);
  CHECK(adapter.info().neurons == info.neurons);
  CHECK(adapter.tensors().size() == 8);
  CHECK(adapter.tensors().at("model.layers.3.mlp.copy1.neurons").shape == Shape{3});
  CHECK_FALSE(AdapterDirectory::is_weight("model.layers.3.mlp.copy1.neurons"));
  const Json config = read_json(temp / "adapter_config.json");
  CHECK(config.at("format_version") == 3);  // which older programs refuse
  CHECK(config.at("widths") == Json(info.widths));
}

TEST_CASE("An adapter of whole copies says nothing of widths", "[adapter_directory]") {
  const TempDirectory temp;
  write_adapter(temp.path(), kInfo, tensors_of(kInfo));
  const Json config = read_json(temp / "adapter_config.json");
  CHECK(config.at("format_version") == 1);
  CHECK_FALSE(config.contains("widths"));
}

TEST_CASE("Every damaged field of a narrow adapter is named", "[adapter_directory]") {
  const TempDirectory temp;
  const AdapterInfo info = narrow_info();
  const auto write = [&](const std::vector<std::int64_t>& first, Dtype dtype = Dtype::kI64) {
    fs::remove(temp / "adapter_model.safetensors");
    AdapterInfo without = info;
    without.neurons.clear();
    std::vector<TensorSource> tensors = narrow_tensors(info);
    tensors.push_back(neurons_source(neurons_tensor_name(1), first));
    tensors.back().dtype = dtype;
    if (dtype == Dtype::kI32) {
      tensors.back().fill = [](std::span<std::byte> bytes) {
        std::ranges::fill(bytes, std::byte{0});
      };
    }
    tensors.push_back(neurons_source(neurons_tensor_name(3), info.neurons[1]));
    write_adapter(temp.path(), without, tensors);
  };
  const auto message = [&] { return error_on_opening(temp.path()).message(); };
  const std::string name = "\"model.layers.1.mlp.copy1.neurons\"";
  SECTION("the neurons") {
    write({0, 4});
    CHECK(AdapterDirectory::open(temp.path()).info().neurons == info.neurons);
    write({4, 0});
    CHECK(has(message(), name + " does not ascend; expected 2 ascending indices (I64)"));
    write({3, 3});
    CHECK(has(message(), name + " does not ascend"));
    write({-1, 2});
    CHECK(has(message(), name + " goes from -1 to 2"));
    write({0, std::int64_t{1} << 40});
    CHECK(has(message(), "of neurons below 10"));  // the widest layer that the config allows
    write({0, 1, 2});
    CHECK(has(message(), name + " is missing or does not have the shape"));
    write({0, 1}, Dtype::kI32);
    CHECK(has(message(), name + " has the dtype I32"));
  }
  SECTION("no neurons") {
    AdapterInfo without = info;
    without.neurons.clear();
    write_adapter(temp.path(), without, narrow_tensors(info));
    CHECK(has(message(), name + " is missing"));
  }
  SECTION("neurons of an adapter without widths") {
    AdapterInfo whole = info;
    whole.widths = {};
    CHECK_THROWS_AS(
        [&] {
          write_adapter(temp.path(), whole, narrow_tensors(info));
          AdapterDirectory::open(temp.path());
        }(),
        Error);
  }
  SECTION("the widths") {
    write_adapter(temp.path(), info, narrow_tensors(info));
    const fs::path file = temp / "adapter_config.json";
    const Json whole = read_json(file);
    for (const char* const widths :
         {"[]", "null", "[2]", "[2, 3, 3]", "[0, 3]", "[2, -3]", "[2, 11]", "[2, 3.5]", "\"2\"",
          "{}", "[2, 9223372036854775807]"}) {
      CAPTURE(widths);
      Json damaged = whole;
      damaged["widths"] = Json::parse(widths);
      write_file_atomically(file, damaged.dump());
      CHECK(has(message(), "field \"widths\" is"));
    }
    Json damaged = whole;
    damaged["widths"] = {3, 2};
    write_file_atomically(file, damaged.dump());
    CHECK(has(message(), "does not have the shape"));
    damaged = whole;
    damaged["copies"] = 3;
    write_file_atomically(file, damaged.dump());
    CHECK(has(message(), "expected 2 with \"widths\""));
    damaged = whole;
    damaged["intermediate_size"] = std::int64_t{1} << 62;
    write_file_atomically(file, damaged.dump());
    CHECK(has(message(), "\"intermediate_size\" must be a positive integer"));
  }
}

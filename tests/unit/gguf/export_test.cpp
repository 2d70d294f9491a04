#include "gguf/writing/export.h"

#include "base/expect_error.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "families/model_config.h"
#include "gguf/gguf_config.h"
#include "gguf/import.h"
#include "gguf/writing/gguf_metadata.h"
#include "gguf/writing/gguf_names.h"
#include "gguf/writing/gguf_tensor_writer.h"

#include <cstring>

using namespace expandft;
using namespace expandft::testing;

namespace {

/// A config with 2 layers, hidden size 32, 4 heads and 2 key heads.
Json tiny_config(const std::string& type, const Json& further = Json::object()) {
  Json config = {{"model_type", type},
                 {"vocab_size", 40},
                 {"hidden_size", 32},
                 {"intermediate_size", 64},
                 {"num_hidden_layers", 2},
                 {"num_attention_heads", 4},
                 {"num_key_value_heads", 2},
                 {"head_dim", 8},
                 {"max_position_embeddings", 128},
                 {"rms_norm_eps", 1e-5},
                 {"tie_word_embeddings", true}};
  if (type.starts_with("gemma2") || type.starts_with("gemma3")) {
    config["query_pre_attn_scalar"] = 8;
    config["sliding_window"] = 16;
  }
  config.update(further);
  return config;
}

TensorSource source(const std::string& name, const Shape& shape,
                    const std::vector<float>& numbers) {
  return {name, Dtype::kF32, shape, [numbers](std::span<std::byte> to) {
            std::memcpy(to.data(), numbers.data(), to.size());
          }};
}

/// Every tensor of a model, with numbers that all differ.
std::vector<TensorSource> tensors_of(const DecoderSpec& spec) {
  std::vector<TensorSource> tensors;
  const auto add = [&](const std::string& name, const Shape& shape) {
    std::int64_t count = 1;
    for (const std::int64_t size : shape) count *= size;
    std::vector<float> numbers;
    for (std::int64_t i = 0; i < count; ++i) {
      numbers.push_back(static_cast<float>(i % 97 - 48) / 64 + static_cast<float>(tensors.size()));
    }
    tensors.push_back(source(name, shape, numbers));
  };
  const std::int64_t h = spec.hidden, q = spec.heads * spec.head_dim,
                     k = spec.kv_heads * spec.head_dim;
  add(spec.names.embedding(), {spec.vocab, h});
  for (std::int64_t i = 0; i < spec.layers; ++i) {
    const auto part = [&](const char* name) { return spec.names.layer(i, name); };
    const std::int64_t p = spec.width(i);
    add(part("input_layernorm.weight"), {h});
    add(part("mlp.down_proj.weight"), {h, p});
    if (spec.fused_projections) {
      add(part("mlp.gate_up_proj.weight"), {2 * p, h});
      add(part("self_attn.qkv_proj.weight"), {q + 2 * k, h});
    } else {
      add(part("mlp.gate_proj.weight"), {p, h});
      add(part("mlp.up_proj.weight"), {p, h});
      add(part("self_attn.q_proj.weight"), {q, h});
      add(part("self_attn.k_proj.weight"), {k, h});
      add(part("self_attn.v_proj.weight"), {k, h});
    }
    if (spec.qkv_bias) {
      add(part("self_attn.q_proj.bias"), {q});
      add(part("self_attn.k_proj.bias"), {k});
      add(part("self_attn.v_proj.bias"), {k});
    }
    if (spec.query_key_norm) {
      add(part("self_attn.q_norm.weight"), {spec.head_dim});
      add(part("self_attn.k_norm.weight"), {spec.head_dim});
    }
    add(part("self_attn.o_proj.weight"), {h, q});
    add(part("post_attention_layernorm.weight"), {h});
    if (spec.norms_after_blocks) {
      add(part("pre_feedforward_layernorm.weight"), {h});
      add(part("post_feedforward_layernorm.weight"), {h});
    }
  }
  add(spec.names.final_norm(), {h});
  return tensors;
}

std::vector<float> numbers_of(const TensorSource& tensor) {
  std::vector<float> numbers(byte_size(tensor) / sizeof(float));
  tensor.fill(std::as_writable_bytes(std::span(numbers)));
  return numbers;
}

/// A model with stories260K's tokenizer, which has 512 tokens.
ModelToExport exported_model(const std::string& type, const Json& further = Json::object()) {
  Json config = tiny_config(type, further);
  if (!further.contains("vocab_size")) config["vocab_size"] = 512;
  config["bos_token_id"] = 1;
  config["eos_token_id"] = 2;
  const DecoderSpec spec = read_spec(config, "model");
  return {.name = "tiny",
          .config = config,
          .tensors = tensors_of(spec),
          .names = {},
          .tied = true,
          .tokenizer = fs::path(EXPANDFT_DATA) / "stories260K",
          .where = "model",
          .info = {{"expandft.info", "{}"}}};
}

const Json kDeciBlocks = Json::parse(R"({"block_configs": [
  {"attention": {"n_heads_in_group": 2}, "ffn": {"ffn_mult": 12.0}},
  {"attention": {"n_heads_in_group": 2}, "ffn": {"ffn_mult": 24.0}}]})");

}  // namespace

TEST_CASE("A file of each architecture is read as the model that was written", "[gguf]") {
  const std::vector<std::pair<std::string, Json>> models = {
      {"llama", Json::object()},
      {"llama", {{"attention_bias", false}, {"rope_theta", 500000.0}, {"head_dim", 16}}},
      {"llama", {{"rope_scaling", {{"rope_type", "linear"}, {"factor", 4.0}}}}},
      {"llama",
       {{"rope_scaling",
         {{"rope_type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 32}}}}},
      {"mistral", {{"sliding_window", nullptr}}},
      {"nemotron-nas", kDeciBlocks},
      {"qwen2", Json::object()},
      {"qwen3", {{"head_dim", 16}}},
      {"phi3", Json::object()},
      {"phi3",
       {{"original_max_position_embeddings", 64},
        {"rope_scaling",
         {{"type", "longrope"},
          {"short_factor", {1.0, 1.1, 1.2, 1.3}},
          {"long_factor", {1.0, 2.0, 4.0, 8.0}}}}}},
      {"gemma", Json::object()},
      {"gemma2", Json::object()},
      {"gemma3_text", Json::object()},
      {"gemma3_text", {{"num_hidden_layers", 6}}},
      {"gemma3_text", {{"layer_types", {"full_attention", "sliding_attention"}}}}};
  for (const auto& [type, further] : models) {
    INFO(type << " " << further.dump());
    const TempDirectory folder;
    const GgufExport gguf(exported_model(type, further), GgufType::kF32);
    CHECK(gguf.is_exact());
    const fs::path path = folder.path() / "m.gguf";
    gguf.write(path);
    CHECK(fs::file_size(path) == gguf.bytes());
    fs::create_directory(folder.path() / "scratch");
    // transformers' class of this tokenizer.model puts no space before one; llama.cpp does.
    const auto told = notice_texts(check_gguf_parts(path, gguf, folder.path() / "scratch"));
    REQUIRE(told.size() == 1);
    CHECK(told[0].find("has other ids than the model's for the text") != std::string::npos);

    const GgufImport import = GgufImport::open(path, Dtype::kF32);
    CHECK(notice_texts(import.notices).empty());
    REQUIRE(import.tensors.size() == gguf.model().tensors.size());
    std::map<std::string, std::vector<float>> read;
    for (const TensorSource& tensor : import.tensors) read[tensor.name] = numbers_of(tensor);
    for (const TensorSource& tensor : gguf.model().tensors) {
      INFO(tensor.name);
      CHECK(read.at(tensor.name) == numbers_of(tensor));
    }
  }
}

TEST_CASE("Chat templates are written as llama.cpp's converter writes them", "[gguf]") {
  const TempDirectory folder;
  const fs::path model = folder.path() / "model", others = model / "additional_chat_templates";
  fs::create_directories(others);
  fs::copy(fs::path(EXPANDFT_DATA) / "stories260K" / "tokenizer.model", model);
  ModelToExport exported = exported_model("llama");
  exported.tokenizer = model;
  const auto written = [&] {
    GgufExport(exported, GgufType::kF32).write(folder.path() / "m.gguf");
    return GgufFile::open(folder.path() / "m.gguf");
  };
  const std::string key = "tokenizer.chat_template";
  CHECK_FALSE(written().has(key));
  write_file_atomically(model / "chat_template.jinja", "default text");
  CHECK(written().text(key) == "default text");
  CHECK_FALSE(written().has(key + "s"));
  write_file_atomically(others / "tool_use.jinja", "text for tools");
  write_file_atomically(others / "a-é.jinja", "another text");
  const GgufFile file = written();
  CHECK(*file.texts(key + "s") == GgufTexts{"a__", "tool_use"});
  CHECK(file.text(key) == "default text");
  CHECK(file.text(key + ".a__") == "another text");
  CHECK(file.text(key + ".tool_use") == "text for tools");
  const std::string bytes = read_file(folder.path() / "m.gguf");
  CHECK(bytes.find("another text") < bytes.find("text for tools"));
  CHECK(bytes.find("text for tools") < bytes.find(key + "s"));
  CHECK(bytes.find(key + "s") < bytes.find("default text"));
  fs::create_directory(folder.path() / "scratch");
  check_gguf_parts(folder.path() / "m.gguf", GgufExport(exported, GgufType::kF32),
                   folder.path() / "scratch");

  write_file_atomically(others / "a_é.jinja", "");
  expect_input_error(written, {"would have the name \"a__\"", "another one has"});
  fs::rename(others / "a_é.jinja", others / "default.jinja");
  expect_input_error(written, {"\"default\"", "no template can have", "default.jinja"});
}

TEST_CASE("Norms, biases and rows that are not whole blocks keep a plain type", "[gguf]") {
  CHECK(type_of_tensor("blk.0.attn_q.weight", {64, 64}, GgufType::kQ8_0) == GgufType::kQ8_0);
  CHECK(type_of_tensor("blk.0.ffn_down.weight", {64, 172}, GgufType::kQ4_0) == GgufType::kF16);
  CHECK(type_of_tensor("blk.0.attn_norm.weight", {64}, GgufType::kQ8_0) == GgufType::kF32);
  CHECK(type_of_tensor("blk.0.attn_q.bias", {64}, GgufType::kBF16) == GgufType::kF32);
}

TEST_CASE("Rounded numbers are those that a reader finds", "[gguf]") {
  for (const GgufType type : {GgufType::kF16, GgufType::kBF16, GgufType::kQ8_0, GgufType::kQ4_0}) {
    const TempDirectory folder;
    const GgufExport gguf(exported_model("llama"), type);
    CHECK_FALSE(gguf.is_exact());
    const fs::path path = folder.path() / "m.gguf";
    gguf.write(path);
    const GgufImport import = GgufImport::open(path, Dtype::kF32);
    std::map<std::string, std::vector<float>> read;
    for (const TensorSource& tensor : import.tensors) read[tensor.name] = numbers_of(tensor);
    for (const TensorSource& tensor : gguf.model().tensors) {
      INFO(gguf_type_name(type) << " " << tensor.name);
      CHECK(read.at(tensor.name) == rounded_numbers(tensor, gguf.spec(), gguf.target(), type));
    }
  }
}

TEST_CASE("What GGUF cannot hold is refused by name", "[gguf]") {
  const auto refuses = [](const std::string& type, const Json& further,
                          const std::vector<std::string>& parts) {
    INFO(type << " " << further.dump());
    expect_input_error([&] { GgufExport(exported_model(type, further), GgufType::kF32); }, parts);
  };
  refuses("mistral", {{"sliding_window", 64}}, {"windowed attention", "mistral", "\"llama\""});
  refuses("qwen3", {{"attention_bias", true}}, {"biases of queries", "qwen3"});
  refuses("llama", {{"hidden_act", "gelu_pytorch_tanh"}}, {"activation"});
  refuses("gemma2", {{"final_logit_softcapping", nullptr}}, {"final_logit_softcapping"});
  refuses("gemma2", {{"query_pre_attn_scalar", 32}}, {"query_pre_attn_scalar other than 8"});
  refuses("llama",
          {{"rope_scaling",
            {{"rope_type", "llama3"},
             {"factor", 8.0},
             {"low_freq_factor", 1.0},
             {"high_freq_factor", 4.0},
             {"original_max_position_embeddings", 16}}}},
          {"Llama 3's RoPE"});
  refuses("llama",
          {{"rope_scaling",
            {{"rope_type", "yarn"},
             {"factor", 4.0},
             {"beta_fast", 16.0},
             {"original_max_position_embeddings", 32}}}},
          {"YaRN"});
  refuses("gemma", {{"layer_intermediate_sizes", {64, 128}}}, {"different widths", "padded"});
  refuses("llama", {{"vocab_size", 100}}, {"512 ids", "100"});
  DecoderSpec unknown = read_spec(tiny_config("llama"), "model");
  unknown.family = "new-family";
  Notices notices;
  expect_input_error([&] { gguf_target(unknown, "model", notices); },
                     {"new-family", "expected one of", "qwen3"});
}

TEST_CASE("Tensors that do not fit are refused by name", "[gguf]") {
  const auto with = [](const TensorSource& tensor) {
    ModelToExport model = exported_model("llama");
    model.tensors.push_back(tensor);
    return model;
  };
  expect_input_error(
      [&] {
        GgufExport(with(source("model.layers.0.mlp.experts.weight", {1, 1}, {1})), GgufType::kF32);
      },
      {"GGUF has no name for", "mlp.experts"});
  TensorSource packed = source("model.layers.0.mlp.gate_proj.weight", {1, 4}, {1});
  packed.dtype = Dtype::kU8;
  expect_input_error([&] { GgufExport(with(packed), GgufType::kF32); }, {"U8", "gate_proj"});
  // Not of the decoder: left out.
  const GgufExport gguf(with(source("vision_tower.x.weight", {1, 1}, {1})), GgufType::kF32);
  CHECK(gguf.bytes() == GgufExport(exported_model("llama"), GgufType::kF32).bytes());
}

TEST_CASE("Numbers that a type cannot hold are refused by their row", "[gguf]") {
  const TempDirectory folder;
  const auto write = [&](float number, GgufType type) {
    ModelToExport model = exported_model("llama");
    std::vector<float> numbers(512 * 32, 0);
    numbers[3 * 32] = number;
    model.tensors.front() = source("model.embed_tokens.weight", {512, 32}, numbers);
    GgufExport(std::move(model), type).write(folder.path() / "m.gguf");
  };
  expect_input_error([&] { write(1e6F, GgufType::kF16); }, {"row 3", "F16", "embed_tokens"});
  expect_input_error([&] { write(1e9F, GgufType::kQ8_0); }, {"row 3", "Q8_0"});
  expect_input_error([&] { write(std::numeric_limits<float>::infinity(), GgufType::kF32); },
                     {"row 3", "not finite"});
  write(1e9F, GgufType::kBF16);
}

TEST_CASE("Phi-3's window is named: llama.cpp computes without it", "[gguf]") {
  const GgufExport gguf(exported_model("phi3", {{"sliding_window", 32}}), GgufType::kF32);
  REQUIRE(gguf.notices().size() == 1);
  CHECK(has(gguf.notices().front().what, "window of 32 tokens"));
}

TEST_CASE("Sizes are said in two digits", "[gguf]") {
  CHECK(size_label(260032) == "260K");
  CHECK(size_label(268098176) == "268M");
  CHECK(size_label(1543714304) == "1.5B");
  CHECK(size_label(9241705984) == "9.2B");
  CHECK(size_label(70553706496) == "71B");
}

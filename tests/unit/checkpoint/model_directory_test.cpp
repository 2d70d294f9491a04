#include "checkpoint/model_directory.h"

#include "base/temp_directory.h"
#include "catch.h"
#include "chat/chat_template.h"
#include "checkpoint/safetensors_bytes.h"
#include "checkpoint/weight_files.h"

#include <fstream>

using namespace expandft;
using namespace expandft::testing;

namespace {

const std::vector<TensorSource>& weights() {
  static const std::vector<TensorSource> tensors{
      source("model.embed.weight", Dtype::kF32, {1, 2}, "abcdefgh"),
      source("model.norm.weight", Dtype::kBF16, {2}, "ijkl")};
  return tensors;
}

struct Model : TempDirectory {
  explicit Model(std::uint64_t max_shard_bytes = 1 << 20) {
    write("config.json", R"({"model_type": "llama", "hidden_size": 2})");
    write_sharded_safetensors(path(), weights(), max_shard_bytes);
  }
  void write(const std::string& name, const std::string& text) const {
    write_file_atomically(*this / name, text);
  }
  Error error() const {
    return error_of([&] { ModelDirectory::open(path()); });
  }
};

const std::string kFirst = "model-00001-of-00002.safetensors",
                  kSecond = "model-00002-of-00002.safetensors";

void check_input_error(const Error& error, const std::string& what, const fs::path& where) {
  INFO(error.what());
  CHECK(error.code() == ExitCode::kBadInput);
  CHECK(has(error.message(), what));
  CHECK(has(error.where(), where.string()));
  CHECK_FALSE(error.hint().empty());
}

}  // namespace

TEST_CASE("A model in one file and the same model in shards are equal", "[model_directory]") {
  const Model whole, sharded(8);
  REQUIRE(fs::exists(sharded / kSecond));
  for (const Model* model : {&whole, &sharded}) {
    const ModelDirectory directory = ModelDirectory::open(model->path());
    CHECK(directory.path() == model->path());
    CHECK(directory.config()["hidden_size"] == 2);
    CHECK(directory.tensors().size() == 2);
    CHECK(bytes_of(directory.tensor("model.norm.weight")) == "ijkl");
    CHECK(directory.has("model.embed.weight"));
    CHECK_FALSE(directory.has("lm_head.weight"));
    CHECK(directory.weight_bytes() == 12);
  }
  const std::string fingerprint = ModelDirectory::open(whole.path()).fingerprint();
  CHECK(fingerprint.size() == 32);
  CHECK(fingerprint == ModelDirectory::open(sharded.path()).fingerprint());
}

TEST_CASE("The fingerprint of an open model is computed once", "[model_directory]") {
  const Model model;
  const ModelDirectory opened = ModelDirectory::open(model.path());
  const std::string first = opened.fingerprint();
  const ModelDirectory copy = opened;
  std::fstream file(model / "model.safetensors", std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-1, std::ios::end);
  file << 'X';
  file.close();
  CHECK(ModelDirectory::open(model.path()).fingerprint() != first);
  CHECK(opened.fingerprint() == first);
  CHECK(copy.fingerprint() == first);
}

TEST_CASE("The fingerprint depends on every part of a model, not on the formatting of its config",
          "[model_directory]") {
  const Model model;
  const auto fingerprint = [&] { return ModelDirectory::open(model.path()).fingerprint(); };
  const std::string original = fingerprint();
  model.write("config.json", "{\n\"hidden_size\":2, \"model_type\":\"llama\"}\n");
  CHECK(fingerprint() == original);
  model.write("config.json", R"({"model_type": "llama", "hidden_size": 3})");
  CHECK(fingerprint() != original);
  model.write("config.json", R"({"model_type": "llama", "hidden_size": 2})");
  const auto differs = [&](std::size_t index, TensorSource tensor) {
    auto tensors = weights();
    tensors[index] = std::move(tensor);
    write_sharded_safetensors(model.path(), tensors, 1 << 20);
    return fingerprint() != original;
  };
  CHECK_FALSE(differs(0, weights()[0]));
  CHECK(differs(0, source("model.embed.weight", Dtype::kF32, {1, 2}, "abcdefgX")));
  CHECK(differs(0, source("model.embed.weight", Dtype::kF32, {2, 1}, "abcdefgh")));
  CHECK(differs(0, source("model.embed.weight", Dtype::kI32, {1, 2}, "abcdefgh")));
  CHECK(differs(0, source("model.embed.weighs", Dtype::kF32, {1, 2}, "abcdefgh")));
}

TEST_CASE("Directories without a model are refused", "[model_directory]") {
  const TempDirectory directory;
  const auto error = [](const fs::path& path) {
    return error_of([&] { ModelDirectory::open(path); });
  };
  check_input_error(error(directory / "none"), "no such directory", directory / "none");
  CHECK(has(error(directory / "none").hint(), "check the path"));
  CHECK(has(error("google/gemma-3-1b-pt").hint(), "hf download google/gemma-3-1b-pt"));
  write_file_atomically(directory / "file", "x");
  check_input_error(error(directory / "file"), "found a file, expected a model directory",
                    directory / "file");
  check_input_error(error(directory.path()), "no config.json", directory.path());
  write_file_atomically(directory / "adapter_config.json", "{}");
  CHECK(has(error(directory.path()).hint(), "--adapter"));
}

TEST_CASE("A config must be an object", "[model_directory]") {
  const Model model;
  model.write("config.json", "[1]");
  check_input_error(model.error(), "JSON of type array, expected an object", model / "config.json");
  model.write("config.json", "{");
  CHECK(has(model.error().where(), "config.json:1:1"));
  fs::remove(model / "config.json");
  fs::create_symlink("blob", model / "config.json");
  CHECK(has(model.error().where(), "config.json"));
}

TEST_CASE("Without weights the error says which files exist", "[model_directory]") {
  const Model model;
  fs::remove(model / "model.safetensors");
  check_input_error(model.error(), "no weights", model.path());
  model.write("pytorch_model.bin", "not to be opened");
  check_input_error(model.error(), "pickle weights only (pytorch_model.bin)", model.path());
  CHECK(has(model.error().hint(), "never opened"));
  model.write(kFirst, "x");
  check_input_error(model.error(), "found " + kFirst, model.path());
}

TEST_CASE("A damaged weights file is named", "[model_directory]") {
  const Model model;
  const std::string bytes = read_file(model / "model.safetensors");
  model.write("model.safetensors", bytes.substr(0, bytes.size() - 1));
  check_input_error(model.error(), "but the file holds 11 bytes", model / "model.safetensors");
}

TEST_CASE("Links to blobs are followed, as in a Hugging Face cache", "[model_directory]") {
  const Model model(8);
  const fs::path snapshot = model / "snapshots/abc", blobs = model / "blobs";
  fs::create_directories(snapshot);
  fs::create_directories(blobs);
  for (const std::string& name :
       {std::string("config.json"), std::string("model.safetensors.index.json"), kFirst, kSecond}) {
    fs::rename(model / name, blobs / name);
    fs::create_symlink("../../blobs/" + name, snapshot / name);
  }
  CHECK(ModelDirectory::open(snapshot).tensors().size() == 2);
  fs::remove(blobs / kSecond);
  const Error error = error_of([&] { ModelDirectory::open(snapshot); });
  check_input_error(error, "link that leads nowhere", snapshot / kSecond);
}

TEST_CASE("A folder in a snapshot of a Hugging Face cache links to the same entry's blobs",
          "[model_directory]") {
  const Model model;
  const testing::TempDirectory cache;
  const fs::path entry = cache / "models--org--name", other = cache / "models--org--other";
  const fs::path folder = entry / "snapshots/abc/step-1000";
  fs::create_directories(folder);
  for (const fs::path& path : {entry, other}) fs::create_directories(path / "blobs");
  for (const char* const name : {"config.json", "model.safetensors"}) {
    fs::copy_file(model / name, entry / "blobs" / name);
    fs::create_symlink("../../../blobs/" + std::string(name), folder / name);
  }
  CHECK(ModelDirectory::open(folder).tensors().size() == 2);
  // Blobs of another entry, and files beside the snapshots, do not belong to this model.
  write_file_atomically(other / "blobs/secret", "{}");
  write_file_atomically(entry / "secret", "{}");
  const std::string target =
      GENERATE("../../../../models--org--other/blobs/secret", "../../../secret", "/etc/passwd");
  fs::create_symlink(target, folder / "tokenizer.json");
  const Error error = error_of([&] { ModelDirectory::open(folder); });
  check_input_error(error, "link that leads out of the directory", folder / "tokenizer.json");
}

TEST_CASE("The error for a shard that is not downloaded yet gives the command",
          "[model_directory]") {
  const Model model(8);
  const testing::TempDirectory cache;
  const fs::path snapshot = cache / "models--org--name/snapshots/abc";
  fs::create_directories(snapshot);
  fs::create_directories(cache / "models--org--name/blobs");
  for (const std::string& name :
       {std::string("config.json"), std::string("model.safetensors.index.json"), kFirst}) {
    fs::copy_file(model / name, snapshot / name);
  }
  write_file_atomically(cache / "models--org--name/blobs/0123.incomplete", "");
  const Error error = error_of([&] { ModelDirectory::open(snapshot); });
  check_input_error(error, "the shard " + kSecond + " is missing",
                    snapshot / "model.safetensors.index.json");
  CHECK(has(error.hint(), "not finished"));
  CHECK(has(error.hint(), "hf download org/name"));
}

TEST_CASE("A link that leads out of the directory is refused", "[model_directory]") {
  const Model model;
  const testing::TempDirectory elsewhere;
  write_file_atomically(elsewhere / "secret", "{}");
  const std::string name = GENERATE("config.json", "tokenizer.json", "notes.txt");
  fs::remove(model / name);
  const bool is_absolute = GENERATE(true, false);
  const fs::path secret = elsewhere / "secret";
  fs::create_symlink(is_absolute ? secret : fs::relative(secret, model.path()), model / name);
  check_input_error(model.error(), "leads out of the directory, to " + secret.string(),
                    model / name);
  fs::remove(model / name);
  fs::create_symlink("model.safetensors", model / name);  // inside the directory: allowed
  if (name != "config.json") ModelDirectory::open(model.path());
}

TEST_CASE("Shards and index must agree", "[model_directory]") {
  const Model model(8);
  const fs::path index = model / "model.safetensors.index.json";
  const auto map = [](const std::string& embed, const std::string& norm) {
    return R"({"weight_map":{"model.embed.weight":")" + embed + R"(","model.norm.weight":")" +
           norm + "\"}}";
  };
  SECTION("a shard is missing") {
    fs::remove(model / kSecond);
    check_input_error(model.error(), "the shard " + kSecond + " is missing", index);
  }
  SECTION("a shard is a directory") {
    fs::remove(model / kSecond);
    fs::create_directory(model / kSecond);
    check_input_error(model.error(), "found a directory", model / kSecond);
  }
  SECTION("a tensor is not in its shard") {
    model.write(index.filename().string(), map(kSecond, kSecond));
    check_input_error(model.error(), "holds the tensor \"model.embed.weight\", but it does not",
                      model / kSecond);
  }
  SECTION("a tensor is in two shards") {
    write_safetensors(model / kSecond, weights(), {});
    check_input_error(model.error(),
                      "\"model.embed.weight\" is in " + kFirst + " and in " + kSecond, index);
  }
  SECTION("a tensor is not in the index") {
    write_safetensors(model / kSecond, {weights()[1], source("extra", Dtype::kU8, {1}, "x")}, {});
    check_input_error(model.error(),
                      "\"extra\" is in " + kSecond + ", but the index does not say so", index);
  }
}

TEST_CASE("An index cannot lead out of its directory", "[model_directory]") {
  for (const std::string shard :
       {"\"../x.safetensors\"", "\"/etc/x.safetensors\"", "\"a/x.safetensors\"", "\"..\"", "\"\"",
        "\".safetensors\"", "\"pytorch_model.bin\"", "\"a\\\\x.safetensors\"",
        "\"a\\u0000.safetensors\"", "7", "null"}) {
    const Error error =
        error_of([&] { parse_model_index("{\"weight_map\":{\"w\":" + shard + "}}", "i.json"); });
    check_input_error(error, "expected the plain name of a .safetensors file",
                      "i.json: weight_map[\"w\"]");
  }
}

TEST_CASE("Each field of an index is checked", "[model_directory]") {
  const auto check = [](const std::string& text, const std::string& what) {
    check_input_error(error_of([&] { parse_model_index(text, "i.json"); }), what, "i.json");
  };
  check("[]", "expected an object with \"weight_map\"");
  check("{}", "no \"weight_map\"");
  check(R"({"weight_map":[]})", "expected an object of tensor and file names");
  check(R"({"weight_map":{}})", "expected an object of tensor and file names");
  check(R"({"metadata":7,"weight_map":{"w":"a.safetensors"}})", "expected an object");
  CHECK(has(error_of([] {
              parse_model_index(R"({"weight_map":{"w":"a.safetensors","w":"b.safetensors"}})", "i");
            }).message(),
            "appears twice"));
  const ModelIndex index =
      parse_model_index(R"({"weight_map":{"v":"a.safetensors","w":"a.safetensors"}})", "i");
  CHECK(index == ModelIndex{{"a.safetensors", {"v", "w"}}});
}

TEST_CASE("The error for a missing tensor names the nearest one", "[model_directory]") {
  const Model model;
  const ModelDirectory directory = ModelDirectory::open(model.path());
  const Error near = error_of([&] { directory.tensor("model.norm.weigth"); });
  check_input_error(near, "no tensor named \"model.norm.weigth\"", model.path());
  CHECK(has(near.hint(), "\"model.norm.weight\""));
  CHECK(has(error_of([&] { directory.tensor("lm_head.bias"); }).hint(), "config.json"));
}

TEST_CASE("Companion files are those that exist", "[model_directory]") {
  const Model model;
  CHECK(ModelDirectory::open(model.path()).companion_files().empty());
  model.write("tokenizer.json", "{}");
  model.write("generation_config.json", "{}");
  model.write("notes.txt", "");
  fs::create_directory(model / "merges.txt");
  CHECK(ModelDirectory::open(model.path()).companion_files() ==
        std::vector<fs::path>{"tokenizer.json", "generation_config.json"});
}

TEST_CASE("The folder of further chat templates goes with a model", "[model_directory]") {
  const Model model;
  const fs::path folder = kChatTemplateFolder;
  fs::create_directories(model / folder / "more.jinja");
  model.write("chat_template.jinja", "default");
  model.write(folder / "tool_use.jinja", "tools");
  model.write(folder / "rag.jinja", "documents");
  model.write(folder / "notes.txt", "");
  const ModelDirectory opened = ModelDirectory::open(model.path());
  CHECK(opened.companion_files() == std::vector<fs::path>{"chat_template.jinja",
                                                          folder / "rag.jinja",
                                                          folder / "tool_use.jinja"});
  const TempDirectory copy;
  write_model_files(copy.path(), weights(), "{}", opened);
  for (const fs::path& file : opened.companion_files()) {
    CHECK(read_file(copy / file.string()) == read_file(model / file.string()));
  }
  CHECK_FALSE(fs::exists(copy / (folder / "notes.txt").string()));
}

TEST_CASE("A companion is not written into a directory that is gone", "[model_directory]") {
  const TempDirectory directory;
  const fs::path gone = directory / "gone";
  const Error error =
      error_of([&] { write_companion(gone, fs::path(kChatTemplateFolder) / "a.jinja", "a"); });
  CHECK(error.code() == ExitCode::kFailed);
  CHECK_FALSE(fs::exists(gone));
}

TEST_CASE("A chat template that links out of the directory is refused", "[model_directory]") {
  const Model model;
  const testing::TempDirectory elsewhere;
  write_file_atomically(elsewhere / "secret", "{}");
  const fs::path link = model / kChatTemplateFolder / "a.jinja";
  fs::create_directory(link.parent_path());
  fs::create_symlink(elsewhere / "secret", link);
  check_input_error(model.error(), "leads out of the directory", link);
}

#include "config/run_config.h"

#include "base/temp_directory.h"
#include "catch.h"
#include "config/config_files.h"

using namespace expandft;
using namespace expandft::testing;

namespace {

/// Loads a config in a folder of its own.
class Config {
 public:
  explicit Config(const Json& json) : Config(json.dump()) {}
  explicit Config(const std::string& text) { write_text(file(), text); }
  fs::path file() const { return folder_ / "run.json"; }
  fs::path folder() const { return fs::canonical(folder_.path()); }
  ResolvedConfig load(const std::vector<std::string>& overrides = {}) const {
    return load_run_config(file(), overrides);
  }
  Error error(const std::vector<std::string>& overrides = {}) const {
    return error_of([&] { load(overrides); });
  }

 private:
  TempDirectory folder_;
};

Json with(const std::string& pointer, const Json& value) {
  Json json = least_config();
  json[Json::json_pointer(pointer)] = value;
  return json;
}

ValueSource origin_of(const ResolvedConfig& config, const std::string& path) {
  for (const auto& [one, origin] : config.value_sources) {
    if (one == path) return origin;
  }
  throw std::runtime_error("no origin of " + path);
}

}  // namespace

TEST_CASE("a config of the required keys gets the defaults of the structs", "[config]") {
  const Config file(least_config());
  const ResolvedConfig config = file.load();
  const RunConfig& run = config.run;
  CHECK(run.file == file.folder() / "run.json");
  CHECK(run.model == file.folder() / "model");
  CHECK(run.output == file.folder() / "out");
  REQUIRE(run.data.train.size() == 1);
  CHECK(run.data.train[0].path == file.folder() / "train.txt");
  CHECK(run.data.train[0].is_plain());
  CHECK(config.resolved["data"]["train"] == (file.folder() / "train.txt").string());
  CHECK(run.expansion.layers.text() == "all");
  CHECK(run.expansion.copies == 2);
  CHECK(run.data.validation.empty());
  CHECK(config.resolved["data"]["validation"].is_null());
  CHECK_FALSE(run.data.text_template);
  CHECK(run.training.epochs == 1);
  CHECK_FALSE(run.training.max_steps);
  CHECK_FALSE(run.training.batch_size);
  CHECK(run.training.batch_tokens == 16384);
  CHECK(run.training.learning_rate == TrainingConfig().learning_rate);
  CHECK_FALSE(run.evaluation.max_drop.any());
  CHECK(config.resolved["training"]["beta2"] == 0.999);
  CHECK(config.resolved["data"]["template"].is_null());
  CHECK(origin_of(config, "data.template") == ValueSource::kDefault);
  CHECK(origin_of(config, "model") == ValueSource::kConfig);
}

TEST_CASE("every key reaches its member", "[config]") {
  const Config file(std::string(R"({
    "$schema": "x.json", "model": "/m", "output": "a/../b/",
    "expansion": {"layers": ["last:2", 0], "copies": 4}, "method": "new", "layout": "padded",
    "strength": 0.5,
    "data": {"train": "t.jsonl", "validation": "v.jsonl",
             "template": {"prompt": "{q}", "completion": "{a}"},
             "max_length": 64, "packing": false, "train_on_prompt": true,
             "chat_template": "chatml"},
    "training": {"max_steps": 1e3, "batch_size": 16.0, "micro_batch_size": 3,
                 "learning_rate": 1, "lr_scheduler": "linear", "warmup": 100,
                 "min_lr_ratio": 0.1, "weight_decay": 0.01, "beta1": 0, "beta2": 0.5,
                 "epsilon": 1e-6, "max_grad_norm": 0, "precision": "bfloat16",
                 "cache_prefix": "disk", "cache_prefix_limit": "1500MB",
                 "gradient_checkpointing": true, "shard_base": true,
                 "seed": 9007199254740991, "checkpoint_every": 5, "keep_checkpoints": 1,
                 "output_checkpoint": "last", "validate_every": 6, "early_stopping_patience": 8, "log_every": 7},
    "evaluation": {"original_tasks": ["a", "tasks/b.json"], "tasks": ["c"], "max_drop": "2.5%",
                   "every": 9, "strengths": [0.25, 1], "prompts": ["./Once", "two"]}
  })"));
  const ResolvedConfig config = file.load();
  const RunConfig& run = config.run;
  CHECK(run.model == "/m");
  CHECK(run.output == file.folder() / "b");
  CHECK(run.expansion.layers.resolve(4) == std::vector<std::int64_t>{0, 2, 3});
  CHECK(run.expansion.copies == 4);
  CHECK(run.layout == Layout::kPadded);
  CHECK(run.strength == 0.5);
  REQUIRE(run.data.validation.size() == 1);
  CHECK(run.data.validation[0].path == file.folder() / "v.jsonl");
  REQUIRE(run.data.text_template);
  CHECK(run.data.text_template->prompt == "{q}");
  CHECK(run.data.text_template->completion == "{a}");
  CHECK(run.data.max_length == 64);
  CHECK_FALSE(run.data.packing);
  CHECK(run.data.train_on_prompt);
  CHECK(run.data.chat_template == "chatml");
  const TrainingConfig& training = run.training;
  CHECK(training.max_steps == 1000);
  CHECK_FALSE(training.epochs);
  CHECK(training.batch_size == 16);
  CHECK_FALSE(training.batch_tokens);
  CHECK(training.micro_batch_size == 3);
  CHECK(training.learning_rate == 1.0);
  CHECK(training.lr_scheduler == LrScheduler::kLinear);
  CHECK(training.warmup == 100.0);
  CHECK(training.min_lr_ratio == 0.1);
  CHECK(training.weight_decay == 0.01);
  CHECK(training.beta1 == 0.0);
  CHECK(training.beta2 == 0.5);
  CHECK(training.epsilon == 1e-6);
  CHECK(training.max_grad_norm == 0.0);
  CHECK(training.precision == Precision::kBFloat16);
  CHECK(training.cache_prefix == CachePrefix::kDisk);
  CHECK(training.cache_prefix_limit == 1'500'000'000u);
  CHECK(config.resolved.at("training").at("cache_prefix_limit") == "1500MB");
  CHECK(training.gradient_checkpointing);
  CHECK(training.shard_base);
  CHECK(training.seed == 9007199254740991u);
  CHECK(training.checkpoint_every == 5);
  CHECK(training.keep_checkpoints == 1);
  CHECK(training.validate_every == 6);
  CHECK(training.output_checkpoint == OutputCheckpoint::kLast);
  CHECK(training.early_stopping_patience == 8);
  CHECK(training.log_every == 7);
  CHECK(run.evaluation.every == 9);
  CHECK(run.evaluation.strengths == std::vector<double>{0.25, 1.0});
  CHECK(run.evaluation.prompts == std::vector<std::string>{"./Once", "two"});
  CHECK(run.evaluation.original_tasks ==
        std::vector<std::string>{"a", (file.folder() / "tasks/b.json").string()});
  CHECK(run.evaluation.max_drop.each == DropBudget{2.5, true});
  CHECK(config.resolved["evaluation"]["max_drop"] == "2.5%");

  SECTION("a resolved config is a config, of the same values, from any folder") {
    const Config again(config.resolved);
    CHECK(again.load().resolved == config.resolved);
  }
  SECTION("it has every key, in the order of the schema") {
    CHECK(config.resolved.begin().key() == "model");
    CHECK(config.value_sources.size() == 64);
    const Json schema = run_config_schema();
    std::vector<std::string> in_schema, in_config;
    for (const auto& [key, unused] : schema["properties"].items()) in_schema.push_back(key);
    for (const auto& [key, unused] : config.resolved.items()) in_config.push_back(key);
    in_schema.erase(in_schema.begin());  // "$schema"
    CHECK(in_schema == in_config);
  }
}

TEST_CASE("a number is an absolute drop", "[config]") {
  const ResolvedConfig config = Config(with("/evaluation/max_drop", 0.25)).load();
  CHECK(config.run.evaluation.max_drop.each == DropBudget{0.25, false});
}

TEST_CASE("each impossible value is an error with path, value and what is allowed", "[config]") {
  struct Case {
    const char* pointer;
    const char* value;
    const char* allowed;
  };
  const std::vector<Case> cases = {
      {"/model", "3", "a folder or a GGUF file"},
      {"/model", "\"\"", "a folder or a GGUF file"},
      {"/model", "\"a\\u0000b\"", "NUL"},
      {"/output", "null", "a path"},
      {"/expansion", "3", "an object"},
      {"/expansion", "null", "an object"},
      {"/expansion/layers", "\"lst:2\"", "last:N"},
      {"/expansion/layers", "[]", "last:N"},
      {"/expansion/layers", "{\"auto\":0}", "last:N"},
      {"/expansion/noise", "2", "a number from 0 to 1"},
      {"/expansion/copies", "1", "an integer from 2 to 64"},
      {"/expansion/copies", "65", "an integer from 2 to 64"},
      {"/expansion/copies", "2.5", "an integer from 2 to 64"},
      {"/expansion/copies", "\"2\"", "an integer from 2 to 64"},
      {"/method", "\"last:0\"", "\"last:N\""},
      {"/lora/rank", "0", "an integer from 1 to 4096"},
      {"/lora/targets", "[\"qproj\"]", "\"q_proj\""},
      {"/method", "\"all\"", "\"mlp\", \"zero-init\""},
      {"/layout", "\"Native\"",
       "one of \"auto\", \"native\", \"padded\", \"remote-code\", \"deci\""},
      {"/strength", "1.5", "a number from 0 to 1"},
      {"/strength", "-0.1", "a number from 0 to 1"},
      {"/data/validation", "[]", "{\"path\", \"template\"} or null"},
      {"/data/template", "\"{q}\"", "an object or null"},
      {"/data/max_length", "1", "an integer from 2 to 1048576"},
      {"/data/max_length", "1048577", "an integer from 2 to 1048576"},
      {"/data/packing", "1", "true or false"},
      {"/training", "[]", "an object"},
      {"/training/epochs", "0", "an integer from 1 to 1000000000 or null"},
      {"/training/max_steps", "-4", "an integer from 1"},
      {"/training/batch_size", "0", "an integer from 1"},
      {"/training/batch_tokens", "1e300", "an integer from 1"},
      {"/training/micro_batch_size", "18446744073709551615", "an integer from 1"},
      {"/training/micro_batch_size", "\"most\"", "1000000000 or \"auto\" or null"},
      {"/training/micro_batch_size", "0", "an integer from 1"},
      {"/training/cache_prefix", "true", "\"none\", \"memory\", \"disk\""},
      {"/training/cache_prefix_limit", "4000", "a size such as \"500MB\" or \"4GB\""},
      {"/training/cache_prefix_limit", "\"0GB\"", "a size such as \"500MB\" or \"4GB\""},
      {"/training/cache_prefix_limit", "\"4 GB\"", "a size such as \"500MB\" or \"4GB\""},
      {"/training/gradient_checkpointing", "1", "true or false"},
      {"/training/shard_base", "\"yes\"", "true or false"},
      {"/training/learning_rate", "0", "a number above 0, at most 1"},
      {"/training/learning_rate", "\"1e-4\"", "a number above 0, at most 1"},
      {"/training/lr_scheduler", "\"cosin\"", "\"constant\", \"linear\", \"cosine\""},
      {"/training/warmup", "1.5", "a whole number of steps"},
      {"/training/warmup", "-0.1", "a whole number of steps"},
      {"/training/min_lr_ratio", "2", "a number from 0 to 1"},
      {"/training/weight_decay", "-1", "a number from 0 to 10"},
      {"/training/beta1", "1", "a number from 0 to below 1"},
      {"/training/beta2", "-0.1", "a number from 0 to below 1"},
      {"/training/epsilon", "0", "a number above 0"},
      {"/training/max_grad_norm", "-1", "a number, 0 or more"},
      {"/training/precision", "\"fp16\"", "\"float16\""},
      {"/training/seed", "-1", "an integer from 0"},
      {"/training/seed", "9007199254740992", "an integer from 0"},
      {"/training/checkpoint_every", "-1", "an integer from 0"},
      {"/training/keep_checkpoints", "0", "an integer from 1"},
      {"/training/validate_every", "0.5", "an integer from 0"},
      {"/training/log_every", "0", "an integer from 1"},
      {"/training/output_checkpoint", "\"first\"", "\"best\", \"last\""},
      {"/training/early_stopping_patience", "-1", "an integer from 0"},
      {"/evaluation/every", "-1", "an integer from 0"},
      {"/evaluation/strengths", "0.5", "a list of numbers from 0 to 1"},
      {"/evaluation/strengths", "[0.5, 1.5]", "a list of numbers from 0 to 1"},
      {"/evaluation/prompts", "[\"\"]", "a list of strings"},
      {"/evaluation/prompts", "\"a\"", "a list of strings"},
      {"/evaluation/tasks", "\"a\"", "a list of task names and paths"},
      {"/evaluation/tasks", "[1]", "a list of task names and paths"},
      {"/evaluation/original_tasks", "[\"\"]", "a list of task names and paths"},
      {"/evaluation/max_drop", "-1", "a number from 0"},
      {"/evaluation/max_drop", "\"1\"", "\"1%\""},
      {"/evaluation/max_drop", "\"%\"", "\"1%\""},
      {"/evaluation/max_drop", "\"-1%\"", "\"1%\""},
      {"/evaluation/max_drop", "\"1e3%\"", "\"1%\""},
      {"/evaluation/max_drop", "\"\"", "\"1%\""},
      {"/$schema", "1", "a string"},
  };
  for (const Case& one : cases) {
    INFO(one.pointer << " = " << one.value);
    const Config file(with(one.pointer, Json::parse(one.value)));
    const Error error = file.error();
    std::string path = std::string(one.pointer).substr(1);
    std::replace(path.begin(), path.end(), '/', '.');
    CHECK(error.code() == ExitCode::kBadInput);
    CHECK(error.where() == file.file().string());
    CHECK(has(error.message(), path + ": "));
    CHECK(has(error.message(), "found "));
    CHECK(has(error.message(), one.allowed));
    CHECK(has(error.hint(), "docs/configuration.md"));
  }
}

TEST_CASE("missing keys are named", "[config]") {
  const std::string message = Config(std::string("{}")).error().message();
  for (const char* path : {"model", "output", "expansion.layers", "data.train"}) {
    CHECK(has(message, std::string("- ") + path + ": missing, but required"));
  }
  CHECK(has(message, "4 problems"));
  CHECK(has(Config(with("/data/template/prompt", "a")).error().message(),
            "data.template.completion: missing"));
  CHECK(has(Config(with("/data/template", Json::object())).error().message(),
            "data.template.prompt: missing"));
}

TEST_CASE("layers are needed only by methods that expand", "[config]") {
  for (const std::string method : {"lora", "full", "last:2"}) {
    Json json = with("/method", method);
    json.erase("expansion");
    const RunConfig run = Config(json).load().run;
    CHECK(method_text(run.method) == method);
    CHECK_FALSE(run.method.expands());
  }
  for (const std::string method : {"new", "mlp", "zero-init", "llama-pro"}) {
    Json json = with("/method", method);
    json.erase("expansion");
    CHECK(has(Config(json).error().message(), "expansion.layers: missing, but required"));
  }
}

TEST_CASE("unknown keys are errors that suggest the nearest", "[config]") {
  const auto message = [](const char* pointer) {
    return Config(with(pointer, 1)).error().message();
  };
  CHECK(has(message("/training/learning_rat"), "did you mean \"training.learning_rate\"?"));
  CHECK(has(message("/learning_rate"), "did you mean \"training.learning_rate\"?"));
  CHECK(has(message("/trianing"), "did you mean \"training\"?"));
  CHECK(has(message("/evaluation/often"), "evaluation.often: unknown key; known here: "));
  CHECK(has(message("/expansion/zzzzzzzzz"), "known here: layers, copies"));
  CHECK(has(message("/training.seed"), "nested, not joined by dots"));
  CHECK(has(message("/a\nb"), "\"a\\nb\": unknown key"));
}

TEST_CASE("all problems of file and command line stand in one error", "[config]") {
  Json json = with("/training/seed", -1);
  json["modle"] = "a";
  json["expansion"]["copies"] = 1;
  const std::string message =
      Config(json).error({"training.beta1=2", "training.sede=1", "nonsense"}).message();
  CHECK(has(message, "6 problems:"));
  for (const char* part :
       {"- modle: unknown key", "- training.seed: found -1", "- expansion.copies: found 1",
        "- --set training.beta1: found 2", "- --set training.sede: unknown key; did you mean",
        "- --set nonsense: expected KEY=VALUE"}) {
    INFO(message);
    CHECK(has(message, part));
  }
}

TEST_CASE("a file that is no JSON object is an input error", "[config]") {
  CHECK(
      has(Config(std::string("[1]")).error().message(), "the file: found [1]; allowed: an object"));
  CHECK(Config(std::string("{")).error().code() == ExitCode::kBadInput);
  CHECK(Config(std::string("")).error().code() == ExitCode::kBadInput);
  const Error missing = error_of([] { load_run_config("/nowhere/run.json"); });
  CHECK(missing.code() == ExitCode::kBadInput);
  CHECK(has(missing.where(), "/nowhere/run.json"));
}

TEST_CASE("a config of another tool is told what form ours have", "[config]") {
  const TempDirectory folder;
  write_text(folder / "qlora.yml", "base_model: gemma\nlora_r: 16\n");
  const Error error = error_of([&] { load_run_config(folder / "qlora.yml"); });
  CHECK(error.code() == ExitCode::kBadInput);
  CHECK(has(error.hint(), "a run config is a JSON file"));
  CHECK(has(error.where(), "qlora.yml:1:"));
}

TEST_CASE("of two keys that exclude each other only one may stand in the file", "[config]") {
  Json json = with("/training/epochs", 2);
  json["training"]["max_steps"] = 5;
  CHECK(
      has(Config(json).error().message(),
          "training.epochs: found 2 beside training.max_steps = 5; allowed: only one of the two"));
  json["training"] = {{"batch_size", 2}, {"batch_tokens", 5}};
  CHECK(has(Config(json).error().message(), "training.batch_size: found 2 beside"));
  json["training"] = {{"epochs", nullptr}, {"max_steps", 5}};
  CHECK(Config(json).load().run.training.max_steps == 5);
  json["training"] = {{"epochs", nullptr}, {"max_steps", nullptr}};
  const ResolvedConfig config = Config(json).load();
  CHECK(config.run.training.epochs == 1);
  CHECK(origin_of(config, "training.epochs") == ValueSource::kDefault);
}

TEST_CASE("gradient_accumulation_steps divides the sequences of a step", "[config]") {
  Json json = least_config();
  json["training"] = {{"batch_size", 12}, {"gradient_accumulation_steps", 3}};
  const ResolvedConfig config = Config(json).load();
  const TrainingConfig& training = config.run.training;
  CHECK(config.resolved["training"]["gradient_accumulation_steps"] == 3);
  CHECK(config.resolved["training"]["micro_batch_size"].is_null());
  CHECK(sequences_at_once(training, 1) == 4);
  CHECK(sequences_at_once(training, 2) == 2);
  CHECK(sequences_at_once(training, 5) == 1);
  CHECK(sequences_at_once(training, 100) == 1);
  CHECK(Config(config.resolved).load().resolved == config.resolved);
  CHECK(sequences_at_once(TrainingConfig(), 2) == 8);

  const std::string key = "training.gradient_accumulation_steps: ";
  json["training"]["gradient_accumulation_steps"] = 5;
  CHECK(has(Config(json).error().message(),
            key + "found 5: it does not divide training.batch_size, 12"));
  json["training"] = {{"gradient_accumulation_steps", 4}};
  CHECK(has(Config(json).error().message(), key + "found 4: it needs training.batch_size"));
  json["training"]["batch_tokens"] = 4096;
  CHECK(has(Config(json).error().message(), "set training.micro_batch_size"));
  json["training"] = {
      {"batch_size", 12}, {"micro_batch_size", 2}, {"gradient_accumulation_steps", 6}};
  CHECK(has(Config(json).error().message(),
            "training.micro_batch_size: found 2 beside training.gradient_accumulation_steps = 6"));
  json["training"].erase("gradient_accumulation_steps");
  const ResolvedConfig set = Config(json).load({"training.gradient_accumulation_steps=4"});
  CHECK(sequences_at_once(set.run.training, 1) == 3);
  CHECK_FALSE(set.run.training.micro_batch_size);
}

TEST_CASE("micro_batch_size is a number, or auto until memory is known", "[config]") {
  Json json = least_config();
  const ResolvedConfig by_default = Config(json).load();
  CHECK(by_default.run.training.micro_batch_size == 8);
  CHECK_FALSE(by_default.run.training.micro_batch_fits_memory);
  json["training"] = {{"micro_batch_size", "auto"}};
  const ResolvedConfig automatic = Config(json).load();
  CHECK(automatic.run.training.micro_batch_fits_memory);
  CHECK_FALSE(automatic.run.training.micro_batch_size);
  CHECK(automatic.resolved["training"]["micro_batch_size"] == "auto");
  CHECK(sequences_at_once(automatic.run.training, 1) == 1);
  CHECK(Config(automatic.resolved).load().resolved == automatic.resolved);
  // A number on the command line replaces it, and it a number.
  const TrainingConfig number = Config(json).load({"training.micro_batch_size=4"}).run.training;
  CHECK(number.micro_batch_size == 4);
  CHECK_FALSE(number.micro_batch_fits_memory);
  CHECK(Config(least_config())
            .load({"training.micro_batch_size=auto"})
            .run.training.micro_batch_fits_memory);
  json["training"].update({{"batch_size", 4}, {"gradient_accumulation_steps", 2}});
  CHECK(has(Config(json).error().message(), "found \"auto\" beside"));
}

TEST_CASE("--set comes last", "[config]") {
  const Config file(with("/training/epochs", 3));

  SECTION("values are JSON, or else texts; the last one holds") {
    const ResolvedConfig config =
        file.load({"training.learning_rate=2e-4", "method=\"new\"", "expansion.layers=0,-1",
                   "evaluation.tasks=[\"x\"]", "training.seed=1", "training.seed=2",
                   "data.packing=false", "evaluation.max_drop=3%", "layout=native"});
    CHECK(config.run.training.learning_rate == 2e-4);
    CHECK(config.run.expansion.layers.text() == "0,-1");
    CHECK(config.run.evaluation.tasks == std::vector<std::string>{"x"});
    CHECK(config.run.training.seed == 2);
    CHECK_FALSE(config.run.data.packing);
    CHECK(config.run.evaluation.max_drop.each == DropBudget{3, true});
    CHECK(config.run.layout == Layout::kNative);
    CHECK(origin_of(config, "training.learning_rate") == ValueSource::kCommandLine);
    CHECK(origin_of(config, "training.epochs") == ValueSource::kConfig);
    CHECK(origin_of(config, "training.beta1") == ValueSource::kDefault);
  }
  SECTION("paths are relative to the working folder") {
    const ResolvedConfig config = file.load({"model=m", "evaluation.tasks=[\"t.json\"]"});
    CHECK(config.run.model == fs::canonical(fs::current_path()) / "m");
    CHECK(config.run.evaluation.tasks[0] ==
          (fs::canonical(fs::current_path()) / "t.json").string());
    CHECK(config.run.output == file.folder() / "out");
  }
  SECTION("one of an exclusive pair replaces the other of the file") {
    const ResolvedConfig config = file.load({"training.max_steps=10"});
    CHECK(config.run.training.max_steps == 10);
    CHECK_FALSE(config.run.training.epochs);
    CHECK(config.resolved["training"]["epochs"].is_null());
    CHECK(has(file.error({"training.max_steps=1", "training.epochs=2"}).message(),
              "--set training.epochs: found 2 beside training.max_steps = 1"));
  }
  SECTION("a whole group can be given, and an optional one taken away") {
    CHECK(file.load({R"(training={"seed": 5})"}).run.training.seed == 5);
    const std::vector<std::string> set = {R"(data.template={"prompt": "a", "completion": "b"})"};
    CHECK(file.load(set).run.data.text_template->completion == "b");
    CHECK(
        has(file.error({"data.template.prompt=a"}).message(), "data.template.completion: missing"));
    const Config other(with("/data/template", {{"prompt", "a"}, {"completion", "b"}}));
    CHECK_FALSE(other.load({"data.template=null"}).run.data.text_template);
    CHECK(other.load({"data.template.prompt=c"}).run.data.text_template->prompt == "c");
  }
  SECTION("its errors say that it was --set") {
    const Error error = file.error({"training.lerning_rate=1"});
    CHECK(error.code() == ExitCode::kBadInput);
    CHECK(error.where() == "--set");
    CHECK(has(error.message(), "did you mean \"training.learning_rate\"?"));
    CHECK(has(file.error({"trainin.seed=1"}).message(), "did you mean \"training.seed\"?"));
    CHECK(has(file.error({"=1"}).message(), "expected KEY=VALUE"));
    CHECK(has(file.error({"training.seed=x"}).message(), "--set training.seed: found \"x\""));
    CHECK(has(file.error({"training.seed="}).message(), "--set training.seed: found \"\""));
    CHECK(has(file.error({"training=3"}).message(), "--set training: found 3; allowed: an object"));
    CHECK(has(file.error({"model=\xFF"}).message(), "not valid UTF-8"));
    CHECK(has(file.error({"\xFF=1"}).message(), "not valid UTF-8"));
  }
}

TEST_CASE("paths follow links as the system does, and keep their last name", "[config]") {
  const TempDirectory folder;
  write_text(folder / "real/deep/run.json", least_config().dump());
  write_text(folder / "blob", "text");
  fs::create_symlink(folder / "real/deep", folder / "link");
  fs::create_symlink(folder / "blob", folder / "train.txt");
  const ResolvedConfig config =
      load_run_config(folder / "link/run.json", {"data.train=" + (folder / "train.txt").string()});
  const fs::path root = fs::canonical(folder.path());
  CHECK(config.run.model == root / "real/deep/model");
  CHECK(config.run.data.train.at(0).path == root / "train.txt");
  CHECK(
      load_run_config(folder / "link/run.json", {"output=" + (folder / "link").string() + "/../x"})
          .run.output == root / "real/x");
}

TEST_CASE("value_sources are described a line each, aligned", "[config]") {
  const Config file(with("/data/template", {{"prompt", "Q:\n{q}"}, {"completion", " {a}"}}));
  const std::string text = describe_values(file.load({"training.learning_rate=2e-4"}));
  CHECK(has(text, "training.learning_rate                 0.0002"));
  CHECK(has(text, "(command line)\n"));
  CHECK(has(text, "data.template.prompt                   \"Q:\\n{q}\""));
  CHECK(has(text, "data.template.completion               \" {a}\""));
  CHECK(std::count(text.begin(), text.end(), '\n') == 64);
}

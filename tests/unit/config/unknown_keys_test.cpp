#include "config/unknown_keys.h"

#include "catch.h"
#include "config/config_files.h"
#include "config/run_config.h"
#include "config/task_config.h"

#include <regex>
#include <set>

using namespace expandft;
using namespace expandft::testing;

namespace {

bool is_run_key(const std::string& path) {
  Json schema = run_config_schema();
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t dot = std::min(path.find('.', begin), path.size());
    const std::string key = path.substr(begin, dot - begin);
    if (!schema["properties"].contains(key)) return false;
    schema = Json(schema["properties"][key]);
    begin = dot + 1;
  }
  return true;
}

bool is_task_key(const std::string& path) {
  const std::string key = path.substr(path.rfind('.') + 1);
  return has(task_config_reference(), "| `" + key + "` |");
}

std::string message_of(const std::string& pointer, const Json& value,
                       const std::vector<std::string>& overrides = {}) {
  Json config = least_config();
  if (!pointer.empty()) config[Json::json_pointer(pointer)] = value;
  const TempDirectory folder;
  write_text(folder / "run.json", config.dump());
  return error_of([&] { load_run_config(folder / "run.json", overrides); }).message();
}

}  // namespace

TEST_CASE("every key of ours that other tools' keys point to is one", "[config]") {
  const std::regex dotted(R"((training|data|lora|expansion|retention|evaluation)\.[a-z_0-9]+)");
  for (const ForeignKey& key : foreign_run_keys()) {
    INFO(key.names.front());
    for (const std::string_view ours : key.ours) CHECK(is_run_key(std::string(ours)));
    const std::string note(key.note);
    for (std::sregex_iterator at(note.begin(), note.end(), dotted), end; at != end; ++at) {
      INFO(at->str());
      CHECK(is_run_key(at->str()));
    }
    CHECK((!key.ours.empty() || !key.note.empty()));
  }
  for (const ForeignKey& key : foreign_task_keys()) {
    INFO(key.names.front());
    for (const std::string_view ours : key.ours) CHECK(is_task_key(std::string(ours)));
  }
}

TEST_CASE("a key of another tool stands in the table once", "[config]") {
  for (const auto& table : {foreign_run_keys(), foreign_task_keys()}) {
    std::set<std::string> seen;
    for (const ForeignKey& key : table) {
      for (const std::string_view name : key.names) {
        INFO(name);
        CHECK(seen.insert(bare_key(name)).second);
      }
    }
  }
}

TEST_CASE("keys of other tools point to ours, with what has to be converted", "[config]") {
  struct Case {
    const char *key, *words;
  };
  for (const Case& one : std::vector<Case>{
           {"save_steps", "here it is \"training.checkpoint_every\": in steps"},
           {"eval_steps", "here it is \"training.validate_every\" or \"evaluation.every\""},
           {"logging_steps", "\"training.log_every\""},
           {"warmup_ratio", "\"training.warmup\": a number below 1 is a share"},
           {"warmup_steps", "\"training.warmup\": 1 and more are steps"},
           {"num_train_epochs", "\"training.epochs\""},
           {"num_epochs", "\"training.epochs\""},
           {"per_device_train_batch_size", "\"training.micro_batch_size\""},
           {"auto_find_batch_size", "\"training.micro_batch_size\": \"auto\""},
           {"grad_accum_steps", "\"training.gradient_accumulation_steps\": training.batch_size"},
           {"lora_r", "\"lora.rank\""},
           {"lora_alpha", "\"lora.alpha\""},
           {"lora_target_modules", "\"lora.targets\""},
           {"lora_dropout", "there is no dropout"},
           {"max_seq_length", "\"data.max_length\": in tokens"},
           {"sequence_len", "\"data.max_length\""},
           {"cutoff_len", "\"data.max_length\""},
           {"base_model", "\"model\""},
           {"model_name_or_path", "\"model\""},
           {"output_dir", "\"output\""},
           {"datasets", "\"data.train\""},
           {"val_set_size", "\"data.validation\""},
           {"bf16", "\"training.precision\": \"bfloat16\""},
           {"fp16", "\"training.precision\": \"float16\""},
           {"lr", "\"training.learning_rate\""},
           {"optim", "AdamW"},
           {"lr_scheduler_type",
            "\"training.lr_scheduler\": \"constant\", \"linear\" or \"cosine\""},
           {"sample_packing", "\"data.packing\""},
           {"train_on_inputs", "\"data.train_on_prompt\""},
           {"save_total_limit", "\"training.keep_checkpoints\""},
           {"resume_from_checkpoint", "--resume"},
           {"early_stopping", "\"training.early_stopping_patience\""},
           {"use_gradient_checkpointing", "\"training.gradient_checkpointing\""},
           {"clip_grad_norm", "\"training.max_grad_norm\""},
           {"finetuning_type", "\"method\": \"lora\", \"full\""},
           {"template", "\"data.chat_template\" or \"data.template\""},
           {"adapter", "\"method\""},
           {"wandb_project", "metrics.jsonl"},
           {"load_in_4bit", "not quantized"},
           {"saveSteps", "\"training.checkpoint_every\""},
           {"save-steps", "\"training.checkpoint_every\""},
       }) {
    INFO(one.key);
    for (const std::string place : {"/", "/training/"}) {
      if (place + one.key == "/training/template") continue;
      CHECK(has(message_of(place + one.key, 1), std::string(one.key) + ": unknown key; "));
      CHECK(has(message_of(place + one.key, 1), one.words));
    }
    CHECK(has(message_of("", {}, {std::string(one.key) + "=1"}), one.words));
  }
}

TEST_CASE("the names that keys had at first point to today's", "[config]") {
  struct Case {
    const char *pointer, *dotted, *now;
  };
  for (const Case& one : std::vector<Case>{
           {"/train", "train", "method"},
           {"/data/learn_prompt", "data.learn_prompt", "data.train_on_prompt"},
           {"/training/clip_norm", "training.clip_norm", "training.max_grad_norm"},
           {"/training/schedule", "training.schedule", "training.lr_scheduler"},
           {"/training/final_learning_rate", "training.final_learning_rate",
            "training.min_lr_ratio"},
           {"/training/activation_checkpointing", "training.activation_checkpointing",
            "training.gradient_checkpointing"},
           {"/training/patience", "training.patience", "training.early_stopping_patience"}}) {
    INFO(one.dotted);
    const std::string words =
        std::string(one.dotted) + ": unknown key; here it is \"" + one.now + "\"";
    CHECK(has(message_of(one.pointer, 1), words));
    CHECK(has(message_of("", {}, {std::string(one.dotted) + "=1"}), words));
    Json before = Json::object();
    before[Json::json_pointer(one.pointer)] = 3;
    std::string now = std::string("/") + one.now;
    std::ranges::replace(now, '.', '/');
    Json after = Json::object();
    after[Json::json_pointer(now)] = 3;
    CHECK(with_present_keys(before) == after);
    CHECK(with_present_keys(after) == after);
  }
  CHECK(with_present_keys(Json(3)) == Json(3));
}

TEST_CASE("keys in the wrong object are pointed to the right one", "[config]") {
  struct Case {
    const char *pointer, *meant;
  };
  for (const Case& one :
       std::vector<Case>{{"/learning_rate", "training.learning_rate"},
                         {"/max_grad_norm", "training.max_grad_norm"},
                         {"/lr_scheduler", "training.lr_scheduler"},
                         {"/min_lr_ratio", "training.min_lr_ratio"},
                         {"/gradient_accumulation_steps", "training.gradient_accumulation_steps"},
                         {"/gradientCheckpointing", "training.gradient_checkpointing"},
                         {"/training/method", "method"},
                         {"/training/train_on_prompt", "data.train_on_prompt"},
                         {"/early_stopping_patience", "training.early_stopping_patience"},
                         {"/learningRate", "training.learning_rate"},
                         {"/learning_rat", "training.learning_rate"},
                         {"/max_length", "data.max_length"},
                         {"/training/max_length", "data.max_length"},
                         {"/training/layers", "expansion.layers"},
                         {"/training/copies", "expansion.copies"},
                         {"/training/output", "output"},
                         {"/expansion/rank", "lora.rank"},
                         {"/lora/seed", "training.seed"},
                         {"/epoch", "training.epochs"},
                         {"/max_drop", "evaluation.max_drop"}}) {
    INFO(one.pointer);
    CHECK(has(message_of(one.pointer, 1),
              std::string("unknown key; did you mean \"") + one.meant + "\"?"));
  }
}

TEST_CASE("no error lists dozens of keys", "[config]") {
  const std::string of_many = message_of("/training/zzzzzzzzzzzz", 1);
  CHECK(has(of_many, "keys known here is like it"));
  CHECK_FALSE(has(of_many, "learning_rate"));
  CHECK(has(message_of("/zzzzzzzzzzzz", 1), "known here: model, output, "));
}

TEST_CASE("a harness's task keys point to ours", "[config]") {
  const TempDirectory folder;
  write_text(folder / "t.json", R"({"name": "t", "type": "choice", "data": "d", "prompt": "p",
    "choices": "{c}", "target": "{t}", "doc_to_text": "q", "num_fewshot": 5})");
  const std::string message = error_of([&] { load_task(folder / "t.json"); }).message();
  CHECK(has(message, "doc_to_text: unknown key; here it is \"prompt\""));
  CHECK(has(message, "num_fewshot: unknown key; here it is \"fewshot.count\""));
}

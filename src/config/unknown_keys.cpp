#include "config/unknown_keys.h"

#include "base/wording.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace expandft {
namespace {

// A note begins in lower case and ends without a stop: it goes on from "here it is …: ".
constexpr const char* kNoDropout = "there is no dropout";
constexpr const char* kItself = "this is handled automatically";
constexpr const char* kLaunched = "start the ranks with torchrun or srun: docs/distributed.md";

const std::vector<ForeignKey>& run_keys() {
  static const std::vector<ForeignKey> keys = {
      // Model and method
      {{"base_model", "model_name_or_path", "pretrained_model_name_or_path", "model_name",
        "model_id", "model_path", "checkpoint_dir"},
       {"model"},
       ""},
      {{"output_dir", "out_dir", "save_dir", "adapter_path", "run_dir"}, {"output"}, ""},
      {{"adapter", "finetuning_type", "fine_tune_type", "use_peft", "peft_type", "training_type"},
       {"method"},
       R"("lora", "full", "last:N" (the last layers), "llama-pro", or "new" (added width))"},
      {{"train"}, {"method"}, "the training data is \"data.train\""},
      {{"full_finetuning"}, {"method"}, R"("full")"},
      {{"use_llama_pro"}, {"method"}, R"("llama-pro")"},
      {{"freeze_trainable_layers", "num_layers", "unfrozen_parameters", "num_layer_trainable"},
       {"method", "expansion.layers"},
       R"("last:N" trains the last N layers; with "new", expansion.layers says which grow)"},
      {{"lora_r", "lora_rank", "r"}, {"lora.rank"}, ""},
      {{"lora_alpha"}, {"lora.alpha"}, ""},
      {{"lora_target_modules", "target_modules", "lora_target", "lora_target_linear",
        "lora_attn_modules", "apply_lora_to_mlp", "lora_layers"},
       {"lora.targets"},
       R"("all", or a list of projections: ["q_proj", "v_proj"])"},
      {{"lora_dropout", "dropout"}, {}, kNoDropout},
      {{"lora_bias", "bias"}, {}, "LoRA does not train biases"},
      {{"lora_modules_to_save", "modules_to_save", "additional_target"},
       {},
       "LoRA trains only projections; \"method\": \"full\" trains all weights"},
      {{"use_rslora", "use_dora", "peft_use_dora", "loftq_config", "init_lora_weights",
        "pissa_init"},
       {},
       "only plain LoRA is supported, scaled by alpha / rank"},
      {{"load_in_4bit", "load_in_8bit", "quantization_bit", "quantization", "bnb_4bit_quant_type",
        "quantization_config", "use_qlora"},
       {},
       "the base is not quantized; training.gradient_checkpointing and training.shard_base save "
       "memory"},
      {{"adapter_name_or_path", "lora_model_dir", "resume_adapter_file"},
       {},
       "merge the adapter first (expandft merge), and use the result as \"model\""},
      {{"trust_remote_code", "model_type", "tokenizer_type", "tokenizer", "tokenizer_path",
        "tokenizer_name", "special_tokens", "eos_token", "pad_token", "rope_scaling"},
       {},
       "family and tokenizer are read from the model's own files, and none of its code is run"},
      // Data
      {{"dataset", "datasets", "dataset_name", "dataset_path", "train_dataset", "train_file",
        "train_files", "train_data", "data_path", "data_files", "dataset_dir"},
       {"data.train"},
       "a .jsonl or .txt file, a folder, a glob, or a list of those"},
      {{"eval_dataset", "test_datasets", "validation_file", "val_data", "dataset_val", "eval_data",
        "validation_dataset"},
       {"data.validation"},
       "given as in data.train"},
      {{"val_set_size", "val_size", "validation_split", "test_size"},
       {"data.validation"},
       "put held-out rows in a file of their own; none are split off the training data"},
      {{"max_seq_length", "max_seq_len", "sequence_len", "sequence_length", "seq_length", "seq_len",
        "cutoff_len", "block_size", "model_max_length", "max_prompt_length"},
       {"data.max_length"},
       "in tokens"},
      {{"sample_packing", "packed", "neat_packing", "eval_packing", "eval_sample_packing",
        "padding_free", "packing_strategy"},
       {"data.packing"},
       "true or false; examples in one sequence never see each other"},
      {{"train_on_inputs", "train_on_input", "train_on_source", "learn_prompt"},
       {"data.train_on_prompt"},
       ""},
      {{"completion_only_loss", "assistant_only_loss", "train_on_responses_only", "mask_prompt",
        "train_on_completions_only"},
       {"data.train_on_prompt"},
       "with the opposite meaning: false, the default, trains on answers only"},
      {{"chat_template", "template", "conversation", "prompt_template", "prompt_style",
        "prompt_format", "chat_template_path", "chat_format"},
       {"data.chat_template", "data.template"},
       "the first writes rows with messages, the second turns fields into prompt and completion"},
      {{"dataset_text_field", "text_field", "field_messages", "message_property_mappings",
        "columns", "formatting_func"},
       {"data.template"},
       "not needed for rows with text, messages, prompt and completion, or instruction and output"},
      {{"mix_strategy", "interleave_probs", "sampling_weights"},
       {"data.train"},
       R"(a list with weights: [{"path": "a.jsonl", "weight": 2}, "b.jsonl"])"},
      {{"max_samples", "max_train_samples", "subset", "dataset_shards"},
       {"training.max_steps"},
       "or use a smaller file: the number of rows cannot be limited"},
      {{"group_by_length", "pad_to_sequence_len", "pad_to_max_length", "remove_unused_columns",
        "dataset_prepared_path", "overwrite_cache", "dataset_num_proc", "dataset_processes",
        "preprocessing_num_workers", "dataloader_*", "num_workers", "dataset_kwargs"},
       {},
       kItself},
      {{"shuffle", "shuffle_merged_datasets"},
       {"training.seed"},
       "every epoch is shuffled, by this seed"},
      // Steps
      {{"num_train_epochs", "num_epochs", "n_epochs"}, {"training.epochs"}, "a whole number"},
      {{"iters", "num_steps", "max_iters", "num_train_steps", "train_steps", "total_steps",
        "max_steps_per_epoch"},
       {"training.max_steps"},
       ""},
      {{"per_device_train_batch_size", "per_gpu_train_batch_size",
        "train_micro_batch_size_per_gpu"},
       {"training.micro_batch_size", "training.batch_size"},
       "the first counts the sequences that a device computes at once; the second those of a step "
       "on all devices: this × gradient_accumulation_steps × devices"},
      {{"grad_accumulation_steps", "grad_accum_steps", "accumulate_grad_batches"},
       {"training.gradient_accumulation_steps"},
       "training.batch_size counts the sequences of a step on all devices together"},
      {{"global_batch_size", "train_batch_size", "total_batch_size"}, {"training.batch_size"}, ""},
      {{"auto_find_batch_size", "auto_scale_batch_size"},
       {"training.micro_batch_size"},
       R"("auto": what fits in memory)"},
      {{"per_device_eval_batch_size", "eval_batch_size", "eval_accumulation_steps", "val_batches"},
       {},
       kItself},
      {{"lr", "learning_rate_max", "peak_lr", "max_lr"}, {"training.learning_rate"}, ""},
      {{"lr_scheduler_type", "lr_schedule", "scheduler", "schedule", "lr_decay_style",
        "lr_scheduler_kwargs"},
       {"training.lr_scheduler"},
       R"("constant", "linear" or "cosine")"},
      {{"warmup_ratio", "lr_warmup_fraction", "warmup_fraction"},
       {"training.warmup"},
       "a number below 1 is a share of all steps"},
      {{"warmup_steps", "num_warmup_steps", "lr_warmup_steps", "warmup_iters", "lr_warmup_iters"},
       {"training.warmup"},
       "1 and more are steps; a number below 1 is a share of all steps"},
      {{"min_lr", "cosine_min_lr_ratio", "lr_min", "min_lr_rate", "lr_end", "final_learning_rate"},
       {"training.min_lr_ratio"},
       "a share of training.learning_rate"},
      {{"optim", "optimizer", "optim_args", "optimizer_type"},
       {"training.learning_rate"},
       "the optimizer is AdamW: training.beta1, training.beta2, training.epsilon, "
       "training.weight_decay"},
      {{"adam_beta1", "betas", "adam_betas"}, {"training.beta1", "training.beta2"}, ""},
      {{"adam_beta2"}, {"training.beta2"}, ""},
      {{"adam_epsilon", "adam_eps", "eps"}, {"training.epsilon"}, ""},
      {{"wd"}, {"training.weight_decay"}, ""},
      {{"clip_norm", "clip_grad_norm", "gradient_clipping", "max_norm", "gradient_clip_val",
        "grad_clip", "clip_grad"},
       {"training.max_grad_norm"},
       "0 turns clipping off"},
      {{"label_smoothing_factor", "label_smoothing", "neftune_noise_alpha",
        "noisy_embedding_alpha"},
       {},
       "not supported: the loss is plain cross-entropy"},
      {{"random_state", "random_seed", "data_seed", "manual_seed"}, {"training.seed"}, ""},
      // Precision, memory, machine
      {{"bf16", "pure_bf16", "bfloat16_full_eval", "bf16_full_eval"},
       {"training.precision"},
       R"("bfloat16", or "auto", which takes it where it is faster)"},
      {{"fp16", "float16_full_eval", "fp16_full_eval"}, {"training.precision"}, R"("float16")"},
      {{"fp32", "tf32", "torch_dtype", "dtype", "mixed_precision", "compute_dtype"},
       {"training.precision"},
       R"("auto", "float32", "bfloat16" or "float16")"},
      {{"activation_checkpointing", "use_gradient_checkpointing", "enable_activation_checkpointing",
        "grad_checkpoint", "grad_checkpointing", "gradient_checkpointing_kwargs",
        "activation_checkpointing_kwargs"},
       {"training.gradient_checkpointing"},
       "true or false"},
      {{"deepspeed", "fsdp", "fsdp_config", "fsdp_version", "zero_stage", "zero_optimization",
        "strategy"},
       {"training.shard_base"},
       "true distributes the frozen layers over the ranks"},
      {{"local_rank", "devices", "num_gpus", "num_nodes", "ddp_*", "world_size", "nproc_per_node"},
       {},
       kLaunched},
      {{"device", "use_cpu", "no_cuda", "device_map", "accelerator"},
       {},
       "use the option --device: expandft train --device cpu"},
      {{"attn_implementation", "flash_attention", "flash_attn", "xformers_attention",
        "sdp_attention", "use_flash_attention_2", "use_liger_kernel", "torch_compile*", "compile",
        "use_unsloth", "enable_liger_kernel"},
       {},
       "the fastest kernels for the device are used automatically"},
      // Looking on, saving, going on
      {{"eval_steps", "eval_interval", "steps_per_eval", "run_val_every_n_steps", "eval_every",
        "eval_freq", "val_check_interval", "test_interval"},
       {"training.validate_every", "evaluation.every"},
       "in steps; the first measures the validation loss, the second the tasks"},
      {{"eval_strategy", "evaluation_strategy", "evals_per_epoch", "do_eval", "eval_on_start"},
       {"training.validate_every", "evaluation.every"},
       "in steps; both are always measured before the first step and at the end"},
      {{"logging_steps", "log_every_n_steps", "steps_per_report", "log_interval",
        "logging_strategy", "logging_first_step", "log_steps", "print_every"},
       {"training.log_every"},
       "steps between lines of metrics.jsonl"},
      {{"save_steps", "save_every", "save_interval", "checkpoint_interval", "save_freq",
        "checkpointing_steps"},
       {"training.checkpoint_every"},
       "in steps"},
      {{"save_strategy", "saves_per_epoch", "save_every_epoch"},
       {"training.checkpoint_every"},
       "in steps; 0 saves only at the end"},
      {{"save_total_limit", "max_checkpoints", "keep_last_n_checkpoints"},
       {"training.keep_checkpoints"},
       "the best one is kept as well"},
      {{"load_best_model_at_end", "metric_for_best_model", "greater_is_better", "save_best"},
       {"training.output_checkpoint"},
       R"("best", by the validation loss, or "last")"},
      {{"patience", "early_stopping", "early_stop_patience"},
       {"training.early_stopping_patience"},
       "counted in validations; training.validate_every sets how often they run"},
      {{"resume_from_checkpoint", "auto_resume_from_checkpoints", "resume", "resume_training"},
       {},
       "an option, not a key: expandft train --config … --resume"},
      {{"overwrite_output_dir", "restart", "overwrite"},
       {},
       "an option, not a key: expandft train --config … --restart"},
      {{"save_only_model", "save_safetensors", "save_merged", "merge_lora", "export_dir",
        "save_adapter_weights_only", "merge_adapter"},
       {"output"},
       "adapter and merged model are both written there, as safetensors"},
      {{"do_train", "do_predict", "stage", "rl", "training_args", "train_type"},
       {},
       "a run always does supervised fine-tuning, and evaluates before and after"},
      {{"report_to", "logging_dir", "run_name", "wandb_*", "use_wandb", "mlflow_tracking_uri",
        "metric_logger", "tensorboard", "use_tensorboard", "plot_loss", "logger_name"},
       {},
       "every run writes metrics.jsonl, which scripts/tensorboard converts, and report.html"},
      {{"log_level", "disable_tqdm", "verbose", "debug", "logging_level"},
       {},
       "an option, not a key: --log-level or --quiet"},
      {{"push_to_hub*", "hub_*", "hf_use_auth_token"},
       {},
       "nothing is uploaded; you can upload the run's folder \"merged\""},
      {{"eval_tasks", "tasks", "lm_eval_tasks", "benchmarks"},
       {"evaluation.original_tasks", "evaluation.tasks"},
       "the first are tasks to keep, the second tasks to improve on"},
      {{"kl_coef", "kl_weight", "kl_beta", "beta_kl"}, {"retention.weight"}, ""},
      {{"use_dft_loss", "enable_dft_loss", "use_eaft", "use_eaft_loss", "enable_eaft_loss"},
       {"training.token_weights"},
       ""},
      {{"use_ema", "ema_decay"}, {"training.ema"}, ""},
  };
  return keys;
}

const std::vector<ForeignKey>& task_keys() {
  static const std::vector<ForeignKey> keys = {
      {{"task", "task_alias", "alias"}, {"name"}, ""},
      {{"output_type", "task_type"},
       {"type"},
       R"("choice" for multiple_choice, "generate" for generate_until, "continuation" for )"
       R"(loglikelihood, "rolling" for loglikelihood_rolling)"},
      {{"dataset_path", "dataset_name", "dataset_kwargs", "dataset", "data_files", "test_split",
        "validation_split"},
       {"data"},
       "a .jsonl file on this machine"},
      {{"doc_to_text"}, {"prompt"}, "fields in single braces: \"{question}\""},
      {{"doc_to_choice"}, {"choices"}, ""},
      {{"doc_to_target"}, {"target", "reference"}, "the right choice, or the text to write"},
      {{"num_fewshot", "fewshot_count"}, {"fewshot.count"}, ""},
      {{"fewshot_split", "training_split", "fewshot_config"}, {"fewshot.data"}, "a file of rows"},
      {{"target_delimiter"}, {"delimiter"}, ""},
      {{"metric_list", "metric"}, {"metrics"}, ""},
      {{"generation_kwargs"}, {"until", "max_tokens"}, ""},
      {{"max_gen_toks", "max_new_tokens"}, {"max_tokens"}, ""},
      {{"limit"}, {"max_examples"}, ""},
      {{"dataset_url", "url"}, {"source"}, ""},
      {{"repeats", "filter_list", "process_docs", "process_results", "should_decontaminate",
        "doc_to_decontamination_query", "use_prompt", "metadata", "tag", "group", "include"},
       {},
       "task files have no equivalent"},
  };
  return keys;
}

/// Whether a bare key is one of the names that the table has: "wandb_*" are all that begin so.
bool is_spelling(std::string_view name, const std::string& bare) {
  if (!name.ends_with('*')) return bare_key(name) == bare;
  name.remove_suffix(1);
  return bare.starts_with(bare_key(name));
}

}  // namespace

std::span<const ForeignKey> foreign_run_keys() {
  return run_keys();
}

Json with_present_keys(Json config) {
  constexpr std::pair<const char*, const char*> kRenamed[] = {
      {"/train", "/method"},
      {"/data/learn_prompt", "/data/train_on_prompt"},
      {"/data/chat_format", "/data/chat_template"},
      {"/training/clip_norm", "/training/max_grad_norm"},
      {"/training/schedule", "/training/lr_scheduler"},
      {"/training/final_learning_rate", "/training/min_lr_ratio"},
      {"/training/activation_checkpointing", "/training/gradient_checkpointing"},
      {"/training/patience", "/training/early_stopping_patience"}};
  if (!config.is_object()) return config;
  for (const auto& [before, now] : kRenamed) {
    const Json::json_pointer from(before), to(now);
    if (!config.contains(from)) continue;
    Json& group = config.at(from.parent_pointer());
    Json value = group.at(from.back());
    group.erase(from.back());
    if (!group.contains(to.back())) group[to.back()] = std::move(value);
  }
  return config;
}

std::span<const ForeignKey> foreign_task_keys() {
  return task_keys();
}

const ForeignKey* find_foreign(std::span<const ForeignKey> keys, std::string_view key) {
  const std::string wanted = bare_key(key);
  const auto found = std::ranges::find_if(keys, [&](const ForeignKey& one) {
    return std::ranges::any_of(one.names,
                               [&](std::string_view name) { return is_spelling(name, wanted); });
  });
  return found == keys.end() ? nullptr : &*found;
}

std::string in_words(const ForeignKey& key) {
  if (key.ours.empty()) return std::string(key.note);
  std::string text;
  for (const std::string_view ours : key.ours) {
    text.append(text.empty() ? "here it is \"" : " or \"").append(ours) += '"';
  }
  if (!key.note.empty()) text.append(": ").append(key.note);
  return text;
}

std::string bare_key(std::string_view key) {
  std::string bare;
  for (const char c : key) {
    if (c != '_' && c != '-') {
      bare += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  return bare;
}

std::string unknown_key(const std::string& name, const std::vector<std::string>& known,
                        const std::string& prefix) {
  const std::string near = nearest(name, known);
  if (!near.empty()) return "unknown key; did you mean \"" + prefix + near + "\"?";
  return "unknown key; " + known_here(known);
}

std::string known_here(const std::vector<std::string>& known) {
  constexpr std::size_t kMostNames = 16;
  if (known.size() > kMostNames) {
    return "none of the " + std::to_string(known.size()) + " keys known here is like it";
  }
  std::string list;
  for (const std::string& one : known) list += (list.empty() ? "known here: " : ", ") + one;
  return list;
}

}  // namespace expandft

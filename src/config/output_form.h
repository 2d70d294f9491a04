#pragma once

#include <string>
#include <utility>

namespace expandft {

/// What a written model is: a Hugging Face directory, or a GGUF file.
enum class OutputFormat { kHuggingFace, kGguf };
/// Their names in run configs and on the command line.
inline constexpr std::pair<const char*, OutputFormat> kOutputFormatNames[] = {
    {"huggingface", OutputFormat::kHuggingFace}, {"gguf", OutputFormat::kGguf}};

/// The type of the numbers in a GGUF file; kAuto: that of the checkpoint.
enum class GgufNumberType { kAuto, kF32, kF16, kBF16, kQ8_0, kQ4_0 };
inline constexpr std::pair<const char*, GgufNumberType> kGgufNumberTypeNames[] = {
    {"auto", GgufNumberType::kAuto}, {"F32", GgufNumberType::kF32},
    {"F16", GgufNumberType::kF16},   {"BF16", GgufNumberType::kBF16},
    {"Q8_0", GgufNumberType::kQ8_0}, {"Q4_0", GgufNumberType::kQ4_0}};

/// How a model is written.
struct OutputForm {
  OutputFormat format = OutputFormat::kHuggingFace;
  GgufNumberType gguf_type = GgufNumberType::kAuto;

  bool is_gguf() const { return format == OutputFormat::kGguf; }
};

}  // namespace expandft

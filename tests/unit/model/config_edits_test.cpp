#include "base/error.h"
#include "base/files.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "families/model_config.h"
#include "families/unread_fields.h"
#include "golden.h"
#include "model/decoder.h"

#include <algorithm>
#include <map>

namespace expandft {
namespace {

// Edits each field of each family's config.json, one at a time, and compares the result with that
// of transformers for the same edit: tests/golden/configs.

/// Rounding errors of the goldens, and of sums in another order.
constexpr double kTolerance = 3e-4;

/// Fields for which transformers refuses values that have no effect here.
const std::map<std::string, std::string> kNotOurs = {
    {"/initializer_range", "how weights begin that nobody trained"},
    {"/id2label", "labels of a classifier, and more of them than num_labels"},
    {"/pad_token_id", "nothing is padded"},
    {"/return_dict", "how transformers hands back what it computed"},
    {"/head_dim", "null leaves it to follow from the sizes"},
    {"/final_logit_softcapping", "an integer is as good as the same number with a point"},
    {"/attn_logit_softcapping", "an integer is as good as the same number with a point"},
};

std::vector<std::string> edited_models() {
  std::vector<std::string> names;
  for (const auto& entry :
       fs::directory_iterator(fs::path(EXPANDFT_TEST_DATA) / "golden" / "configs")) {
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

bool is_absent(const Json& value) {
  return value.is_object() && value.contains("absent");
}

Json edited(Json config, const Json& edit) {
  for (const auto& [pointer, value] : edit.items()) {
    const Json::json_pointer place(pointer);
    if (!is_absent(value)) {
      config[place] = value;
    } else if (config.contains(place)) {
      config[place.parent_pointer()].erase(place.back());
    }
  }
  return config;
}

/// A pack of sequences; all tokens except the first of each are targets.
TokenTensors tokens_of_sequences(const Json& sequences) {
  TokenBatch batch;
  for (const Json& sequence : sequences) {
    const auto ids = sequence.get<std::vector<TokenId>>();
    for (std::size_t i = 0; i < ids.size(); ++i) {
      batch.ids.push_back(ids[i]);
      batch.positions.push_back(static_cast<std::int64_t>(i));
      batch.targets.push_back(i + 1 < ids.size() ? ids[i + 1] : kNoTarget);
    }
    batch.offsets.push_back(std::ssize(batch.ids));
  }
  return to_device(batch, at::kCPU);
}

/// The outcome of reading a config.
struct EditOutcome {
  std::string error;  // if it was refused; otherwise:
  DecoderSpec spec;
  std::string notices;
};

/// A golden checkpoint whose config is edited.
class EditedModel {
 public:
  explicit EditedModel(const std::string& name)
      : model_(fs::path(EXPANDFT_TEST_DATA) / "golden" / "models" / name),
        golden_(read_json(fs::path(EXPANDFT_TEST_DATA) / "golden" / "configs" / (name + ".json"))),
        config_(read_json(model_ / "config.json")),
        tokens_(tokens_of_sequences(golden_.at("ids"))) {
    fs::create_symlink(model_ / "model.safetensors", folder_ / "model.safetensors");
    unedited_ = spec_of(config_).spec;
  }

  const Json& golden() const { return golden_; }
  bool is_unedited(const DecoderSpec& spec) const { return spec == unedited_; }

  EditOutcome spec_of(const Json& config) const {
    EditOutcome out;
    try {
      out.spec = read_spec(config, "config.json");
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::kBadInput);
      out.error = error.what();
      return out;
    }
    for (const Notice& notice : out.spec.notices) out.notices += notice_text(notice) + "\n";
    out.spec.notices.clear();
    out.spec.training_notices.clear();
    return out;
  }
  EditOutcome outcome_of(const Json& edit) const { return spec_of(edited(config_, edit)); }

  /// The difference from the expected log-probabilities, or the error if the weights do not match.
  std::pair<double, std::string> difference(const Json& edit, const Json& expected) {
    write_file_atomically(folder_ / "config.json", edited(config_, edit).dump());
    try {
      const Decoder decoder =
          Decoder::load(ModelDirectory::open(folder_.path()), at::kFloat, at::kCPU);
      const at::Tensor found = decoder.log_probs(tokens_);
      return {worst_difference(found, at::tensor(expected.get<std::vector<double>>())), ""};
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::kBadInput);
      return {0, error.what()};
    }
  }

 private:
  fs::path model_;
  Json golden_, config_;
  TokenTensors tokens_;
  testing::TempDirectory folder_;
  DecoderSpec unedited_;
};

/// Whether a text names one of the edited fields.
bool names_edit(const std::string& text, const Json& edit) {
  return std::ranges::any_of(edit.items(), [&](const auto& item) {
    const std::string pointer = item.key();
    return text.find(pointer.substr(pointer.rfind('/') + 1)) != text.npos ||
           text.find(pointer.substr(1, pointer.find('/', 1) - 1)) != text.npos;
  });
}

TEST_CASE("an edited config computes what transformers computes, is refused, or gives a notice",
          "[golden]") {
  const std::string name = GENERATE(from_range(edited_models()));
  CAPTURE(name);
  EditedModel model(name);
  std::int64_t computed = 0, accepted_there = 0;

  const auto check = [&](const Json& edit, const Json& expected) {
    CAPTURE(edit.dump());
    ++accepted_there;
    const EditOutcome outcome = model.outcome_of(edit);
    if (!outcome.error.empty()) {
      INFO(outcome.error);
      CHECK(names_edit(outcome.error, edit));
      return;
    }
    const bool same = expected == model.golden().at("unedited");
    if (same && model.is_unedited(outcome.spec)) {
      ++computed;
      return;
    }
    const auto [difference, error] = model.difference(edit, expected);
    CAPTURE(outcome.notices, error);
    CHECK(difference < kTolerance);
    if (error.empty()) ++computed;
  };
  for (const Json& edit : model.golden().at("same")) check(edit, model.golden().at("unedited"));
  for (const Json& row : model.golden().at("changed")) check(row.at(0), row.at(1));
  // Refusing everything would pass, too. Most refused edits are fields of other families.
  CHECK(5 * computed > 2 * accepted_there);

  for (const Json& edit : model.golden().at("refused")) {
    CAPTURE(edit.dump());
    const EditOutcome outcome = model.outcome_of(edit);
    if (!outcome.error.empty() || names_edit(outcome.notices, edit)) continue;
    const bool is_harmless = std::ranges::all_of(edit.items(), [](const auto& item) {
      const std::string pointer = item.key();
      return says_nothing(item.value()) || kNotOurs.contains(pointer.substr(pointer.rfind('/')));
    });
    if (is_harmless && model.is_unedited(outcome.spec)) continue;
    const auto [difference, error] = model.difference(edit, model.golden().at("unedited"));
    CAPTURE(difference);
    CHECK_FALSE(error.empty());
  }
}

}  // namespace
}  // namespace expandft

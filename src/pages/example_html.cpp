#include "pages/example_html.h"

#include "base/utf8.h"
#include "pages/html.h"
#include "report/human.h"

#include <algorithm>
#include <string_view>

namespace expandft {
namespace {

constexpr std::size_t kLongText = 2000, kLongPrompt = 600, kLongChoice = 400;  // bytes
constexpr std::string_view kCut = "…";

std::string beginning_of(const std::string& text, std::size_t most) {
  if (text.size() <= most) return text;
  return std::string(cut_to_bytes(text, most)).append(kCut);
}

std::string end_of(const std::string& text, std::size_t most) {
  if (text.size() <= most) return text;
  return std::string(kCut) + text.substr(character_at_or_after(text, text.size() - most));
}

/// A text within a line or cell.
std::string inline_html(const std::string& text) {
  return "<bdi class=\"text\">" + html_escaped(text) + "</bdi>";
}

constexpr std::string_view kRightMark = "<span class=\"verdict good\">✓ right</span> ";

/// Names the models for which something holds.
std::string models_html(bool base, bool tuned) {
  std::string out;
  if (base) out = "<span class=\"verdict\">base</span>";
  if (base && tuned) out += ' ';
  if (tuned) out += "<span class=\"verdict\">tuned</span>";
  return out;
}

/// Renders example `i` of a task.
class ExampleHtml {
 public:
  ExampleHtml(const TaskResult& base, const TaskResult& tuned, std::size_t i)
      : base_(base), tuned_(tuned), i_(i), example_((*base.examples)[i]) {}

  std::string html() const {
    std::string out = "<article class=\"sample\">\n";
    if (base_.task.writes()) {
      out += prompt_box(example_.prompt);
      if (base_.task.type == TaskType::kGenerate) out += references();
      if (base_.task.type == TaskType::kChoice) out += choices();
      out += "<div class=\"pair\">\n" + written("base", "Base", base_) +
             written("tuned", "Tuned", tuned_) + "</div>\n";
    } else if (base_.task.type == TaskType::kContinuation) {
      out += prompt_box(example_.texts.front().context) + continuation();
    } else {
      out += has_one_prompt() ? prompt_box(example_.texts.front().context)
                              : "<h3>" + place() + "</h3>\n";
      out += choices();
    }
    return out + "</article>\n";
  }

 private:
  std::string place() const { return "Line " + std::to_string(example_.line) + " of the data"; }

  std::string prompt_box(const std::string& prompt) const {
    std::string label = place() + ": prompt";
    if (prompt.size() > kLongPrompt) label += ", its end";
    const bool cut = base_.outputs[i_].truncated || tuned_.outputs[i_].truncated;
    if (cut) label += " (too long for the model, which read only its end)";
    return text_box_html("prompt", label, end_of(prompt, kLongPrompt));
  }

  /// Whether all choices have the same context.
  bool has_one_prompt() const {
    return std::ranges::all_of(example_.texts, [this](const LikelihoodText& text) {
      return text.context == example_.texts.front().context;
    });
  }

  std::string choice_text(std::size_t choice) const {
    if (base_.task.written || has_one_prompt()) {
      return beginning_of(example_.choices[choice], kLongChoice);
    }
    const LikelihoodText& text = example_.texts[choice];
    return end_of(text.context, kLongChoice) + beginning_of(text.continuation, kLongChoice);
  }

  std::string choices() const {
    const bool written = base_.task.written;
    std::vector<std::string> columns = {"Choice"};
    if (!written) columns.insert(columns.end(), {"Base, nats", "Tuned, nats", "Change"});
    columns.emplace_back("Taken by");
    HtmlTable table(columns, "");
    for (std::size_t choice = 0; choice < example_.choices.size(); ++choice) {
      std::vector<std::string> cells;
      if (!written) cells = log_probs(choice);
      const auto index = static_cast<std::int64_t>(choice);
      cells.push_back(models_html(base_.predictions[i_] == index, tuned_.predictions[i_] == index));
      table.row(std::string(index == example_.target ? kRightMark : "") +
                    inline_html(choice_text(choice)),
                cells);
    }
    return table.html();
  }

  /// Of one of the example's texts: base, tuned, change.
  std::vector<std::string> log_probs(std::size_t text) const {
    const double before = base_.outputs[i_].likelihoods[text].log_prob,
                 now = tuned_.outputs[i_].likelihoods[text].log_prob;
    return {fixed(before, 3), fixed(now, 3), signed_fixed(now - before, 3)};
  }

  std::string continuation() const {
    HtmlTable table({"What follows", "Base, nats", "Tuned, nats", "Change", "Written greedily by"},
                    "");
    std::vector<std::string> cells = log_probs(0);
    const auto is_greedy = [this](const TaskResult& result) {
      return result.outputs[i_].likelihoods.front().greedy;
    };
    cells.push_back(models_html(is_greedy(base_), is_greedy(tuned_)));
    std::string text = example_.texts.front().continuation;
    text.erase(0, text.find_first_not_of(' '));  // the delimiter
    table.row(inline_html(beginning_of(text, kLongText)), cells);
    return table.html();
  }

  std::string references() const {
    std::string out = "<div class=\"references\">\n<h3>" +
                      std::string(example_.references.size() > 1 ? "References" : "Reference") +
                      "</h3>\n<ul>\n";
    for (const std::string& reference : example_.references) {
      out += "<li dir=\"auto\">" + inline_html(beginning_of(reference, kLongText)) + "</li>\n";
    }
    return out + "</ul>\n</div>\n";
  }

  std::string written(std::string_view style, const std::string& model,
                      const TaskResult& result) const {
    std::string label = model;
    if (!result.right.empty()) label += result.right[i_] != 0 ? ": right" : ": wrong";
    if (!result.predictions.empty() && result.predictions[i_] < 0) label += ", none of the choices";
    return text_box_html(style, label, beginning_of(result.outputs[i_].text, kLongText));
  }

  const TaskResult& base_;
  const TaskResult& tuned_;
  std::size_t i_;
  const TaskExample& example_;
};

}  // namespace

std::string example_html(const TaskResult& base, const TaskResult& tuned, std::size_t example) {
  return ExampleHtml(base, tuned, example).html();
}

std::string risen_losses_html(const TaskResult& base, const std::vector<RisenLoss>& losses) {
  const bool blocks = !base.examples;
  HtmlTable table({blocks ? "Block" : "Document", "Tokens", "Base, nats per token",
                   "Tuned, nats per token", "Change"},
                  "");
  for (const RisenLoss& loss : losses) {
    std::string head = "Block " + std::to_string(loss.example + 1);
    if (!blocks) {
      const TaskExample& document = (*base.examples)[loss.example];
      head = "<span class=\"quiet\">Line " + std::to_string(document.line) + "</span> ";
      if (!document.texts.empty()) {
        head += inline_html(beginning_of(document.texts.front().continuation, kLongChoice));
      }
    }
    table.row(head, {std::to_string(loss.tokens), fixed(loss.base, 4), fixed(loss.tuned, 4),
                     signed_fixed(loss.tuned - loss.base, 4)});
  }
  return "<div class=\"losses\">\n" + table.html() + "</div>\n";
}

}  // namespace expandft

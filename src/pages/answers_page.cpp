#include "pages/answers_page.h"

#include "base/wording.h"
#include "pages/example_html.h"
#include "pages/html.h"
#include "pages/html_page.h"
#include "pages/task_table.h"
#include "report/human.h"
#include "tasks/changed_answers.h"
#include "tasks/results_json.h"

#include <algorithm>
#include <string_view>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

constexpr std::size_t kMostExamples = 200;  // of a task
constexpr std::size_t kMostLosses = 20;

bool has_answers(const TaskResult& result) {
  return result.task.type != TaskType::kPerplexity && result.task.type != TaskType::kRolling;
}

std::string share_text(double share) {
  return signed_fixed(100 * share, 2) + "%";
}

std::string forgetting_html(const ComparisonReport& report) {
  if (!report.forgetting) return "";
  const Forgetting& forgetting = *report.forgetting;
  Facts facts = {
      {"Mean drop", share_text(forgetting.mean_drop)},
      {"Worst drop", share_text(forgetting.worst_drop) + " (" + forgetting.worst_task + ")"}};
  if (forgetting.flipped) {
    facts.emplace_back("Answers flipped", fixed(100 * *forgetting.flipped, 2) + "%");
  }
  if (forgetting.divergence) {
    facts.emplace_back("KL(base ‖ tuned), nats per token", fixed(*forgetting.divergence, 4));
  }
  return "<section aria-labelledby=\"forgetting\">\n<h2 id=\"forgetting\">What original tasks "
         "lost</h2>\n<p class=\"quiet\">Drops of each task's metric in percent of the base's "
         "value; "
         "a negative drop is an improvement.</p>\n" +
         facts_html(facts, "numbers") + "</section>\n";
}

/// "12 lost, 8 gained, 3 changed otherwise"
std::string counts_text(const ChangedAnswers& changed) {
  if (changed.count() == 0) return "no answer changed";
  std::string out;
  const auto add = [&out](std::size_t count, const char* word) {
    if (count > 0) out += (out.empty() ? "" : ", ") + std::to_string(count) + word;
  };
  add(changed.lost.size(), " lost");
  add(changed.gained.size(), " gained");
  add(changed.others.size(),
      changed.lost.size() + changed.gained.size() > 0 ? " changed otherwise" : " changed");
  return out;
}

/// One task's section of the page.
class TaskSection {
 public:
  TaskSection(const TaskResult& base, const TaskResult& tuned, std::size_t place)
      : base_(base), tuned_(tuned), id_("task-" + std::to_string(place + 1)) {
    if (has_answers(base)) {
      changed_ = changed_answers(base, tuned);
    } else {
      losses_ = risen_losses(base, tuned, base.outputs.size());
    }
  }

  std::string link_html() const {
    return fmt::format(
        "<li><a href=\"#{}\"><bdi>{}</bdi></a> <span class=\"quiet\">{}</span></li>\n", id_,
        html_escaped(base_.task.name), summary());
  }

  std::string html() const {
    return fmt::format(
        "<section aria-labelledby=\"{0}\">\n<h2 id=\"{0}\"><bdi>{1}</bdi></h2>\n"
        "<p class=\"quiet\">{2}</p>\n{3}</section>\n",
        id_, html_escaped(base_.task.name), sentence(),
        has_answers(base_) ? groups_html() : losses_html());
  }

 private:
  std::string summary() const {
    if (has_answers(base_)) return counts_text(changed_);
    return "loss rose in " + std::to_string(losses_.size()) + " of " +
           std::to_string(base_.outputs.size());
  }

  std::string sentence() const {
    if (!has_answers(base_)) {
      std::string out = fmt::format("The loss rose in {} of {} {}.", losses_.size(),
                                    base_.outputs.size(), base_.examples ? "documents" : "blocks");
      if (losses_.size() > kMostLosses) {
        out += fmt::format(" The {} in which it rose most:", kMostLosses);
      }
      return out;
    }
    std::string out = fmt::format("Of {}: {}.", counted(std::ssize(base_.outputs), "answer"),
                                  counts_text(changed_));
    if (changed_.count() > kMostExamples)
      out += fmt::format(" The first {} are shown.", kMostExamples);
    return out;
  }

  std::string losses_html() const {
    if (losses_.empty()) return "";
    std::vector<RisenLoss> most = losses_;
    most.resize(std::min(most.size(), kMostLosses));
    return risen_losses_html(base_, most);
  }

  std::string groups_html() const {
    std::size_t left = kMostExamples;
    const bool flips = changed_.lost.size() + changed_.gained.size() > 0;
    std::string out = group_html("Lost: right before, wrong now", changed_.lost, left);
    out += group_html("Gained: wrong before, right now", changed_.gained, left);
    return out + group_html(flips ? "Changed otherwise" : "Changed", changed_.others, left);
  }

  /// Collapsed, except the first of a task. `left`: how many more examples may be shown.
  std::string group_html(std::string_view title, const std::vector<std::size_t>& examples,
                         std::size_t& left) const {
    const std::size_t shown = std::min(left, examples.size());
    if (shown == 0) return "";
    std::string out =
        fmt::format("<details class=\"answers\"{}><summary>{} ({}{})</summary>\n",
                    left == kMostExamples ? " open=\"\"" : "", title,
                    shown < examples.size() ? std::to_string(shown) + " of " : "", examples.size());
    for (std::size_t i = 0; i < shown; ++i) out += example_html(base_, tuned_, examples[i]);
    left -= shown;
    return out + "</details>\n";
  }

  const TaskResult& base_;
  const TaskResult& tuned_;
  std::string id_;
  ChangedAnswers changed_;
  std::vector<RisenLoss> losses_;
};

}  // namespace

std::string answers_page(const ComparisonReport& report, const std::vector<TaskResult>& base,
                         const std::vector<TaskResult>& tuned, const ComparedModels& compared) {
  std::string links, sections;
  for (std::size_t i = 0; i < base.size(); ++i) {
    const TaskSection section(base[i], tuned[i], i);
    links += section.link_html();
    sections += section.html();
  }
  Facts names = {{"Base", compared.base}, {"Tuned", compared.tuned}};
  if (!compared.strength.empty()) names.emplace_back("Strength", compared.strength);
  std::string body =
      "<header>\n<h1>Answers before and after tuning</h1>\n</header>\n<section "
      "aria-label=\"Models\">\n" +
      facts_html(names, "numbers models") + "</section>\n";
  if (const std::string table =
          task_table_html(comparison_json(report), TaskColumns::kAll, "tasks");
      !table.empty()) {
    body += "<section aria-labelledby=\"tasks\">\n<h2 id=\"tasks\">Tasks</h2>\n" + table +
            "</section>\n";
  }
  body += forgetting_html(report);
  body +=
      "<nav aria-labelledby=\"answers\">\n<h2 id=\"answers\">Answers that changed</h2>\n<ul>\n" +
      links + "</ul>\n</nav>\n" + sections;
  return html_page("Answers before and after tuning: expandft eval", body);
}

}  // namespace expandft

#include "tasks/few_shot.h"

#include "base/error.h"
#include "base/wording.h"
#include "data/text_file.h"

#include <numeric>
#include <system_error>

namespace expandft {

FewShot::FewShot(const TaskConfig& task, const std::vector<FormTemplates>& forms)
    : task_(task),
      count_(static_cast<std::size_t>(task.fewshot.count)),
      random_(task.fewshot.seed) {
  if (count_ == 0) return;
  std::error_code error;
  same_file_ = fs::equivalent(task.fewshot.data, task.data, error);
  const FormTemplates* form = nullptr;
  for_each_json_line(task.fewshot.data, [&](const Json& row, std::int64_t line) {
    // The first ones are all that "first" needs, unless the row itself is among them.
    if (!task.fewshot.random && examples_.size() >= count_ && !same_file_) return;
    const std::string where = task.fewshot.data.string() + ":" + std::to_string(line);
    if (form == nullptr) form = &choose_form(forms, row, where);
    const RenderedForm solved = form->render(row, where);
    examples_.push_back(
        {same_file_ ? row : Json(),
         solved.right_context() + task.delimiter + solved.right_answer() + task.fewshot_delimiter});
  });
  const std::size_t needed = count_ + (same_file_ ? 1 : 0);
  if (examples_.size() < needed) refuse(examples_.size(), needed);
}

void FewShot::refuse(std::size_t found, std::size_t needed) const {
  throw input_error(
      task_.fewshot.data.string() + " has " +
          counted(static_cast<std::int64_t>(found), same_file_ ? "different row" : "row") +
          ", expected " + std::to_string(needed) + " or more for " +
          counted(static_cast<std::int64_t>(count_), "solved example") +
          (same_file_ ? " beside the row that is asked about" : ""),
      task_.file.string() + ": fewshot.count");
}

std::vector<std::size_t> FewShot::draw(const Json& row) {
  if (!same_file_) {
    if (task_.fewshot.random) {
      // A spare one is dropped, but it moves the generator on.
      const std::size_t spare = task_.fewshot.spare && examples_.size() > count_ ? 1 : 0;
      std::vector<std::size_t> drawn = random_.sample(examples_.size(), count_ + spare);
      drawn.resize(count_);
      return drawn;
    }
    std::vector<std::size_t> first(count_);
    std::iota(first.begin(), first.end(), std::size_t{0});
    return first;
  }
  if (!task_.fewshot.random) return draw_without(row);
  // One more than needed is drawn, and the row itself dropped.
  std::vector<std::size_t> drawn = random_.sample(examples_.size(), count_ + 1);
  std::erase_if(drawn, [&](std::size_t i) { return examples_[i].row == row; });
  if (drawn.size() < count_) return draw_without(row);  // it was there more than once
  drawn.resize(count_);
  return drawn;
}

std::vector<std::size_t> FewShot::draw_without(const Json& row) {
  std::vector<std::size_t> others;
  for (std::size_t i = 0; i < examples_.size(); ++i) {
    if (!(examples_[i].row == row)) others.push_back(i);
  }
  if (others.size() < count_) refuse(others.size() + 1, count_ + 1);
  if (!task_.fewshot.random) {
    others.resize(count_);
    return others;
  }
  std::vector<std::size_t> drawn;
  for (const std::size_t i : random_.sample(others.size(), count_)) drawn.push_back(others[i]);
  return drawn;
}

std::string FewShot::before(const Json& row) {
  std::string text;
  if (count_ == 0) return text;
  for (const std::size_t i : draw(row)) text += examples_[i].text;
  return text;
}

}  // namespace expandft

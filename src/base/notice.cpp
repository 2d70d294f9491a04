#include "base/notice.h"

#include "base/wording.h"

#include <iterator>
#include <utility>

namespace expandft {

Notices joined(Notices first, const Notices& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

std::string notice_text(const Notice& notice) {
  std::string text = notice.where.empty() ? notice.what : notice.where + ": " + notice.what;
  if (!notice.hint.empty()) text += "; " + notice.hint;
  return printable(text);
}

std::vector<std::string> notice_texts(const Notices& notices) {
  std::vector<std::string> texts;
  for (const Notice& notice : notices) texts.push_back(notice_text(notice));
  return texts;
}

Error strict_error(const Notices& notices) {
  std::string text = "--strict: " + counted(std::ssize(notices), "warning");
  for (const std::string& one : notice_texts(notices)) text += "\n  " + one;
  return input_error(std::move(text), "", "correct the files, or omit --strict");
}

}  // namespace expandft

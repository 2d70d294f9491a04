#include "tasks/few_shot.h"

#include "base/error.h"
#include "base/wording.h"
#include "data/text_file.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <system_error>
#include <unordered_set>

namespace expandft {
namespace {

// Fills an engine's state as init_by_array of the reference implementation (mt19937ar.c, 2002)
// does. <random> seeds differently.
class ArraySeed {
 public:
  using result_type = std::uint32_t;

  explicit ArraySeed(std::uint64_t seed) : key_{static_cast<std::uint32_t>(seed)} {
    if (seed >> 32 != 0) key_.push_back(static_cast<std::uint32_t>(seed >> 32));
  }

  template <typename Iterator>
  void generate(Iterator begin, Iterator end) const {
    const auto size = static_cast<std::uint32_t>(end - begin);
    std::vector<std::uint32_t> state(size);
    state[0] = 19650218;
    for (std::uint32_t i = 1; i < size; ++i) state[i] = 1812433253 * mixed(state[i - 1]) + i;
    std::uint32_t at = 1;
    const auto advance = [&] {
      if (++at < size) return;
      state[0] = state[size - 1];
      at = 1;
    };
    for (std::uint32_t k = 0; k < size; ++k, advance()) {
      const std::uint32_t word = k % static_cast<std::uint32_t>(key_.size());
      state[at] = (state[at] ^ mixed(state[at - 1]) * 1664525) + key_[word] + word;
    }
    for (std::uint32_t k = 1; k < size; ++k, advance()) {
      state[at] = (state[at] ^ mixed(state[at - 1]) * 1566083941) - at;
    }
    state[0] = 0x80000000;
    std::copy(state.begin(), state.end(), begin);
  }

 private:
  static std::uint32_t mixed(std::uint32_t word) { return word ^ word >> 30; }

  std::vector<std::uint32_t> key_;  // shorter than the state
};

}  // namespace

HarnessRandom::HarnessRandom(std::uint64_t seed) {
  ArraySeed words(seed);
  engine_.seed(words);
}

// As many random bits as the bound has, drawn again until they are below it.
std::uint64_t HarnessRandom::below(std::uint64_t bound) {
  const auto bits = static_cast<unsigned>(std::bit_width(bound));
  const auto word = [&](unsigned wanted) {
    return static_cast<std::uint64_t>(engine_()) >> (32 - wanted);
  };
  while (true) {
    std::uint64_t drawn = word(std::min(bits, 32U));
    if (bits > 32) drawn |= word(bits - 32) << 32;
    if (drawn < bound) return drawn;
  }
}

std::vector<std::size_t> HarnessRandom::sample(std::size_t size, std::size_t count) {
  if (count > size) {
    throw input_error("cannot draw " + std::to_string(count) + " different examples from " +
                      std::to_string(size));
  }
  // Python keeps a list of the remaining indices if that takes less room than a set of the drawn.
  std::size_t room_of_set = 21;
  if (count > 5) {
    std::size_t table = 1;
    while (table < 3 * count) table *= 4;
    room_of_set += table;
  }
  std::vector<std::size_t> drawn;
  if (size <= room_of_set) {
    std::vector<std::size_t> left(size);
    std::iota(left.begin(), left.end(), std::size_t{0});
    for (; drawn.size() < count; left.pop_back()) {
      std::size_t& place = left[below(left.size())];
      drawn.push_back(place);
      place = left.back();
    }
    return drawn;
  }
  std::unordered_set<std::size_t> known;
  while (drawn.size() < count) {
    const std::size_t index = below(size);
    if (known.insert(index).second) drawn.push_back(index);
  }
  return drawn;
}

FewShot::FewShot(const TaskConfig& task, const std::vector<TaskRenderer>& forms)
    : task_(task),
      count_(static_cast<std::size_t>(task.fewshot.count)),
      random_(task.fewshot.seed) {
  if (count_ == 0) return;
  std::error_code error;
  same_file_ = fs::equivalent(task.fewshot.data, task.data, error);
  const TaskRenderer* form = nullptr;
  for_each_json_line(task.fewshot.data, [&](const Json& row, std::int64_t line) {
    // "first" needs only the first rows, unless the row itself is among them.
    if (!task.fewshot.random && examples_.size() >= count_ && !same_file_) return;
    const std::string where = task.fewshot.data.string() + ":" + std::to_string(line);
    if (form == nullptr) form = &choose_renderer(forms, row, where);
    const RenderedTask solved = form->render(row, where);
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
          (same_file_ ? " besides the evaluated row" : ""),
      task_.file.string() + ": fewshot.count");
}

std::vector<std::size_t> FewShot::draw(const Json& row) {
  if (!same_file_) {
    if (task_.fewshot.random) {
      // The harness draws a spare example and drops it, which advances the generator.
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
  // The harness draws one more than needed and drops the row itself.
  std::vector<std::size_t> drawn = random_.sample(examples_.size(), count_ + 1);
  std::erase_if(drawn, [&](std::size_t i) { return examples_[i].row == row; });
  if (drawn.size() < count_) return draw_without(row);  // the file repeats the row
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

#include "data/text_reader.h"

#include "base/error.h"

#include <algorithm>
#include <array>
#include <string>

#include <zlib.h>

namespace expandft {

class TextReader::Inflater {
 public:
  explicit Inflater(std::string where) : where_(std::move(where)) {
    constexpr int kGzipWindow = 15 + 16;  // largest window, gzip header expected
    if (inflateInit2(&stream_, kGzipWindow) != Z_OK) throw failure("zlib could not start", where_);
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  std::size_t read(InputFile& file, std::span<char> buffer) {
    constexpr std::size_t kMost = 1u << 30;  // zlib counts in 32 bits
    buffer = buffer.first(std::min(buffer.size(), kMost));
    stream_.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream_.avail_out = static_cast<uInt>(buffer.size());
    while (stream_.avail_out > 0 && !at_end_) {
      if (stream_.avail_in == 0) {
        stream_.next_in = reinterpret_cast<Bytef*>(packed_.data());
        stream_.avail_in = static_cast<uInt>(file.read(packed_));
      }
      if (stream_.avail_in == 0) {  // the file ends, as it may only between members
        if (!between_members_) damaged("it ends too early");
        at_end_ = true;
      } else {
        inflate_some();
      }
    }
    return buffer.size() - stream_.avail_out;
  }

 private:
  void inflate_some() {
    between_members_ = false;
    const int state = inflate(&stream_, Z_NO_FLUSH);
    if (state == Z_STREAM_END) {
      between_members_ = true;
      inflateReset(&stream_);
    } else if (state != Z_OK) {
      damaged(stream_.msg != nullptr ? stream_.msg : "error " + std::to_string(state));
    }
  }

  [[noreturn]] void damaged(const std::string& reason) const {
    throw input_error("damaged gzip file: " + reason, where_, "pack or fetch the file again");
  }

  std::string where_;
  z_stream stream_{};
  std::array<char, 1 << 16> packed_{};
  bool between_members_ = false, at_end_ = false;
};

TextReader::TextReader(const fs::path& file) : file_(file) {
  if (file.extension() == ".gz") inflater_ = std::make_unique<Inflater>(file.string());
}

TextReader::~TextReader() = default;

std::size_t TextReader::read(std::span<char> buffer) {
  std::size_t total = 0;
  while (total < buffer.size()) {
    const std::span<char> rest = buffer.subspan(total);
    const std::size_t count = inflater_ ? inflater_->read(file_, rest) : file_.read(rest);
    if (count == 0) break;
    total += count;
  }
  return total;
}

}  // namespace expandft

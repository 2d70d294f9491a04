#include "config/hub_cache.h"

#include "base/error.h"
#include "base/temp_directory.h"
#include "catch.h"

#include <cstdlib>
#include <map>

using namespace expandft;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Variables of the environment that are as they were afterwards.
class Variables {
 public:
  explicit Variables(const std::map<std::string, std::string>& values) {
    for (const char* const name :
         {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "HOME", "PLACE"}) {
      const char* const before = std::getenv(name);
      before_[name] = before == nullptr ? std::optional<std::string>() : before;
      unsetenv(name);
    }
    for (const auto& [name, value] : values) setenv(name.c_str(), value.c_str(), 1);
  }
  ~Variables() {
    for (const auto& [name, value] : before_) {
      value ? setenv(name.c_str(), value->c_str(), 1) : unsetenv(name.c_str());
    }
  }
  Variables(const Variables&) = delete;
  Variables& operator=(const Variables&) = delete;

 private:
  std::map<std::string, std::optional<std::string>> before_;
};

/// A cache with one model, of as many snapshots as are named.
struct Cache {
  explicit Cache(const std::vector<std::string>& snapshots = {"abc"}) {
    fs::create_directories(entry / "blobs");
    fs::create_directories(entry / "refs");
    for (const std::string& name : snapshots) fs::create_directories(entry / "snapshots" / name);
  }
  void refer(const std::string& name, const std::string& commit) const {
    fs::create_directories((entry / "refs" / name).parent_path());
    write_file_atomically(entry / "refs" / name, commit);
  }
  fs::path find(const std::string& name) const {
    const Variables variables({{"HF_HUB_CACHE", folder.path().string()}});
    return find_model(name, folder / name);
  }
  Error error(const std::string& name) const {
    try {
      find(name);
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::kBadInput);
      return error;
    }
    FAIL("nothing was thrown for " << name);
    return failure("");
  }

  testing::TempDirectory folder;
  fs::path entry = folder / "models--org--name";
};

}  // namespace

TEST_CASE("The hub's cache is where huggingface_hub has it", "[hub_cache]") {
  const auto folder = [](const std::map<std::string, std::string>& values) {
    const Variables variables(values);
    return hub_cache_folder();
  };
  CHECK(folder({}) == std::nullopt);
  CHECK(folder({{"HOME", "/home/u"}}) == "/home/u/.cache/huggingface/hub");
  CHECK(folder({{"HOME", "/home/u"}, {"XDG_CACHE_HOME", "/x"}}) == "/x/huggingface/hub");
  CHECK(folder({{"XDG_CACHE_HOME", "/x"}, {"HF_HOME", "/hf"}}) == "/hf/hub");
  CHECK(folder({{"HF_HOME", "/hf"}, {"HUGGINGFACE_HUB_CACHE", "/old"}}) == "/old");
  CHECK(folder({{"HUGGINGFACE_HUB_CACHE", "/old"}, {"HF_HUB_CACHE", "/c"}}) == "/c");
  CHECK(folder({{"HF_HOME", "/hf"}, {"HF_HUB_CACHE", ""}}) == "/hf/hub");
  CHECK(folder({{"HOME", "/home/u"}, {"HF_HOME", "~/hf"}}) == "/home/u/hf/hub");
  CHECK(folder({{"PLACE", "/p"}, {"HF_HUB_CACHE", "$PLACE/a/${PLACE}b/$NONE/$"}}) ==
        "/p/a//pb/$NONE/$");
}

TEST_CASE("A hub name leads to its snapshot in the cache", "[hub_cache]") {
  const Cache cache({"abc", "def"});
  cache.refer("main", "def\n");
  cache.refer("refs/pr/1", "abc");
  const fs::path snapshots = cache.entry / "snapshots";
  CHECK(cache.find("org/name") == snapshots / "def");
  CHECK(cache.find("org/name@main") == snapshots / "def");
  CHECK(cache.find("org/name@abc") == snapshots / "abc");
  CHECK(cache.find("org/name@refs/pr/1") == snapshots / "abc");
  CHECK(cache.find("models--org--name") == snapshots / "def");
  CHECK(cache.find("models--org--name/") == snapshots / "def");
  // A path that is there wins, and one that cannot be a hub name stays what it is.
  fs::create_directories(cache.folder / "org/name");
  CHECK(cache.find("org/name") == cache.folder / "org/name");
  for (const char* const name : {"a/b/c", "./x", "../org/name", "nothing", "org/.name", "a--b/c"}) {
    CHECK(cache.find(name) == cache.folder / name);
  }
}

TEST_CASE("The oldest models have names without an organisation", "[hub_cache]") {
  const Cache cache;
  fs::create_directories(cache.folder / "models--gpt2/snapshots/123");
  CHECK(cache.find("gpt2") == cache.folder / "models--gpt2/snapshots/123");
}

TEST_CASE("The only snapshot needs no ref", "[hub_cache]") {
  const Cache cache;
  CHECK(cache.find("org/name") == cache.entry / "snapshots/abc");
}

TEST_CASE("A model that the cache lacks gets the command that downloads it", "[hub_cache]") {
  const Cache cache(std::vector<std::string>{});
  const Error nothing = cache.error("other/model@v1");
  CHECK(contains(nothing.message(), "no model of that name in the Hugging Face cache"));
  CHECK(contains(nothing.message(), cache.folder.path().string()));
  CHECK(contains(nothing.hint(), "hf download other/model --revision v1"));
  const Error empty = cache.error("org/name");
  CHECK(contains(empty.message(), "no snapshot"));
  CHECK(contains(empty.hint(), "hf download org/name"));
}

TEST_CASE("Which snapshot is meant has to be clear", "[hub_cache]") {
  const Cache cache({"abc", "def"});
  const Error unclear = cache.error("org/name");
  CHECK(contains(unclear.message(), "2 snapshots, and no refs/main to choose one: abc, def"));
  CHECK(contains(unclear.hint(), "org/name@REVISION"));
  const Error unknown = cache.error("org/name@v2");
  CHECK(contains(unknown.message(), "no snapshot v2, only abc, def"));
  CHECK(contains(unknown.hint(), "hf download org/name --revision v2"));
  cache.refer("main", "123");
  CHECK(contains(cache.error("models--org--name").message(),
                 "no snapshot 123 (main), only abc, def"));
}

TEST_CASE("A snapshot is called by its hub name, what lies in it by its path", "[hub_cache]") {
  const Cache cache;
  const fs::path snapshot = cache.entry / "snapshots/abc";
  fs::create_directories(snapshot / "step-1000");
  CHECK(model_name(snapshot) == "org/name");
  CHECK(model_name_and_path(snapshot) == "org/name (" + snapshot.string() + ")");
  CHECK(model_name(snapshot / "step-1000") == (snapshot / "step-1000").string());
  CHECK(hub_cache_entry(snapshot / "step-1000") == fs::canonical(cache.entry));
  CHECK(model_name(cache.folder.path()) == cache.folder.path().string());
  CHECK(hub_cache_entry(cache.folder / "none") == std::nullopt);
}

TEST_CASE("A download that was not finished is told", "[hub_cache]") {
  const Cache cache;
  const fs::path snapshot = cache.entry / "snapshots/abc";
  CHECK(download_hint(snapshot) ==
        "the model is incomplete: download it again, hf download org/name");
  write_file_atomically(cache.entry / "blobs/0123.incomplete", "");
  CHECK(contains(download_hint(snapshot), "was not finished"));
  const fs::path local = cache.folder / "local";
  CHECK(download_hint(local) == "the model is incomplete: download it again");
  fs::create_directories(local / ".cache/huggingface/download");
  write_file_atomically(local / ".cache/huggingface/download/x.incomplete", "");
  CHECK(contains(download_hint(local), "was not finished"));
}

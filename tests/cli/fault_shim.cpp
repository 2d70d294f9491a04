// Preloaded (LD_PRELOAD): counts the program's file operations below one folder, and injects one
// fault before one of them. Environment:
//   FAULT_ROOT  the folder
//   FAULT_LOG   a file that gets a line for each operation: "write run/metrics.jsonl"
//   FAULT_AT    the operation before which the fault happens, a shell pattern: "rename run/merged";
//               " #3" at the end selects the third match
//   FAULT       "kill", "term", "int", "stop"; "deny": from then on nothing can be opened for
//   writing,
//               created, renamed or removed; "full": from then on no byte can be written; "fill
//               FILE": the file grows until its disk is full; "cut FILE": the file loses its second
//               half
// When the fault has happened, the log gets a line "FAULT".
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <fcntl.h>
#include <filesystem>
#include <fnmatch.h>
#include <limits.h>
#include <regex>
#include <string>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

/// What an operation needs: nothing that a fault removes, write permission, space, or both.
enum class Kind { kRead, kName, kGrow, kMake };

std::string setting(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

struct Fault {
  std::string root = setting("FAULT_ROOT"), log = setting("FAULT_LOG"), at = setting("FAULT_AT"),
              kind = setting("FAULT");
  int left = 1;
  bool has_happened = false;

  Fault() {
    const auto count = at.rfind(" #");
    if (count == std::string::npos) return;
    left = std::atoi(at.c_str() + count + 2);
    at.resize(count);
  }
};

Fault& fault() {
  static Fault* const one = new Fault;  // operations continue while a process ends
  return *one;
}

// System calls by number, because the C library's functions are replaced here.
void tell(const std::string& line) {
  const long file =
      syscall(SYS_openat, AT_FDCWD, fault().log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
  if (file < 0) return;
  syscall(SYS_write, file, line.data(), line.size());
  syscall(SYS_close, file);
}

void fill(const char* name) {
  static char zeros[1 << 16];
  const long file = syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_APPEND, 0666);
  for (std::size_t piece = sizeof zeros; piece > 0;) {
    if (syscall(SYS_write, file, zeros, piece) < 0) piece /= 2;
  }
  syscall(SYS_close, file);
}

void happen() {
  tell("FAULT\n");
  const std::string& kind = fault().kind;
  if (kind == "kill") syscall(SYS_kill, getpid(), SIGKILL);
  if (kind == "term") syscall(SYS_kill, getpid(), SIGTERM);
  if (kind == "int") syscall(SYS_kill, getpid(), SIGINT);
  if (kind == "stop") syscall(SYS_kill, getpid(), SIGSTOP);
  if (kind.starts_with("fill ")) fill(kind.c_str() + 5);
  if (kind.starts_with("cut ")) {
    struct stat status {};
    const char* const file = kind.c_str() + 4;
    if (::stat(file, &status) == 0) syscall(SYS_truncate, file, status.st_size / 2);
  }
}

/// Removes the process id from names of unfinished output: ".grown.partial-77-1234/model".
std::string without_processes(const std::string& path) {
  static const std::regex process("(\\.partial)-[0-9]+-[0-9]+");
  return std::regex_replace(path, process, "$1");
}

/// The error that an operation on a path must fail with; 0: none.
int verdict(const char* operation, const std::string& given, Kind kind) {
  const int saved = errno;
  const std::string& root = fault().root;
  const std::string path = std::filesystem::absolute(given).lexically_normal();
  errno = saved;
  if (root.empty() || !path.starts_with(root + "/")) return 0;
  const std::string line =
      std::string(operation) + " " + without_processes(path.substr(root.size() + 1));
  tell(line + "\n");
  Fault& state = fault();
  if (!state.has_happened && !state.at.empty() && fnmatch(state.at.c_str(), line.c_str(), 0) == 0 &&
      --state.left == 0) {
    state.has_happened = true;
    happen();
  }
  errno = saved;
  if (!state.has_happened) return 0;
  if (state.kind == "deny" && (kind == Kind::kMake || kind == Kind::kName)) return EACCES;
  if (state.kind == "full" && (kind == Kind::kMake || kind == Kind::kGrow)) return ENOSPC;
  return 0;
}

std::string path_of(int descriptor) {
  char name[64], path[PATH_MAX];
  std::snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
  const ssize_t size = readlink(name, path, sizeof path);
  return size < 0 ? "" : std::string(path, static_cast<std::size_t>(size));
}

std::string path_at(int folder, const char* name) {
  return *name == '/' || folder == AT_FDCWD ? name : path_of(folder) + "/" + name;
}

template <typename Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

bool refused(const char* operation, const std::string& path, Kind kind) {
  const int error = verdict(operation, path, kind);
  if (error != 0) errno = error;
  return error != 0;
}

int open_file(int folder, const char* name, int flags, mode_t mode) {
  const bool writes = (flags & O_ACCMODE) != O_RDONLY;
  if (!(flags & (O_DIRECTORY | O_PATH)) &&
      refused(writes ? "create" : "open", path_at(folder, name),
              writes ? Kind::kMake : Kind::kRead)) {
    return -1;
  }
  return static_cast<int>(syscall(SYS_openat, folder, name, flags, mode));
}

mode_t mode_in(int flags, va_list& arguments) {
  return flags & (O_CREAT | O_TMPFILE) ? static_cast<mode_t>(va_arg(arguments, int)) : 0;
}

}  // namespace

extern "C" {

int open(const char* name, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_in(flags, arguments);
  va_end(arguments);
  return open_file(AT_FDCWD, name, flags, mode);
}

int open64(const char* name, int flags, ...) __attribute__((alias("open")));

int mkdir(const char* name, mode_t mode) {
  if (refused("mkdir", name, Kind::kMake)) return -1;
  return static_cast<int>(syscall(SYS_mkdir, name, mode));
}

int rename(const char* from, const char* to) {
  if (refused("rename", to, Kind::kName)) return -1;
  return static_cast<int>(syscall(SYS_rename, from, to));
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) {
  if (refused("rename", path_at(to_folder, to), Kind::kName)) return -1;
  return static_cast<int>(syscall(SYS_renameat2, from_folder, from, to_folder, to, flags));
}

int remove(const char* name) {
  if (refused("remove", name, Kind::kName)) return -1;
  return real<int(const char*)>("remove")(name);
}

int unlinkat(int folder, const char* name, int flags) {
  if (refused("remove", path_at(folder, name), Kind::kName)) return -1;
  return static_cast<int>(syscall(SYS_unlinkat, folder, name, flags));
}

ssize_t write(int descriptor, const void* bytes, size_t size) {
  if (refused("write", path_of(descriptor), Kind::kGrow)) return -1;
  return syscall(SYS_write, descriptor, bytes, size);
}

int fallocate64(int descriptor, int mode, off64_t begin, off64_t size) {
  if (refused("reserve", path_of(descriptor), Kind::kGrow)) return -1;
  return static_cast<int>(syscall(SYS_fallocate, descriptor, mode, begin, size));
}

int fallocate(int descriptor, int mode, off_t begin, off_t size) {
  return fallocate64(descriptor, mode, begin, size);
}

int fsync(int descriptor) {
  if (refused("sync", path_of(descriptor), Kind::kRead)) return -1;
  return static_cast<int>(syscall(SYS_fsync, descriptor));
}

}  // extern "C"

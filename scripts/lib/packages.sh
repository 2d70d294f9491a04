# System packages: compiler, build tools, libraries.
# shellcheck shell=bash
packages=(
  g++ cmake ninja-build ccache mold git ca-certificates python3 python3-venv
  libcli11-dev nlohmann-json3-dev libspdlog-dev libsentencepiece-dev libvalijson-dev
  libonig-dev libutf8proc-dev libxxhash-dev zlib1g-dev libgloo-dev catch2
)

# The packages of the list that dpkg does not have.
missing_packages() {
  local installed
  installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${packages[@]}" 2>/dev/null |
    sed -n 's/^installed //p' || true)
  comm -23 <(printf '%s\n' "${packages[@]}" | sort -u) <(sort -u <<<"$installed")
}

install_packages() {
  local missing=() as_root=()
  mapfile -t missing < <(missing_packages)
  if [ ${#missing[@]} -eq 0 ]; then
    note "system packages: all installed"
    return
  fi
  if [ "$(id -u)" -ne 0 ]; then
    if have sudo && sudo -n true 2>/dev/null; then
      as_root=(sudo -n)
    else
      fail "these packages are missing, and installing them needs root: ${missing[*]}" \
        "sudo apt-get install ${missing[*]}"
    fi
  fi
  step "Installing system packages: ${missing[*]}"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# Without apt nothing is installed: tools must exist, and CMake fetches the libraries.
check_tools() {
  local tool header missing=()
  for tool in g++ cmake ninja git; do have "$tool" || missing+=("$tool"); done
  if [ ${#missing[@]} -gt 0 ]; then
    fail "these tools are missing: ${missing[*]}" "install them with your system's package manager"
  fi
  missing=()
  for header in CLI/CLI.hpp nlohmann/json.hpp spdlog/spdlog.h sentencepiece_processor.h oniguruma.h utf8proc.h \
    xxhash.h zlib.h; do
    echo "#include <$header>" | g++ -std=c++20 -fsyntax-only -x c++ - 2>/dev/null || missing+=("$header")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    note "headers not found: ${missing[*]}"
    note "install zlib; CMake fetches pinned versions of the other libraries when it configures"
  fi
}

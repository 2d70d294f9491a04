# Shared by the scripts. Source it in bash after `set -euo pipefail`; it changes to the repository's
# root.
# shellcheck shell=bash
this_script=$(realpath "$0")
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

step() { printf '==> %s\n' "$*"; }
note() { printf '    %s\n' "$*"; }
fail() {
  printf 'error: %s\n' "$1" >&2
  if [ $# -gt 1 ]; then printf '  hint: %s\n' "$2" >&2; fi
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }
has_gpu() { have nvidia-smi && nvidia-smi -L >/dev/null 2>&1; }

# Prints the comment block at the top of the script, below its first line, as help.
usage() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$this_script" | sed '/^set -/d'; }

# The Python environment in .venv, which provides LibTorch and the tests' reference packages.
# shellcheck shell=bash
venv_python=.venv/bin/python
libtorch='.venv/lib/python3*/site-packages/torch/lib/libtorch_cpu.so'

# The first Python that has a torch wheel and can create an environment.
find_python() {
  local candidate
  for candidate in "${EXPANDFT_PYTHON:-}" python3 /usr/bin/python3 python3.1{2,3,1,0,4}; do
    [ -n "$candidate" ] || continue
    if "$candidate" -c 'import ensurepip, sys, venv; sys.exit(not (3, 10) <= sys.version_info < (3, 15))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  fail "no Python 3.10 to 3.14 with the venv module was found" \
    "install python3 and python3-venv, or name one: EXPANDFT_PYTHON=/path/to/python3 scripts/setup"
}

make_venv() {
  local python
  if [ -x $venv_python ] && $venv_python -m pip --version >/dev/null 2>&1; then return; fi
  python=$(find_python)
  step "Creating .venv with $("$python" --version)"
  "$python" -m venv --clear .venv
}

# install_requirements NAME TEXT [pip's arguments…]: installs scripts/requirements-NAME.txt unless
# this version of the file is already installed. TEXT describes it for the log.
install_requirements() {
  local name=$1 text=$2 file=scripts/requirements-$1.txt stamp=.venv/expandft-$1.stamp hash
  shift 2
  hash=$(sha256sum <"$file")
  if [ "$(cat "$stamp" 2>/dev/null)" = "$hash" ] && compgen -G "$libtorch" >/dev/null; then
    note "Python packages for $name: all installed"
    return
  fi
  make_venv
  step "Installing Python packages: $text"
  $venv_python -m pip install --quiet --disable-pip-version-check "$@" -r "$file"
  echo "$hash" >"$stamp"
}

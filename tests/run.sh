#!/usr/bin/env bash
# Builds the tests and runs them. The last lines are ctest's own.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../cmake/common.sh"

usage() {
  cat <<TEXT
usage: bash tests/run.sh [--preset NAME] [-R REGEX] [--full] [--fuzz SECONDS]

  --preset NAME   dev (default), release, asan-ubsan or tsan (these two with Clang)
  -R REGEX        only the tests whose name matches, and only what they need is built
  --full          dev and every sanitizer, with the tests that take long
  --fuzz SECONDS  how long each fuzzer runs (5). Without another argument: the fuzzers only, with Clang

Installs what is missing, configures, builds and runs. CMAKE_BUILD_PARALLEL_LEVEL sets the number of jobs.
TEXT
}

presets=()
regex=
full=no
fuzz_seconds=
while (($#)); do
  case $1 in
    --preset | -R | --fuzz)
      if (($# < 2)); then
        say "$1 needs a value"
        usage >&2
        exit 2
      fi
      case $1 in
        -R) regex=$2 ;;
        --preset) presets+=("$2") ;;
        --fuzz) fuzz_seconds=$2 ;;
      esac
      shift
      ;;
    --full) full=yes ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      say "unknown argument: $1"
      usage >&2
      exit 2
      ;;
  esac
  shift
done
if [[ -n $fuzz_seconds ]]; then
  if ! [[ $fuzz_seconds =~ ^[1-9][0-9]{0,5}$ ]]; then
    say "--fuzz takes a whole number of seconds, 1 to 999999, but got \"$fuzz_seconds\""
    usage >&2
    exit 2
  fi
  if ((${#presets[@]} == 0)) && [[ -z $regex && $full == no ]]; then
    presets=(asan-ubsan)
    regex='^fuzz/'
  fi
fi
if ((${#presets[@]} == 0)); then
  presets=(dev)
  [[ $full == no ]] || presets=(dev asan-ubsan tsan)
fi
groups=(build example test docs)
for preset in "${presets[@]}"; do
  case $preset in
    dev | release) ;;
    asan-ubsan | tsan) groups+=(clang) ;;
    *)
      say "there is no preset \"$preset\""
      usage >&2
      exit 2
      ;;
  esac
done
need "${groups[@]}"

ctest_arguments=(--output-on-failure --no-tests=error --parallel "$jobs")
[[ $full == yes ]] || ctest_arguments+=(-LE '^long$')
[[ -z $regex ]] || ctest_arguments+=(-R "$regex")

# The targets that the chosen tests need: what tests a ROOM/FILE is in test_ROOM, but for what runs on several ranks.
targets_for_regex() {
  local build=$repo/build/$1
  comm -12 \
    <(ctest --test-dir "$build" -N -R "$regex" 2>/dev/null | sed -nE 's|^( *Test +#[0-9]+: )transport/mpi/|\1mpi/|; s|^ *Test +#[0-9]+: ([a-z_]+)/.*|test_\1|p' | sort -u) \
    <(cmake --build "$build" --target help | sed -nE 's|^(test_[a-z_]+): .*|\1|p' | sort -u)
}

run_preset() {
  local preset=$1 targets=()
  configure "$preset" -DHEALTHAI_TESTS=ON -DHEALTHAI_EXAMPLES=ON -DHEALTHAI_BENCH=OFF \
    -DHEALTHAI_FUZZ_SECONDS="${fuzz_seconds:-5}" || return
  if [[ -n $regex ]]; then
    mapfile -t targets < <(targets_for_regex "$preset")
    ((${#targets[@]} == 0)) || build "$preset" "${targets[@]}" || return
  else
    # That every header compiles alone: once is enough, and Clang is quicker.
    [[ $preset != asan-ubsan ]] || build "$preset" all_verify_interface_header_sets || return
    build "$preset" || return
  fi
  ctest --test-dir "$repo/build/$preset" "${ctest_arguments[@]}"
}

status=0
recap=()
for preset in "${presets[@]}"; do
  say "== preset $preset"
  log=$(mktemp)
  if ! run_preset "$preset" | tee "$log"; then
    status=1
  fi
  recap+=("$preset: $(grep -E '^[0-9]+% tests passed' "$log" || echo 'not built, so no tests were run')")
  rm -f "$log"
done
if ((${#presets[@]} > 1)); then
  printf '\n'
  printf '%s\n' "${recap[@]}"
fi
exit $status

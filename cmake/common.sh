# Sourced by examples/run.sh, tests/run.sh and bench/run.sh.

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
jobs=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc 2>/dev/null || echo 2)}

say() { printf '%s\n' "$*" >&2; }

need() { bash "$repo/cmake/setup.sh" "$@"; }

# configure PRESET [CMAKE_ARGUMENT...]: quiet unless it fails.
configure() {
  local log
  log=$(mktemp)
  if ! (cd "$repo" && cmake --preset "$@") >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    say "healthai: configuring the preset \"$1\" failed; the reason is above"
    return 1
  fi
  rm -f "$log"
}

# build PRESET [TARGET...]: progress goes to stderr, so that stdout is the program's own.
build() {
  local preset=$1
  shift
  cmake --build "$repo/build/$preset" --parallel "$jobs" ${1:+--target "$@"} >&2
}

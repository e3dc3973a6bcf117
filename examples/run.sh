#!/usr/bin/env bash
# bash examples/run.sh [EXAMPLE [ARGUMENTS...]]: builds one example and runs it in the folder you are in.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../cmake/common.sh"

list() {
  find "$repo/examples" -name '*.cpp' -printf '%P\n' | sed -E 's#(/.*|\.cpp)$##' | sort -u
}
usage() {
  cat <<TEXT
usage: bash examples/run.sh [EXAMPLE [ARGUMENTS...]]

Installs what is missing, builds the example and runs it with its arguments. Without a name: lung_survival.
The arguments of an example: bash examples/run.sh EXAMPLE --help
Examples called mpi_... are started by mpirun on this machine, with 2 ranks, or as many as RANKS says:
RANKS=4 bash examples/run.sh mpi_lung_survival

Examples: $(list | paste -sd ' ')
TEXT
}

case "${1:-}" in
  -h | --help)
    usage
    exit 0
    ;;
esac
example=${1:-lung_survival}
(($# == 0)) || shift
if ! list | grep -qxF -- "$example"; then
  say "There is no example called \"$example\"."
  usage >&2
  exit 2
fi

need build example
[[ -x $repo/build/release/examples/$example ]] || say "Building $example; the first time takes a minute or two."
configure release -DHEALTHAI_EXAMPLES=ON -DHEALTHAI_TESTS=OFF -DHEALTHAI_BENCH=OFF -DHEALTHAI_PROJECT_TESTS=OFF
build release "example_$example"
start=()
if [[ $example == mpi_* ]]; then
  start=(mpirun -n "${RANKS:-2}")
  if mpirun --version | grep -q "Open MPI"; then
    # More ranks than processors if asked for, and the threads of a rank on all processors; it refuses root unless told.
    start+=(--oversubscribe --bind-to none)
    [[ $(id -u) != 0 ]] || start+=(--allow-run-as-root)
  fi
  say "Starting: ${start[*]} $example $*"
fi
exec "${start[@]}" "$repo/build/release/examples/$example" "$@"

#!/usr/bin/env bash
# Builds the benchmarks as a user builds (optimised, no -march), runs them, and shows each beside its baseline.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../cmake/common.sh"

usage() {
  cat <<TEXT
usage: bash bench/run.sh [--filter REGEX] [--json FILE] [--peers]

  --filter REGEX   only the benchmarks whose name matches, with their baselines
  --json FILE      all measurements and ratios; "ratios" has one entry a benchmark that has a baseline
  --peers          also numpy doing the same aggregations

Medians of nine repetitions, interleaved at random. Exit status 1 if a ratio asked for in bench/baselines.txt was missed.
TEXT
}

filter=
json=-
peers=no
while (($#)); do
  case $1 in
    --filter | --json)
      if (($# < 2)); then
        say "$1 needs a value"
        usage >&2
        exit 2
      fi
      if [[ $1 == --filter ]]; then filter=$2; else json=$2; fi
      shift
      ;;
    --peers) peers=yes ;;
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

groups=(build bench)
[[ $peers == no ]] || groups+=(peers)
need "${groups[@]}"
configure release -DHEALTHAI_BENCH=ON -DHEALTHAI_TESTS=OFF -DHEALTHAI_EXAMPLES=OFF -DHEALTHAI_PROJECT_TESTS=OFF
build release healthai_bench

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
arguments=(--benchmark_enable_random_interleaving=true --benchmark_repetitions=9
  --benchmark_report_aggregates_only=true)

shopt -s nullglob
results=()
for source in "$repo"/bench/*.cpp; do
  name=$(basename "$source" .cpp)
  program=$repo/build/release/bench/bench_$name
  if [[ ! -x $program ]]; then
    say "bench_$name was not built: a library that it needs is not here"
    continue
  fi
  if [[ -n $filter ]]; then
    "$program" --benchmark_list_tests --benchmark_filter="$filter" 2>/dev/null | grep -q / || continue
    arguments_here=("${arguments[@]}" "--benchmark_filter=($filter)|^baseline/")
  else
    arguments_here=("${arguments[@]}")
  fi
  launcher=()
  [[ $name != mpi ]] || launcher=(env OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 mpirun -n 2)
  say "== $name"
  "${launcher[@]}" "$program" "${arguments_here[@]}" --benchmark_out="$work/$name.json" --benchmark_out_format=json
  results+=("$work/$name.json")
done

if [[ -z $filter || compile_time/umbrella =~ $filter || compile_time/fwd =~ $filter ]]; then
  say "== compile time"
  bash "$repo/bench/compile_time.sh" "$work/compile_time.json"
  results+=("$work/compile_time.json")
fi
if [[ $peers == yes ]]; then
  say "== numpy"
  /usr/bin/python3 "$repo/bench/numpy_aggregation.py" "$work/numpy.json"
  results+=("$work/numpy.json")
fi
if ((${#results[@]} == 0)); then
  say "no benchmark matches \"$filter\""
  exit 2
fi
"$repo/build/release/bench/tools/bench_ratios" "$repo/bench/baselines.txt" "$json" "${results[@]}"

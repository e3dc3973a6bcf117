#!/usr/bin/env bash
# bash bench/compile_time.sh [FILE.json]: what including the library costs, in CPU seconds of the compiler, beside a file
# with Eigen/Core and xtensor/xarray.hpp. Median of 9, taken in turns so that a busy moment hits all alike. CXX chooses
# the compiler. The file is in Google Benchmark's format.
set -euo pipefail
export LC_ALL=C
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
output=${1:-}
compiler=${CXX:-c++}
repetitions=9

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/eigen_and_xtensor.cpp" <<'CODE'
#include <Eigen/Core>
#if __has_include(<xtensor/containers/xarray.hpp>)
#include <xtensor/containers/xarray.hpp>
#else
#include <xtensor/xarray.hpp>
#endif
CODE
names=(eigen_and_xtensor)
for name in healthai fwd; do
  if [[ -e $repo/include/healthai/$name.hpp ]]; then
    file=$name
    [[ $name == fwd ]] || file=umbrella
    printf '#include <healthai/%s.hpp>\n' "$name" >"$work/$file.cpp"
    names+=("$file")
  fi
done

# CPU milliseconds, user and system, of one compile.
TIMEFORMAT='%3U %3S'
measure() {
  local seconds user system
  if ! seconds=$({ time "$compiler" -std=c++20 -fsyntax-only -I"$repo/include" -isystem /usr/include/eigen3 "$1" \
    2>"$work/log"; } 2>&1); then
    cat "$work/log" >&2
    return 1
  fi
  read -r user system <<<"$seconds"
  printf '%d\n' "$((10#${user//./} + 10#${system//./}))"
}
median() { sort -n "$1" | sed -n "$(((repetitions + 1) / 2))p"; }

for ((i = 0; i < repetitions; ++i)); do
  for name in "${names[@]}"; do
    measure "$work/$name.cpp" >>"$work/$name.ms"
  done
done

base=$(median "$work/eigen_and_xtensor.ms")
entries=
printf '%-24s %10s %8s   (%s, CPU seconds, median of %d)\n' 'compile time' seconds ratio "$compiler" "$repetitions"
for name in "${names[@]}"; do
  ms=$(median "$work/$name.ms")
  ratio=$((ms * 1000 / base))
  printf '%-24s %6d.%03d %4d.%03d\n' "$name" $((ms / 1000)) $((ms % 1000)) $((ratio / 1000)) $((ratio % 1000))
  entries+="${entries:+,}
    {\"name\": \"compile_time/${name}_median\", \"run_name\": \"compile_time/$name\", \"run_type\": \"aggregate\","
  entries+=" \"aggregate_name\": \"median\", \"repetitions\": $repetitions, \"cpu_time\": $ms, \"real_time\": $ms,"
  entries+=" \"time_unit\": \"ms\"}"
done
[[ -z $output ]] || printf '{"benchmarks": [%s\n]}\n' "$entries" >"$output"

#!/usr/bin/env bash
# Three hospitals and a coordinator on this machine, each a process of its own, over TLS:
#
#     bash examples/three_hospitals.sh [FOLDER]
#
# makes certificates (as a demonstration: all keys in one place), starts everything on the lung data, kills a node in the middle
# and then the coordinator, starts both again, checks every audit log, and compares the coefficients with those of the same run in one
# process: they must have the same bits.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../cmake/common.sh"

case "${1:-}" in
  -h | --help)
    sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 0
    ;;
esac
folder=${1:-results/three_hospitals}
rounds=${ROUNDS:-300}
programs=${HEALTHAI_EXAMPLES_DIR:-}
if [[ -z $programs ]]; then
  need build example
  configure release -DHEALTHAI_EXAMPLES=ON -DHEALTHAI_TESTS=OFF -DHEALTHAI_BENCH=OFF -DHEALTHAI_PROJECT_TESTS=OFF
  build release example_coordinator example_hospital_node example_audit_log
  programs=$repo/build/release/examples
fi

rm -rf "$folder"
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
cd "$folder"
pids=()
stop_all() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
}
trap stop_all EXIT

say "== certificates, for a demonstration only"
bash "$here/make_certificates.sh" demonstration certificates localhost north south west >certificates.log 2>&1 ||
  { cat certificates.log >&2; exit 1; }

say "== three hospitals' patients and policies"
data=$here/data/lung_hospitals.csv
take() { awk -F, -v sites="$2" 'BEGIN { split(sites, s, " "); for (i in s) keep[s[i]] = 1 } NR == 1 || $2 in keep' "$data" >"$1.csv"; }
take north "1 12"
take south "13 21"
take west "6 11 22"
cat >policy.json <<'JSON'
{
  "tasks": {
    "column_moments.f64": {"requests_per_day": 20},
    "standardise.f64": {"requests_per_day": 20},
    "curvature_bound.f64": {"requests_per_day": 20},
    "train.f64": {"requests_per_day": 10000}
  },
  "rounds_per_run": 10000,
  "largest_model": 100,
  "minimum_cohort": 20,
  "columns": ["time", "dead", "age", "sex", "ph.ecog"],
  "objective": {"local_steps": {"smallest": 1, "largest": 20}, "learning_rate": {"smallest": 0, "largest": 100}},
  "metrics": true,
  "require_secure_aggregation": false,
  "require_dp": false
}
JSON

port=0 # any free one; after its restart the coordinator must have the same again
start_coordinator() {
  "$programs/coordinator" --port "$port" --certificate certificates/coordinator.pem --key certificates/coordinator.key \
    --authorities certificates/authority.pem --roster certificates/roster.json --rounds "$rounds" --tolerance 0 \
    --checkpoint run.ckpt --resume --json federated.json --anchors anchors.txt >>coordinator.log 2>&1 &
  coordinator=$!
  pids+=("$coordinator")
}
start_node() {
  "$programs/hospital_node" --id "$1" --host localhost --port "$port" --certificate "certificates/$1.pem" --key "certificates/$1.key" \
    --authorities certificates/authority.pem --data "$1.csv" --policy policy.json --state "state_$1" \
    --audit-log "audit_$1.jsonl" --audit-key "audit_$1.key" --stop-file "stop_$1" >>"$1.log" 2>&1 &
  pids+=($!)
  declare -g "node_$1=$!"
}
# wait_for_round N: until that many rounds are in the log of anchors.
wait_for_round() {
  local last
  for _ in $(seq 600); do
    last=$(tail -n 1 anchors.txt 2>/dev/null | cut -d' ' -f1) || true
    ((${last:-0} < $1)) || return 0
    for pid in "$coordinator" "$node_north" "$node_south" "$node_west"; do
      kill -0 "$pid" 2>/dev/null || { tail -n 5 ./*.log >&2; say "somebody ended too early"; exit 1; }
    done
    sleep 0.1
  done
  say "round $1 did not come"
  tail -n 20 ./*.log >&2
  exit 1
}

slay() { { kill -9 "$1" && wait "$1"; } 2>/dev/null || true; }

say "== everyone starts"
start_coordinator
for _ in $(seq 100); do
  port=$(sed -n 's/^listening at port \([0-9]*\);.*/\1/p' coordinator.log)
  [[ -z $port ]] || break
  sleep 0.1
done
for site in north south west; do start_node "$site"; done
wait_for_round $((rounds / 4))
say "== the node south is killed, and started again"
slay "$node_south"
sleep 0.5
start_node south
wait_for_round $((rounds / 2))
say "== the coordinator is killed, and started again"
slay "$coordinator"
sleep 0.5
start_coordinator
wait "$coordinator" || { tail -n 20 ./*.log >&2; exit 1; }

say "== the audit logs"
for site in north south west; do
  anchor=$(awk -v site="$site" '$2 == site { last = $3 } END { print last }' anchors.txt)
  "$programs/audit_log" verify "audit_$site.jsonl" --key "audit_$site.key.pub" --anchor "$anchor"
done

say "== the same run in one process"
"$programs/coordinator" --rehearse north.csv,south.csv,west.csv --rounds "$rounds" --tolerance 0 --json pooled.json >rehearsal.log 2>&1
federated=$(sed -n '/"coefficients"/,/\]/p' federated.json)
pooled=$(sed -n '/"coefficients"/,/\]/p' pooled.json)
tail -n 4 coordinator.log
if [[ $federated == "$pooled" ]]; then
  printf 'The coefficients have the same bits as those of the run in one process.\n'
else
  printf 'DIFFERENT: over the network %s\nin one process %s\n' "$federated" "$pooled"
  exit 1
fi

#!/usr/bin/env bash
# Sets up a real Slurm of one node (this machine) from Debian's packages and runs a tiny sweep through it. As root.
# `scripts/test-slurm.sh [PROGRAM]`; PROGRAM is the dreamlet to test, built when not given. Everything runs out of a scratch
# folder with a configuration of its own and is ended at exit; nothing of an installed Slurm is touched.
#
# The node tracks processes by their group (proctrack/linuxproc), so no cgroup has to be writable, as in a container.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$repo/scripts/lib.sh"
[ "$(id -u)" = 0 ] || {
  echo "needs root: slurmd starts jobs as their user" >&2
  exit 1
}

if [ $# -gt 0 ]; then
  program=$(realpath "$1")
else
  cargo build --release --locked --manifest-path "$repo/Cargo.toml" -p dreamlet-trainer
  program=${CARGO_TARGET_DIR:-$repo/target}/release/dreamlet
fi
install_debian munge slurmctld slurmd slurm-client

scratch=$(mktemp -d)
daemons=()
cleanup() {
  local status=$?
  [ $status = 0 ] || tail -n 30 "$scratch"/*.log "$scratch"/sweep/slurm/*.log 2>/dev/null || true
  # Tasks first: without the controller their keepers would try to reach it for minutes.
  if [ -n "${SLURM_CONF:-}" ]; then
    timeout 5 scancel --user=root 2>/dev/null || true
    for _ in $(seq 40); do
      [ -n "$(timeout 5 squeue --noheader 2>/dev/null)" ] || break
      sleep 0.5
    done
  fi
  for pid in "${daemons[@]}"; do kill "$pid" 2>/dev/null || true; done
  sleep 2
  for pid in "${daemons[@]}"; do kill -9 "$pid" 2>/dev/null || true; done
  rm -rf "$scratch"
}
trap cleanup EXIT

host=$(hostname -s)
mkdir -p "$scratch/state" "$scratch/spool" "$scratch/munge"
chmod 755 "$scratch"

# Munge refuses folders that others could write, and wants to run as its own user.
head -c 1024 /dev/urandom >"$scratch/munge/key"
chmod 600 "$scratch/munge/key"
munged --foreground --force --key-file="$scratch/munge/key" --socket="$scratch/munge/socket" \
  --pid-file="$scratch/munge/pid" --log-file="$scratch/munged.log" --seed-file="$scratch/munge/seed" &
daemons+=($!)

cat >"$scratch/slurm.conf" <<CONF
ClusterName=dreamlet
SlurmctldHost=$host
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$scratch/munge/socket
CredType=cred/munge
StateSaveLocation=$scratch/state
SlurmdSpoolDir=$scratch/spool
SlurmctldPidFile=$scratch/slurmctld.pid
SlurmdPidFile=$scratch/slurmd.pid
SlurmctldLogFile=$scratch/slurmctld.log
SlurmdLogFile=$scratch/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
SchedulerParameters=sched_interval=1,batch_sched_delay=0
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=tiny Nodes=$host Default=YES MaxTime=10 State=UP
CONF
export SLURM_CONF=$scratch/slurm.conf
slurmctld -D &
daemons+=($!)
slurmd -D &
daemons+=($!)

for _ in $(seq 60); do
  sinfo --noheader --format=%T 2>/dev/null | grep -qx idle && break
  sleep 0.5
done
sinfo
sinfo --noheader --format=%T | grep -qx idle

cd "$scratch"
cat >tiny.toml <<'SWEEP'
preset = "vae-dense"
data = "glyphs"
trials = 6
seed = 1
algorithm = "asha"
[budget]
steps = 400
min = 100
eta = 2
[set]
"data.size" = 16
"model.hidden" = [32]
"training.checkpoint_every" = 20
[parameters]
"optimizer.learning_rate" = { log = [1e-4, 1e-2] }
[slurm]
options = ["--partition=tiny", "--cpus-per-task=1", "--mem=0"]
SWEEP
sweep=("$program" sweep tiny.toml --out sweep --launcher slurm --jobs 3 --poll 1 --device cpu)

# 1. The sweep is killed while tasks are in the queue: the cluster goes on, and the next one takes them over.
"${sweep[@]}" >/dev/null 2>first.log &
first=$!
for _ in $(seq 100); do
  [ -s sweep/slurm/jobs.jsonl ] && break
  sleep 0.1
done
sleep 1
kill -9 $first
wait $first 2>/dev/null || true
squeue --array
# 2. The next one is left alone but for one task, which the cluster's owner ends: its trial is resumed.
"${sweep[@]}" >table.txt 2>second.log &
second=$!
for _ in $(seq 200); do
  task=$(squeue --array --noheader --states=RUNNING --format=%F_%K | tail -n 1)
  [ -n "$task" ] && break
  sleep 0.1
done
echo "cancelling ${task:-nothing}"
[ -z "$task" ] || scancel --signal=KILL --full "$task"
wait $second
cat first.log second.log table.txt
squeue --array

ended=$(grep -cE '  (finished|halted)$' table.txt)
[ "$ended" = 6 ] || {
  echo "6 trials must end, found $ended" >&2
  exit 1
}
grep -q finished table.txt
# Killed tasks were submitted again, and nothing else was: each rung of each trial is one task.
tasks=$(grep -oE '"trials":\[[0-9,]*\]' sweep/slurm/jobs.jsonl | grep -oE '[0-9]+' | wc -l)
rungs=$(($(wc -l <sweep/results.csv) - 1))
echo "$tasks tasks for $rungs rungs"
[ "$tasks" -ge "$rungs" ] && [ "$tasks" -le $((rungs + 1)) ]
"$program" train --config sweep/best.toml --dry-run >/dev/null
echo "a sweep of 6 trials went through Slurm $(sbatch --version | cut -d' ' -f2)"

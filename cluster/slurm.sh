#!/usr/bin/env bash
# A study on the machines of a Slurm allocation. Activate the environment in which Fadeout is installed, then:
#   sbatch --nodes=4 --cpus-per-task=16 --gpus-per-node=1 --time=24:00:00 cluster/slurm.sh \
#     search_space=gradual model=nnunet trainer=nnunet trainer.gpus_per_worker=1 study.root=/shared/studies
# The job's exit code is that of the study: 0 when it is complete, 143 when time was up. Queued again, it goes on.
# Three minutes before the time limit all trials store a checkpoint; a minute later the study ends. Where a checkpoint takes
# longer to come home: sbatch --signal=B:USR1@600 --export=ALL,FADEOUT_GRACE_S=300 …
#SBATCH --job-name=fadeout
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --no-kill
#SBATCH --signal=B:USR1@180
#SBATCH --output=fadeout-%j.log
#SBATCH --open-mode=append
# Whole machines with all their memory, since `ray stop` ends every Ray of yours on a machine. One that fails ends neither
# the job nor the study.
set -euo pipefail

grace_s=${FADEOUT_GRACE_S:-60}
cpus=${SLURM_CPUS_PER_TASK:?"say how many CPUs of each machine trials may use: sbatch --cpus-per-task=16 …"}

# This script runs on the first machine. Its address is the one that leads to the last machine.
last=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | tail -n 1)
there=$(scontrol --oneliner show node "$last" | grep -o ' NodeAddr=[^ ]*' | cut -d= -f2)
address=$(python -c 'import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:  # connecting it sends nothing
    probe.connect((sys.argv[1], 6379))
    print(probe.getsockname()[0])' "$there"):6379

export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0
export RAY_SYMMETRIC_RUN_CLUSTER_WAIT_TIMEOUT=120  # seconds until Ray must have started on all machines
RAY_AUTH_TOKEN=$(python -c 'import secrets; print(secrets.token_hex(32))')  # of this job alone
export RAY_AUTH_TOKEN

# symmetric-run starts Ray on every machine, the study on the first one, and stops Ray there when the study has ended.
notes=$(mktemp -d)  # of the first machine: the study's process, and its exit code
trap 'rm -rf "$notes"' EXIT
export notes
srun --export=ALL --cpus-per-task="$cpus" --no-kill --kill-on-bad-exit=0 --wait=0 \
  bash -c 'ray symmetric-run "$@"; code=$?; [ "$SLURM_NODEID" != 0 ] || echo "$code" > "$notes/code"' machine \
  --address "$address" --min-nodes "$SLURM_NNODES" --num-cpus="$cpus" --object-store-memory=1000000000 -- \
  bash -c 'echo $$ > "$notes/process"; exec "$@"' study python -m study.run "$@" cluster="$address" resume=true &
run=$!

time_is_up() {
  [ -s "$notes/process" ] || return 0
  kill -USR1 "$(cat "$notes/process")" || return 0
  for ((second = 0; second < grace_s; second++)); do
    [ ! -s "$notes/code" ] || return 0
    sleep 1
  done
  kill -TERM "$(cat "$notes/process")" || return 0
}
trap time_is_up USR1

until [ -s "$notes/code" ] || ! kill -0 "$run" 2> /dev/null; do
  sleep 1
done
if kill "$run" 2> /dev/null; then  # on the others, Ray would look for this machine for another minute
  echo "Ray has ended here, and is ended on the other machines; what srun says of that is no error."
fi
wait "$run" || true
if [ ! -s "$notes/process" ]; then
  echo "error: Ray did not start on all machines, so the study did not begin; the lines above say why" >&2
  exit 1
fi
exit "$(cat "$notes/code" || echo 1)"

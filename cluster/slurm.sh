#!/usr/bin/env bash
# A study on the machines of a Slurm allocation: sbatch cluster/slurm.sh search_space=gradual model=nnunet trainer=nnunet
# trainer.gpus_per_worker=1. The study is resumed if it exists, so that the same command can be queued again and again.
#SBATCH --job-name=fadeout
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --gpus-per-node=1
#SBATCH --time=24:00:00
#SBATCH --signal=B:USR1@180
#SBATCH --output=fadeout-%j.log
set -euo pipefail

head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
address=$(srun --nodes=1 --ntasks=1 -w "$head" hostname -I | awk '{print $1}')
export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0
RAY_AUTH_TOKEN=$(openssl rand -hex 32)  # of this job alone; srun hands the environment to all its machines
export RAY_AUTH_TOKEN

# symmetric-run starts Ray on every machine, runs the command on the first, and stops Ray when it ends.
srun --kill-on-bad-exit=0 \
  ray symmetric-run --address "$address:6379" --min-nodes "$SLURM_NNODES" \
  --num-cpus="$SLURM_CPUS_PER_TASK" --object-store-memory=1000000000 -- \
  python -m study.run "$@" cluster=auto resume=true &
run=$!

# Three minutes before the end of the job, all trials bring home a checkpoint; then the study ends, to be resumed.
finish() {
  srun --overlap --nodes=1 --ntasks=1 -w "$head" pkill -USR1 -u "$USER" -f 'study[.]run'
  sleep 60
  srun --overlap --nodes=1 --ntasks=1 -w "$head" pkill -TERM -u "$USER" -f 'study[.]run'
}
trap finish USR1
wait "$run" || wait "$run"

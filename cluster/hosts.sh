#!/usr/bin/env bash
# Joins machines that you log in to. On the first: hosts.sh head 10.0.0.1. On each other: hosts.sh join 10.0.0.1 10.0.0.2.
# Then, on the first: python -m study.run … cluster=10.0.0.1:6379. At the end, on each: ray stop. Further arguments, after
# the machine's own address, go to `ray start`: hosts.sh head 10.0.0.1 10.0.0.1 --num-gpus=2.
set -euo pipefail

role=${1:?"head or join"}
head=${2:?"address of the first machine"}
own=${3:-$head}
shift $(($# < 3 ? $# : 3))

# The same token on every machine: make it once (openssl rand -hex 32), and copy the file.
token=${RAY_AUTH_TOKEN_PATH:-$HOME/.fadeout-ray-token}
if [ ! -s "$token" ]; then
  echo "error: no token in $token; write one there on the first machine (openssl rand -hex 32), and copy it to the others" >&2
  exit 2
fi
chmod 600 "$token"
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=$token RAY_USAGE_STATS_ENABLED=0

ports=(--object-manager-port=8076 --node-manager-port=8077 --min-worker-port=10002 --max-worker-port=10999)
case $role in
  head) ray start --head --port=6379 --node-ip-address="$own" --include-dashboard=false "${ports[@]}" "$@" ;;
  join) ray start --address="$head:6379" --node-ip-address="$own" "${ports[@]}" "$@" ;;
  *) echo "error: head or join, got $role" >&2; exit 2 ;;
esac

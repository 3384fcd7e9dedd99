#!/usr/bin/env bash
# Runs a small cluster on this machine until it is interrupted: one etcd
# process, two AM nodes, and an edge in front of them.
set -euo pipefail
cd "$(dirname "$0")/../.."

data=data/cluster
mkdir -p "$data"
chmod 700 "$data"
[ -s "$data/signing_key" ] || (umask 077 && bin/amgate generate-secret >"$data/signing_key")
bin/amgate demo "$data" | sed '/The example is at/,/^$/d'

pids=()
stop() {
	trap - EXIT INT TERM
	kill "${pids[@]}" 2>/dev/null || true
	wait 2>/dev/null || true
}
trap stop EXIT
trap 'exit 0' INT TERM

bin/etcd --name cluster --data-dir "$data/etcd" --log-level error \
	--auto-compaction-mode periodic --auto-compaction-retention 5m \
	--listen-client-urls http://127.0.0.1:23790 --advertise-client-urls http://127.0.0.1:23790 \
	--listen-peer-urls http://127.0.0.1:23800 --initial-advertise-peer-urls http://127.0.0.1:23800 \
	--initial-cluster cluster=http://127.0.0.1:23800 &
pids+=($!)

export AMGATE_ETCD=http://127.0.0.1:23790 AMGATE_DATA="$PWD/$data"
start() { # role name port
	AMGATE_ROLE=$1 AMGATE_NAME=$2 AMGATE_PORT=$3 \
		bin/amgate run --config integration/cluster/Caddyfile >"$data/$2.log" 2>&1 &
	pids+=($!)
}
start node am-1 8091
nodes=$!
start node am-2 8092
nodes="$nodes and $!"
start edge edge 8080
needed=("${pids[0]}" "${pids[3]}")

echo "  The edge is at http://localhost:8080, the nodes are on ports 8091 and 8092."
echo "  Logs are in $data; stop with Ctrl-C. The nodes are processes $nodes: kill one, and"
echo "  whoever is signing in goes on at the other."
while wait -n -p ended || [ -n "${ended:-}" ]; do
	[[ " ${needed[*]} " != *" $ended "* ]] || break
	echo "  Process $ended has ended; the rest goes on." >&2
done
echo "a process ended that the others need; see the logs in $data" >&2
exit 1

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# soak.sh: SOAK_FRAMES (default 1000000) frames through a daemon while clients come, go and are killed and models are
# swapped; exit status 0 when no record and no wake-up was lost and memory, descriptors and times stayed as they were
# (tests/fault/soak.c).
. "$(dirname "$0")/../integration/daemon_lib.sh"

seq -f "label %g" 1 1001 >"$work/labels.txt"
settings() { # MODEL
    cat <<YAML
workers: {threads: 2}
streams:
  - {name: fast, ring_slots: 2048, source: {type: pattern, size: 64x48, fps: 1000}, mode: throughput, model: {path: $1, labels: $work/labels.txt}}
  - {name: also, source: {type: pattern, size: 48x64, fps: 1000}, mode: throughput, model: {path: $tiny}}
  - {name: slow, source: {type: pattern, size: 32x48, fps: 2}, mode: throughput, model: {path: $tiny}}
YAML
}
settings "$tiny" | config a.yaml
settings "$tiny2" | config b.yaml
cp "$work/b.yaml" "$work/qedged.yaml"
# Pages of a program that was linked a moment ago count as written by whom they are mapped, until they are on the disk.
sync "$BUILD/qedged"
start qedged.yaml
# The window of the last ten seconds fills second by second, and the heap settles in the first hundreds of reloads: memory
# too, and no leak.
sleep 15 & window=$!
for _ in {1..250}; do
    for name in a b; do
        cp "$work/$name.yaml" "$work/qedged.yaml"
        "$BUILD/qctl" reload >/dev/null
    done
done
wait $window
begin=$SECONDS status=0
"$BUILD/tests/fault/soak" "$QEDGE_SOCKET" "$daemon" "${SOAK_FRAMES:-1000000}" "$work/a.yaml" "$work/b.yaml" "$work/qedged.yaml" || status=$?
echo "$((SECONDS - begin)) s"
grep -v "reloaded:\|ready:\|labels, but" "$work/log" | head -n 20 || true
[ $status = 0 ] || fail "see above"
stop

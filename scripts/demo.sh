#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# demo.sh BUILDDIR   qedged classifies, a separate qctl process shows it, then both stop.
#
# DEMO_SOURCE   a picture, a folder, a .y4m or .mjpeg file, a /dev/video node, or `pattern`.
#               Default: /dev/video0 when there is a camera, else the bundled photographs.
# DEMO_SECONDS  how long to watch (10). Ctrl-C ends earlier, as cleanly.
# Exit status 0 only when the watching process really got classifications and the daemon stopped in order.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "$1" && pwd)
seconds=${DEMO_SECONDS:-10}
model=$top/models/efficientnet_lite0_int8.tflite
work=$(mktemp -d "${TMPDIR:-/tmp}/qedge-demo.XXXXXX")
export QEDGE_SOCKET=$work/qedged.sock
daemon=

quoted() { printf "'%s'" "${1//\'/\'\'}"; } # a YAML string, whatever is in it

source_yaml() {
    local from=${DEMO_SOURCE:-}
    if [ -z "$from" ] && [ -c /dev/video0 ] && [ -r /dev/video0 ]; then from=/dev/video0; fi
    case $from in
    pattern) echo '{type: pattern, size: 640x480, fps: 10}' ;;
    /dev/*) echo "{type: v4l2, device: $(quoted "$from")}" ;;
    *) from=${from:-$top/models/pictures}
       [ -r "$from" ] || { echo "qedge demo: DEMO_SOURCE: cannot read $from" >&2; exit 1; }
       echo "{type: replay, path: $(quoted "$(realpath "$from")"), fps: 2, loop: true}" ;;
    esac
}

# The daemon has a session of its own, so that a Ctrl-C ends only the watching: then comes the status, then the stop.
stop() {
    trap '' INT TERM
    if [ -n "$daemon" ]; then
        kill -TERM "$daemon" 2>/dev/null || true
        wait "$daemon" && ended=0 || ended=$?
        daemon=
    fi
}
trap 'stop; rm -rf "$work"' EXIT
trap 'interrupted=1' INT TERM
interrupted=0 ended=0

source=$(source_yaml)
cat >"$work/qedged.yaml" <<YAML
socket: $(quoted "$QEDGE_SOCKET")
streams:
  - name: demo
    source: $source
    model: {path: $(quoted "$model")}
    top_k: 3
YAML

echo "qedge demo: the daemon classifies $source"
echo "            with $(basename "$model"); qctl, another process, reads the results from shared memory."
setsid "$build/qedged" --config "$work/qedged.yaml" 2>"$work/log" &
daemon=$!
for _ in $(seq 100); do
    [ -S "$QEDGE_SOCKET" ] && break
    kill -0 "$daemon" 2>/dev/null || break
    sleep 0.05
done
[ -S "$QEDGE_SOCKET" ] || { echo "qedge demo: the daemon did not start:" >&2; cat "$work/log" >&2; exit 1; }

echo
echo "\$ qctl watch          ($seconds seconds; Ctrl-C ends earlier)"
timeout --foreground -s INT "$seconds" "$build/qctl" watch | tee -i "$work/seen" || true
echo
echo "\$ qctl status"
"$build/qctl" status || true
echo
stop
seen=$(grep -c . "$work/seen" || true)
[ "$ended" = 0 ] || { echo "qedge demo: the daemon ended with status $ended:" >&2; tail -n 20 "$work/log" >&2; exit 1; }
if [ "$seen" = 0 ]; then
    [ "$interrupted" = 1 ] && { echo "qedge demo: stopped before a classification came"; exit 130; }
    echo "qedge demo: no classification was seen:" >&2; tail -n 20 "$work/log" >&2; exit 1
fi
echo "qedge demo: $seen classifications read; the daemon stopped cleanly."

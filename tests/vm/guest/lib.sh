# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# For the scripts that run in the guest: checks that count, waiting with a limit, the virtual camera.
passed=0 failed=0 took=0

# check WORDS... -- COMMAND...: one test, with the seconds it took; what it printed is shown when it failed
check() {
    local name=() start
    while [ "$1" != -- ]; do name+=("$1"); shift; done
    shift
    start=$(now_ms)
    if "$@" >/tmp/check.out 2>&1; then passed=$((passed + 1)); echo "ok   $(seconds "$start")  ${name[*]}"
    else failed=$((failed + 1)); echo "FAIL $(seconds "$start")  ${name[*]}: $*"; tail -n 15 /tmp/check.out; fi
}
seconds() { printf '%5.1f' "$(($(now_ms) - $1))e-3"; }

finish() {
    echo "$passed passed, $failed failed"
    [ $failed = 0 ] && [ $passed -gt 0 ]
}

# Of a clock that no test sets.
now_ms() {
    local seconds rest
    read -r seconds rest </proc/uptime
    echo "${seconds/./}0"
}

# eventually COMMAND...: until it succeeds; leaves the milliseconds that took in `took`. How long an emulated CPU needs
# tells more about who else uses the real one than about qedge: PATIENCE is there to end a test that has failed.
PATIENCE=120 # seconds
eventually() {
    local start
    start=$(now_ms)
    until "$@" >/dev/null 2>&1; do
        took=$(($(now_ms) - start))
        [ $took -lt ${PATIENCE}000 ] || { echo "not within $PATIENCE s: $*"; return 1; }
        sleep 0.05
    done
    took=$(($(now_ms) - start))
}

# results_since LINE FILE: what `qctl watch --json` wrote from that line on (the last one may be half of a result)
results_since() { tail -n +"$1" "$2" | sed '$d'; }
# The longest time between two of the results on stdin, in milliseconds.
longest_gap() {
    jq -s '[.[].published_ns] | [.[1:], .[:-1]] | transpose | map(.[0] - .[1]) | (max // 0) / 1000000 | floor'
}

# --- readers: each of STREAMS is read all the time by a client of its own, into /tmp/STREAM
declare -A marked # the count of each stream's results at the mark
readers=()
readers_start() {
    local stream
    for stream in $STREAMS; do
        qctl --wait 600 watch "$stream" --json >"/tmp/$stream" 2>"/tmp/$stream.said" &
        readers+=($!)
    done
}
results() { wc -l <"/tmp/$1"; }
readers_mark() {
    local stream
    for stream in $STREAMS; do marked[$stream]=$(results "$stream"); done
}
has_results() { [ "$(results "$1")" -ge "$2" ]; }
more() { has_results "$1" $((marked[$1] + ${2:-3})); } # STREAM [COUNT]
goes_on() { eventually has_results "$1" $(($(results "$1") + 2)); } # STREAM: results after this moment
since() { results_since "${marked[$1]}" "/tmp/$1"; } # STREAM: from the last result before the mark on
gap() { since "$1" | longest_gap; }
# Every result since the mark, one after the other, and every time in it one that can be.
unharmed() { # STREAM
    eventually more "$1" 4 || return
    since "$1" | jq -es 'def sane: . >= 0 and . < 60000000;
        length > 2 and ([.[].sequence] | . == [range(.[0]; .[0] + length)]) and all(.[].lost; . == 0) and
        all(.[]; (.total_us | sane) and (.read_us | sane) and all(.latency_us[]; sane))' ||
        { since "$1" | tail -n 3; cat "/tmp/$1.said"; return 1; }
}

# --- what the network made of a picture
# How the node says its colours are meant, in the words of qmodel run --frame.
colour() { # NODE FORMAT
    local format
    format=$(v4l2-ctl -d "$1" --get-fmt-video)
    grep -Eq 'Encoding.*709' <<<"$format" && printf ':bt709'
    case $2 in
    GREY) grep -q 'Quantization *: Limited' <<<"$format" && printf ':limited' ;;
    *) grep -Eq 'Quantization.*Full' <<<"$format" && printf ':full' ;;
    esac
}
# Scores in thousandths: the steps of the small network's output are 263 of them.
values() { jq -c "[.$1[] | [.index, (.score * 1000 | round)]]"; }

# Node numbers: video1 captures what is written to video2 (two ends of one HDMI cable); video0 is a webcam.
# qedged knows the camera by a name of its own, as people should use one of /dev/v4l/by-id: the name is made when
# the signal is there, because timings can not be set while somebody streams.
CAPTURE=/dev/video1 OUTPUT=/dev/video2 CAMERA=/dev/video-camera
camera_load() {
    modprobe vivid n_devs=2 node_types=0x1,0x101 num_inputs=1,1 input_types=0x0,0x3 num_outputs=0,1 output_types=0,1 \
        multiplanar=1,1
    udevadm settle
}
camera_unload() { camera_dark; rmmod vivid; }
camera_plug() {
    camera_load
    camera_wire 640x480
    ln -s $CAPTURE $CAMERA
}

# One camera alone, the HDMI one: two of vivid's share a platform device, and udev gives the one name by path that
# both claim now to this one, now to that.
camera_load_alone() {
    modprobe vivid n_devs=1 node_types=0x101 num_inputs=1 input_types=0x3 num_outputs=1 output_types=1 multiplanar=1
    udevadm settle
    CAPTURE=/dev/video0 OUTPUT=/dev/video1
}

# timings WIDTHxHEIGHT: the number of the node's first progressive timing of that size
timings() {
    local key value number='' width='' height='' first=''
    while IFS=': ' read -r key value; do
        case "$key $value" in
        "Index "*) number=$value ;;
        "Active width: "*) width=${value##* } ;;
        "Active height: "*) height=${value##* } ;;
        "Frame format: progressive")
            [ "${width}x$height" != "$1" ] || first=${first:-$number} ;;
        esac
    done < <(v4l2-ctl -d $OUTPUT --list-dv-timings | tr -d '\t')
    [ -n "$first" ] && echo "$first"
}

# Both ends at this size, connected.
camera_wire() { # WIDTHxHEIGHT
    local index
    index=$(timings "$1") || return
    v4l2-ctl -d $OUTPUT --set-dv-bt-timings index="$index" -x "width=${1%x*},height=${1#*x},pixelformat=YUYV,field=none"
    v4l2-ctl -d $CAPTURE --set-dv-bt-timings index="$index" -v "width=${1%x*},height=${1#*x},pixelformat=YUYV,field=none" \
        -c loop_video=1,osd_text_mode=2
}

# camera_show FRAME [SIZE FORMAT]: this picture is in front of the camera from now on (default 640x480 YUYV)
camera_show() {
    local size=${2:-640x480}
    camera_dark
    cat "$1" "$1" "$1" "$1" >/tmp/shown
    v4l2-ctl -d $OUTPUT -x "width=${size%x*},height=${size#*x},pixelformat=${3:-YUYV},field=none" \
        --stream-out-mmap --stream-from=/tmp/shown --stream-loop >/dev/null 2>&1 &
    shower=$!
}
camera_dark() {
    [ -z "${shower:-}" ] || { kill "$shower"; wait "$shower"; } 2>/dev/null
    shower=
}

property() { systemctl show -P "$1" qedged.service; }
all_well() { [ "$(systemctl is-system-running)" = running ]; }

# Packages of the share; nothing here needs to survive a power cut.
package_install() { dpkg --force-unsafe-io -i "$@"; }

# As packaged: an account that nobody can log in to, and a group of its own.
account_there() {
    getent passwd qedge | grep -q ':/nonexistent:/usr/sbin/nologin$' && [ "$(id -gn qedge)" = qedge ] &&
        [[ $(getent shadow qedge | cut -d: -f2) == '!'* ]]
}

# The commands that turn the socket unit on and off, as it documents them itself.
socket_unit() { # on|off
    local first=stop
    [ "$1" = on ] || first=disable
    bash -ec "$(sed -n "s/^#   \(systemctl $first .*\)/\1/p" /lib/systemd/system/qedged.socket)"
}
units_are() { # STATE-OF-SOCKET STATE-OF-SERVICE
    [ "$(systemctl is-active qedged.socket qedged.service | paste -sd' ')" = "$1 $2" ]
}

# The journal since a mark: what the daemon wrote, what systemd said about it. Matches are left to grep: with one of its
# own `journalctl --after-cursor` leaves out the first entry that fits when the one at the mark does not.
journal_mark() { journal_mark=$(journalctl -b -n 1 -o json | jq -r .__CURSOR); }
journal_since_mark() { journalctl --no-pager -o short-monotonic --after-cursor="$journal_mark"; }
daemon_said() { journal_since_mark | grep " qedged\[[0-9]*\]: .*$1"; }
systemd_said() { journal_since_mark | grep " systemd\[1\]: qedged\.service: .*$1"; }

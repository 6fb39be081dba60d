#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# qctl snapshot: the very frame in its colours, labels on it and nowhere else, a whole file or none.
. "$(dirname "$0")/daemon_lib.sh"
picture=$BUILD/tests/integration/picture_probe
qctl=$BUILD/qctl

# a picture of 320 x 240 with a gradient in each colour (bytes 1 to 120), and labels as bad as they come
{ printf 'P6\n320 240\n255\n'
  awk 'BEGIN { for (y = 0; y < 240; y++) for (x = 0; x < 320; x++) printf "%c%c%c", 1 + x / 3, 1 + y / 2, 1 + (x + y) / 5 }'
} >"$work/flat.ppm"
{ printf 'ev\033[2Jil \377\376 label\n'; head -c 1000 /dev/zero | tr '\0' W; printf '\n'; seq 100; } >"$work/labels.txt"
cp "$pictures/cat.jpg" "$work/film.mjpeg"
config all.yaml <<YAML
streams:
  - {name: flat, source: {type: replay, path: $work/flat.ppm, fps: 100}, model: {path: $tiny}}
  - {name: nasty, source: {type: replay, path: $work/flat.ppm, fps: 100}, model: {path: $tiny, labels: $work/labels.txt}}
  - {name: jpeg, source: {type: replay, path: $work/film.mjpeg, fps: 100}, model: {path: $tiny}}
  - {name: bars, source: {type: pattern, size: 640x480, fps: 100}, model: {path: $tiny}}
  - {name: private, source: {type: pattern, fps: 50}, model: {path: $tiny}, snapshots: false}
  - {name: over, source: {type: replay, path: $work/flat.ppm, loop: false}, model: {path: $tiny}}
YAML
start all.yaml || fail "start"
cd "$work"

# without labels: each pixel, in a PNG; nearly, in a JPEG
"$qctl" snapshot flat --plain -o plain.png >said || fail "plain"
grep -q '^plain.png  320 x 240  flat #[0-9]*  -*[0-9]*\.[0-9][0-9] class [0-9]*$' said || fail "said $(cat said)"
[ "$("$picture" compare flat.ppm plain.png 0)" = '320 x 240: 0 differ, in 0 0 0 0' ] || fail "other pixels than the frame's"
"$qctl" snapshot flat --plain -o plain.JPG >/dev/null
[ "$("$picture" compare flat.ppm plain.JPG 12)" = '320 x 240: 0 differ, in 0 0 0 0' ] || fail "JPEG: $("$picture" compare flat.ppm plain.JPG 12)"
"$qctl" snapshot jpeg --plain -o jpeg.png >/dev/null
[[ "$("$picture" compare "$pictures/cat.jpg" jpeg.png 12)" = *': 0 differ,'* ]] || fail "a camera's JPEG: $("$picture" compare "$pictures/cat.jpg" jpeg.png 12)"
# the pattern's bars (YUYV): white yellow cyan green magenta red blue black, wherever they have moved to
"$qctl" snapshot bars --plain -o bars.png >/dev/null
colours=$("$picture" row bars.png 100 | tr ' ' '\n' | sed -n 's/^\([0-9a-f]*\)\*[1-9][0-9]$/\1/p' | sort -u | tr '\n' ' ')
for bit in 00 ff; do for two in 00 ff; do for three in 00 ff; do
    grep -qiE "$(sed 's/00/0[0-3]/g; s/ff/f[c-f]/g' <<<"$bit$two$three")" <<<"$colours" || fail "no $bit$two$three among $colours"
done; done; done

# with labels: the box in the corner has changed, and nothing else
boxed() { # FILE TOLERANCE FRAME: prints what differs; fails when that is not a box in the upper left corner
    read -r width _ _ differ _ _ x y w h < <("$picture" compare "$3" "$1" "$2" | tr -d :)
    [ "$differ" -gt 500 ] && [ "$x" -ge 2 ] && [ "$x" -le 6 ] && [ "$y" -ge 2 ] && [ "$y" -le 6 ] && [ "$w" -lt "$width" ] &&
        [ $((y + h)) -le 100 ] || fail "$1: $differ differ, in $x $y $w $h"
}
"$qctl" snapshot flat -o labels.png --json >said
boxed labels.png 0 flat.ppm
grep -q '^{"file":"labels.png","stream":"flat","width":320,"height":240,"sequence":[0-9]*,"frame":[0-9]*,"hits":\[{"index":[0-9]*,"label":' said ||
    fail "JSON: $(cat said)"
"$qctl" snapshot -o labels.jpg >/dev/null # the first stream
boxed labels.jpg 40 flat.ppm
"$qctl" snapshot nasty -o nasty.png >said || fail "nasty labels"
boxed nasty.png 0 flat.ppm
! grep -q "$(printf '\033')" said || fail "an escape character"
"$qctl" snapshot flat -o - --format png >piped.png
boxed piped.png 0 flat.ppm
( umask 027; "$qctl" snapshot flat -o own.png >/dev/null )
[ "$(stat -c %a own.png)" = 640 ] || fail "mode $(stat -c %a own.png)"

# a file that can not be written leaves nothing, and what was there stays
refused() { # STATUS TEXT ARGUMENT...
    local status=0 want=$1 text=$2
    shift 2
    "$qctl" snapshot "$@" >said 2>&1 || status=$?
    [ $status = "$want" ] || fail "snapshot $*: status $status, $(cat said)"
    grep -qF -- "$text" said || fail "snapshot $*: $(cat said)"
}
mkdir full
cp labels.png full/there.png
( trap '' XFSZ; ulimit -f 1; refused 1 'File too large' bars -o full/there.png; refused 1 'too large' bars -o full/new.jpg )
[ "$(ls full)" = there.png ] && cmp labels.png full/there.png || fail "left behind: $(ls full)"
refused 1 'No such file' flat -o nowhere/a.png
refused 1 'Is a directory' flat --format png -o full
refused 1 'No space left' flat --format png -o /dev/full
"$qctl" snapshot flat -o - --format jpg >/dev/full 2>said && fail "a full device"
grep -q 'No space left' said || fail "full: $(cat said)"

# usage, and streams that give no picture
refused 2 'needs -o' flat
refused 2 'png or jpg?' flat -o a.gif
refused 2 'png or jpg?' flat -o -
refused 2 'png or jpg' flat -o a.png --format prometheus
refused 2 'only one STREAM' flat bars -o a.png
refused 1 'no such stream' nowhere -o a.png
refused 1 'shares no pictures' private -o a.png
within 5000 eval '[ "$(of_stream over state)" = finished ]'
refused 1 'has ended' over -o a.png
[ ! -e a.png ] || fail "a file without a picture"
stop
refused 3 'not running' flat -o a.png

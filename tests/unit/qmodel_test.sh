#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# qmodel from the outside: what it prints, what it refuses, exit statuses. Needs BUILD.
. "$(dirname "$0")/qmodel_lib.sh"
model=models/efficientnet_lite0_int8.tflite

# Help and wrong usage.
for command in "" info run bench quantize compare; do
    # shellcheck disable=SC2086
    expect 0 "$qmodel" $command --help; printed usage
done
expect 0 "$qmodel" --version; printed '^qmodel [0-9]'
expect 2 "$qmodel"; one_line "no command"
expect 2 "$qmodel" dance; one_line "unknown command 'dance'"
for command in info run bench; do
    expect 2 "$qmodel" $command; one_line "--help"
    expect 2 "$qmodel" $command --dance $model; one_line "--dance"
done
expect 2 "$qmodel" run $model; one_line "no picture"
expect 2 "$qmodel" run --frame YUYV $model x; one_line "--frame"
expect 2 "$qmodel" run --frame MJPG:64x48 $model x; one_line "unknown format 'MJPG'"
expect 2 "$qmodel" run --frame H264:64x48 $model x; one_line "unknown format 'H264'"
expect 2 "$qmodel" run --frame YUYV:64x99999 $model x; one_line "no picture size"
expect 2 "$qmodel" run --frame YUYV:64x48:blue $model x; one_line "not 'blue'"
expect 2 "$qmodel" run $model --top-k; one_line "--top-k"
expect 2 "$qmodel" run $model --top-k 0 x.png; one_line "--top-k"
expect 2 "$qmodel" run $model --fit round x.png; one_line "letterbox"
expect 2 "$qmodel" run $model --std 1,2 x.png; one_line "--std"
expect 2 "$qmodel" run $model --std 0 x.png; one_line "--std"
expect 2 "$qmodel" run $model --input x; one_line "--output"
expect 2 "$qmodel" run $model --input x --output y z.png; one_line "not both"
expect 2 "$qmodel" bench --runs many $model; one_line "--runs"
expect 2 "$qmodel" info -xo $model; one_line "unknown option '-x'"
expect 2 "$qmodel" info --json=1 $model; one_line "no value belongs to '--json=1'"
expect 2 "$qmodel" quantize $model -o "$folder/no.tflite" --method float16 --threads 2; one_line "--threads is for --method int8 and int16x8 only"
expect 1 "$qmodel" info "$folder/$(printf 'two\nlines\033[2J')"; one_line 'two?lines?[2J: No such file'
QEDGE_CPU=z80 expect 2 "$qmodel" info $model; one_line "z80"

# Files that do not serve.
expect 1 "$qmodel" info "$folder/none.tflite"; one_line "No such file"
head -c 100000 $model >"$folder/short.tflite"
expect 1 "$qmodel" info "$folder/short.tflite"; one_line "short.tflite: "
expect 1 "$qmodel" run $model tests/unit/room.mk; one_line "room.mk"
expect 1 "$qmodel" run $model --labels "$folder/none.txt" models/pictures/macaw.jpg; one_line "none.txt"
expect 1 "$qmodel" run $model --labels "$folder" models/pictures/macaw.jpg; one_line "Is a directory"
expect 1 "$qmodel" run $model --labels models/pictures/macaw.jpg models/pictures/macaw.jpg; one_line "not a text file with a label a line"
expect 1 "$qmodel" compare $model $model --data models/pictures/macaw.jpg; one_line "macaw.jpg: not a folder, a .npy file or a text file with a picture a line"
expect 1 "$qmodel" compare $model $model --data models/pictures/espresso.png; one_line "espresso.png: not a folder"
head -c 150528 /dev/zero >"$folder/raw"; cp $model "$folder/model"
expect 1 "$qmodel" run "$folder/model" --input "$folder/raw" --output "$folder/raw"; one_line "raw: this file is read"
expect 1 "$qmodel" run "$folder/model" --input "$folder/raw" --output "$folder/model"; one_line "model: this file is read"
cmp $model "$folder/model" && [ "$(wc -c <"$folder/raw")" = 150528 ] || fail "something was written over"
expect 1 "$qmodel" run $model models/pictures; one_line "models/pictures: a folder, not a picture"
expect 1 "$qmodel" run $model --input tests/unit/room.mk --output "$folder/out.bin"; one_line "150528"

# What is in it.
expect 0 "$qmodel" info $model
printed '^input 0: +u?int8 \[1, 224, 224, 3\]'; printed '^labels: 1000'; printed 'CONV_2D +conv'
expect 0 "$qmodel" info --json $model
printed '"labels":1000'; printed '"arena_bytes":[1-9]'; printed '"op":"DEPTHWISE_CONV_2D"'
QEDGE_CPU=c expect 0 "$qmodel" info $model
printed '^cpu: c$'; printed 'conv_c '

# Pictures in, classes out.
expect 0 "$qmodel" run --top-k 1 $model models/pictures/macaw.jpg models/pictures/espresso.png
printed ' 88  macaw'; printed ' 967  espresso'
expect 0 "$qmodel" run --json --top-k 3 --threads 2 $model models/pictures/macaw.jpg
printed '"picture":"models/pictures/macaw.jpg"'; printed '"top":\[\{"index":88,"label":"macaw","score":0\.'
printf 'first\r\nsecond\n' >"$folder/labels.txt"
expect 0 "$qmodel" run --labels "$folder/labels.txt" --top-k 100 --fit stretch --mean 127 --std 128,128,128 $model models/pictures/macaw.jpg
one_line "labels.txt: 2 labels, but $model has 1000 classes"
printed '  88  $'
expect 0 "$qmodel" run --labels models/imagenet_labels.txt $model models/pictures/macaw.jpg
[ ! -s "$folder/err" ] || fail "as many labels as classes are warned of"

# Raw tensors: two sets in, two out; the threads and the kernels change nothing.
# Raw frames as a camera delivers them.
expect 0 "$qmodel" run --frame RGB3:224x224 --top-k 1 $model tests/golden/inputs/macaw.rgb; printed ' 88  macaw'
expect 0 "$qmodel" run --frame MJPG --top-k 1 $model models/pictures/macaw.jpg; printed ' 88  macaw'
expect 1 "$qmodel" run --frame MJPG $model tests/golden/inputs/macaw.rgb; one_line 'Not a JPEG file'
expect 1 "$qmodel" run --frame RGB24:224x225 $model tests/golden/inputs/macaw.rgb; one_line "150528 bytes are no frame RGB24 224 x 225"
cat tests/golden/inputs/macaw.rgb tests/golden/inputs/espresso.rgb >"$folder/in.bin"
expect 0 "$qmodel" run $model --input "$folder/in.bin" --output "$folder/one.bin"
[ "$(wc -c <"$folder/one.bin")" = 2000 ] || fail "raw output has $(wc -c <"$folder/one.bin") bytes, not 2000"
expect 0 "$qmodel" run --threads 3 $model --input "$folder/in.bin" --output "$folder/three.bin"
cmp "$folder/one.bin" "$folder/three.bin" || fail "threads change the output"
QEDGE_CPU=c expect 0 "$qmodel" run --threads 2 $model --input "$folder/in.bin" --output "$folder/c.bin"
cmp "$folder/one.bin" "$folder/c.bin" || fail "kernels change the output"

# Times.
expect 0 "$qmodel" bench --runs 3 --json $model
for key in min_us median_us p99_us; do printed "\"$key\":[0-9]"; done
expect 0 "$qmodel" bench --runs 2 --threads 2 --layers --json $model; printed '"kernel":"'
expect 0 "$qmodel" bench --runs 2 --layers $model; printed 'GMAC/s'

# Models that are not for us: one clear line each, or they run.
if [ -d ../shared/models/reject ]; then
    for other in ../shared/models/reject/*.tflite; do
        ${TEST_WRAPPER:-} "$qmodel" info "$other" >"$folder/out" 2>"$folder/err"; got=$?
        case $got in
        0) printed 'float32 \[' ;;
        1) one_line support ;;
        *) fail "$other gave $got"; cat "$folder/err" ;;
        esac
    done
else
    echo "../shared/models is not here: models to refuse were not tried"
fi

[ $failures = 0 ] && echo "qmodel: all as documented"
exit $((failures > 0))

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# qmodel quantize from the outside: what it writes runs, is as small as it should be and answers as it should; what is
# wrong gives one line and no file. Needs BUILD. Float models of ../shared/models are used when that folder is there.
. "$(dirname "$0")/qmodel_lib.sh"
net=tests/golden/float/net.tflite
default=models/efficientnet_lite0_int8.tflite
smaller() { # FILE PERCENT OF
    [ $(($(stat -c %s "$1") * 100)) -le $(($(stat -c %s "$3") * $2)) ] || fail "$1 is more than $2 % of $3"
}
answers() { # MODEL: its best class for each demo picture
    "$qmodel" run --top-k 1 "$1" models/pictures/*.jpg models/pictures/*.png | awk 'NR % 2 == 0 { print $2 }'
}
agree() { # MODEL FLOAT LEAST: at least so many pictures get the same best class
    local n; n=$(paste <(answers "$1") <(answers "$2") | awk '$1 == $2 { n++ } END { print n + 0 }')
    [ "$n" -ge "$3" ] || fail "$1 agrees with $2 on $n pictures, not $3"
}

# Written anew: the same answers, byte for byte; twice the same file; labels and normalisation are kept.
expect 0 "$qmodel" quantize $net -o "$folder/none.tflite" --method none; printed 'none.tflite: [0-9]+ bytes'
expect 0 "$qmodel" quantize "$folder/none.tflite" -o "$folder/again.tflite" --method none
cmp "$folder/none.tflite" "$folder/again.tflite" || fail "writing twice changes the file"
[ "$("$qmodel" run --json $net models/pictures/macaw.jpg | sed 's/.*"top"//')" = \
  "$("$qmodel" run --json "$folder/none.tflite" models/pictures/macaw.jpg | sed 's/.*"top"//')" ] || fail "rewritten, the net answers otherwise"
expect 0 "$qmodel" quantize $default -o "$folder/default.tflite" --method none
expect 0 "$qmodel" info "$folder/default.tflite"; printed '^labels: 1000';
for model in $default "$folder/default.tflite"; do
    expect 0 "$qmodel" run "$model" --top-k 3 models/pictures/macaw.jpg models/pictures/espresso.png
    cp "$folder/out" "$folder/$(basename "$model").txt"
done
cmp "$folder/$(basename $default).txt" "$folder/default.tflite.txt" || fail "the default model answers otherwise when rewritten"
head -c 7919 $default >"$folder/prime.bin" # no number of whole inputs: the refusal says how many bytes one takes
for model in tests/golden/models/*.tflite; do
    expect 0 "$qmodel" quantize "$model" -o "$folder/one.tflite" --method none
    size=$("$qmodel" run "$model" --input "$folder/prime.bin" --output "$folder/x" 2>&1 | sed -n 's/.*of the \([0-9]*\) bytes.*/\1/p')
    head -c "${size:-0}" $default >"$folder/in.bin"
    expect 0 "$qmodel" run "$model" --input "$folder/in.bin" --output "$folder/a.bin"
    expect 0 "$qmodel" run "$folder/one.tflite" --input "$folder/in.bin" --output "$folder/b.bin"
    cmp "$folder/a.bin" "$folder/b.bin" || fail "$model answers otherwise when rewritten"
done

# Batch norms, activations and padding go into the layers beside them; the answers stay.
norms=tests/golden/float/norms.tflite
expect 0 "$qmodel" quantize $norms -o "$folder/clean.tflite" --method none
expect 0 "$qmodel" info "$folder/clean.tflite"
grep -E ' (MUL|ADD|SUB|RELU6?) ' "$folder/out" && fail "operators that belong into layers are left"
printed '^operators: 9 in the file' # the padding that is not "same" is one
expect 0 "$qmodel" compare --json $norms "$folder/clean.tflite" --data models/pictures
sed 's/.*"sqnr_db":\([0-9]*\).*layers_without.*/\1/' "$folder/out" | awk '{ exit !($1 >= 100) }' || fail "cleaned, the net answers otherwise"
expect 0 "$qmodel" quantize $norms -o "$folder/norms8.tflite" --method int8 --data models/pictures
expect 0 "$qmodel" info "$folder/norms8.tflite"; printed '^operators: 9 in the file'

# float16 and dynamic range.
expect 0 "$qmodel" quantize $net -o "$folder/half.tflite" --method float16
smaller "$folder/half.tflite" 60 $net; agree "$folder/half.tflite" $net 8
expect 0 "$qmodel" quantize $net -o "$folder/dynamic.tflite" --method dynamic
smaller "$folder/dynamic.tflite" 50 $net; agree "$folder/dynamic.tflite" $net 6
expect 0 "$qmodel" quantize $net -o "$folder/coarse.tflite" --method dynamic --per-tensor
cmp -s "$folder/dynamic.tflite" "$folder/coarse.tflite" && fail "--per-tensor changes nothing"

# Full integer: each way of calibrating, each type at the edges, from a folder, a list and tensors.
for calibration in minmax mse entropy percentile:99.99; do
    expect 0 "$qmodel" quantize $net -o "$folder/int8.tflite" --method int8 --data models/pictures --calibration $calibration
    smaller "$folder/int8.tflite" 50 $net; agree "$folder/int8.tflite" $net 6
done
expect 0 "$qmodel" quantize $net -o "$folder/average.tflite" --method int8 --data models/pictures --calibration moving-average
expect 0 "$qmodel" quantize $net -o "$folder/default8.tflite" --method int8 --data models/pictures; printed '8 samples'
expect 0 "$qmodel" info "$folder/default8.tflite"; printed '^input 0: +int8 .* scale 0.00784314 zero point -1'
printed 'AVERAGE_POOL_2D .*int8'; printed 'SOFTMAX .*int8 .*scale 0.00390625 zero point -128'
find models/pictures -name '*.[jp][pn]g' | sort | sed "s,^,$PWD/," >"$folder/list.txt"
expect 0 "$qmodel" quantize $net -o "$folder/list.tflite" --method int8 --data "$folder/list.txt" --threads 1
cmp "$folder/default8.tflite" "$folder/list.tflite" || fail "a list of the same pictures, on one thread, gives another file"
QEDGE_CPU=c expect 0 "$qmodel" quantize $net -o "$folder/c.tflite" --method int8 --data models/pictures
cmp "$folder/default8.tflite" "$folder/c.tflite" || fail "other kernels give another file"
expect 0 "$qmodel" quantize $net -o "$folder/plain.tflite" --method int8 --data models/pictures --no-bias-correction
cmp -s "$folder/default8.tflite" "$folder/plain.tflite" && fail "--no-bias-correction changes nothing"
# Each step of its own (--effort best: quantize_best_test.sh).
expect 0 "$qmodel" quantize $norms -o "$folder/plain.tflite" --method int8 --data models/pictures --no-equalization
cmp -s "$folder/norms8.tflite" "$folder/plain.tflite" && fail "--no-equalization changes nothing"
expect 0 "$qmodel" quantize $net -o "$folder/none8.tflite" --method int8 --data models/pictures --weight-clipping none
cmp "$folder/default8.tflite" "$folder/none8.tflite" || fail "--weight-clipping none is not the default"
expect 0 "$qmodel" quantize $net -o "$folder/nearest.tflite" --method int8 --data models/pictures --rounding nearest
cmp -s "$folder/default8.tflite" "$folder/nearest.tflite" && fail "--rounding nearest changes nothing"
agree "$folder/nearest.tflite" $net 6
for type in uint8 float32; do
    expect 0 "$qmodel" quantize $net -o "$folder/$type.tflite" --method int8 --data models/pictures --input-type $type --output-type $type
    expect 0 "$qmodel" info "$folder/$type.tflite"; printed "^input 0: +$type"; printed "^output 0: +$type"
    [ "$(answers "$folder/$type.tflite")" = "$(answers "$folder/default8.tflite")" ] || fail "$type at the edges changes answers"
done
npy() { # SHAPE BYTES: a .npy file of small floats made of the default model's bytes
    local header="{'descr': '<f4', 'fortran_order': False, 'shape': ($1), }"
    printf '\223NUMPY\001\000\166\000%-117s\n' "$header"
    # every fourth byte becomes 0x3d: values around 0.05
    head -c $(($2 * 3 / 4)) $default | od -An -v -tx1 -w3 | sed 's/ /\\x/g; s/$/\\x3d/' | tr -d '\n' | xargs -0 printf '%b'
}
npy '2, 24, 24, 3' 13824 >"$folder/two.npy"
expect 0 "$qmodel" quantize $net -o "$folder/npy.tflite" --method int8 --data "$folder/two.npy"; printed '2 samples'
npy '2, 24, 24, 4' 18432 >"$folder/four.npy"
expect 1 "$qmodel" quantize $net -o "$folder/new" --method int8 --data "$folder/four.npy"; one_line "[n, 24, 24, 3]"
head -c 9000 "$folder/two.npy" >"$folder/cut.npy"
expect 1 "$qmodel" quantize $net -o "$folder/new" --method int8 --data "$folder/cut.npy"; one_line "shorter"
mkdir "$folder/empty" "$folder/bad"
expect 1 "$qmodel" quantize $net -o "$folder/new" --method int8 --data "$folder/empty"; one_line "no picture"
cp models/pictures/cat.jpg "$folder/bad"; head -c 300 $default >"$folder/bad/broken.png"
expect 1 "$qmodel" quantize $net -o "$folder/new" --method int8 --data "$folder/bad"; one_line "broken.png"
expect 1 "$qmodel" quantize $net -o "$folder/new" --method int8 --data "$folder/nowhere"; one_line "No such file"
expect 1 "$qmodel" quantize $net -o /dev/full --method int8 --data models/pictures; one_line "No space left"
expect 2 "$qmodel" quantize $net -o "$folder/new" --method int8; one_line "--data"
expect 2 "$qmodel" quantize $net -o "$folder/new" --method none --data models/pictures; one_line "int8 and int16x8 only"
for bad in --calibration=most --calibration=percentile:40 --input-type=int4 --effort=some --rounding=up --weight-clipping=some --std=0 --mean=x --threads=0; do
    expect 2 "$qmodel" quantize $net -o "$folder/new" --method int8 --data models/pictures $bad
    one_line "$(case $bad in --calibration=p*) echo percentile ;; *) echo "${bad%%=*}" ;; esac)"
done
nothing_left

# Layers in float between integer ones: those named, those without an integer form. At the ends, too.
expect 0 "$qmodel" quantize $net -o "$folder/kept.tflite" --method int8 --data models/pictures --keep-float t12,t28,t35
printed "stays float: MUL 't28'"; expect 0 "$qmodel" info "$folder/kept.tflite"; printed 'MUL .*float32'; printed '^output 0: float32'
expect 0 "$qmodel" compare --json $net "$folder/kept.tflite" --data models/pictures; agree "$folder/kept.tflite" $net 6
expect 0 "$qmodel" quantize $net -o "$folder/wide.tflite" --method int16x8 --data models/pictures --allow-float
printed "stays float: HARD_SWISH"; agree "$folder/wide.tflite" $net 7
expect 1 "$qmodel" quantize $net -o "$folder/new" --method int8 --data models/pictures --keep-float t12,t99; one_line "'t99'"
# A layer that cleaning merged (back, forward past a pool, an activation, a padding), an input: the line says which name
# to give, and that name does.
for pair in t3,t10 t7,t10 t9,t10 t11,t16 t15,t16 t23,t27 t25,t27 t31,t37 t0,t10; do
    expect 1 "$qmodel" quantize $norms -o "$folder/new" --method int8 --data models/pictures --keep-float t16,${pair%,*}
    one_line "'${pair%,*}'"; one_line "output '${pair#*,}'"
    expect 0 "$qmodel" quantize $norms -o "$folder/merged.tflite" --method int8 --data models/pictures --keep-float ${pair#*,}
    printed "stays float: [A-Z0-9_]+ '${pair#*,}'"
done
nothing_left

# 16-bit activations: an operator without that form stops it and is named; type names belong to the method.
expect 1 "$qmodel" quantize $net -o "$folder/new" --method int16x8 --data models/pictures; one_line "operator 8 HARD_SWISH"
expect 2 "$qmodel" quantize $net -o "$folder/new" --method int16x8 --data models/pictures --input-type int8; one_line "int16 or float32"
expect 2 "$qmodel" quantize $net -o "$folder/new" --method int8 --data models/pictures --output-type int16; one_line "uint8 or float32"
expect 2 "$qmodel" quantize $net -o "$folder/new" --method int16x8 --data models/pictures --calibration mse; one_line "mse"
nothing_left

# Compared: a model with itself, with its int8 form on pictures and on tensors; the figures must hold.
value() { sed -n "s/.*\"$1\":\([-0-9.a-z]*\).*/\1/p" "$folder/out"; } # KEY of the JSON printed last
least() { # KEY VALUE
    awk -v a="$(value "$1")" -v b="$2" 'BEGIN { exit !(a != "" && a + 0 >= b + 0) }' || fail "$1 is $(value "$1"), not $2"
}
expect 0 "$qmodel" compare $net $net --data models/pictures; printed 'outputs equal'; printed 'same best class .*8 of 8'
expect 0 "$qmodel" compare --json $net "$folder/none.tflite" --data models/pictures
[ "$(value sqnr_db) $(value same_best)" = "null 8" ] || fail "the rewritten net differs"
expect 0 "$qmodel" compare --json $net "$folder/half.tflite" --data models/pictures; least sqnr_db 50
expect 0 "$qmodel" compare --json $net "$folder/dynamic.tflite" --data models/pictures; least sqnr_db 25
expect 0 "$qmodel" compare --json --threads 2 $net "$folder/default8.tflite" --data models/pictures
least sqnr_db 25; least same_best 7; least best_in_five 8
expect 0 "$qmodel" compare --json $net "$folder/npy.tflite" --data "$folder/two.npy"; least sqnr_db 20; least samples 2
expect 2 "$qmodel" compare $net --data models/pictures; one_line "two models"
expect 2 "$qmodel" compare $net $net; one_line "--data"
expect 1 "$qmodel" compare $net $default --data models/pictures; one_line "50 and 1000"
expect 1 "$qmodel" compare $net "$folder/none" --data models/pictures; one_line "No such file"

# Wrong usage, wrong files, no room: one line and nothing written.
expect 2 "$qmodel" quantize; one_line "--help"
expect 2 "$qmodel" quantize $net --method none; one_line "-o"
expect 2 "$qmodel" quantize $net -o "$folder/new"; one_line "--method"
expect 2 "$qmodel" quantize $net -o "$folder/new" --method thin; one_line "thin"
expect 2 "$qmodel" quantize $net $net -o "$folder/new" --method none; one_line "more than one"
expect 1 "$qmodel" quantize "$folder/none" -o "$folder/new" --method none; one_line "No such file"
expect 1 "$qmodel" quantize $default -o "$folder/new" --method dynamic; one_line "quantized already"
expect 1 "$qmodel" quantize $net -o "$folder/no/new" --method none; one_line "No such file"
expect 1 "$qmodel" quantize $net -o /dev/full --method none; one_line "No space left"
expect 1 "$qmodel" quantize $net -o "$folder" --method none; one_line "directory"
# The float file can not be had back from what would be written over it; a name that can not be written is told before the work.
cp $net "$folder/mine.tflite"; ln -s mine.tflite "$folder/link.tflite"
for name in mine link; do
    expect 1 "$qmodel" quantize "$folder/mine.tflite" -o "$folder/$name.tflite" --method float16; one_line "$name.tflite: this file is read"
done
expect 1 "$qmodel" compare $net "$folder/mine.tflite" --data "$folder/nowhere" --html "$folder/mine.tflite"; one_line "this file is read"
cmp $net "$folder/mine.tflite" || fail "the model was written over"
expect 1 "$qmodel" quantize $net -o "$folder/no/new" --method int8 --data "$folder/nowhere"; one_line "no/new: No such file"
expect 1 "$qmodel" import "$folder/mine.tflite" -o "$folder/mine.tflite"; one_line "this file is read"
head -c 9000 $net >"$folder/short.tflite"
expect 1 "$qmodel" info "$folder/short.tflite"; one_line "may be cut short"
# One weight that is not a number.
cp $net "$folder/nan.tflite"
printf '\000\000\300\177' | dd of="$folder/nan.tflite" bs=1 seek=$(($(stat -c %s $net) / 2 / 4 * 4)) conv=notrunc status=none
expect 1 "$qmodel" quantize "$folder/nan.tflite" -o "$folder/new" --method float16; one_line "not a number"
nothing_left

# Real nets. Names of inputs and outputs stay, also where the edges change type.
shared=../shared/models
if [ -d $shared ]; then
    for edges in none "int8 --data models/pictures" "int8 --input-type uint8 --output-type float32 --data models/pictures"; do
        # shellcheck disable=SC2086
        expect 0 "$qmodel" quantize $shared/mltk/rock_paper_scissors.float32.tflite -o "$folder/signed.tflite" --method $edges
        [ "$(strings -n 7 "$folder/signed.tflite" | grep -cxE 'serving_default|conv2d_input|dense_1')" = 3 ] || fail "--method $edges loses the signature"
    done
    # The golden net's weights are evenly spread: nothing to clip there.
    clip() { expect 0 "$qmodel" quantize $shared/mlperf_tiny/vww_96_float.tflite -o "$folder/$1.tflite" --method int8 --data models/pictures "${@:2}"; }
    clip unclipped
    clip clipped --weight-clipping mse
    QEDGE_CPU=c clip again --weight-clipping mse --threads 1
    cmp -s "$folder/unclipped.tflite" "$folder/clipped.tflite" && fail "--weight-clipping mse changes nothing"
    cmp "$folder/again.tflite" "$folder/clipped.tflite" || fail "other kernels clip otherwise"
    agree "$folder/clipped.tflite" $shared/mlperf_tiny/vww_96_float.tflite 6
    for model in mlperf_tiny/vww_96_float tflite_support/mobilenet_v1_0.25_224_1_default_1; do
        for method in none float16 dynamic int8 int16x8; do
            data=; case $method in int*)  data="--data models/pictures" ;; esac
            # shellcheck disable=SC2086
            expect 0 "$qmodel" quantize $shared/$model.tflite -o "$folder/real.tflite" --method $method $data
            agree "$folder/real.tflite" $shared/$model.tflite "$([ $method = int8 ] && echo 6 || echo 7)"
        done
    done
else
    echo "skipped: no ../shared/models here"
fi
[ $failures = 0 ] && echo "quantize: all as expected"
exit $((failures != 0))

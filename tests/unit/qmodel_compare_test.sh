#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# qmodel compare and qmodel info --weights from the outside: figures that can be worked out by hand, right classes from
# folders, lists and arrays, energy from a machine made of files, reports that no name in a model can break. Needs BUILD.
. "$(dirname "$0")/qmodel_lib.sh"
export QEDGE_SOCKET=$folder/none.sock
net=tests/golden/float/net.tflite
default=models/efficientnet_lite0_int8.tflite
value() { sed -n "s/.*\"$1\":\([-0-9.a-z]*\).*/\1/p" "$folder/out"; } # KEY of the JSON printed last
is() { [ "$(value "$1")" = "$2" ] || fail "$1 is $(value "$1"), not $2"; } # KEY VALUE
data=(--data models/pictures)

expect 0 "$qmodel" quantize $net -o "$folder/int8.tflite" --method int8 "${data[@]}"
expect 0 "$qmodel" quantize $net -o "$folder/half.tflite" --method float16
expect 0 "$qmodel" quantize $net -o "$folder/dynamic.tflite" --method dynamic
expect 0 "$qmodel" quantize $net -o "$folder/none.tflite" --method none

# The table.
expect 0 "$qmodel" compare $net "$folder/int8.tflite" "${data[@]}"
printed '^file, bytes +35744 +[0-9]+  [0-9.]+ %'; printed '^bytes an element +4\.00 +1\.0[0-9]'
printed '^latency p99, us +[0-9.]+ +[0-9.]+'; printed '^SQNR of the output, dB +[0-9.]+$'
printed '^worst layers'; printed '^ +[0-9.]+ +[0-9.]+  (CONV_2D|SOFTMAX|ADD)'
layers() { sed -n '/^ *own/,$p' "$folder/out" | grep -E '^ +([0-9.]+|exact) +([0-9.]+|exact)  [A-Z]'; } # the lines about layers
[ "$(layers | wc -l)" = 10 ] || fail "not ten layers"
layers | awk '$1 != "exact" && $1 + 0 < last { exit 1 } { last = $1 + 0 }' || fail "not the worst first"
# The quantizer equalizes: channels are rescaled, and layers are compared as if they were not.
# (Not behind a ReLU6, as nearly all of $net is.)
norms=tests/golden/float/norms.tflite
expect 0 "$qmodel" quantize $norms -o "$folder/clean.tflite" --method none
expect 0 "$qmodel" quantize $norms -o "$folder/rescaled.tflite" --method int8 "${data[@]}"
expect 0 "$qmodel" compare "$folder/clean.tflite" "$folder/rescaled.tflite" "${data[@]}"
printed "^B's channels were rescaled"
layers | awk '$1 != "exact" && $1 < 20 { exit 1 }' || { fail "a layer of the equalized net looks wrong"; layers; }
expect 0 "$qmodel" quantize $norms -o "$folder/even.tflite" --method int8 "${data[@]}" --no-equalization
expect 0 "$qmodel" compare "$folder/clean.tflite" "$folder/even.tflite" "${data[@]}"
grep -q rescaled "$folder/out" && fail "rescaled without equalization"
expect 0 "$qmodel" compare $net "$folder/int8.tflite" "${data[@]}" --layers 3
[ "$(layers | wc -l)" = 3 ] || fail "not three layers"
expect 0 "$qmodel" compare $net "$folder/int8.tflite" "${data[@]}" --layers 0
grep -q 'worst' "$folder/out" && fail "layers though none were wanted"
[ ! -s "$folder/err" ] || fail "something on stderr that is no terminal"
# On a terminal, and only there, a bar with the time left, which is gone in the end.
if command -v script >/dev/null; then
    script -qec "$qmodel compare --layers 0 $net $net --data models/pictures" /dev/null </dev/null >"$folder/out" 2>&1
    grep -qF $'\rcomparing [' "$folder/out" && grep -q '1/8, 0:00:[0-9][0-9] left' "$folder/out" || fail "no progress bar"
    grep -qF $'\r\033[KA: ' "$folder/out" || grep -qF $'\r\033[K' "$folder/out" || fail "the bar stays"
fi
# Half the bytes an element; a model and its copy: every layer exact.
expect 0 "$qmodel" compare $net "$folder/half.tflite" "${data[@]}"; printed '^bytes an element +4\.00 +2\.[01]'
expect 0 "$qmodel" compare $net "$folder/none.tflite" "${data[@]}"; printed 'outputs equal'
[ "$(grep -c '^ *exact *exact' "$folder/out")" = 10 ] || fail "a copy's layers are not exact"
expect 0 "$qmodel" compare "$folder/int8.tflite" "$folder/int8.tflite" "${data[@]}"
[ "$(grep -c '^ *exact *exact' "$folder/out")" = 10 ] || fail "an int8 model's own layers are not exact on themselves"
for kind in int8 dynamic half; do
    expect 0 "$qmodel" compare --json $net "$folder/$kind.tflite" "${data[@]}"
    is samples 8; is known 0; is right null; is energy_mj null; is layer_samples 8
    [ $kind = dynamic ] || is layers_without_counterpart 0 # its layers that quantize rows have none
    ! command -v python3 >/dev/null || python3 -c '
import json, sys
r = json.load(open(sys.argv[1]))
assert len(r["layers"]) >= 12, len(r["layers"])
for l in r["layers"]: # what has come together is as a rule not less than what one layer adds
    assert l["own_sqnr_db"] is None or l["own_sqnr_db"] > 20, l
' "$folder/out" || fail "$kind: the JSON"
done

# Right classes. The net's own answers as truth make A right always; B's accuracy is then the agreement.
"$qmodel" run --top-k 1 $net models/pictures/*.jpg models/pictures/*.png |
    awk 'NR % 2 == 1 { sub(/:? .*/, ""); n = split($0, p, "/"); name = p[n] } NR % 2 == 0 { print name " " $2 }' >"$folder/names.txt"
expect 0 "$qmodel" compare --json $net "$folder/half.tflite" "${data[@]}" --labels "$folder/names.txt"
is known 8; printed '"right":8'
sed 's/ /\t/' "$folder/names.txt" | tac >"$folder/tabs.txt"
expect 0 "$qmodel" compare $net "$folder/half.tflite" "${data[@]}" --labels "$folder/tabs.txt"
printed '^accuracy +100\.00 % +100\.00 %  of 8 whose'
sort "$folder/names.txt" | sed 's/.* //' >"$folder/order.txt"
expect 0 "$qmodel" compare $net "$folder/half.tflite" "${data[@]}" --labels "$folder/order.txt"; printed '^accuracy +100\.00 %'
{ printf '\223NUMPY\001\000\166\000%-117s\n' "{'descr': '<i4', 'fortran_order': False, 'shape': (8,), }"
  while read -r n; do printf "%b" "\\x$(printf %02x "$n")\\x00\\x00\\x00"; done <"$folder/order.txt"; } >"$folder/right.npy"
expect 0 "$qmodel" compare $net "$folder/half.tflite" "${data[@]}" --labels "$folder/right.npy"; printed '^accuracy +100\.00 %'
while read -r name class; do
    mkdir -p "$folder/classes/$class"; cp "models/pictures/$name" "$folder/classes/$class"
done <"$folder/names.txt"
expect 0 "$qmodel" compare --json $net "$folder/half.tflite" --data "$folder/classes"; is known 8; printed '"right":8'
mkdir "$folder/classes/no class"; cp models/pictures/cat.jpg "$folder/classes/no class"
expect 0 "$qmodel" compare --json $net "$folder/half.tflite" --data "$folder/classes/"; is samples 9; is known 8
mkdir -p "$folder/words/macaw"; cp models/pictures/macaw.jpg "$folder/words/macaw"
expect 0 "$qmodel" compare $default $default --data "$folder/words"; printed '^accuracy +100\.00 % +100\.00 %  of 1 whose'
echo "cat.jpg 50" >"$folder/bad.txt"
expect 1 "$qmodel" compare $net "$folder/half.tflite" "${data[@]}" --labels "$folder/bad.txt"; one_line "line 1: '50' is no class"
echo "other.jpg 5" >"$folder/bad.txt"
expect 1 "$qmodel" compare $net "$folder/half.tflite" "${data[@]}" --labels "$folder/bad.txt"; one_line "none of the samples"
seq 9 >"$folder/bad.txt"
expect 1 "$qmodel" compare $net "$folder/half.tflite" "${data[@]}" --labels "$folder/bad.txt"; one_line "more lines than samples (8)"
head -c 140 "$folder/right.npy" >"$folder/cut.npy"
expect 1 "$qmodel" compare $net "$folder/half.tflite" "${data[@]}" --labels "$folder/cut.npy"; one_line "shorter"
expect 1 "$qmodel" compare $net "$folder/half.tflite" "${data[@]}" --labels "$folder/nowhere"; one_line "No such file"

# Energy: a package whose counter stands still, one that cannot be read (as for users since Linux 5.10), none.
zone=$folder/root/sys/class/powercap/intel-rapl:0
mkdir -p "$zone" "$zone:0"; echo 5000000 >"$zone/energy_uj"; echo 262143328850 >"$zone/max_energy_range_uj"; echo package-0 >"$zone/name"; echo 1 >"$zone:0/energy_uj"; echo core >"$zone:0/name"
cp -r "$zone" "${zone%0}1"; echo psys >"${zone%0}1/name" # holds the package
QEDGE_ROOT=$folder/root expect 0 "$qmodel" compare --layers 0 $net "$folder/half.tflite" "${data[@]}"
printed '^energy, mJ +0\.000 +0\.000  RAPL, 1 package,'
echo "garbage" >"$zone/energy_uj"
QEDGE_ROOT=$folder/root expect 0 "$qmodel" compare --layers 0 $net "$folder/half.tflite" "${data[@]}"
printed '^energy, mJ +- +-  no meter: '
QEDGE_ROOT=$folder/nowhere expect 0 "$qmodel" compare --layers 0 $net "$folder/half.tflite" "${data[@]}"
printed '^energy, mJ +- +-  no meter: nothing in '

# The report: whole, without anything from elsewhere, and hostile names stay text.
expect 0 "$qmodel" compare $net "$folder/int8.tflite" "${data[@]}" --html "$folder/report.html"
tail -c 20 "$folder/report.html" | grep -q '</html>' || fail "the report has no end"
for word in 'prefers-color-scheme:dark' '<polyline' 'class="outline"' 'class="shape"' '>weights<' '>values that come out<' 'A, file'; do
    grep -qF -- "$word" "$folder/report.html" || fail "no $word in the report"
done
grep -qE '(src|href)=|url\(|@import|<script' "$folder/report.html" && fail "the report asks for something from elsewhere"
LC_ALL=C grep -q t35 $net || fail "the net's names have changed"
LC_ALL=C sed 's/t35/<b>/g; s/t29/"'"'"'\&/g; s/t10/\xff\xfeA/g; s/t28/\x1b[2/g' "$folder/int8.tflite" >"$folder/hostile.tflite"
LC_ALL=C sed 's/t35/<b>/g; s/t29/"'"'"'\&/g; s/t10/\xff\xfeA/g; s/t28/\x1b[2/g' $net >"$folder/hostile_a.tflite"
cp "$folder/hostile.tflite" "$folder/<script>alert(1)<script>.tflite"
expect 0 "$qmodel" compare "$folder/hostile_a.tflite" "$folder/<script>alert(1)<script>.tflite" "${data[@]}" --html "$folder/bad.html"
grep -qP '\x1b' "$folder/out" && fail "an escape sequence reaches the terminal"
grep -qF '<script' "$folder/bad.html" && fail "a path is markup"
grep -qF '<b>' "$folder/bad.html" && fail "a name is markup"
grep -qF '&lt;script&gt;alert(1)' "$folder/bad.html" && grep -qF '&lt;b&gt;' "$folder/bad.html" &&
    grep -qF '&quot;&#39;&amp;' "$folder/bad.html" || fail "names are lost"
iconv -f UTF-8 -t UTF-8 "$folder/bad.html" >/dev/null || fail "the report is not UTF-8"
[ "$(tr -d '\n' <"$folder/bad.html" | tr -cd '[:cntrl:]' | wc -c)" = 0 ] || fail "control characters in the report"
expect 0 "$qmodel" compare --json "$folder/hostile_a.tflite" "$folder/hostile.tflite" "${data[@]}"
is layers_without_counterpart 0
expect 1 "$qmodel" compare $net "$folder/int8.tflite" "${data[@]}" --html /dev/full; one_line "No space left"
expect 1 "$qmodel" compare $net "$folder/int8.tflite" "${data[@]}" --html "$folder/none/x.html"; one_line "No such file"
expect 2 "$qmodel" compare $net $net "${data[@]}" --layers many; one_line "--layers"
expect 1 "$qmodel" compare $net $net --data ring:front; one_line "no qedged is running"
expect 2 "$qmodel" compare $net $net --data ring:front:0; one_line "ring:STREAM:COUNT"

# One layer's weights: types and schemes of each method, ends that follow from what is stored, bounds, names.
expect 0 "$qmodel" info --weights 2 "$folder/int8.tflite"
printed "^layer 2 CONV_2D 't7'"; printed '^scheme: per channel, symmetric; value = '
printed '^ +0 +[0-9.e-]+ +0 +-?[0-9.e-]+ +-?[0-9.e-]+  -?[0-9]+ '
expect 0 "$qmodel" info --weights t7 --all "$folder/int8.tflite"
awk '/^ *channel/ { rows = 1; next }
     rows { low = high = $6; for (i = 7; i <= NF; i++) { low = $i < low ? $i : low; high = $i > high ? $i : high }
            if (NF < 6 || (low * $2 - $4) ^ 2 > 1e-10 || (high * $2 - $5) ^ 2 > 1e-10 || (low > -127 && high < 127)) exit 1; n++ }
     END { exit n < 4 }' "$folder/out" || { fail "ends do not follow from what is stored"; cat "$folder/out"; }
expect 0 "$qmodel" info --weights t7 "$folder/half.tflite"; printed ': float16 \['; printed '^scheme: not quantized$'
expect 0 "$qmodel" info --weights t7 $net; printed ': float32 \['; printed '^ +0 +- +- '
expect 0 "$qmodel" quantize $net -o "$folder/coarse.tflite" --method int8 --per-tensor "${data[@]}"
expect 0 "$qmodel" info --weights t7 "$folder/coarse.tflite"; printed '^scheme: per tensor, symmetric'
if [ -r ../shared/models/mnist/mnist_quantized.tflite ]; then
    expect 0 "$qmodel" info --json ../shared/models/coral/mobilenet_v1_0.25_128_quant.tflite --weights 0
    printed '"type":"uint8"'; printed '"scheme":"per tensor","symmetric":false'
fi
expect 0 "$qmodel" info --json --weights 2 "$folder/int8.tflite"; printed '"axis":0,'; printed '"stored":\[-?[0-9]+'
short=$(wc -c <"$folder/out")
expect 0 "$qmodel" info --json --all --weights t34 "$folder/int8.tflite"
[ "$(wc -c <"$folder/out")" -gt $((2 * short)) ] || fail "--all shows no more"
expect 1 "$qmodel" info --weights t "$folder/int8.tflite"; one_line "give a number"
expect 1 "$qmodel" info --weights nothing "$folder/int8.tflite"; one_line "no layer with weights is called 'nothing'"
expect 1 "$qmodel" info --weights 99999999999999999999 "$folder/int8.tflite"; one_line "has no weights"
expect 1 "$qmodel" info --weights 3 "$folder/int8.tflite"; one_line "has no weights"
expect 1 "$qmodel" info --weights 0 "$folder/nowhere"; one_line "No such file"
head -c 9000 $default >"$folder/cut.tflite"
expect 1 "$qmodel" info --weights 0 "$folder/cut.tflite"; one_line "cut.tflite: "
expect 2 "$qmodel" info --all $net; one_line "--weights"
expect 2 "$qmodel" info $net --weights; one_line "no value after"
expect 0 "$qmodel" info --weights 2 "$folder/hostile.tflite"; grep -qP '\x1b' "$folder/out" && fail "an escape sequence"

[ $failures = 0 ] && echo "all passed"
exit $((failures > 0))

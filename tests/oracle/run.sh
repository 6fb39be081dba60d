#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes the oracle's virtual environment (once) and runs check.py in it with the arguments given; without
# arguments also quantize.py, onnx_import.py and, where the golden test's program is built, fuzz.py.
#   tests/oracle/run.sh [--pictures N] [MODEL ...]        BUILD=dir  ORACLE_VENV=dir
set -eu
cd "$(dirname "$0")/../.."
BUILD=${BUILD:-build}
venv=${ORACLE_VENV:-$BUILD/oracle-venv}
list=tests/oracle/requirements.txt
if ! cmp -s "$list" "$venv/requirements.txt"; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$list"
    cp "$list" "$venv/requirements.txt"
fi
status=0
"$venv/bin/python" tests/oracle/check.py --qmodel "$BUILD/qmodel" "$@" || status=1
if [ $# = 0 ]; then
    "$venv/bin/python" tests/oracle/quantize.py --qmodel "$BUILD/qmodel" || status=1
    "$venv/bin/python" tests/oracle/onnx_import.py --qmodel "$BUILD/qmodel" || status=1
fi
golden=$BUILD/tests/golden/golden_test
if [ $# = 0 ] && [ -x "$golden" ]; then
    "$venv/bin/python" tests/oracle/fuzz.py --count 2000 --golden "$golden" || status=1
fi
exit $status

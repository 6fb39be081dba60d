#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes the table of docs/QUANTIZATION.md ("Measured"): quantize_table.py in a virtual environment of its own, made once.
#   tests/bench/quantize_table.sh [OPTION...]     the options are quantize_table.py's
# BUILD=dir; QUANTIZE_TABLE_PYTHON=a Python that has quantize_requirements.txt's packages: no environment is made.
set -eu
cd "$(dirname "$0")/../.."
BUILD=${BUILD:-build}
python=${QUANTIZE_TABLE_PYTHON:-}
if [ -z "$python" ]; then
    venv=$BUILD/quantize-venv list=tests/bench/quantize_requirements.txt
    python=$venv/bin/python
    if ! cmp -s "$list" "$venv/requirements.txt"; then
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$list"
        cp "$list" "$venv/requirements.txt"
    fi
fi
exec "$python" tests/bench/quantize_table.py --qmodel "$BUILD/qmodel" "$@"

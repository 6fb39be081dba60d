#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Completion in bash: commands and options as the programs' own help has them.
set -eu
cd "$(dirname "$0")/../.."
PATH=$(cd "$BUILD" && pwd):$PATH
problems=0
# shellcheck source=/dev/null
. ctl/qctl.bash
# shellcheck source=/dev/null
. qmodel/qmodel.bash

# expect FUNCTION WANTED WORD...: the last word is being typed; WANTED is among what is offered
expect() {
    local function=$1 wanted=$2
    shift 2
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
    "$function" || true
    printf '%s\n' "${COMPREPLY[@]}" | grep -qxF -- "$wanted" ||
        { echo "completion: after '$*': no '$wanted' in '${COMPREPLY[*]}'"; problems=$((problems + 1)); }
}
expect qctl_completion status qctl st
expect qctl_completion watch qctl ''
expect qctl_completion top qctl to
expect qctl_completion lag qctl top --sort l
expect qctl_completion --socket qctl --so
expect qctl_completion README.md qctl check READ
expect qmodel_completion quantize qmodel qu
expect qmodel_completion --method qmodel quantize --me
expect qmodel_completion int16x8 qmodel quantize --method int
expect qmodel_completion README.md qmodel info READ
[ $problems = 0 ] && echo "completion: as the help says"

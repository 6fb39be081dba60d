#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Folders depend one way (docs/ARCHITECTURE.md): fail on an #include "room/..." that runs the wrong way.
set -u
cd "$(dirname "$0")/.."
declare -A may=(
    [include]=""
    [common]="common"
    [kernels]="common kernels"
    [engine]="common kernels engine"
    [imaging]="common kernels imaging"
    [libclient]="common libclient include"
    [ctl]="common ctl include imaging"
    [daemon]="common kernels engine imaging daemon"
    [qmodel]="common kernels engine imaging qmodel include"
)
bad=0
for room in "${!may[@]}"; do
    while IFS=: read -r file line text; do
        target=$(sed -n 's/.*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/p' <<<"$text")
        case $target in
        */*) dir=${target%%/*} ;;
        qclient.h) dir=include ;;
        *) echo "$file:$line: include \"$target\": write the path from the project's root"; bad=1; continue ;;
        esac
        case " ${may[$room]} " in
        *" $dir "*) ;;
        *) echo "$file:$line: $room must not include $dir ($target)"; bad=1 ;;
        esac
    done < <(grep -rnE --include='*.[chS]' '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$room" 2>/dev/null)
done
[ $bad = 0 ] && echo "check-deps: includes run one way"
exit $bad

# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# bash completion for qmodel. Commands and options are read from its own help, so that they are never out of date.
qmodel_completion() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} help
    if [ "$COMP_CWORD" = 1 ]; then
        help=$("${COMP_WORDS[0]}" --help 2>/dev/null) || return
        mapfile -t COMPREPLY < <(compgen -W "$(sed -n 's/^  \([a-z][a-z]*\) .*/\1/p' <<<"$help")" -- "$word")
        return
    fi
    help=$("${COMP_WORDS[0]}" "${COMP_WORDS[1]}" --help 2>/dev/null) || return
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(grep -o -- '--[a-z][a-z-]*' <<<"$help" | sort -u)" -- "$word")
    elif [ "$before" = --method ]; then
        mapfile -t COMPREPLY < <(compgen -W "none float16 dynamic int8 int16x8" -- "$word")
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}
complete -o filenames -F qmodel_completion qmodel

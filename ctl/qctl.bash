# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# bash completion for qctl. Commands and options are read from its own help, so that they are never out of date.
qctl_completion() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} help command='' i
    help=$("${COMP_WORDS[0]}" --help 2>/dev/null) || return
    case $before in
    --socket | check | --output | -o) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    --sort) mapfile -t COMPREPLY < <(compgen -W "config name in out drops errors lag p99" -- "$word"); return ;;
    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --socket | --wait) i=$((i + 1)) ;;
        -*) ;;
        *) command=${COMP_WORDS[i]}; break ;;
        esac
    done
    if [[ $word == -* ]]; then
        [ -z "$command" ] || help+=$'\n'$("${COMP_WORDS[0]}" "$command" --help 2>/dev/null)
        mapfile -t COMPREPLY < <(compgen -W "$(grep -o -- '--[a-z][a-z-]*' <<<"$help" | sort -u)" -- "$word")
    elif [ -z "$command" ]; then
        mapfile -t COMPREPLY < <(compgen -W "$(sed -n 's/^  \([a-z][a-z]*\) .*/\1/p' <<<"$help")" -- "$word")
    else
        case $command in
        watch | snapshot | bench)
            mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]}" streams 2>/dev/null | awk '{print $1}')" -- "$word") ;;
        esac
    fi
}
complete -F qctl_completion qctl

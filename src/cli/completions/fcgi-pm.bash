# bash completion for fcgi-pm. It asks fcgi-pm itself what may stand at the cursor.

_fcgi_pm() {
    local program=$1 current=${COMP_WORDS[COMP_CWORD]} places= line
    local -a lines
    COMPREPLY=()
    type -- "$program" >/dev/null 2>&1 || program=fcgi-pm
    # The cursor may stand within a word. Words that bash has broken at = are put together again by fcgi-pm.
    if [[ -n $2 && $current == "$2"* ]]; then current=$2; fi
    mapfile -t lines < <("$program" __complete bash "${COMP_WORDS[@]:1:COMP_CWORD-1}" "$current" 2>/dev/null </dev/null)
    for line in "${lines[@]}"; do
        case $line in
            :*) places=${line#:} ;;
            *) COMPREPLY+=("${line%%$'\t'*}") ;;
        esac
    done
    case $places in
        files)
            if [[ ${#COMPREPLY[@]} -eq 0 ]]; then
                compopt -o default 2>/dev/null
            else
                mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$2")
                compopt -o filenames 2>/dev/null
            fi
            ;;
        directories) compopt -o dirnames 2>/dev/null ;;
    esac
}

complete -F _fcgi_pm fcgi-pm

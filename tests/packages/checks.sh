# shellcheck shell=bash
# Sourced by the checks of the packages: a line for each check, the end at the first that fails.

# expect WHAT COMMAND…: the command succeeds if WHAT is true.
expect() {
    local what=$1 output
    shift
    if output=$("$@" 2>&1); then
        printf 'ok      %s\n' "$what"
        return
    fi
    printf 'FAILED  expected: %s\n        by: %s\n' "$what" "$*"
    printf '        | %s\n' "${output//$'\n'/$'\n        | '}"
    exit 1
}

# answers PATTERN COMMAND…: the command succeeds, and a line it prints matches.
answers() {
    local pattern=$1 output
    shift
    output=$("$@") || return
    printf '%s\n' "$output"
    grep --quiet --extended-regexp -- "$pattern" <<< "$output"
}

# says TEXT COMMAND…: the command succeeds and prints just that.
says() {
    local text=$1 output
    shift
    output=$("$@") || return
    printf '%s\n' "$output"
    [ "$output" = "$text" ]
}

# refuses COMMAND…: the command fails, and may say why.
refuses() { if "$@" 2>&1; then return 1; fi; }

# absent PATH…: nothing of it is there, no dangling link either.
absent() {
    local path
    for path in "$@"; do
        if [ -e "$path" ] || [ -L "$path" ]; then echo "$path is there" && return 1; fi
    done
}

# eventually SECONDS COMMAND…: tries until the command succeeds.
eventually() {
    local until=$((SECONDS + $1))
    shift
    until "$@" > /dev/null 2>&1; do
        # The last try may say why.
        if [ "$SECONDS" -ge "$until" ]; then
            "$@"
            return
        fi
        sleep 0.1
    done
}

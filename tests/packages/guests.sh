# shellcheck shell=bash disable=SC2154 # the script that sources it sets `work`
# Sourced where clean Debian roots and ARM programs are needed, in the project's directory. Roots
# stay in target/packages-root for the next time; remove it to have new ones.

checks=tests/packages
roots=$PWD/target/packages-root
limit_s=900
left_out=()
mkdir -p "$roots"

step() { printf '\n== %s\n' "$*"; }

update_apt() {
    [ -z "${updated:-}" ] || return 0
    apt-get update --quiet > /dev/null
    updated=yes
}

install_missing() {
    local missing=() package
    for package in "$@"; do
        [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2> /dev/null)" = installed ] ||
            missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    step "install ${missing[*]}"
    update_apt
    without_services env DEBIAN_FRONTEND=noninteractive \
        apt-get install --quiet --yes --no-install-recommends "${missing[@]}"
}

# What is installed here does not start services here.
without_services() {
    local policy=/usr/sbin/policy-rc.d code=0
    if [ -e "$policy" ]; then
        "$@"
        return
    fi
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
    "$@" || code=$?
    rm -f "$policy"
    return "$code"
}

# ARM programs run by an emulator from Debian's package, which is unpacked, not installed: it would
# drive out another one.
emulator() {
    [ ! -x "$roots/qemu-arm-static" ] || return 0
    update_apt
    (cd "$work" && apt-get download --quiet qemu-user-static && dpkg-deb --extract qemu-user-static_*.deb qemu)
    mv "$work/qemu/usr/bin/qemu-arm-static" "$roots"
}

can_emulate() {
    if emulator && contained armhf true; then return; fi
    left_out+=("$1: no ARM programs here; it takes Linux 6.7 and Debian's qemu-user-static")
    return 1
}

# contained ARCHITECTURE [--online] COMMAND…: in namespaces, with an emulator where it takes one.
contained() {
    local architecture=$1 options=() code=0
    shift
    [ "$1" != --online ] || { options=(--online) && shift; }
    [ "$architecture" != armhf ] ||
        { options+=(--mapped) && set -- "$checks/emulated" "$roots/qemu-arm-static" "$@"; }
    timeout --kill-after=10 "$limit_s" "$checks/contained" "${options[@]}" "$@" || code=$?
    [ "$code" != 124 ] || { echo "FAILED  expected: an end within $limit_s s" && code=1; }
    return "$code"
}

# clean_root ARCHITECTURE [SUITE]
clean_root() {
    local root=$roots/$1${2:+-$2}
    [ ! -d "$root" ] || return 0
    echo "a clean root for $1 is made, which takes some minutes"
    update_apt
    contained "$1" --online "$checks/root" "$1" "$root" "${@:2}"
}

# shellcheck shell=bash disable=SC2154 # names that are not set here are those of `lifecycle`
# Sourced by `lifecycle`: a root where no systemd runs. The gateway is started as the unit says.

inside() {
    chroot "$root" /usr/bin/env --ignore-environment PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        DEBIAN_FRONTEND=noninteractive "$@"
}
# The namespace has a network of its own, so its ports are free.
in_network() { "$@"; }
gateway_pid() { echo "$gateway"; }
of_unit() { sed --quiet "s/^$1=//p" "$root$unit"; }

open_root() {
    local device
    ip link set lo up
    mount -t proc proc "$root/proc"
    mount -t tmpfs tmpfs "$root/dev"
    for device in null zero full random urandom tty; do
        touch "$root/dev/$device"
        mount --bind "/dev/$device" "$root/dev/$device"
    done
    [ "$way" != bare ] || inside dpkg --purge systemd-sysv systemd > /dev/null 2>&1
}

close_root() { [ -z "$gateway" ] || kill "$gateway" 2> /dev/null || true; }

# Without systemd, useradd makes the account; without either, someone has to be told.
before_install() {
    [ "$way" = bare ] || return 0
    expect "there is no systemd here" absent "$root"/usr/bin/systemd-sysusers "$root"/run/systemd/system
    mv "$root/usr/sbin/useradd" "$work"
    expect "without a tool for accounts, dpkg fails" refuses install_package "$first"
    expect "and says what to do" answers 'add a system user and group named stockgate' refuses inside dpkg --configure stockgate
    mv "$work/useradd" "$root/usr/sbin"
}

gateway_begins() {
    local start state
    read -ra start <<< "$(of_unit ExecStart)"
    state=/var/lib/$(of_unit StateDirectory)
    inside install -d -m "$(of_unit StateDirectoryMode)" -o "$(of_unit User)" -g "$(of_unit Group)" "$state"
    (
        umask "$(of_unit UMask)"
        exec chroot "$root" /usr/bin/env --ignore-environment STATE_DIRECTORY="$state" \
            setpriv --reuid "$(of_unit User)" --regid "$(of_unit Group)" --clear-groups "${start[@]}"
    ) 2>> "$work/log" &
    gateway=$!
}

gateway_ends() {
    local code=0
    kill "$gateway"
    wait "$gateway" || code=$?
    gateway=
    expect "the gateway ends well when asked to" test "$code" = 0
}

before_upgrade() { gateway_ends; }
after_upgrade() { gateway_begins; }
before_removal() { gateway_ends; }
after_removal() { :; }

# Wherever the administrator has put the data, they are taken as well; none of it stops dpkg.
at_the_end() {
    mkdir "$root/srv/disk"
    ln --symbolic /srv/disk "$root$data"
    purges_data "behind a link" "$root/srv/disk"
    mount --mkdir -t tmpfs tmpfs "$root$data"
    purges_data "on a partition of their own" "$root$data"
    umount "$root$data"
    rmdir "$root$data"
}

purges_data() {
    installs "$first"
    touch "$2/stockgate.db" "$2/.hidden"
    expect "dpkg purges it with data $1" inside dpkg --purge stockgate
    expect "they are gone" says '' ls --almost-all "$2"
}

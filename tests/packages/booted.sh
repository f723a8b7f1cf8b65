# shellcheck shell=bash disable=SC2154 # names that are not set here are those of `lifecycle`
# Sourced by `lifecycle`: a root in which systemd runs, as in a machine of its own.

clean=(/usr/bin/env --ignore-environment PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive)
nspawn='' init='' pid_before='' fed=''
# Where systemd does not run outside, nspawn has to be given a group of its own.
cgroup=$(findmnt --noheadings --first-only --types cgroup2 --output TARGET)/stockgate-packages-$$

inside() { nsenter --target "$init" --all --wdns=/ "${clean[@]}" "$@"; }
in_network() { nsenter --target "$init" --net "$@"; }
gateway_pid() { pgrep --parent "$init" --exact stockgate; }
is_now() { inside systemctl show --property "$1" --value stockgate.service; }
log() { inside journalctl --no-pager --unit stockgate.service "$@"; }

open_root() {
    # What nspawn keeps there is not to stay on the machine.
    mount -t tmpfs tmpfs /run
    echo uninitialized > "$root/etc/machine-id"
    mkdir "$cgroup"
    (
        echo 0 > "$cgroup/cgroup.procs"
        export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
        exec systemd-nspawn --quiet --boot --directory="$root" --private-network --register=no \
            --keep-unit --link-journal=no --resolv-conf=off --timezone=off --console=pipe
    ) < /dev/null > "$work/console" 2>&1 &
    nspawn=$!
    expect "systemd is booted" eventually 60 is_booted
    init=$(pgrep --parent "$nspawn" --exact systemd)
}

is_booted() {
    init=$(pgrep --parent "$nspawn" --exact systemd) || { cat "$work/console" && return 1; }
    inside systemctl is-active multi-user.target
}

close_root() {
    if [ -n "$nspawn" ] && kill "$nspawn" 2> /dev/null; then wait "$nspawn" || true; fi
    find "$cgroup" -depth -type d -exec rmdir {} + 2> /dev/null || true
}

before_install() { :; }

gateway_begins() {
    expect "the service is active" eventually 10 says active is_now ActiveState
    pid_before=$(gateway_pid)
}

before_upgrade() {
    is_confined
    tells_systemd
    comes_back
    comes_back_from_a_hang
}

tells_systemd() {
    expect "it says how things stand" answers 'Running' is_now StatusText
    fed=$(is_now WatchdogTimestampMonotonic)
    expect "it feeds the watchdog" eventually 15 is_fed_again
    sed --in-place=.sound 's/^ledger_retention_days = .*/ledger_retention_days = 0/' "$root$configuration"
    expect "a configuration that is wrong can be asked for" inside systemctl reload stockgate.service
    expect "the status says why it stays out" eventually 10 \
        answers 'the old one stays in force: .*ledger_retention_days: must be from 1' is_now StatusText
    expect "the journal says it too" answers 'ledger_retention_days: must be from 1' log
    expect "and the gateway goes on" says "$pid_before" gateway_pid
    mv "$root$configuration.sound" "$root$configuration"
    expect "it is mended by a reload" inside systemctl reload stockgate.service
    expect "and the status is as before" eventually 10 answers '^Running' is_now StatusText
}

is_fed_again() { [ "$(is_now WatchdogTimestampMonotonic)" -gt "$fed" ]; }

# Nothing but the watchdog finds that out.
comes_back_from_a_hang() {
    kill -STOP "$pid_before"
    expect "hanging, it is ended and comes back" eventually 60 is_another
    expect "and the journal says why" answers 'Watchdog timeout' log
    pid_before=$(gateway_pid)
}

is_confined() {
    local status
    status=/proc/$(gateway_pid)/status
    expect "it has no capabilities" answers '^CapBnd:	0+$' grep CapBnd: "$status"
    expect "it cannot gain any" answers '^NoNewPrivs:	1$' grep NoNewPrivs: "$status"
    expect "its system calls are filtered" answers '^Seccomp:	2$' grep Seccomp: "$status"
    expect "it may open files for every terminal" \
        answers '^Max open files +16384 +16384' cat "/proc/$(gateway_pid)/limits"
}

# As a power cut or a bug would have it.
comes_back() {
    kill -KILL "$pid_before"
    expect "killed, it comes back by itself" eventually 15 is_another
    pid_before=$(gateway_pid)
}

is_another() { [ "$(gateway_pid)" != "$pid_before" ] && ready; }

after_upgrade() {
    expect "the upgrade has restarted it" eventually 10 is_another
    takes_credentials
    stays_disabled
    asks_policy
}

# As the unit's comment says: root's file, which the gateway's account cannot read.
takes_credentials() {
    local drop_in=$root/etc/systemd/system/stockgate.service.d/token.conf
    configure_token
    expect "with root's secret alone it does not start" refuses restart
    expect "and says that it cannot read it" eventually 10 answers 'line-3.token cannot be read' log
    install -D -m 644 <(sed --quiet 's/^#\(LoadCredential=line-3.*\)/[Service]\n\1/p' "$root$unit") "$drop_in"
    expect "with LoadCredential it starts" restart
    expect "and can read them" eventually 10 ready
    expect "it asks for the token" answers 401 refused_status
    expect "and takes it" client /api/stock --header 'Authorization: Bearer open-sesame-open-sesame'
    sed --in-place 's/^reservation_ttl_s = .*/reservation_ttl_s = 60/' "$root$configuration"
    expect "it is reloaded with them" inside systemctl reload stockgate.service
    expect "and takes the new configuration" eventually 10 answers 'from now on: stock.reservation_ttl_s' log
    expect "and still the token" client /api/stock --header 'Authorization: Bearer open-sesame-open-sesame'
    rm -r "${drop_in%/*}" "$root/etc/stockgate/line-3.token"
    install -m 644 "$work/configuration" "$root$configuration"
    restart
}

configure_token() {
    install -m 644 "$root$configuration" "$work/configuration"
    install -m 600 <(echo open-sesame-open-sesame) "$root/etc/stockgate/line-3.token"
    printf '\n[[terminals.tokens]]\nname = "line-3"\nrole = "operator"\ntoken_file = "line-3.token"\n' \
        >> "$root$configuration"
}

restart() { inside systemctl daemon-reload && inside systemctl restart stockgate.service; }
refused_status() { in_network curl --silent --write-out '%{http_code}' http://127.0.0.1:8080/api/stock; }

stays_disabled() {
    inside systemctl --quiet disable --now stockgate.service
    installs "$second"
    expect "disabled, it stays so" says disabled is_now UnitFileState
    expect "and is not started" says inactive is_now ActiveState
    inside systemctl --quiet enable stockgate.service
}

asks_policy() {
    install -m 755 <(printf '#!/bin/sh\nexit 101\n') "$root/usr/sbin/policy-rc.d"
    installs "$second"
    expect "it is not started against policy-rc.d" says inactive is_now ActiveState
    rm "$root/usr/sbin/policy-rc.d"
    inside systemctl start stockgate.service
    gateway_begins
}

before_removal() { :; }

after_removal() {
    expect "the service is no longer active" says inactive is_now ActiveState
    expect "the gateway has ended" refuses gateway_pid
    expect "and was not killed" answers 'Deactivated successfully' log --lines 3
}

at_the_end() { :; }

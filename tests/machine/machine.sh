# shellcheck shell=bash disable=SC2154 # names that are not set here are those of scripts/power-cut
# Sourced by scripts/power-cut: an ARMv7 machine with Debian and systemd, the gateway's file and its
# unit, for an emulator. What takes long stays in target/packages-root for the next time.
#
# The suite is the first one whose programs keep time in 64 bits on 32-bit ARM: systemd of the one
# before does not live in 2039.

suite=trixie
here=tests/machine
# A module and what it needs, in the order in which they are loaded.
modules=(virtio_mmio virtio_blk crc32c_generic ext4 virtio_net)
# What takes long at a start and serves nobody here.
masked=(
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer
    e2scrub_reap.service fstrim.timer getty.target ldconfig.service
    modprobe@efi_pstore.service modprobe@fuse.service serial-getty@ttyAMA0.service
    systemd-ask-password-console.path systemd-ask-password-wall.path
    systemd-binfmt.service systemd-firstboot.service systemd-hwdb-update.service
    systemd-journal-catalog-update.service systemd-journal-flush.service
    systemd-logind.service systemd-machine-id-commit.service systemd-modules-load.service
    systemd-network-generator.service systemd-networkd.service systemd-pcrphase.service
    systemd-pcrphase-sysinit.service systemd-random-seed.service systemd-resolved.service
    systemd-sysctl.service systemd-sysusers.service systemd-timesyncd.service
    systemd-tmpfiles-clean.timer systemd-tmpfiles-setup-dev.service
    systemd-tmpfiles-setup-dev-early.service systemd-udev-trigger.service
    systemd-udevd.service systemd-update-done.service systemd-update-utmp.service
    systemd-user-sessions.service dev-hugepages.mount dev-mqueue.mount
    sys-fs-fuse-connections.mount sys-kernel-config.mount sys-kernel-debug.mount
    sys-kernel-tracing.mount proc-sys-fs-binfmt_misc.automount
)

# The emulator from Debian's packages, unpacked for the same reason as in guests.sh.
machine_emulator() {
    [ ! -d "$roots/qemu-system-arm" ] || return 0
    update_apt
    mkdir -p "$work/debs/partial" "$work/qemu"
    apt-get install --download-only --quiet --yes --no-install-recommends \
        -o Dir::Cache::archives="$work/debs" qemu-system-arm
    local package
    for package in "$work"/debs/*.deb; do dpkg-deb --extract "$package" "$work/qemu"; done
    mv "$work/qemu" "$roots/qemu-system-arm"
}

# Unpacked, not installed: nothing of it has to run.
kernel() {
    [ ! -d "$roots/kernel" ] || return 0
    local mirror
    # shellcheck disable=SC2016 # apt fills it in
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' \
        'Component: main' | grep --invert-match security | sed --quiet 1p)
    mmdebstrap --quiet --mode=root --architectures=armhf --variant=extract \
        --include=linux-image-armmp,busybox-static,liblzma5 \
        --aptopt='APT::Install-Recommends "false"' "$suite" "$work/kernel" "$mirror"
    ln -sfn usr/lib "$work/kernel/lib"
    "$roots/qemu-arm-static" -L "$work/kernel" -0 depmod "$work/kernel/usr/bin/kmod" \
        -b "$work/kernel" "$(ls "$work/kernel/usr/lib/modules")"
    mv "$work/kernel" "$roots/kernel"
}

# initramfs FILE
initramfs() {
    local tree=$work/initramfs all module file
    all=$(echo "$roots"/kernel/usr/lib/modules/*)
    mkdir -p "$tree"/{bin,dev,proc,sys,root,modules}
    cp "$roots/kernel/usr/bin/busybox" "$tree/bin"
    install -m 755 "$here/init" "$tree/init"
    for module in "${modules[@]}"; do
        for file in $(modprobe_order "$all/modules.dep" "$module"); do add_module "$all/$file"; done
    done
    (cd "$tree" && find . | cpio --quiet --create --format newc --owner 0:0) > "$1"
}

# The files that a module needs, the last one first to be loaded, and itself.
modprobe_order() {
    sed --quiet "s,^\(.*/$2\.ko[^:]*\):\(.*\),\1\2,p" "$1" | tr ' ' '\n' | tac
}

add_module() {
    local name
    name=$(basename "$1" | sed 's/\.ko.*/.ko/')
    [ ! -e "$tree/modules/$name" ] || return 0
    case $1 in
    *.xz) xz --decompress --stdout "$1" > "$tree/modules/$name" ;;
    *) cp "$1" "$tree/modules/$name" ;;
    esac
    echo "$name" >> "$tree/modules/order"
}

# system_disk FILE PROGRAM: what the machine runs from; the same at every start.
system_disk() {
    local root=$work/root
    rm -rf "$root"
    cp --archive "$roots/armhf-$suite" "$root"
    install -m 755 "$2" "$root/usr/bin/stockgate"
    install -m 644 systemd/stockgate.service "$root/usr/lib/systemd/system/"
    install -m 644 systemd/stockgate.sysusers "$root/usr/lib/sysusers.d/stockgate.conf"
    install -m 644 "$here"/clock.service "$here"/late-clock.service "$root/usr/lib/systemd/system/"
    install -D -m 644 "$here/stockgate.toml" "$root/etc/stockgate/stockgate.toml"
    install -D -m 644 "$here/journald.conf" "$root/etc/systemd/journald.conf.d/machine.conf"
    echo 0123456789abcdef0123456789abcdef > "$root/etc/machine-id"
    contained armhf "$here/finish" "$root" "${masked[@]}"
    rm -f "$1"
    mke2fs -q -t ext4 -L system -d "$root" "$1" 700M
    rm -rf "$root"
}

# data_disk FILE
data_disk() {
    rm -f "$1"
    mke2fs -q -t ext4 -L data "$1" 192M
}

#!/bin/bash
# Makes a stock Debian 12 in a folder: what the installer gives a server, a kernel, Node, and our command agent. The packages
# that come last are only downloaded: they wait in apt's own cache, so that the guest can install them without a network.
# Run in mount and pid namespaces of its own, so that nothing stays mounted or running.
# Usage: debian-root.sh ROOT NODE AGENT PACKAGE...
set -euo pipefail
root=$1 node=$2 agent=$3
shift 3
export DEBIAN_FRONTEND=noninteractive
debootstrap --include=linux-image-cloud-amd64,ca-certificates,dbus bookworm "$root" http://deb.debian.org/debian
chroot "$root" apt-get clean
chroot "$root" apt-get -q -y --download-only --no-install-recommends install "$@"
install -D "$node" "$root/usr/local/bin/node"
install "$agent" "$root/usr/local/sbin/vm-agent"
mkdir -p "$root/opt/knarr"
echo debian >"$root/etc/hostname"
echo '127.0.1.1 debian' >>"$root/etc/hosts"
cat >"$root/etc/fstab" <<'END'
LABEL=debian / ext4 errors=remount-ro 0 1
LABEL=knarr /opt/knarr ext4 defaults 0 2
END
cat >>"$root/etc/network/interfaces" <<'END'
auto lo
iface lo inet loopback
allow-hotplug enp0s5
iface enp0s5 inet dhcp
END
cat >"$root/etc/systemd/system/vm-agent.service" <<'END'
[Unit]
Description=Runs the commands of the test outside
[Service]
ExecStart=/usr/local/sbin/vm-agent
KillMode=process
Restart=always
Environment=HOME=/root
[Install]
WantedBy=multi-user.target
END
# The guest boots with the kernel that we hand it; making its initrd again takes five minutes in software emulation.
sed -i 's/^update_initramfs=.*/update_initramfs=no/' "$root/etc/initramfs-tools/update-initramfs.conf"
# In software emulation, beside other work, a disk may take minutes to be found, and a service to start.
mkdir -p "$root/etc/systemd/system.conf.d"
printf '[Manager]\nDefaultTimeoutStartSec=15min\nDefaultDeviceTimeoutSec=15min\n' >"$root/etc/systemd/system.conf.d/patience.conf"
ln -s ../vm-agent.service "$root/etc/systemd/system/multi-user.target.wants/vm-agent.service"
cp "$root"/boot/vmlinuz-* "$root/../kernel"
cp "$root"/boot/initrd.img-* "$root/../initrd"

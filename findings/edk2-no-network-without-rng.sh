#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# EDK2 2025.02 (Debian 13, for QEMU's machine virt) does not use its network, and does not
# say why, on a machine without a source of random numbers: its network drivers wait for
# a protocol that nobody provides then. A CPU with FEAT_RNG is such a source. So is a
# virtio-rng, but not if a bootindex names the network: then the firmware connects what has
# an index and nothing else before it looks for what it can boot, and the drivers are not
# started in time. 2022.11 (Debian 12) always boots from the network.
#
# For users: a guest that used to boot by PXE or HTTP ends in the shell after an update of
# the firmware; give it a virtio-rng, and no bootindex to any device. For authors of virtual
# machines: a boot order is not only an order, it decides what is looked at.
# shellcheck disable=SC2034,SC2154

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

needs qemu-system-arm:$qemu
pinned 2022.11 bookworm arm64 qemu-efi-aarch64=2022.11-6+deb12u2
pinned 2025.02 trixie arm64 qemu-efi-aarch64=2025.02-8+deb13u1

# boots VERSION CPU [OPTION]...: what it turns to, network or shell, within two minutes
boots() {
	version=$1 cpu=$2
	shift 2
	cp "$version/usr/share/AAVMF/AAVMF_VARS.fd" vars.fd
	: >log
	# shellcheck disable=SC2086
	timeout 120 $qemu -M virt -cpu "$cpu" -m 512 -nodefaults -display none -net none \
		-no-reboot -serial file:log \
		-drive "if=pflash,unit=0,format=raw,readonly=on,file=$version/usr/share/AAVMF/AAVMF_CODE.fd" \
		-drive if=pflash,unit=1,format=raw,file=vars.fd \
		-netdev socket,id=nobody,udp=127.0.0.1:9,localaddr=127.0.0.1:0 \
		-device "virtio-net-pci,netdev=nobody,romfile=$index" "$@" 2>err &
	child=$!
	while kill -0 $child 2>/dev/null; do
		grep -q -a 'Start PXE over IPv4' log && echo network && break
		grep -q -a 'Shell>' log && echo shell && break
		sleep 0.5
	done
	kill $child 2>/dev/null
	wait $child
	child=
}

rng='-device virtio-rng-pci'
index=''
seen "EDK2 2022.11, no random numbers: boots from" network "$(boots 2022.11 cortex-a72)"
seen "EDK2 2025.02, no random numbers: boots from" shell "$(boots 2025.02 cortex-a72)"
# shellcheck disable=SC2086
seen "EDK2 2025.02, virtio-rng: boots from" network "$(boots 2025.02 cortex-a72 $rng)"
index=,bootindex=1
# shellcheck disable=SC2086
seen "EDK2 2025.02, virtio-rng, bootindex: boots from" shell \
	"$(boots 2025.02 cortex-a72 $rng)"
seen "EDK2 2025.02, FEAT_RNG, bootindex: boots from" network "$(boots 2025.02 max)"

verdict

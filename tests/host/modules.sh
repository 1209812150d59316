# Modules of Debian's kernel in the root of a guest
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154

# root_modules TREE NAME...: those that lkvm's --root needs, and these
root_modules() {
	tree=$1
	shift
	for from in "$build"/guest/lib/modules/*; do
		release=${from##*/}
		to=$tree/usr/lib/modules/$release
		mkdir -p "$to"
		cp "$from"/modules.builtin* "$from"/modules.order "$to/" || return 1
		for name in virtio_mmio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci \
			netfs fscache 9pnet 9pnet_virtio 9p overlay virtio_console "$@"; do
			(cd "$from" && find . -name "$name.ko*" | cpio -pdm --quiet "$work/$to")
		done
		PATH=$PATH:/sbin:/usr/sbin depmod -b "$tree" "$release" >>"$log" 2>&1 || return 1
	done
}

# A guest with a network, and the host's side of it
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
#
# To be sourced after linux.sh.

# ---- on the machine that tests ---------------------------------------------

# net_initrd FILE TCP: an initramfs of lib/net-init
net_initrd() {
	tree=$work/net.tree
	mkdir -p "$tree/bin" "$tree/dev" "$tree/proc" "$tree/sys" "$tree/lib"
	cp build/guest/busybox "$tree/bin/busybox"
	cp tests/boot/lib/net-init "$tree/init"
	cp tests/boot/lib/net-dhcp "$tree/dhcp"
	cp "$2" "$tree/bin/tcp"
	for module in virtio_mmio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci \
		failover net_failover virtio_net af_packet; do
		path=$(find build/guest/lib/modules -name "$module.ko")
		[ -n "$path" ] || continue
		cp "$path" "$tree/lib/" && echo "$module.ko" >>"$tree/lib/order"
	done
	(cd "$tree" && find . | cpio -o -H newc -R 0:0 --quiet) >"$1" || exit 1
}

# ---- in the host -----------------------------------------------------------

# The host's own address and router: what passt gives to the guest.
host4=192.0.2.2 router4=192.0.2.1
host6=2001:db8::2 router6=2001:db8::1

# enter FUNCTION: call it with a root that programs can leave for a sandbox of
# theirs, which that of an initramfs is not (pivot_root(2)). Its mounts end with it.
enter() {
	mkdir "$work/root" || exit 1
	cat >"$work/enter" <<-END
		mount -t tmpfs -o mode=755 root "$work/root" && cd "$work/root" || exit 1
		cp -a /bin /etc /lib /root /sbin /usr /var .
		for folder in dev proc sys tmp run $IN $OUT; do
			mkdir -p ./\$folder
			mount -o rbind /\$folder ./\$folder
		done
		mount -o move . / && exec chroot . sh "$0" --inside $1
	END
	unshare -m sh "$work/enter"
}

# net_host: an interface with a route to everywhere
net_host() {
	modprobe veth && ip link add net0 type veth || bad 'no interface'
	echo 0 >/proc/sys/net/ipv6/conf/net0/accept_dad
	ip link set veth0 up
	ip link set net0 up
	ip addr add $host4/24 dev net0
	ip addr add $host6/64 dev net0
	ip route add default via $router4
	ip -6 route add default via $router6
}

# net_serve: a server on all addresses of the host, and a script for expect that
# fetches what the guest serves: fetch NAME ADDRESS PORT
net_serve() {
	dd if=/dev/urandom of="$work/file" bs=64k count=12 2>/dev/null
	sum=$(md5sum <"$work/file")
	sum=${sum%% *}
	"$IN/tcp" serve 8000 "$work/file"
	cat >"$work/fetch" <<-'END'
		sum=$("$IN/tcp" get "$2" "$3" | md5sum)
		echo "$1 ${sum%% *}" >>fetched
	END
}

# expect_fetched NAME [BOOT]: what the host got is what the guest served then
expect_fetched() {
	served=$(sed -n 's/^served //p' "$work/facts" | sed -n "${2:-1}p")
	grep -q "^$1 $served\$" "$work/fetched" ||
		bad "$1: the host got $(cat "$work/fetched"), of $(grep served "$work/facts")"
}

# talk SCRIPT [OPTION]...: a guest that is told what to do by a script of expect;
# $launcher is what starts lkvm, if anything, $initrd another initramfs than net_initrd's
talk() {
	script=$1
	shift
	: >"$work/fetched"
	# shellcheck disable=SC2086
	run "$IN/expect" -l "$work/log" "$script" ${launcher-} lkvm run --kernel "$IN/Image" \
		--initrd "$IN/${initrd:-net-initrd.img}" --mem 160 --cpus 2 --timeout 300 --stats stats \
		--params "$linux_params $extra_params" "$@"
	cp "$work/log" "$work/console"
	linux_facts
	expect_status 0
	expect_fact end ''
}

# net_by_kvm DEVICE N FEW: N queues' interrupts at least were given to KVM, at most FEW came
# by lkvm
net_by_kvm() {
	[ "$(net_counter stats "$1" irqfds)" -ge "$2" ] || bad 'KVM does not have the eventfds'
	[ "$(net_counter stats "$1" interrupts)" -le "$3" ] ||
		bad "$(net_counter stats "$1" interrupts) interrupts by lkvm"
}

net_by_lkvm() {
	[ "$(net_counter stats "$1" irqfds)" = 0 ] || bad 'KVM has eventfds'
	[ "$(net_counter stats "$1" interrupts)" -ge 5 ] ||
		bad "$(net_counter stats "$1" interrupts) interrupts by lkvm"
}

# net_counter STATS DEVICE NAME: a counter of --stats
net_counter() {
	awk -F '[:,]' -v device="\"$2\"" -v name="\"$3\"" '
		$1 ~ device { inside = 1 }
		inside && $1 ~ name { print $2 + 0; exit }' "$1"
}

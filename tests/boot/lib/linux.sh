# Linux as a guest: what it is made of, and what it says
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
#
# To be sourced after scenario.sh.

# ---- on the machine that tests ---------------------------------------------

# linux_initrd NAME BUSYBOX: an initramfs of lib/guest-init; prints its path
linux_initrd() {
	tree=$work/$1.tree
	mkdir -p "$tree/bin" "$tree/dev" "$tree/proc" "$tree/sys"
	cp "$2" "$tree/bin/busybox" && cp tests/boot/lib/guest-init "$tree/init" &&
		(cd "$tree" && find . | cpio -o -H newc -R 0:0 --quiet) >"$work/$1" || exit 1
	echo "$work/$1"
}

# linux_packed IMAGE KIND: IMAGE compressed, KIND gz, zst, zboot or zboot-zstd; prints its path.
# It is kept, for that takes a while.
linux_packed() {
	to=$build/tests/boot/${1##*/}.$2
	if [ -z "$(find "$to" -newer "$1" -newer tests/boot/lib/zboot.py 2>/dev/null)" ]; then
		mkdir -p "$build/tests/boot"
		case $2 in
		gz) gzip -1 <"$1" >"$to.$$" ;;
		zst) zstd -q -1 <"$1" >"$to.$$" ;;
		zboot) tests/boot/lib/zboot.py "$1" "$to.$$" ;;
		zboot-zstd) tests/boot/lib/zboot.py "$1" "$to.$$" zstd22 ;;
		esac || exit 1
		mv "$to.$$" "$to"
	fi
	echo "$to"
}

# ---- in the host -----------------------------------------------------------

# Little on the console, where each byte costs; a panic ends the guest at once,
# with status 3, for resets are not wanted. What the kernel's ciphers do to themselves is
# a fifth of its start.
linux_params='quiet loglevel=1 panic=-1 cryptomgr.notests'

# What ordinary boots are watched with: none of them, some fifty in make check, may be called
# a crash, a hang or a reset without end. Their statuses are other ones then.
ordinary='--detect on --hang 60'

# linux IMAGE INITRD [OPTION]...: boots that
linux() {
	image=$1
	initrd=$2
	shift 2
	# shellcheck disable=SC2086
	run lkvm run --kernel "$IN/$image" --initrd "$IN/$initrd" --mem 160 --timeout 150 \
		--no-reboot $ordinary --params "$linux_params ${extra_params-}" "$@"
	linux_facts
	expect_status 0
	expect_fact end ''
}

linux_facts() {
	tr -d '\r' <"$work/console" | sed -n 's/^fact //p' >"$work/facts"
}

# expect_fact NAME REGEX: what the guest said of NAME has that
expect_fact() {
	grep "^$1\>" "$work/facts" | grep -q -e "$2" ||
		bad "no $1 like '$2', but: $(grep "^$1\>" "$work/facts" | tr '\n' ' ')"
}

expect_no_fact() {
	! grep "^$1\>" "$work/facts" | grep -q -e "$2" || bad "there is $1 like '$2'"
}

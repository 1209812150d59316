# What lkvm owns while it runs a guest that resets itself, so that nothing is left over
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# To be sourced after scenario.sh.

# owned FILE [KIB]: lines of a script of expect, that write down what lkvm has:
# descriptors, KiB of memory, threads, rings of the kernel's. Those of the worker and of
# io_uring come and go with their jobs. The guest's RAM of so many KiB does not count: it may
# get a huge page at a time.
owned() {
	cat <<-END
		run ls -l /proc/\$CHILD/fd | sed 's/.* -> //' | sort >$1.open
		run grep -vc io_uring $1.open >$1
		run awk '/^Size:/ { ram = \$2 == ${2:-65536} } /^Rss:/ && !ram { sum += \$2 } END { print sum }' /proc/\$CHILD/smaps >>$1
		run cat /proc/\$CHILD/task/*/comm | grep -vc -e '^lkvm-worker$' -e '^iou-' >>$1
		run awk '/io_uring/ { n++ } END { print n + 0 }' $1.open >>$1
	END
}

# compare_owned FILE FILE [RINGS]: a queue of a disk opens its ring when it first has several
# requests, which may be late; there are not more than RINGS, 1 unless told.
compare_owned() {
	{ read -r fds1 && read -r rss1 && read -r threads1 && read -r rings1; } <"$1"
	{ read -r fds2 && read -r rss2 && read -r threads2 && read -r rings2; } <"$2"
	[ "$fds1" = "$fds2" ] || bad "$fds1 descriptors became $fds2:
$(diff "$1.open" "$2.open")"
	[ "$threads1" = "$threads2" ] || bad "$threads1 threads became $threads2"
	[ "$rss2" -le $((rss1 + 512)) ] || bad "$rss1 KiB of memory became $rss2"
	[ "$rings2" -le "${3:-1}" ] || bad "$rings1 rings became $rings2"
}

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Armv8: a load-acquire (LDAR) is not observed before an earlier store-release (STLR) of
# the same processor, whatever their addresses (Arm ARM, B2.3: they are RCsc). C's
# atomic_store() and atomic_load() rely on it: gcc makes STLR and LDAR of them, nothing
# else. QEMU 7.2 (the same with 10.0) on an x86-64 machine with two processors or more
# does not keep that order: store x, load y beside store y, load x ends with both loads
# having seen the old value, which no order of sequentially consistent accesses permits.
# With a DMB between the two (atomic_thread_fence()) it does not happen.
#
# For those who run tests of arm64 programs, kernels or virtual machines in QEMU: an
# algorithm such as Dekker's or Peterson's, a sleeper that announces itself and then
# looks once more, may fail there although it is right on every processor. A litmus test
# that counts this outcome judges the emulator.
# shellcheck disable=SC2154

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ "$(uname -m)" = x86_64 ] || cannot "this is about x86-64"
[ "$(nproc)" -ge 2 ] || cannot "two processors are needed"
needs gcc-aarch64-linux-gnu:aarch64-linux-gnu-gcc \
	libc6-dev-arm64-cross:/usr/aarch64-linux-gnu/lib/libc.a \
	binutils-aarch64-linux-gnu:aarch64-linux-gnu-objdump
pinned q bookworm amd64 qemu-user-static=1:7.2+dfsg-7+deb12u18+b3

cat >sb.c <<'EOF_C'
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#define TIMES 400000
#define SECONDS 60

struct place {
	atomic_uint x;
	char pad[252];
};

static struct place at[2];
static atomic_uint turn, arrived[2];
static unsigned int saw[2];
static int fenced;

/* Stores to one's own place, then loads from the other one's. */
static __attribute__((noinline)) void meet(int me, unsigned int nr)
{
	atomic_store(&at[me].x, nr);
	if (fenced)
		atomic_thread_fence(memory_order_seq_cst);
	saw[me] = atomic_load(&at[!me].x);
}

static void *other(void *arg)
{
	for (unsigned int nr = 1; ; nr++) {
		while (atomic_load(&turn) < nr)
			;
		if (atomic_load(&turn) == -1u)
			return arg;
		meet(1, nr);
		atomic_store(&arrived[1], nr);
	}
}

static unsigned int both_old(void)
{
	unsigned int n = 0, nr;
	time_t end = time(NULL) + SECONDS;
	pthread_t thread;

	atomic_store(&turn, 0);
	atomic_store(&arrived[1], 0);
	atomic_store(&at[0].x, 0);
	atomic_store(&at[1].x, 0);
	pthread_create(&thread, NULL, other, NULL);
	for (nr = 1; nr <= TIMES && time(NULL) < end; nr++) {
		atomic_store(&turn, nr);
		/* The other one needs some time to see that: not always the same. */
		for (volatile unsigned int i = nr % 64; i; i--)
			;
		meet(0, nr);
		while (atomic_load(&arrived[1]) < nr)
			;
		n += saw[0] < nr && saw[1] < nr;
	}
	atomic_store(&turn, -1u);
	pthread_join(thread, NULL);
	return n;
}

int main(void)
{
	unsigned int n = both_old();

	fprintf(stderr, "both loads saw the old value %u times of %u\n", n, TIMES);
	printf("released and acquired: %s\n", n ? "both old" : "in order");
	fenced = 1;
	printf("with a fence: %s\n", both_old() ? "both old" : "in order");
	return 0;
}
EOF_C
aarch64-linux-gnu-gcc -O2 -march=armv8-a -mno-outline-atomics -static -pthread -o sb sb.c ||
	cannot "the program does not compile"
aarch64-linux-gnu-objdump -d sb | awk '/<meet>:/ { on = 1 } on && /^$/ { exit } on' >meet
q/usr/bin/qemu-aarch64-static --version | head -n 1
timeout 300 q/usr/bin/qemu-aarch64-static ./sb >out || cannot "it does not end, or fails"

seen "stores are releases" "stlr" "$(grep -o 'stlr' meet | sort -u)"
seen "loads are acquires" "ldar" "$(grep -ow 'ldar' meet | sort -u)"
seen "without a fence" "both old" "$(sed -n 's/^released and acquired: //p' out)"
seen "with a fence" "in order" "$(sed -n 's/^with a fence: //p' out)"

verdict

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The flash of QEMU's machine virt (pflash_cfi01, 7.2) answers as an Intel command
# set chip, but four things are not as in NOR flash, where a program can only clear
# bits and nothing happens to the array before a command's second cycle:
#
#   - a program sets bits as well: 0x0f0f0f0f and then 0xf0f0f0f0 programmed to one
#     word leave 0xf0f0f0f0, where a chip is left with 0;
#   - 0x20 (erase, first cycle) erases the block at once: 0xff after it, which gives
#     the erase up, comes too late;
#   - 0x50 (clear status) leaves status 0, "busy", where a chip that is idle has
#     0x80, and goes back to reading the array;
#   - 0x70 (read status) is ignored after 0x98 (query): only 0xff leads out.
#
# For authors of flash drivers, file systems and firmware: that something works on
# QEMU's flash does not show that it works on a chip. A driver that programs what is
# not erased, or gives up an erase, is not found out there, and one that waits for
# status 0x80 after 0x50 waits for ever.
# shellcheck disable=SC2154

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# its libraries are the system's
needs qemu-system-arm:qemu-system-aarch64 gcc-aarch64-linux-gnu:aarch64-linux-gnu-gcc
pinned q bookworm amd64 qemu-system-arm=1:7.2+dfsg-7+deb12u18+b3
q/usr/bin/qemu-system-aarch64 --version | head -n 1

# A program without an operating system: two x16 chips side by side at 64 MiB,
# UART at 0x9000000. Each line it prints is NAME VALUE.
cat >guest.c <<'EOF_C'
typedef unsigned int u32;

static volatile u32 *const flash = (u32 *)0x4000000;
static volatile u32 *const uart = (u32 *)0x9000000;

__asm__(".globl _start\n_start: mov x0, #0x48000000\n mov sp, x0\n b start\n");

static void show(const char *what, u32 value)
{
	int i;

	while (*what)
		*uart = *what++;
	*uart = ' ';
	for (i = 28; i >= 0; i -= 4)
		*uart = "0123456789abcdef"[value >> i & 15];
	*uart = '\n';
}

static void command(u32 c)
{
	flash[0] = c << 16 | c;
}

static void program(u32 value)
{
	command(0x40);
	flash[0] = value;
	command(0xff);
}

void start(void)
{
	command(0xff);
	show("erased", flash[0]);
	program(0x0f0f0f0f);
	show("programmed", flash[0]);
	program(0xf0f0f0f0);
	show("programmed-again", flash[0]);

	command(0x20);
	command(0xff);
	show("erase-given-up", flash[0]);

	program(0x12345678);
	command(0x70);
	show("status", flash[0]);
	command(0x50);
	show("read-after-50", flash[0]);
	command(0x70);
	show("status-after-50", flash[0]);
	command(0xff);

	command(0x98);
	show("query", flash[0x10]);
	command(0x70);
	show("query-70", flash[0x10]);
	command(0xff);

	/* PSCI: SYSTEM_OFF */
	__asm__ volatile("ldr x0, =0x84000008\n hvc #0" ::: "x0");
	for (;;)
		;
}
EOF_C
aarch64-linux-gnu-gcc -O1 -ffreestanding -nostdlib -static -fno-stack-protector \
	-mgeneral-regs-only -Wl,-Ttext=0x48000000,--build-id=none -o guest.elf guest.c ||
	cannot "the guest's program does not compile"

head -c $((64 << 20)) /dev/zero | tr '\000' '\377' >flash.img
timeout 60 q/usr/bin/qemu-system-aarch64 -M virt -cpu cortex-a57 -m 256 -display none \
	-monitor none -nic none -no-reboot -serial stdio -kernel guest.elf \
	-drive if=pflash,index=1,format=raw,file=flash.img </dev/null >out 2>&1 ||
	cannot "QEMU ends with status $?: $(tail -n 1 out)"

# read_ NAME: what the guest has read
read_() {
	sed -n "s/^$1 //p" out | tr -d '\r'
}

seen "erased word" ffffffff "$(read_ erased)"
seen "0x0f0f0f0f programmed" 0f0f0f0f "$(read_ programmed)"
seen "0xf0f0f0f0 programmed over it (a chip: 00000000)" f0f0f0f0 "$(read_ programmed-again)"
seen "after 0x20 0xff (a chip: unchanged)" ffffffff "$(read_ erase-given-up)"
seen "status" 00800080 "$(read_ status)"
seen "read after 0x50: the array, 0x12345678" 12345678 "$(read_ read-after-50)"
seen "status after 0x50 (a chip: 00800080)" 00000000 "$(read_ status-after-50)"
seen "query, word 0x10: 'Q' of each chip" 00510051 "$(read_ query)"
seen "the same after 0x70 (a chip: status, 00800080)" 00510051 "$(read_ query-70)"

verdict

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ends, or does not, in each way that `lkvm run` tells apart by the console and
 * by what the vCPU does: act=N on the command line.
 */
#include "guest.h"

enum act {
	ACT_PASS = 1,	 /* says so, and is idle */
	ACT_SILENT,	 /* is idle at once */
	ACT_DEAD,	 /* loops in place */
	ACT_FLOOD,	 /* prints without end or newline */
	ACT_PANIC,	 /* a kernel's panic */
	ACT_PANIC_RESET, /* one that reboots */
	ACT_SHOW_PANIC,	 /* shows all that of another one, and is idle */
	ACT_EXCEPTION,	 /* EDK2's */
	ACT_ASSERTION,	 /* and that of a DEBUG build */
	ACT_LATE,	 /* the same text when a kernel has begun; computes */
	ACT_RESETS,	 /* U-Boot's banner, and a reset */
	ACT_DIALOG,	 /* asks for names until "bye" */
	ACT_COUNT,	 /* computes in silence */
};

static void idle(void)
{
	for (;;)
		__asm__ volatile("wfi");
}

static void dead(void)
{
	for (;;)
		__asm__ volatile("");
}

/* As a kernel that waits for a time to pass. */
static void compute(void)
{
	for (u64 i = 0;; i++)
		__asm__ volatile("" : : "r"(i));
}

static void print_panic(void)
{
	print("[    1.234567] Kernel panic - not syncing: a test\r\n"
	      "[    1.234600] CPU: 0 UID: 0 PID: 1 Comm: init\r\n"
	      "[    1.234700] Call trace:\r\n");
}

static void print_panic_end(void)
{
	print("[    1.345678] ---[ end Kernel panic - not syncing: a test ]---"
	      "\r\n");
}

static void print_exception(void)
{
	print("\n\nSynchronous Exception at 0x00000000BF6F3A40\n"
	      "PC 0x0000BF6F3A40\n\n");
	for (int i = 0; i < 8; i++)
		print("  X%u 0x%016lx\n", (unsigned int)i, time_now());
}

static void print_assertion(void)
{
	print("ASSERT_EFI_ERROR (Status = Not Found)\n"
	      "ASSERT [PlatformBds] /edk2/ArmVirtPkg/Bds.c(321): "
	      "!(((INTN)(Status)) < 0)\n");
}

/* One line, of what fits; echoed, as terminals expect. */
static void read_line(char *line, unsigned int size)
{
	unsigned int len = 0;
	char c;

	while ((c = (char)read_char()) != '\r' && c != '\n') {
		print_char(c);
		if (len + 1 < size)
			line[len++] = c;
	}
	line[len] = '\0';
	print("\r\n");
}

static void talk(void)
{
	char line[32];

	for (;;) {
		print("\033[1mname: \033[0m");
		read_line(line, sizeof(line));
		if (str_eq(line, "bye"))
			return;
		print("hello %s, ", line);
		print("again\r\n");
	}
}

static void flood(void)
{
	for (;;)
		print("all work and no play ");
}

static void act(enum act what)
{
	switch (what) {
	case ACT_PASS:
		print("one\nPASS 1\n");
		idle();
		break;
	case ACT_SILENT:
		idle();
		break;
	case ACT_DEAD:
		dead();
		break;
	case ACT_FLOOD:
		flood();
		break;
	case ACT_PANIC:
		print("[    0.000000] Booting Linux on physical CPU 0x0\r\n");
		print_panic();
		print_panic_end();
		compute();
		break;
	case ACT_PANIC_RESET:
		print_panic();
		psci(PSCI_SYSTEM_RESET, 0, 0, 0);
		break;
	case ACT_SHOW_PANIC:
		print_panic();
		print_panic_end();
		print_exception();
		print("# ");
		idle();
		break;
	case ACT_EXCEPTION:
		print("UEFI firmware (version 1 built at 00:00:00)\n");
		print_exception();
		dead();
		break;
	case ACT_ASSERTION:
		print_assertion();
		dead();
		break;
	case ACT_LATE:
		print("EFI stub: Exiting boot services...\n");
		print_exception();
		print_assertion();
		compute();
		break;
	case ACT_RESETS:
		print("U-Boot 2025.01 (a test)\n\ntime %lu\nresetting ...\n",
		      time_now());
		psci(PSCI_SYSTEM_RESET, 0, 0, 0);
		break;
	case ACT_DIALOG:
		talk();
		break;
	case ACT_COUNT:
		compute();
		break;
	}
}

void main(void)
{
	act((enum act)param("act", 0));
}

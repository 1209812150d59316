/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a guest has crashed. The text of a crash alone does not say so: it
 * may be in a log that the guest shows, or come of a guest in the guest. So it
 * has to begin a line, as kernel and firmware print it, behind the kernel's
 * time stamp if there is one, and then the machine must be in the state in
 * which the crash leaves it:
 *
 * - A kernel that has panicked and is not to reboot says
 *   "---[ end Kernel panic", then nothing more, and loops with a vCPU: Linux,
 *   kernel/panic.c, panic(). One that reboots (panic=N) is left to do so; only
 *   if that ends the run is it a panic.
 * - EDK2 prints the exception and, in a DEBUG build, registers; or the failed
 *   assertion, and then loops: ArmPkg/Library/DefaultExceptionHandlerLib,
 *   MdePkg/Library/BaseDebugLibSerialPort. U-Boot's hang() loops as well:
 *   lib/hang.c. None of them counts once a kernel runs.
 * - Firmware that gets nowhere resets the machine, again and again with the
 * same text, in which only numbers differ.
 *
 * "Loops" is what the time shows that the vCPUs have run: an idle guest's do
 * not.
 */
#include <stdio.h>
#include <string.h>

#include "detect.h"
#include "lkvm/util/clock.h"

/* How long nothing is printed after a crash. */
#define SILENCE (2000 * NS_PER_MS)

/*
 * Of that time, what vCPUs run at least: a part that an idle guest does not
 * need, and one that loops gets beside many others.
 */
#define BUSY_PART 20

/* So often they may have run less, on a host that is busy itself. */
#define MAX_IDLE 3

/*
 * Lines that may follow a crash's first one: registers, stacks, modules. Behind
 * the last line of a panic are those of other CPUs at most.
 */
#define MAX_LINES	400
#define MAX_LINES_AFTER 8

/* So many resets in a row with the same text, of so many lines at most. */
#define LOOP_RESETS 8
#define LOOP_LINES  200

static bool begins(const char *line, const char *text)
{
	return !strncmp(line, text, strlen(text));
}

/* "[ 12]" or "[   T1]", what printk() puts before lines, with digits and dots.
 */
static const char *skip_bracket(const char *line)
{
	size_t len;

	if (*line != '[')
		return line;
	len = strspn(line + 1, " .CT0123456789");
	return len && line[len + 1] == ']' ? line + len + 2 : line;
}

/* The time, and perhaps who prints (CONFIG_PRINTK_CALLER). */
static const char *skip_stamp(const char *line)
{
	line = skip_bracket(skip_bracket(line));
	return *line == ' ' ? line + 1 : line;
}

/* drivers/firmware/efi/libstub; arch/arm64/kernel/setup.c; init/version.c. */
static bool is_kernel(const char *text)
{
	return begins(text, "EFI stub: Exiting boot services") ||
	       begins(text, "Booting Linux on physical CPU") ||
	       begins(text, "Linux version ");
}

/* ArmVirtPkg's banner, what its BDS phase says, U-Boot's banner. */
static bool is_firmware(const char *line)
{
	return begins(line, "UEFI firmware (version ") ||
	       begins(line, "BdsDxe: ") ||
	       (begins(line, "U-Boot ") && line[7] >= '0' && line[7] <= '9');
}

static bool is_assertion(const char *line)
{
	return begins(line, "ASSERT [") && strstr(line, "): ");
}

/* The kinds of exceptions that EDK2 knows for AArch64; U-Boot's hang(). */
static bool is_firmware_crash(const char *line)
{
	return begins(line, "Synchronous Exception at 0x") ||
	       begins(line, "SError Exception at 0x") ||
	       begins(line, "IRQ Exception at 0x") ||
	       begins(line, "FIQ Exception at 0x") || is_assertion(line) ||
	       begins(line, "### ERROR ### Please RESET the board ###");
}

/* The first of several messages is the one that explains. */
static void suspect(struct detector *detector, enum outcome outcome,
		    const char *line)
{
	if (detector->suspected)
		return;
	detector->suspected = true;
	detector->outcome = outcome;
	detector->closed = false;
	detector->lines = 0;
	detector->idle = 0;
	snprintf(detector->detail, sizeof(detector->detail), "%s", line);
}

static void clear(struct detector *detector)
{
	detector->suspected = false;
	detector->closed = false;
}

/* The suspicion stands, and lines have come behind what it came from. */
static void count_line(struct detector *detector)
{
	bool after = detector->closed && detector->outcome == OUTCOME_PANIC;

	if (++detector->lines > (after ? MAX_LINES_AFTER : MAX_LINES))
		clear(detector);
}

/*
 * The kernel's lines are compared without their time stamp; firmware has none.
 */
static void look_for_crash(struct detector *detector, const char *line,
			   const char *text)
{
	if (detector->suspected)
		count_line(detector);
	if (begins(text, "Kernel panic - not syncing")) {
		suspect(detector, OUTCOME_PANIC, text);
	} else if (begins(text, "---[ end Kernel panic - not syncing") &&
		   detector->suspected && detector->outcome == OUTCOME_PANIC) {
		detector->closed = true;
		detector->lines = 0;
	} else if (!detector->kernel && is_firmware_crash(line)) {
		suspect(detector, OUTCOME_FIRMWARE_CRASH, line);
		detector->closed = true;
	}
}

/* FNV-1a, without digits: times and addresses differ from start to start. */
static void hash_line(struct detector *detector, const char *line)
{
	u64 hash = detector->hash ?: 0xcbf29ce484222325;

	for (; *line; line++)
		if (*line < '0' || *line > '9')
			hash = (hash ^ (u8)*line) * 0x100000001b3;
	detector->hash = (hash ^ '\n') * 0x100000001b3;
	if (detector->nr_lines <= LOOP_LINES)
		detector->nr_lines++;
}

enum detect_phase detect_line(struct detector *detector, const char *line)
{
	const char *text = skip_stamp(line);

	hash_line(detector, line);
	look_for_crash(detector, line, text);
	if (!detector->kernel && is_kernel(text)) {
		detector->kernel = true;
		/* What firmware has shown it has survived. */
		if (detector->outcome == OUTCOME_FIRMWARE_CRASH)
			clear(detector);
		return DETECT_KERNEL;
	}
	return !detector->kernel && is_firmware(line) ? DETECT_FIRMWARE
						      : DETECT_NOTHING;
}

/* A guest that has started a kernel has got further than firmware's loop. */
static void count_same(struct detector *detector)
{
	if (detector->kernel || detector->nr_lines > LOOP_LINES)
		detector->same = 0;
	else if (detector->same && detector->hash == detector->last_hash)
		detector->same++;
	else
		detector->same = 1;
	detector->last_hash = detector->hash;
}

/*
 * A suspicion ends here, as the vCPU did not stay in its loop; panics are
 * counted.
 */
void detect_reset(struct detector *detector)
{
	if (detector->found)
		return;
	if (detector->suspected && detector->outcome == OUTCOME_PANIC)
		detector->panics++;
	clear(detector);
	count_same(detector);
	detector->kernel = false;
	detector->hash = 0;
	detector->nr_lines = 0;
	if (detector->same < LOOP_RESETS)
		return;
	detector->found = true;
	detector->outcome = OUTCOME_RESET_LOOP;
	snprintf(detector->detail, sizeof(detector->detail),
		 "%u resets in a row, with the same output in between",
		 detector->same);
}

static void begin_silence(struct detector *detector, u64 now)
{
	detector->quiet = now;
	detector->quiet_cpu = detector->cpu_time(detector);
}

/* Whether the vCPUs have been running all the time that it was quiet. */
static bool was_busy(struct detector *detector, u64 now)
{
	u64 cpu = detector->cpu_time(detector) - detector->quiet_cpu;

	return cpu >= (now - detector->quiet) / BUSY_PART;
}

/*
 * Only a crash that is `closed` is timed: before that more may be printed, or
 * the kernel may reboot.
 */
u64 detect_time(struct detector *detector, u64 now, bool printed, bool prompt)
{
	if (!detector->suspected || !detector->closed || detector->found)
		return UINT64_MAX;
	if (printed) {
		begin_silence(detector, now);
		return now + SILENCE;
	}
	if (now < detector->quiet + SILENCE)
		return detector->quiet + SILENCE;
	if (!prompt && was_busy(detector, now)) {
		detector->found = true;
		return UINT64_MAX;
	}
	/* A dead guest's last line is complete, and its vCPUs run. */
	if (prompt || ++detector->idle == MAX_IDLE) {
		clear(detector);
		return UINT64_MAX;
	}
	begin_silence(detector, now);
	return now + SILENCE;
}

bool detect_end_by_reset(const struct detector *detector)
{
	return detector->found || detector->suspected;
}

#!/usr/bin/env python3
# What a Linux that was started by EDK2 says of the machine's ACPI tables
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: linux_acpi.py tables LOG N GIC TABLE...
#        linux_acpi.py dmesg LOG N [REGEX]...
#
# LOG is the console of efivars-init, N counts its `acpi` or `dmesg` from 1.
# tables: these are the tables; iasl finds nothing wrong with them, each for a
# machine of two processors, GIC 2 or 3. dmesg: nothing in the kernel's log is a
# complaint, and there is a line for each REGEX.
#
# Offsets: ACPI 6.5, tables 5.9 (FADT), 5.19 to 5.45 (MADT); Microsoft, "Serial
# Port Console Redirection Table".

import collections
import os
import re
import struct
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../unit"))
import acpi_tables
from acpi_tables import Wrong, expect

CPUS = 2
HEADER = 36
FADT_FLAGS, HW_REDUCED = 112, 1 << 20
FADT_ARM_BOOT, PSCI_BY_HVC = 129, 3
MADT_ENTRIES = 44
GICC, GICD, MSI_FRAME, GICR, ITS = range(0xB, 0x10)
GICD_VERSION = 20
PL011 = 3
UART = 0x9000000

# Kernel messages up to this priority are complaints: syslog(2), LOG_WARNING.
WARNING = 4
# What slow hosts have, which the emulated ones are; and the PMU, which a guest has
# only with --pmu.
USUAL = ["hrtimer: interrupt took", "No ACPI PMU IRQ for CPU"]
# Complaints that are not always warnings to the kernel
WRONG = r"Firmware Bug|Firmware Warn|ACPI[^:]*(Error|Warning|Exception)|\bBUG\b|WARNING:|Oops"


def part(log, what, number):
	"""The lines between the Nth `WHAT begins` and its end."""
	with open(log, "rb") as f:
		text = f.read().replace(b"\r", b"").decode("utf-8", "replace")
	parts = text.split(what + " begins\n")
	expect(number < len(parts), "there is no %s %d" % (what, number))
	lines, end, _ = parts[number].partition(what + " ends\n")
	expect(end, "%s %d has no end" % (what, number))
	return lines.splitlines()


def tables_in(log, number):
	tables, name = {}, None
	for line in part(log, "acpi", number):
		if line.startswith("table "):
			name = line[6:]
			expect(name not in tables, "two tables %s" % name)
			tables[name] = b""
		else:
			tables[name] += bytes.fromhex(line)
	return tables


def check_fadt(fadt):
	flags, = struct.unpack_from("<I", fadt, FADT_FLAGS)
	boot, = struct.unpack_from("<H", fadt, FADT_ARM_BOOT)
	expect(flags & HW_REDUCED, "FADT: flags %#x" % flags)
	expect(boot == PSCI_BY_HVC, "FADT: ARM boot flags %#x" % boot)


def check_madt(madt, gic):
	found = collections.Counter()
	at = MADT_ENTRIES
	while at < len(madt):
		kind, size = madt[at], madt[at + 1]
		found[kind] += 1
		if kind == GICD:
			expect(madt[at + GICD_VERSION] == gic,
				"MADT: GIC version %d" % madt[at + GICD_VERSION])
		at += size
	want = {GICC: CPUS, GICD: 1}
	want.update({GICR: 1, ITS: 1} if gic == 3 else {MSI_FRAME: 1})
	expect(dict(found) == want, "MADT: entries %s" % dict(found))


def check_spcr(spcr):
	where, = struct.unpack_from("<Q", spcr, HEADER + 8)
	expect((spcr[HEADER], where) == (PL011, UART), "SPCR: type %d at %#x" % (spcr[HEADER], where))


def check_tables(log, number, gic, *want):
	tables = tables_in(log, int(number))
	expect(set(tables) == set(want), "tables: %s" % sorted(tables))
	with tempfile.TemporaryDirectory() as work:
		os.chdir(work)
		os.mkdir("work")
		for name, table in tables.items():
			with open(name, "wb") as f:
				f.write(table)
			acpi_tables.disassemble(name)
			acpi_tables.recompile(name)
		acpi_tables.topology("PPTT", "APIC")
		os.chdir("/")
	check_fadt(tables["FACP"])
	check_madt(tables["APIC"], int(gic))
	check_spcr(tables["SPCR"])
	return ["%s, %d bytes" % (name, len(table)) for name, table in sorted(tables.items())]


def is_complaint(line):
	priority, _, text = line.partition(" ")
	if re.search(WRONG, text):
		return True
	return int(priority) <= WARNING and not any(re.search(usual, text) for usual in USUAL)


def check_log(log, number, *want):
	lines = part(log, "dmesg", int(number))
	expect(re.search("Booting Linux", lines[0]), "not the log's beginning: %s" % lines[:1])
	complaints = [line for line in lines if is_complaint(line)]
	expect(not complaints, "\n".join(complaints))
	for regex in want:
		expect(any(re.search(regex, line) for line in lines), "no line like %r" % regex)
	return ["%d lines" % len(lines)]


def main():
	checks = {"tables": (check_tables, 5), "dmesg": (check_log, 4)}
	check, least = checks.get(sys.argv[1] if len(sys.argv) > 1 else None, (None, 0))
	if not check or len(sys.argv) < least:
		print("usage: linux_acpi.py tables LOG N GIC TABLE... | dmesg LOG N [REGEX]...",
			file=sys.stderr)
		return 2
	try:
		print("\n".join(check(*sys.argv[2:])))
	except Wrong as wrong:
		print(wrong)
		return 1
	return 0


if __name__ == "__main__":
	sys.exit(main())

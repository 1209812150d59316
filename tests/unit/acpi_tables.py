#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: tests/unit/acpi_tables.py PROGRAM
#
# What ACPICA's tools make of the tables that tests/unit/acpi_dump.c, which is
# PROGRAM, writes: iasl disassembles each without complaint and compiles the
# same table from that; the firmware's event has the power button notified.
# As TAP.

import os
import re
import shutil
import subprocess
import sys
import tempfile

# Tables that each machine has besides XSDT, DSDT, FACP, APIC and GTDT, and how
# many devices of an ID.
CONSOLE = {"SPCR", "DBG2"}
USUAL = {"ARMH0011": 1, "QEMU0002": 1, "ARMH0061": 1, "PNP0C0C": 1}
MACHINES = {
	"gicv2m-1": (CONSOLE, {"ACPI0007": 1, **USUAL}),
	"gicv2m-4-pmu-virtio": (CONSOLE, {"ACPI0007": 4, "LNRO0005": 32, **USUAL}),
	"gicv3-its-1-flash": (CONSOLE | {"IORT"}, {"ACPI0007": 1, "LNRO0015": 2, **USUAL}),
	"gicv3-its-4-pmu-virtio": (CONSOLE | {"IORT"}, {"ACPI0007": 4, "LNRO0005": 1, **USUAL}),
	"gicv3-its-123": (CONSOLE | {"IORT"}, {"ACPI0007": 123, **USUAL}),
	"gicv3-2-16550": (CONSOLE, {"ACPI0007": 2, "PNP0501": 1, "QEMU0002": 1}),
	"gicv2-8-no-devices": (set(), {"ACPI0007": 8}),
	"largest": (CONSOLE | {"IORT"}, {"ACPI0007": 512, "LNRO0005": 256, "LNRO0015": 16, **USUAL}),
}

# iasl sets these: ACPI 6.5, section 5.2.6.
CHECKSUM = slice(9, 10)
COMPILER = slice(28, 36)


class Wrong(Exception):
	"""What is not as it should be."""


def expect(condition, text):
	if not condition:
		raise Wrong(text)


def run(*args):
	done = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
		stderr=subprocess.STDOUT, timeout=120, cwd="work")
	out = done.stdout.decode("utf-8", "replace")
	expect(done.returncode == 0, "%s: status %d: %s" % (args, done.returncode, out))
	return out


def content(name):
	with open(name, "rb") as f:
		return f.read()


def masked(table):
	out = bytearray(table)
	for field in (CHECKSUM, COMPILER):
		out[field] = bytes(len(out[field]))
	return bytes(out)


def disassemble(path):
	"""The text that iasl makes of a table."""
	shutil.copy(path, "work/table.aml")
	out = run("iasl", "-d", "table.aml")
	expect("Disassembly completed" in out or "Formatted output" in out, out)
	expect(not re.search("error|warning", out, re.I), out)
	text = content("work/table.dsl").decode("ascii")
	expect(not re.search("error|warning|invalid|unknown", text, re.I), text)
	return text


def recompile(path):
	"""The same bytes come of it, but for what iasl sets in the header."""
	out = run("iasl", "-on", "-p", "again", "table.dsl")
	expect("0 Errors, 0 Warnings, 0 Remarks" in out, out)
	want, got = content(path), content("work/again.aml")
	expect(sum(want) % 256 == 0, "%s: bad checksum" % path)
	expect(masked(want) == masked(got), "%s: not the same once compiled" % path)


def tables_of(machine):
	return {name.split(".")[1] for name in os.listdir("tables")
		if name.split(".")[0] == machine}


def check_tables(machine):
	want = {"XSDT", "DSDT", "FACP", "APIC", "GTDT"} | MACHINES[machine][0]
	expect(tables_of(machine) == want, "tables: %s" % sorted(tables_of(machine)))
	for table in sorted(want):
		path = "tables/%s.%s" % (machine, table)
		disassemble(path)
		recompile(path)


def check_devices(machine):
	text = disassemble("tables/%s.DSDT" % machine)
	found = {}
	for name in re.findall(r'Name \(_HID, (?:EisaId \()?"(\w+)"', text):
		found[name] = found.get(name, 0) + 1
	expect(found == MACHINES[machine][1], "devices: %s" % found)
	names = re.findall(r"Device \((\w+)\)", text)
	expect(len(names) == len(set(names)), "two devices of one name")


def check_button(machine):
	out = run("acpiexec", "-b", r"execute \_SB.GPO0._E03", "../tables/%s.DSDT" % machine)
	expect(re.search(r"Device Notify on \[PWRB\] \S+ Value 0x80", out), out)
	expect(not re.search("error|AE_", out), out)


def known(machine):
	expect(machine in MACHINES, "not a machine of this test")


def checks_of(machine):
	if machine not in MACHINES:
		return [known]
	button = [check_button] if "PNP0C0C" in MACHINES[machine][1] else []
	return [check_tables, check_devices] + button


def main():
	tools = [t for t in ("iasl", "acpiexec") if not shutil.which(t)]
	if tools:
		print("ok 1 - ACPI tables # SKIP no %s: see tests/host/packages" % tools[0])
		print("1..1")
		return 0
	program = os.path.abspath(sys.argv[1])
	n = failed = 0
	with tempfile.TemporaryDirectory() as work:
		os.chdir(work)
		os.mkdir("tables")
		os.mkdir("work")
		subprocess.run([program, "tables"], check=True, timeout=120)
		dumped = {name.split(".")[0] for name in os.listdir("tables")}
		for machine in sorted(dumped | set(MACHINES)):
			for check in checks_of(machine):
				n += 1
				try:
					check(machine)
					print("ok %d - %s of %s" % (n, check.__name__, machine))
				except Wrong as wrong:
					failed += 1
					print("not ok %d - %s of %s" % (n, check.__name__, machine))
					print("# " + str(wrong)[:4000].replace("\n", "\n# "))
		os.chdir("/")
	print("1..%d" % n)
	return 1 if failed else 0


if __name__ == "__main__":
	sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: tests/unit/acpi_tables.py PROGRAM
#
# What ACPICA's tools make of the tables that tests/unit/acpi_dump.c, which is
# PROGRAM, writes: iasl disassembles each without complaint and compiles the
# same table from that; acpiexec notifies the power button. Of the SMBIOS
# structures it is dmidecode that has nothing to complain of. As TAP.

import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

# Tables that each machine has besides XSDT, DSDT, FACP, APIC and GTDT, and how
# many devices of an ID.
CONSOLE = {"SPCR", "DBG2"}
USUAL = {"ARMH0011": 1, "QEMU0002": 1, "ARMH0061": 1, "PNP0C0C": 1}
BRIDGE = {"PNP0A08": 1, "PNP0C02": 1}
MACHINES = {
	"gicv2m-1": (CONSOLE, {"ACPI0007": 1, **USUAL}),
	"gicv2m-4-pmu-virtio": (CONSOLE, {"ACPI0007": 4, "LNRO0005": 32, **USUAL}),
	"gicv3-its-1-flash": (CONSOLE | {"IORT"}, {"ACPI0007": 1, "LNRO0015": 2, **USUAL}),
	"gicv3-its-4-pmu-virtio": (CONSOLE | {"IORT"}, {"ACPI0007": 4, "LNRO0005": 1, **USUAL}),
	"gicv3-its-123": (CONSOLE | {"IORT"}, {"ACPI0007": 123, **USUAL}),
	"gicv3-2-16550": (CONSOLE, {"ACPI0007": 2, "PNP0501": 1, "QEMU0002": 1}),
	"gicv2-8-no-devices": (set(), {"ACPI0007": 8}),
	"gicv2m-1-pcie": (CONSOLE | {"MCFG"}, {"ACPI0007": 1, **USUAL, **BRIDGE}),
	"largest": (CONSOLE | {"IORT", "MCFG"}, {"ACPI0007": 512, "LNRO0005": 256, "LNRO0015": 16,
		**USUAL, **BRIDGE}),
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


def check_bridge(machine):
	dsdt = "../tables/%s.DSDT" % machine
	out = run("acpiexec", "-b", r"evaluate \_SB.PCI0._PRT", dsdt)
	routes = re.findall(r"Integer\] = (\w+)", out)
	expect(len(routes) == 4 * 128, "%d numbers in _PRT: %s" % (len(routes), out[:2000]))
	for i in range(128):
		slot, pin = divmod(i, 4)
		want = [slot << 16 | 0xFFFF, pin, 0, 35 + (slot + pin) % 4]
		got = [int(number, 16) for number in routes[4 * i:4 * i + 4]]
		expect(got == want, "_PRT %d: %s, not %s" % (i, got, want))
	out = run("acpiexec", "-b", r"resources \_SB.PCI0", dsdt)
	expect(not re.search("error|AE_(?!NOT_FOUND)", out, re.I), out)


SMBIOS = {
	"small": ["Manufacturer: lkvm", "Product Name: KVM Virtual Machine", "UUID: Not Settable",
		"Type: Central Processor", "Family: ARMv8", "Core Count: 1", "Thread Count: 1",
		"Maximum Capacity: 256 MB", "Size: 256 MB", "Range Size: 256 MB"],
	"large": ["Manufacturer: maker", "Product Name: machine", "Version: 7",
		"Serial Number: 4711", "UUID: 00112233-4455-6677-8899-aabbccddeeff",
		"Core Count: 512", "Core Enabled: 512", "Thread Count: 512", "Multi-Core",
		"Maximum Capacity: 7 GB", "Size: 7 GB", "Range Size: 3 GB", "Range Size: 4 GB",
		"Ending Address: 0x00000400FFFFFFFFk"],
}


def check_smbios(name):
	anchor = content("tables/smbios-%s.anchor" % name)
	tables = content("tables/smbios-%s.tables" % name)
	expect(sum(anchor) % 256 == 0, "bad checksum")
	# dmidecode's dump: the entry point, with an address, and at that the tables.
	anchor = anchor[:5] + b"\0" + anchor[6:16] + struct.pack("<Q", 32)
	anchor = anchor[:5] + bytes([-sum(anchor) % 256]) + anchor[6:]
	with open("work/dump", "wb") as f:
		f.write(anchor.ljust(32, b"\0") + tables)
	out = run("dmidecode", "--from-dump", "dump")
	expect("SMBIOS 3.0.0 present" in out, out)
	expect(not re.search("<|wrong|broken|truncated|invalid", out, re.I), out)
	for line in SMBIOS[name]:
		expect(re.search(r"^\s+%s$" % re.escape(line), out, re.M), "no %r in: %s" % (line, out))


def missing(*tools):
	return [tool for tool in tools if not shutil.which(tool)]


def checks_of(machine):
	devices = MACHINES[machine][1]
	return [check_tables, check_devices] + [check for hid, check in (
		("PNP0C0C", check_button), ("PNP0A08", check_bridge)) if hid in devices]


class Report:
	def __init__(self):
		self.n = self.failed = 0

	def run(self, check, name):
		self.n += 1
		try:
			check(name)
			print("ok %d - %s of %s" % (self.n, check.__name__, name))
		except Wrong as wrong:
			self.failed += 1
			print("not ok %d - %s of %s" % (self.n, check.__name__, name))
			print("# " + str(wrong)[:4000].replace("\n", "\n# "))

	def skip(self, what, tool):
		self.n += 1
		print("ok %d - %s # SKIP no %s: see tests/host/packages" % (self.n, what, tool))


def check_machines(_):
	found = {name.split(".")[0] for name in os.listdir("tables")}
	want = set(MACHINES) | {"smbios-" + name for name in SMBIOS}
	expect(found == want, "what was written: %s" % sorted(found))


def check_all(report):
	acpica, dmi = missing("iasl", "acpiexec"), missing("dmidecode")
	report.run(check_machines, "acpi_dump")
	for machine in sorted(MACHINES) if not acpica else []:
		for check in checks_of(machine):
			report.run(check, machine)
	for name in sorted(SMBIOS) if not dmi else []:
		report.run(check_smbios, name)
	if acpica:
		report.skip("ACPI tables", acpica[0])
	if dmi:
		report.skip("SMBIOS", dmi[0])


def main():
	program = os.path.abspath(sys.argv[1])
	os.environ["PATH"] += ":/usr/sbin:/sbin"	# dmidecode; it needs no root for a file
	report = Report()
	with tempfile.TemporaryDirectory() as work:
		os.chdir(work)
		os.mkdir("tables")
		os.mkdir("work")
		subprocess.run([program, "tables"], check=True, timeout=120)
		check_all(report)
		os.chdir("/")
	print("1..%d" % report.n)
	return 1 if report.failed else 0


if __name__ == "__main__":
	sys.exit(main())

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

# Tables that each machine has besides XSDT, DSDT, FACP, APIC, GTDT and PPTT, how
# many devices of an ID, and what caches a core has for itself and shares.
CONSOLE = {"SPCR", "DBG2"}
USUAL = {"ARMH0011": 1, "QEMU0002": 1, "ARMH0061": 1, "PNP0C0C": 1}
BRIDGE = {"PNP0A08": 1, "PNP0C02": 1}
MACHINES = {
	"gicv2m-1": (CONSOLE, {"ACPI0007": 1, **USUAL}, "|"),
	"gicv2m-4-pmu-virtio": (CONSOLE, {"ACPI0007": 4, "LNRO0005": 32, **USUAL}, "D1 I1 | U2"),
	"gicv3-its-1-flash": (CONSOLE | {"IORT"}, {"ACPI0007": 1, "LNRO0015": 2, "QEMU0001": 1, **USUAL}, "I1 | U2"),
	"gicv3-its-4-pmu-virtio": (CONSOLE | {"IORT"}, {"ACPI0007": 4, "LNRO0005": 1, **USUAL}, "| U1"),
	"gicv3-its-123": (CONSOLE | {"IORT"}, {"ACPI0007": 123, **USUAL}, "|"),
	"gicv3-2-16550": (CONSOLE, {"ACPI0007": 2, "PNP0501": 1, "QEMU0002": 1}, "| D1 I1"),
	"gicv2-8-no-devices": (set(), {"ACPI0007": 8}, "|"),
	"gicv2m-1-pcie": (CONSOLE | {"MCFG"}, {"ACPI0007": 1, **USUAL, **BRIDGE}, "|"),
	"largest": (CONSOLE | {"IORT", "MCFG"}, {"ACPI0007": 512, "LNRO0005": 256, "LNRO0015": 16,
		"QEMU0001": 1, "LKVM0001": 1,
		**USUAL, **BRIDGE}, "D1 I1 | D2 I2 U3 U4 U5 U6 U7"),
}

GICC = 0x0B	# ACPI 6.5, section 5.2.12: a processor's entry in the MADT
NODE, CACHE = 0, 1	# section 5.2.30: structures of the PPTT

# iasl sets these: section 5.2.6.
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
	want = {"XSDT", "DSDT", "FACP", "APIC", "GTDT", "PPTT"} | MACHINES[machine][0]
	expect(tables_of(machine) == want, "tables: %s" % sorted(tables_of(machine)))
	for table in sorted(want):
		path = "tables/%s.%s" % (machine, table)
		disassemble(path)
		recompile(path)


def structures(path):
	"""Of each structure in a table its offset, and the numbers that iasl has of it."""
	found, fields = {}, {}
	for line in disassemble(path).splitlines():
		match = re.match(r"(?:\[\w+ +(\d+) +\d+\])? +(\w[\w ]*) : ([0-9A-F]+)\b", line)
		if not match:
			continue
		if match[2] == "Subtable Type":
			fields = found[int(match[1])] = {"resources": []}
		if match[2] == "Private Resource":
			fields["resources"].append(int(match[3], 16))
		fields[match[2]] = int(match[3], 16)
	return found


CORE = {"Physical package": 0, "ACPI Processor ID valid": 1, "Processor is a thread": 0,
	"Node is a leaf": 1, "Identical Implementation": 0}
PACKAGE = {"Physical package": 1, "ACPI Processor ID valid": 0, "Processor is a thread": 0,
	"Node is a leaf": 0, "Identical Implementation": 0, "Parent": 0, "ACPI Processor ID": 0}
TYPE_ONLY = {"Size valid": 0, "Number of Sets valid": 0, "Associativity valid": 0,
	"Allocation Type valid": 0, "Cache Type valid": 1, "Write Policy valid": 0,
	"Line Size valid": 0}


def caches_of(node, structs, level):
	"""Of a node whose first cache is of the level after this: names, the last level."""
	names, last = set(), level
	for at in node["resources"]:
		n = level
		while at:
			cache = structs[at]
			expect(cache["Subtable Type"] == CACHE, "no cache at %d" % at)
			got = {name: cache.get(name) for name in TYPE_ONLY}
			expect(got == TYPE_ONLY, "cache at %d: %s" % (at, got))
			n += 1
			names.add((n, "DIUU"[cache["Cache Type"]]))
			at = cache["Next Level of Cache"]
		last = max(last, n)
	return " ".join("%s%d" % (kind, n) for n, kind in sorted(names)), last


def topology(pptt, madt):
	"""How many cores there are: each processor of the MADT, in one package at the
	end; and their caches, "own | shared", with levels as Linux counts them."""
	structs = structures(pptt)
	nodes = {at: node for at, node in structs.items() if node["Subtable Type"] == NODE}
	uids = [gicc["Processor UID"] for gicc in structures(madt).values()
		if gicc["Subtable Type"] == GICC]
	package = max(nodes)
	want = [{**CORE, "Parent": package, "ACPI Processor ID": uid} for uid in uids] + [PACKAGE]
	got = [{name: node.get(name) for name in PACKAGE} for _, node in sorted(nodes.items())]
	expect(got == want, "nodes of the PPTT: %s" % got)
	own = {caches_of(node, structs, 0) for at, node in nodes.items() if at != package}
	expect(len(own) == 1, "caches of cores: %s" % own)
	own, level = own.pop()
	shared, _ = caches_of(nodes[package], structs, level)
	return len(uids), ("%s | %s" % (own, shared)).strip()


def check_topology(machine):
	cores, caches = topology("tables/%s.PPTT" % machine, "tables/%s.APIC" % machine)
	expect(cores == MACHINES[machine][1]["ACPI0007"], "%d cores" % cores)
	expect(caches == MACHINES[machine][2], "caches: %s" % caches)


def devices_of(machine):
	"""The text of each device, without comments, on one line."""
	text = disassemble("tables/%s.DSDT" % machine)
	text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)
	parts = re.split(r"Device \((\w+)\)", re.sub(r"\s+", " ", text))
	return list(zip(parts[1::2], parts[2::2]))


def place(base, size, trigger=None, irq=0):
	"""What a device's _CRS is."""
	text = "Memory32Fixed (ReadWrite, 0x%08X, 0x%08X, )" % (base, size)
	if trigger:
		text += " Interrupt (ResourceConsumer, %s, ActiveHigh, Exclusive, ,, ) { 0x%08X, }" % (
			trigger, irq)
	return "Name (_CRS, ResourceTemplate () { %s })" % text


def window(kind, size, first, end, offset=0):
	"""Up to the length of one of a bridge's windows."""
	numbers = (0, first, end - 1, offset, end - first)
	return "%s, %s," % (kind, ", ".join("0x%0*X" % (size, n) for n in numbers))


COHERENT = "Name (_CCA, One)"

# What the n-th device of an ID has to have besides its _UID.
CONTENT = {
	"ACPI0007": lambda n: [],
	"ARMH0011": lambda n: [place(0x09000000, 0x1000, "Level", 33)],
	"PNP0501": lambda n: [place(0x09000000, 8, "Level", 33)],
	"QEMU0002": lambda n: [COHERENT, "Name (_STA, 0x0B)", place(0x09020000, 0x18)],
	"QEMU0001": lambda n: [place(0x09700000, 0x10)],
	"LKVM0001": lambda n: [place(0x09710000, 0x1000)],
	"LNRO0015": lambda n: [place(n * 0x4000000, 0x4000000)],
	"LNRO0005": lambda n: [COHERENT, place(0x0A000000 + n * 0x200, 0x200, "Edge", 48 + n)],
	"ARMH0061": lambda n: [place(0x09030000, 0x1000, "Level", 39),
		r'Name (_AEI, ResourceTemplate () { GpioInt (Edge, ActiveHigh, Exclusive, PullUp, '
		r'0x0000, "\\_SB.GPO0", 0x00, ResourceConsumer, , ) { 0x0003 } })',
		r"Method (_E03, 0, NotSerialized) { Notify (\_SB.PWRB, 0x80) }"],
	"PNP0C0C": lambda n: [],
	"PNP0A08": lambda n: [COHERENT, 'Name (_CID, EisaId ("PNP0A03") )', "Name (_SEG, Zero)",
		"Name (_BBN, Zero)", window("DWordMemory (ResourceProducer, PosDecode, MinFixed, "
		"MaxFixed, NonCacheable, ReadWrite", 8, 0x10000000, 0x3EFF0000)],
	"PNP0C02": lambda n: [],
}

# And what the bridge of a machine has.
BUSES = "WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode"
PORTS = "QWordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange"
MEMORY = "QWordMemory (Resource%s, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite"
BRIDGES = {
	"gicv2m-1-pcie": {
		"PNP0A08": [window(BUSES, 4, 0, 16)],
		"PNP0C02": [window(MEMORY % "Consumer", 16, 0x3F000000, 0x40000000)],
	},
	"largest": {
		"PNP0A08": [window(BUSES, 4, 0, 256), window(PORTS, 16, 0, 0x10000, 0x3EFF0000),
			window(MEMORY % "Producer", 16, 0x8000000000, 0x10000000000)],
		"PNP0C02": [window(MEMORY % "Consumer", 16, 0x4010000000, 0x4020000000)],
	},
}


def check_devices(machine):
	devices = devices_of(machine)
	found = {}
	for name, body in devices:
		hid = re.search(r'Name \(_HID, (?:EisaId \()?"(\w+)"', body).group(1)
		n = found.get(hid, 0)
		found[hid] = n + 1
		uid = {0: "Zero", 1: "One"}.get(n, "0x%0*X" % (2 if n < 256 else 4, n))
		for text in (["Name (_UID, %s)" % uid] + CONTENT[hid](n) +
				BRIDGES.get(machine, {}).get(hid, [])):
			expect(text in body, "no %r in %s: %s" % (text, name, body))
	expect(found == MACHINES[machine][1], "devices: %s" % found)
	expect(len({name for name, _ in devices}) == len(devices), "two devices of one name")
	plain = dict(devices).get("PCI0", "")
	expect(("QWordIO" in plain) == ("largest" == machine), "ports")


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
		"SKU Number: K1", "Family: old one", "Asset Tag: tag 3",
		"Serial Number: 4712", "String 1: io.systemd.credential:a=b",
		"String 2: second", "Core Count: 512", "Core Enabled: 512", "Thread Count: 512", "Multi-Core",
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
	return [check_tables, check_topology, check_devices] + [check for hid, check in (
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

# SPDX-License-Identifier: GPL-2.0-or-later
"""What QEMU's options are for lkvm-qemu: tables, and the parts of a value."""
import os
import sys

# How values become text of lkvm's: a form, in which "*" is the value, or the values there are.
MACHINE = {
	"type": {"virt": ""}, "accel": {"kvm": "", "kvm:tcg": ""}, "memory-backend": "",
	"gic-version": {"host": "", "max": "", "2": " --irqchip gicv2m", "3": " --irqchip gicv3-its"},
	"acpi": {"on": "", "off": " --no-acpi"},
}
READONLY = {"on": ",ro", "off": ""}
DISK = {
	"readonly": READONLY, "snapshot": {"on": ",snapshot", "off": ""}, "format": ",format=*",
	"cache": {"none": ",direct", "writeback": "", "unsafe": ""}, "media": {"disk": ""},
	"serial": ",serial=*", "bootindex": ",bootindex=*", "if": {"none": "", "virtio": ""},
}
NETWORK = {
	"type": {"user": "mode=user"}, "hostfwd": ",hostfwd=*", "mac": ",guest_mac=*",
	"macaddr": ",guest_mac=*", "bootindex": ",bootindex=*",
	"model": {"virtio": "", "virtio-net-pci": "", "virtio-net-device": ""},
}
PFLASH = {
	"if": {"pflash": ""}, "format": {"raw": ""}, "readonly": READONLY, "id": "",
}
CHARDEV = {
	"type": {"stdio": "", "file": "", "null": "", "socket": "", "pty": ""}, "path": "", "mux": "",
	"signal": "", "append": {"off": ""}, "server": {"on": ""}, "wait": {"on": "", "off": ""},
}
SHARE = {
	"type": {"local": ""}, "readonly": READONLY, "multidevs": "",
	"security_model": {"none": "", "passthrough": "", "mapped-xattr": ",owner=mapped"},
}
# A device: what is behind it, the option, what its value begins with, rules for the rest.
DEVICES = {
	"virtio-blk": ("drive", "--disk", ["file"], DISK),
	"virtio-net": ("netdev", "--network", [], NETWORK),
	"virtio-9p": ("fsdev", "--9p", ["path", "mount_tag"], SHARE),
	"vhost-user-fs": ("chardev", "--fs", ["path", "tag"],
			{"type": {"socket": ""}, "queue-size": ""}),
	"vhost-vsock": (None, "--vsock", ["guest-cid"], {}),
	"virtio-rng": (None, "--rng", None, {"rng": ""}),
	"virtio-balloon": (None, "--balloon", None, {"free-page-reporting": ""}),
	"virtio-serial": (None, None, None, {}),	# lkvm has one for all ports
	"virtserialport": ("chardev", "--virtio-port", ["name"], {"where": ",*"}),
	"virtconsole": ("chardev", None, None, {"where": ""}),
}
# What is kept for a device; options whose value is lkvm's, and what its first part is.
BACKENDS = {"-chardev": "chardev", "-netdev": "netdev", "-fsdev": "fsdev", "-object": "object"}
SAME = {
	"-kernel": ("--kernel", None), "-initrd": ("--initrd", None), "-bios": ("--firmware", None),
	"-smbios": ("--smbios", None), "-append": ("--params", None), "-name": ("--name", "guest"),
	"-m": ("--mem", "size"), "-smp": ("--cpus", "cpus"),
}
FLAGS = {"-no-reboot": ["--no-reboot"], "-nodefaults": [], "-enable-kvm": [], "-nographic": []}
# Neither a monitor nor a display is there; the processor is that of the host.
NOTHING = ["-parallel", "-vga", "-display", "-echr", "-cpu", "-monitor", "-mon"]


def fail(what, why):
	sys.stderr.write("lkvm-qemu: %s: %s\n" % (what, why))
	sys.exit(2)


def split(what, arg, first=None):
	"""KEY=VALUE,... as a dict; the first part may be the value of `first`."""
	props = {}
	for part in arg.replace(",,", "\0").split(","):
		key, equals, value = part.partition("=")
		if not equals:
			key, value = (first, part) if first and not props else (part, "on")
		if "\0" in value:
			fail(what, "lkvm cannot have a comma in %s" % key)
		props[key] = "%s,%s=%s" % (props[key], key, value) if key in props else value
	return props


def words(what, props, rules):
	"""What the rules make of these properties."""
	text = ""
	for key, value in props.items():
		rule = rules.get(key)
		if rule is None or isinstance(rule, dict) and value not in rule:
			fail(what, "lkvm has no %s=%s" % (key, value))
		text += rule[value] if isinstance(rule, dict) else rule.replace("*", value)
	return text


def check_server(what, props):
	if "server" not in props or "path" not in props:
		fail(what, "lkvm has only sockets with a path, at which it listens (server=on)")


def output(path):
	"""A descriptor for a port. What is inherited, as /proc/self/fd/1, is not emptied."""
	kind = os.O_APPEND if path.startswith("/proc/self/fd/") else os.O_CREAT | os.O_TRUNC
	fd = os.open(path, os.O_WRONLY | kind, 0o666)
	os.set_inheritable(fd, True)
	return fd

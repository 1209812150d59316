# EDK2's shell: what is typed there, and what dmpstore prints
# SPDX-License-Identifier: GPL-2.0-or-later

import re

# From reset to the shell's first prompt, in lines for expect.c. EDK2 looks at
# keys from the first dot on, and s stands for the shell, which then waits for
# 5 s unless there is a key.
TO_SHELL = r"""timeout 150
expect Press ESCAPE for boot options .
send s
expect startup.nsh
send \x20
expect Shell>
"""
# Our variables, once the shell's g is our namespace.
DMPSTORE = "send dmpstore -guid %g%\\r\nexpect Shell>\n"


def to_shell(guid):
	"""The same, and the shell's variable g is guid."""
	return TO_SHELL + "send set -v g %s\\r\nexpect Shell>\n" % guid


def setvar(name, data):
	return "send setvar %s -guid %%g%% -bs -rt -nv =%s" % (name, data.hex())


def plain(log):
	"""A console's output without what only a terminal wants."""
	text = re.sub(rb"\x1b\[[0-9;=?]*[A-Za-z]", b"", log).replace(b"\r", b"")
	return text.decode("ascii", "replace")


def shown(log, guid):
	"""The variables that dmpstore has printed: {name: data}"""
	text = plain(log)
	text = text[text.find("dmpstore"):]
	text = text[:text.find("Shell>")]
	found = {}
	for name, size, lines in re.findall(
			r"^Variable \S+ '%s:(\w+)' DataSize = 0x(\w+)\n((?:  [0-9A-F]{8}: .*\n)*)"
			% str(guid).upper(), text, re.M):
		digits = "".join(line[12:60] for line in lines.splitlines())
		data = bytes.fromhex(digits.replace("-", " "))
		if len(data) != int(size, 16) or name in found:
			raise ValueError("dmpstore: %s" % text)
		found[name] = data
	return found


def tail(text, lines):
	return ["| " + re.sub(r"[^ -~]", "?", line) for line in text.splitlines()[-lines:]]


def differences(values, allowed):
	"""What is wrong. allowed: {name: [data or None, ...]}"""
	problems = []
	for name in sorted(set(values) | set(allowed)):
		value = values.get(name)
		if value not in allowed.get(name, [None]):
			problems.append("%s is %r instead of %s" % (name, value,
				" or ".join(repr(v) for v in allowed.get(name, [None]))))
	return problems


class Result:
	"""Cases, printed as TAP."""

	def __init__(self):
		self.count = 0
		self.failed = False

	def report(self, name, problems):
		self.count += 1
		print("%sok %d - %s" % ("not " if problems else "", self.count, name), flush=True)
		for line in problems:
			print("# " + line, flush=True)
			self.failed = True

	def end(self):
		"""Prints the plan; returns the exit status."""
		print("1..%d" % self.count)
		return 1 if self.failed or not self.count else 0

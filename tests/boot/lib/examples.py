#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The examples of docs/test.md as files, for tests/boot/97-adapters.test.

	examples.py docs/test.md FOLDER

Makes gitlab.sh, github.sh, bisect.sh, kut.tests, kut.sh and efi.tests there: what a runner
would execute, with its variables. Ends with status 1 where an example is not found.
"""
import re
import sys
import textwrap


def blocks(text):
	"""Heading and text of each indented block."""
	heading, block = "", []
	for line in text.split("\n") + ["end"]:
		if line.startswith("    ") or (not line and block):
			block.append(line)
			continue
		if block:
			yield heading, textwrap.dedent("\n".join(block)).strip("\n") + "\n"
		block = []
		if line.startswith("## "):
			heading = line[3:]


def find(text, heading, start):
	for title, block in blocks(text):
		if title == heading and re.search(start, block, re.M):
			return block
	sys.exit("examples.py: below '%s' there is no example with %s" % (heading, start))


def pipeline(job, commands, folder):
	"""The commands of a job in YAML as a script: those lines, and the job's variable KERNEL."""
	lines = re.findall(commands, job, re.M)
	kernel = re.search(r"^ *KERNEL: *(.*)$", job, re.M).group(1)
	kernel = re.sub(r"\$\{\{ *github\.workspace *\}\}|\$CI_PROJECT_DIR", folder, kernel)
	kept = re.findall(r"(?:junit:|paths: \[)? *([\w./-]*(?:junit\.xml|-test-logs))", job)
	if not lines or len(set(kept)) != 2:
		sys.exit("examples.py: no commands or artifacts in\n" + job)
	return "export KERNEL=%s\n%s\n" % (kernel, "\n".join(lines))


def main(source, folder):
	with open(source, encoding="utf-8") as f:
		text = f.read()
	units = find(text, "kvm-unit-tests", r"^\[timer\]")
	scripts = {
		"gitlab.sh": pipeline(find(text, "In a pipeline", "tags:"), r"^ +- (lkvm .*)$",
				"$PWD"),
		"github.sh": pipeline(find(text, "In a pipeline", "runs-on:"), r"^ +- run: (lkvm .*)$",
				"$PWD"),
		"bisect.sh": find(text, "git bisect", "^git bisect run"),
		"kut.tests": units,
		"efi.tests": find(text, "kvm-unit-tests", r"^\[timer-efi\]"),
		"kut.sh": re.sub(r"^\$ ", "", find(text, "kvm-unit-tests", r"^\$ .*kvm-unit-tests\.tests")),
	}
	for name, script in scripts.items():
		with open("%s/%s" % (folder, name), "w", encoding="utf-8") as f:
			f.write(script)


main(*sys.argv[1:])

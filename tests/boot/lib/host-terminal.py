# SPDX-License-Identifier: GPL-2.0-or-later
# lkvm-host on a terminal: its size, what is typed, Ctrl-C, and that it is left as it was
#
# usage: host-terminal.py LKVM-HOST-COMMAND...

import array
import fcntl
import os
import pty
import re
import signal
import sys
import termios

# stderr is a file's, which the command must not take for its terminal's.
SCRIPT = ("stty size; tty; test -t 2 || echo apart; echo error >&2; read line;"
	" echo got $line; exec cat")


def until(master, seen, pattern):
	while not re.search(pattern, seen[0]):
		data = os.read(master, 4096)
		seen[0] += data


def ended(*_):
	raise EOFError


def main():
	master, slave = pty.openpty()
	fcntl.ioctl(slave, termios.TIOCSWINSZ, array.array("H", [33, 99, 0, 0]))
	before = termios.tcgetattr(slave)
	errors = os.memfd_create("errors")
	seen = [b""]
	signal.signal(signal.SIGCHLD, ended)
	pid = os.fork()
	if pid == 0:
		os.setsid()
		fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
		for fd in range(2):
			os.dup2(slave, fd)
		os.dup2(errors, 2)
		os.closerange(3, 100)
		os.execvp(sys.argv[1], [*sys.argv[1:], "sh", "-c", SCRIPT])
	try:
		until(master, seen, rb"33 99\r\n/dev/pts/\d+\r\napart\r\n")
		os.write(master, b"typed\r")
		until(master, seen, rb"got typed\r\n")
		signal.signal(signal.SIGCHLD, signal.SIG_DFL)
		os.write(master, b"\x03")
		_, status = os.waitpid(pid, 0)
	finally:
		sys.stdout.write(seen[0].decode(errors="replace"))
		sys.stdout.write(os.pread(errors, 4096, 0).decode(errors="replace"))
	print("signal %d" % os.WTERMSIG(status) if os.WIFSIGNALED(status) else "ended by itself")
	print("as before" if termios.tcgetattr(slave) == before else "terminal changed")
	print("errors: %s" % os.pread(errors, 4096, 0).decode())


main()

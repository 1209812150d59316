# SPDX-License-Identifier: GPL-2.0-or-later
# One command in an emulated host: its streams, signals and terminal, its end

import array
import errno
import fcntl
import os
import select
import signal
import struct
import termios
import time

from emulated import Gone, open_host
from frames import Problem, Receiver, Sender, warn

PATHS = "/usr/local/bin:/bin:/usr/bin:/sbin:/usr/sbin"
TIMEOUT, BROKEN = 124, 125
BOOT_TIME = 300			# seconds for that where the command has no limit
CHUNK = 64 * 1024
# Those that a key of a terminal sends to all of a command's processes.
KEYS = (signal.SIGINT, signal.SIGQUIT)


class Ended(Exception):
	"""A signal came while there was no command yet to pass it on to."""

	def __init__(self, number):
		super().__init__()
		self.number = number


def window():
	size = array.array("H", [24, 80, 0, 0])
	for fd in range(3):
		try:
			fcntl.ioctl(fd, termios.TIOCGWINSZ, size)
			break
		except OSError:
			pass
	return size.tobytes()


class Session:
	"""One command in one host, from our side: a loop over all that can happen.

	opts.streams: bit n is set if the command's descriptor n is a terminal.
	opts.stdin: whether our own input goes to it."""

	def __init__(self, opts, host):
		self.opts = opts
		self.host = host
		self.limit_time()
		self.back = Receiver(opts.out)
		self.pending = []		# (fd, data) not yet written to our own outputs
		self.closed = set()		# those of them that take nothing any more
		self.stdin = opts.stdin
		self.may_send = True		# the host has passed on the last piece of input
		self.status = None
		self.ended_by = 0		# the signal that ended the command
		self.timed_out = False
		self.done = False
		self.ready = lambda: None	# is called when the host is up
		# A signal that comes just before poll() must not wait for another event.
		self.wakeup, other = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
		signal.set_wakeup_fd(other, warn_on_full_buffer=False)

	def limit_time(self):
		self.limit = self.opts.timeout or (0 if self.host.up else BOOT_TIME)
		self.deadline = time.monotonic() + self.limit if self.limit else None

	def begin(self):
		"""Tell the host all that is particular to this run."""
		host, opts = self.host, self.opts
		files = Sender(host.shared)
		try:
			if opts.lkvm:
				files.file("/usr/local/bin/lkvm", opts.lkvm)
			for path in opts.inputs:
				files.tree("/in/" + os.path.basename(os.path.abspath(path)), path)
		except OSError as error:
			raise Problem("cannot hand over %s: %s" %
				(error.filename, error.strerror)) from None
		host.send(b"F", struct.pack("<Q", files.to.tell()))
		env = {"HOME": "/root", "PATH": PATHS, "USER": "root",
			"TERM": os.environ.get("TERM", "dumb"), **opts.vars}
		for name, value in env.items():
			host.send(b"V", os.fsencode("%s=%s" % (name, value)))
		if opts.streams:
			host.send(b"w", window())
		for tag, path in opts.mounts:
			host.send(b"M", os.fsencode("%s\0%s" % (tag, path)))
		if opts.folder:
			host.send(b"C", os.fsencode(opts.folder))
		host.send(b"B", b"%d" % opts.streams + os.fsencode(opts.command))
		if not self.stdin:
			host.send(b"I")

	def resized(self, *_):
		self.host.send(b"w", window())

	def pass_on(self, number, *_):
		"""A signal that came to us is the command's."""
		if not self.host.up:
			raise Ended(number)
		self.host.send(b"K", b"%c%c" % (number, b"g"[0] if number in KEYS else b"p"[0]))

	def take(self, kind, data):
		if kind in (b"o", b"e"):
			fd = 1 if kind == b"o" else 2
			if fd not in self.closed:
				self.pending.append((fd, data))
		elif kind == b"a":
			self.may_send = True
		elif kind == b"R" and not self.host.up:
			self.host.up = True
			self.host.tell_time()
			# The time is the command's: none of it is lost by booting.
			self.limit_time()
			self.ready()
		elif kind == b"m":
			warn("in the host: " + data.decode(errors="replace"))
		elif kind == b"x":
			self.status, self.ended_by = data
		elif kind == b"q":
			self.done = True
		elif kind == b"F":
			self.back.take_shared(self.host.shared, struct.unpack("<Q", data)[0])
		else:
			self.back.take(kind, data)

	def read_input(self):
		try:
			data = os.read(0, CHUNK)
		except OSError:			# a terminal that is gone, for example
			data = b""
		if data:
			self.may_send = False
			self.host.send(b"i", data)
		else:
			self.stdin = False
			self.host.send(b"I")

	def write_output(self):
		"""What poll calls writable takes this much without blocking us."""
		fd, data = self.pending[0]
		try:
			n = os.write(fd, data[:select.PIPE_BUF])
		except OSError as error:
			self.output_closed(fd, error)
			return
		if n == len(data):
			self.pending.pop(0)
		else:
			self.pending[0] = (fd, memoryview(data)[n:])

	def output_closed(self, fd, error):
		"""The command then finds that nobody reads what it writes there."""
		self.closed.add(fd)
		self.pending = [(f, data) for f, data in self.pending if f != fd]
		self.host.send(b"c", b"o" if fd == 1 else b"e")
		if fd == 1 and error.errno not in (errno.EPIPE, errno.EIO):
			warn("standard output: %s" % error.strerror)

	def over(self):
		"""The time is over: ask for the files, but do not wait much longer."""
		if self.timed_out or not self.host.up:
			raise TimeoutError
		self.timed_out = True
		self.host.send(b"k")
		self.deadline = time.monotonic() + 15

	def step(self):
		if self.host.up:
			self.host.flush()
		poll = select.poll()
		port = self.host.port.fileno()
		# while our own reader is slow, nothing more is taken from the host
		poll.register(port, (0 if self.pending else select.POLLIN)
			| (select.POLLOUT if self.host.up and self.host.output else 0))
		if self.pending:
			poll.register(self.pending[0][0], select.POLLOUT)
		reading = self.stdin and self.may_send and self.host.up
		if reading:
			poll.register(0, select.POLLIN)
		poll.register(self.wakeup, select.POLLIN)
		wait = None
		if self.deadline:
			wait = max(0, self.deadline - time.monotonic()) * 1000 + 1
		events = dict(poll.poll(wait))
		if self.wakeup in events:
			os.read(self.wakeup, 4096)
		if self.deadline and time.monotonic() >= self.deadline:
			self.over()
		if self.pending and self.pending[0][0] in events:
			self.write_output()
		if reading and 0 in events:
			self.read_input()
		if events.get(port, 0) & ~select.POLLOUT and not self.pending:
			alive = self.host.receive()
			for kind, data in self.host.frames():
				self.take(kind, data)
			if not alive and not self.done:
				while self.pending:
					self.write_output()
				raise Gone

	def run(self):
		self.host.port.setblocking(False)
		try:
			while not self.done or self.pending:
				self.step()
		except TimeoutError:
			if not self.host.up:
				text = "the host itself did not come up within %g s"
			else:
				text = "no end after %g s, and the host does not answer"
			if not self.done:
				text = text % self.limit + self.host.last_words()
				# Without a limit of the user's it is no limit of the command's.
				limited = self.host.up or self.opts.timeout
				raise Problem(text, TIMEOUT if limited else BROKEN) from None
		except Gone:
			self.host.qemu.wait()
			raise Problem("the emulated host died (QEMU's exit status %d)%s" %
				(self.host.qemu.returncode, self.host.last_words())) from None
		if self.timed_out:
			raise Problem("no end after %g s" % self.opts.timeout, TIMEOUT)
		return self.status


def start(opts, hosts):
	"""A session with a host that has been told what to do. What is in hosts is to
	be ended by the caller."""
	session = Session(opts, open_host(opts, hosts))
	session.begin()
	return session

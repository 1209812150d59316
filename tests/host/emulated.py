# SPDX-License-Identifier: GPL-2.0-or-later
# The emulated arm64 host of tests/host/run, and the talk with its init
#
# QEMU boots Debian's kernel into an initramfs in 2 to 3 s. That is done once
# for each kind of host (processor, GIC, memory, ...): when its init says that
# it is ready, the machine's state is saved, and each run then continues from
# there, in a copy-on-write mapping of the saved memory, in 0.2 s. The command,
# its files and all else that differs come after that point, in the frames
# described in init.c.

import array
import fcntl
import hashlib
import json
import mmap
import os
import select
import shlex
import shutil
import socket
import struct
import subprocess
import sys
import termios
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(os.path.dirname(os.path.dirname(HERE)), "build")
IMAGE = os.path.join(BUILD, "guest", "Image")
INITRD = os.path.join(BUILD, "host", "initrd")
STATES = os.path.join(BUILD, "host", "states")
QEMU = "qemu-system-aarch64"
# No protection between processes in there is worth its time, nor are tests of ciphers.
KERNEL_ARGS = ("console=ttyAMA0 earlycon quiet panic=-1 oops=panic mitigations=off kpti=0"
	" audit=0 cryptomgr.notests ")

PATHS = "/usr/local/bin:/bin:/usr/bin:/sbin:/usr/sbin"
TIMEOUT, BROKEN = 124, 125
SHARED_SIZE = 2 << 30		# of address space, not of memory
CHUNK = 64 * 1024


class Problem(Exception):
	"""What is said to the user, and the exit status it ends with."""

	def __init__(self, text, status=BROKEN):
		super().__init__(text)
		self.status = status


class Gone(Exception):
	"""QEMU has ended, or does not do as it is told."""


def warn(text):
	sys.stderr.write("tests/host/run: %s\n" % text)
	sys.stderr.flush()


# ---- files, as frames ------------------------------------------------------

def frame(kind, data=b""):
	return struct.pack("<c3xI", kind, len(data)) + data


class Sender:
	"""Writes files and folders as frames into the shared memory."""

	def __init__(self, shared):
		self.to = open(shared, "r+b", buffering=0, closefd=False)

	def write(self, data):
		if self.to.tell() + len(data) > SHARED_SIZE:
			raise Problem("--with: more than %d MiB" % (SHARED_SIZE >> 20))
		self.to.write(data)

	def copy(self, f, at, end):
		"""By the kernel: memory of our own would take as long to get as to fill."""
		if self.to.tell() + end - at > SHARED_SIZE:
			raise Problem("--with: more than %d MiB" % (SHARED_SIZE >> 20))
		while at < end:
			n = os.sendfile(self.to.fileno(), f.fileno(), at, end - at)
			if not n:
				raise Problem("--with %s: it has become shorter" % f.name)
			at += n

	def file(self, name, path):
		with open(path, "rb", buffering=0) as f:
			info = os.fstat(f.fileno())
			mode = info.st_mode & 0o7777
			self.write(frame(b"P", b"%o %s" % (mode, os.fsencode(name))))
			at = 0
			while at < info.st_size:
				try:
					at = os.lseek(f.fileno(), at, os.SEEK_DATA)
				except OSError:		# only a hole is left
					break
				end = min(os.lseek(f.fileno(), at, os.SEEK_HOLE), at + (1 << 30))
				self.write(frame(b"S", struct.pack("<Q", at)))
				self.write(struct.pack("<c3xI", b"A", end - at))
				self.copy(f, at, end)
				at = end
			self.write(frame(b"Z", struct.pack("<Q", info.st_size)))

	def tree(self, name, path):
		"""Links are followed when named themselves, and stay links in a folder."""
		if not os.path.isdir(path):
			self.file(name, path)
			return
		mode = os.stat(path).st_mode & 0o7777 | 0o700
		self.write(frame(b"D", b"%o %s" % (mode, os.fsencode(name))))
		for entry in sorted(os.listdir(path)):
			inner, there = os.path.join(path, entry), name + "/" + entry
			if os.path.islink(inner):
				link = "777 %s\0%s" % (there, os.readlink(inner))
				self.write(frame(b"L", os.fsencode(link)))
			elif os.path.isdir(inner) or os.path.isfile(inner):
				self.tree(there, inner)


class Receiver:
	"""The files that come back."""

	def __init__(self, folder):
		self.folder = folder
		self.file = None

	def take(self, kind, data):
		if not self.folder:
			return
		if kind in b"DPL":
			self.begin(kind, *bytes(data).split(b" ", 1))
		elif self.file and kind == b"S":
			self.file.seek(struct.unpack("<Q", data)[0])
		elif self.file and kind == b"A":
			self.file.write(data)
		elif self.file and kind == b"Z":
			self.file.truncate(struct.unpack("<Q", data)[0])
			self.file.close()
			self.file = None

	def begin(self, kind, mode, name):
		name, _, target = name.partition(b"\0")
		path = os.path.join(os.fsencode(self.folder), name)
		mode = int(mode, 8)
		if kind == b"D":
			if not os.path.isdir(path):
				os.mkdir(path)
			os.chmod(path, mode | 0o700)
			return
		if os.path.lexists(path):
			os.unlink(path)
		if kind == b"L":
			os.symlink(target, path)
		else:
			self.file = open(path, "wb")
			os.chmod(path, mode)

	def take_shared(self, shared, size):
		if not self.folder or not size:
			return
		with mmap.mmap(shared, size, prot=mmap.PROT_READ) as m, memoryview(m) as view:
			at = 0
			while at + 8 <= size:
				kind, length = struct.unpack_from("<c3xI", view, at)
				at += 8
				with view[at:at + length] as data:
					self.take(kind, data)
				at += length


# ---- QEMU ------------------------------------------------------------------

def accelerator(opts):
	if opts.icount:
		return ["-accel", "tcg,thread=single", "-icount", "shift=0"]
	return ["-accel", "tcg,thread=multi"]


def machine_options(opts):
	cpu = opts.cpu or ("max" if opts.mte else "cortex-a72")
	if cpu.split(",")[0] == "max" and "pauth" not in cpu:
		cpu += ",pauth-impdef=on"	# the architected algorithm takes most of the time
	machine = "virt,virtualization=on,gic-version=%s" % (opts.gic or "3")
	if opts.mte:
		machine += ",mte=on"
	return machine, ["-cpu", cpu, "-smp", str(opts.smp), *opts.qemu]


def quoted(path):
	"""A path within one of QEMU's options."""
	return path.replace(",", ",,")


class Host:
	"""One QEMU. state: a folder with a saved state to save to or load from."""

	def __init__(self, opts, save=None, load=None):
		# Files without a name: nothing is left behind, however we end.
		self.console = os.memfd_create("console")
		self.said = os.memfd_create("qemu")
		self.shared = os.memfd_create("shared")
		os.truncate(self.shared, SHARED_SIZE)
		# One end of each socket pair is QEMU's: no names, and no connecting.
		self.port, port = socket.socketpair()
		self.monitor, monitor = socket.socketpair()
		self.answers = self.monitor.makefile("r", encoding="utf-8")
		for s in (self.port, port):
			s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
		self.input = bytearray()
		self.output = []
		self.up = False
		machine, more = machine_options(opts)
		# QEMU ends with us even if we are killed by a signal that cannot be caught.
		args = ["setpriv", "--pdeathsig", "KILL", QEMU, *accelerator(opts),
			"-nodefaults", "-nographic", "-no-reboot", "-m", str(opts.mem), *more,
			"-serial", "file:/proc/self/fd/%d" % self.console,
			"-chardev", "socket,id=monitor,fd=%d" % monitor.fileno(),
			"-mon", "chardev=monitor,mode=control",
			"-chardev", "socket,id=port,fd=%d" % port.fileno(),
			"-device", "virtio-serial-device",
			"-device", "virtserialport,chardev=port,name=run",
			"-object", "memory-backend-file,id=shared,size=%d,share=on,"
			"mem-path=/proc/self/fd/%d" % (SHARED_SIZE, self.shared),
			"-device", "ivshmem-plain,memdev=shared,master=on,addr=1f"]
		fds = [port.fileno(), monitor.fileno(), self.shared, self.console]
		self.state = None
		if save or load:
			machine += ",memory-backend=ram"
			ram = quoted(os.path.join(save or load, "ram"))
			args += ["-object", "memory-backend-file,id=ram,size=%dM,share=%s,"
				"mem-path=%s" % (opts.mem, "on" if save else "off", ram)]
			self.state = os.path.join(save or load, "state")
		if load:
			args += ["-incoming", "defer"]
		else:
			args += ["-kernel", IMAGE, "-initrd", INITRD, "-append", KERNEL_ARGS]
		args += ["-M", machine]
		# Huge pages for its own memory as for the guest's: it has half the page faults then.
		env = dict(os.environ, GLIBC_TUNABLES="glibc.malloc.hugetlb=1")
		self.qemu = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=self.said,
			stderr=subprocess.STDOUT, pass_fds=fds, start_new_session=True, env=env)
		port.close()
		monitor.close()
		self.monitor_send("qmp_capabilities")
		if save or load:
			self.monitor_send("migrate-set-capabilities", capabilities=[
				{"capability": "x-ignore-shared", "state": True}])

	def monitor_send(self, command, **arguments):
		try:
			self.monitor.sendall(json.dumps(
				{"execute": command, "arguments": arguments}).encode())
		except OSError:
			pass		# the answer to it will be missed

	def monitor_answer(self, timeout=60):
		"""The next answer in turn; events are of no interest."""
		self.monitor.settimeout(timeout)
		while True:
			try:
				line = self.answers.readline()
			except OSError:
				line = ""
			answer = json.loads(line or '{"error": "no answer"}')
			if "error" in answer:
				raise Gone("monitor: %s" % answer["error"])
			if "return" in answer:
				return answer["return"]

	def save(self):
		"""Save the state of a host that is ready. It is of no use after this."""
		self.monitor_answer()
		self.monitor_answer()
		self.monitor_send("migrate", uri="exec:cat >" + shlex.quote(self.state))
		self.monitor_answer()
		while True:
			self.monitor_send("query-migrate")
			status = self.monitor_answer().get("status")
			if status == "completed":
				return
			if status not in ("setup", "active", "device"):
				raise Gone("migration: %s" % status)
			time.sleep(0.01)

	def load(self):
		self.monitor_send("migrate-incoming", uri="exec:cat " + shlex.quote(self.state))
		for _ in range(3):
			self.monitor_answer()
		self.tell_time()
		self.wait_ready(30)

	def tell_time(self):
		"""The host says once more that it is ready when it has the time."""
		now = time.time()
		self.send(b"T", struct.pack("<QQ", int(now), int(now % 1 * 1e6)) + os.urandom(32))
		self.flush()

	def wait_ready(self, timeout):
		self.port.settimeout(timeout)
		try:
			if self.port.recv(8)[:1] != b"R":
				raise Gone("QEMU has ended")
		except TimeoutError:
			raise Gone("not ready after %g s" % timeout) from None
		except OSError as error:
			raise Gone(error.strerror) from None
		self.up = True

	def send(self, kind, data=b""):
		self.output.append(frame(kind, data))

	def flush(self):
		"""Send what the socket takes now."""
		while self.output:
			try:
				n = self.port.send(self.output[0])
			except BlockingIOError:
				return
			except OSError:		# QEMU is gone, which receive() sees as well
				self.output.clear()
				return
			if n < len(self.output[0]):
				self.output[0] = self.output[0][n:]
				return
			self.output.pop(0)

	def receive(self):
		"""False if the host is gone."""
		try:
			data = self.port.recv(1 << 18)
		except BlockingIOError:
			return True
		except OSError:
			return False
		self.input += data
		return bool(data)

	def frames(self):
		at = 0
		while len(self.input) - at >= 8:
			kind, size = struct.unpack_from("<c3xI", self.input, at)
			if len(self.input) - at - 8 < size:
				break
			yield kind, bytes(memoryview(self.input)[at + 8:at + 8 + size])
			at += 8 + size
		del self.input[:at]

	def wait(self, timeout):
		"""QEMU's exit status: 1 if it did not even start; None if it has not ended."""
		try:
			return self.qemu.wait(timeout)
		except subprocess.TimeoutExpired:
			return None

	def end(self):
		if self.qemu.poll() is None:
			self.qemu.kill()
		self.qemu.wait()
		self.port.close()
		self.monitor.close()
		for fd in (self.shared, self.console, self.said):
			os.close(fd)

	def last_words(self):
		text = ""
		for what, fd in (("QEMU", self.said), ("the host's console", self.console)):
			data = os.pread(fd, os.fstat(fd).st_size, 0)
			lines = data.decode(errors="replace").split("\n")
			lines = [line.rstrip() for line in lines if line.strip()][-40:]
			if lines:
				text += "\n--- the end of what %s said:\n" % what + "\n".join(lines)
		return text


# ---- saved states ----------------------------------------------------------

def identity(path):
	info = os.stat(path)
	return "%s %d %d" % (os.path.basename(path), info.st_size, info.st_mtime_ns)


def saved_state(opts, qemu):
	"""The folder with the saved state for these options; made if need be."""
	if opts.boot:
		return None
	# All states stand on these: one of another base is of no use any more.
	base = "\n".join([identity(qemu), identity(IMAGE), identity(INITRD), KERNEL_ARGS])
	machine, more = machine_options(opts)
	kind = " ".join(["-M", machine, "-m", str(opts.mem), *more])
	key = repr((kind, SHARED_SIZE, base))
	folder = os.path.join(STATES, hashlib.sha1(key.encode()).hexdigest()[:16])
	if os.path.exists(folder):
		return folder
	os.makedirs(STATES, exist_ok=True)
	with open(os.path.join(STATES, ".lock"), "w", encoding="utf-8") as lock:
		fcntl.flock(lock, fcntl.LOCK_EX)
		if os.path.exists(folder):
			return folder
		remove_states_not_of(base)
		new = folder + ".new"
		shutil.rmtree(new, ignore_errors=True)
		os.mkdir(new)
		host = None
		try:
			host = Host(opts, save=new)
			host.wait_ready(120)
			# What the kernel still has to do now, it need not do in each run.
			time.sleep(0.3)
			host.save()
			for name, text in (("base", base), ("kind", kind)):
				with open(os.path.join(new, name), "w", encoding="utf-8") as f:
					f.write(text)
			os.rename(new, folder)
			return folder
		except Gone as gone:
			if host.wait(5) == 1:
				text = "there can be no such host" + host.last_words()
				raise Problem(text) from None
			warn("cannot save a host's state, so each run boots one (%s)%s" %
				(gone, host.last_words()))
			return None
		finally:
			if host:
				host.end()
			shutil.rmtree(new, ignore_errors=True)


def remove_states_not_of(base):
	for name in os.listdir(STATES):
		folder = os.path.join(STATES, name)
		try:
			with open(os.path.join(folder, "base"), encoding="utf-8") as f:
				if f.read() == base:
					continue
		except NotADirectoryError:
			continue
		except FileNotFoundError:
			pass
		shutil.rmtree(folder, ignore_errors=True)


# ---- one command -----------------------------------------------------------

def window():
	size = array.array("H", [24, 80, 0, 0])
	try:
		fcntl.ioctl(0, termios.TIOCGWINSZ, size)
	except OSError:
		pass
	return size.tobytes()


class Session:
	"""One command in one host, from our side: a loop over all that can happen."""

	def __init__(self, opts, host):
		self.opts = opts
		self.host = host
		self.limit_time()
		self.back = Receiver(opts.out)
		self.pending = []		# (fd, data) not yet written to our own outputs
		self.stdin = opts.tty or not os.isatty(0)
		self.may_send = True		# the host has passed on the last piece of input
		self.status = None
		self.timed_out = False
		self.done = False

	def limit_time(self):
		timeout = self.opts.timeout
		self.deadline = time.monotonic() + timeout if timeout else None

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
		env = {"IN": "/in", "OUT": "/out", "HOME": "/root", "PATH": PATHS, "USER": "root",
			"TERM": os.environ.get("TERM", "dumb"), **opts.vars}
		for name, value in env.items():
			host.send(b"V", os.fsencode("%s=%s" % (name, value)))
		if opts.tty:
			host.send(b"w", window())
		host.send(b"B", (b"t" if opts.tty else b"p") + os.fsencode(opts.command))
		if not self.stdin:
			host.send(b"I")

	def resized(self, *_):
		self.host.send(b"w", window())

	def take(self, kind, data):
		if kind == b"o":
			self.pending.append((1, data))
		elif kind == b"e":
			self.pending.append((2, data))
		elif kind == b"a":
			self.may_send = True
		elif kind == b"R" and not self.host.up:
			self.host.up = True
			self.host.tell_time()
			# The time is the command's: none of it is lost by booting.
			self.limit_time()
		elif kind == b"m":
			warn("in the host: " + data.decode(errors="replace"))
		elif kind == b"x":
			self.status = data[0]
		elif kind == b"q":
			self.done = True
		elif kind == b"F":
			self.back.take_shared(self.host.shared, struct.unpack("<Q", data)[0])
		else:
			self.back.take(kind, data)

	def read_input(self):
		data = os.read(0, CHUNK)
		if data:
			self.may_send = False
			self.host.send(b"i", data)
		else:
			self.stdin = False
			self.host.send(b"I")

	def write_output(self):
		"""What poll calls writable takes this much without blocking us."""
		fd, data = self.pending[0]
		n = os.write(fd, data[:select.PIPE_BUF])
		if n == len(data):
			self.pending.pop(0)
		else:
			self.pending[0] = (fd, memoryview(data)[n:])

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
		wait = None
		if self.deadline:
			wait = max(0, self.deadline - time.monotonic()) * 1000 + 1
		events = dict(poll.poll(wait))
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
				text = text % self.opts.timeout + self.host.last_words()
				raise Problem(text, TIMEOUT) from None
		except Gone:
			self.host.qemu.wait()
			raise Problem("the emulated host died (QEMU's exit status %d)%s" %
				(self.host.qemu.returncode, self.host.last_words())) from None
		if self.timed_out:
			raise Problem("no end after %g s" % self.opts.timeout, TIMEOUT)
		return self.status


def start(opts, hosts):
	"""A session with a host that has been told what to do, continued from a saved
	state if that works. What is in hosts is to be ended by the caller."""
	qemu = shutil.which(QEMU)
	if not qemu:
		raise Problem("no %s: install Debian's package qemu-system-arm, or run"
			" tests/host/packages host" % QEMU)
	state = saved_state(opts, qemu)
	if state:
		try:
			hosts.append(Host(opts, load=state))
			session = Session(opts, hosts[-1])
			hosts[-1].load()
			session.begin()
			return session
		except Gone as problem:
			warn("cannot use the saved state in %s (%s), booting a host" %
				(state, problem))
			shutil.rmtree(state, ignore_errors=True)
	hosts.append(Host(opts))
	session = Session(opts, hosts[-1])
	session.begin()
	return session

# SPDX-License-Identifier: GPL-2.0-or-later
# The emulated arm64 host of lkvm-host and tests/host/run, and its frozen states
#
# QEMU boots Debian's kernel into an initramfs in 2 to 3 s. That is done once
# for each kind of host (processor, GIC, memory, ...): when its init says that
# it is ready, the machine's state is saved, and each run then continues from
# there, in a copy-on-write mapping of the saved memory, in 0.2 s. The command,
# its files and all else that differs come after that point, in the frames
# described in init.h.
#
# What a host is made of is in the folder opts.build, where fetch puts it.

import fcntl
import hashlib
import json
import os
import shlex
import shutil
import socket
import struct
import subprocess
import sys
import time

from frames import SHARED_SIZE, Problem, frame, warn

HERE = os.path.dirname(os.path.abspath(__file__))
QEMU = "qemu-system-aarch64"
# No protection between processes in there is worth its time, nor are tests of ciphers.
KERNEL_ARGS = ("console=ttyAMA0 earlycon quiet panic=-1 oops=panic mitigations=off kpti=0"
	" audit=0 cryptomgr.notests ")


class Gone(Exception):
	"""QEMU has ended, or does not do as it is told."""


def kvm_here():
	return os.uname().machine == "aarch64" and os.access("/dev/kvm", os.R_OK | os.W_OK)


def image(opts):
	return os.path.join(opts.build, "guest", "Image")


def initrd(opts):
	return os.path.join(opts.build, "host", "initrd")


def states(opts):
	return os.path.join(opts.build, "host", "states")


def fetch(*names, **variables):
	if subprocess.run([os.path.join(HERE, "fetch"), *names], stdout=sys.stderr,
			stdin=subprocess.DEVNULL, env=dict(os.environ, **variables)).returncode:
		raise Problem("could not fetch what the emulated host is made of")


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


def kernel_arguments(opts):
	"""init loads what it needs for shared directories if it finds \"shares\"."""
	return KERNEL_ARGS + ("shares=%d " % len(opts.shares) if opts.shares else "")


def kind_of(opts):
	"""What makes a host another one, as the arguments of QEMU's."""
	machine, more = machine_options(opts)
	kind = ["-M", machine, "-m", str(opts.mem), *more]
	return " ".join(kind + ["shares=%d" % len(opts.shares)] * bool(opts.shares))


def share_options(opts, nothing):
	"""Shared directories. A host whose state is saved has none of them mounted,
	so it does not matter that they are another folder then: nothing."""
	args = []
	for i, (path, flags) in enumerate(opts.shares):
		args += ["-fsdev", "local,id=share%d,path=%s,security_model=none,multidevs=remap%s" %
			(i, quoted(nothing or path), flags),
			"-device", "virtio-9p-device,fsdev=share%d,mount_tag=share%d" % (i, i)]
	return args


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
			args += ["-kernel", image(opts), "-initrd", initrd(opts),
				"-append", kernel_arguments(opts)]
		args += [*share_options(opts, save), "-M", machine]
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
	# in seconds, as archives have it, by which caches are kept
	return "%s %d %d" % (os.path.basename(path), info.st_size, info.st_mtime)


def saved_state(opts, qemu):
	"""The folder with the saved state for these options; made if need be."""
	if opts.boot:
		return None
	# All states stand on these: one of another base is of no use any more.
	base = "\n".join([identity(qemu), identity(image(opts)), identity(initrd(opts)),
		KERNEL_ARGS])
	kind = kind_of(opts)
	key = repr((kind, SHARED_SIZE, base))
	folder = os.path.join(states(opts), hashlib.sha1(key.encode()).hexdigest()[:16])
	if os.path.exists(folder):
		return folder
	os.makedirs(states(opts), exist_ok=True)
	with open(os.path.join(states(opts), ".lock"), "w", encoding="utf-8") as lock:
		fcntl.flock(lock, fcntl.LOCK_EX)
		if os.path.exists(folder):
			return folder
		remove_states_not_of(opts, base)
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


def remove_states_not_of(opts, base):
	for name in os.listdir(states(opts)):
		folder = os.path.join(states(opts), name)
		try:
			with open(os.path.join(folder, "base"), encoding="utf-8") as f:
				if f.read() == base:
					continue
		except NotADirectoryError:
			continue
		except FileNotFoundError:
			pass
		shutil.rmtree(folder, ignore_errors=True)


def find_qemu():
	qemu = shutil.which(QEMU)
	if not qemu:
		raise Problem("no %s: install Debian's package qemu-system-arm" % QEMU)
	return qemu


def open_host(opts, hosts):
	"""A host, continued from a saved state if that works, else one that still boots.
	What is in hosts is to be ended by the caller, whatever happens."""
	state = saved_state(opts, find_qemu())
	if state:
		try:
			hosts.append(Host(opts, load=state))
			hosts[-1].load()
			return hosts[-1]
		except Gone as problem:
			warn("cannot use the saved state in %s (%s), booting a host" %
				(state, problem))
			shutil.rmtree(state, ignore_errors=True)
	hosts.append(Host(opts))
	return hosts[-1]

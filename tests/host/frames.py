# SPDX-License-Identifier: GPL-2.0-or-later
# What the emulated arm64 host and we say to each other: frames, and files as such
#
# init/init.h describes them.

import mmap
import os
import struct
import sys

SHARED_SIZE = 2 << 30		# of address space, not of memory


class Problem(Exception):
	"""What is said to the user, and the exit status it ends with."""

	def __init__(self, text, status=125):
		super().__init__(text)
		self.status = status


def warn(text):
	sys.stderr.write("%s: %s\n" % (warn.program, text))
	sys.stderr.flush()


warn.program = "lkvm-host"


def frame(kind, data=b""):
	return struct.pack("<c3xI", kind, len(data)) + data


class Sender:
	"""Writes files and folders as frames into the shared memory."""

	def __init__(self, shared):
		self.to = open(shared, "r+b", buffering=0, closefd=False)

	def write(self, data):
		if self.to.tell() + len(data) > SHARED_SIZE:
			raise Problem("more than %d MiB of files" % (SHARED_SIZE >> 20))
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



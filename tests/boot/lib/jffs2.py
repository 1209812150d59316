# The files of a jffs2, as Linux finds them when it mounts it
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Layout: Linux, include/uapi/linux/jffs2.h; what counts: fs/jffs2/scan.c. Of
# directories there is the root only, and no data are compressed but by zlib.

import struct
import zlib

BLOCK = 0x10000
MAGIC = 0x1985
HEADER = struct.Struct("<HHII")
DIRENT = struct.Struct("<HHIIIIIIBB2xII")
INODE = struct.Struct("<HHIIIIIHHIIIIIIIBBHII")
ACCURATE = 0x2000
DIRENT_TYPE, INODE_TYPE, CLEANMARKER = 0xE001, 0xE002, 0x2003
ROOT = 1
NONE, ZERO, ZLIB = 0, 1, 6
EMPTY_SCAN = 256	# so many erased bytes, and the block is taken for erased


def crc(data):
	return zlib.crc32(data, 0xFFFFFFFF) ^ 0xFFFFFFFF


def header_at(flash, at, end):
	"""(type, length) of a node, or None."""
	if at + HEADER.size > end:
		return None
	magic, kind, length, checksum = HEADER.unpack_from(flash, at)
	if magic != MAGIC or length < HEADER.size or at + length > end:
		return None
	good = struct.pack("<HHI", magic, kind | ACCURATE, length)
	return (kind, length) if crc(good) == checksum else None


def is_erased(flash, at, end):
	return flash.count(b"\xff", at, end) == end - at


def nodes(flash):
	"""[(offset, type)] of what is found, block by block."""
	for block in range(0, len(flash), BLOCK):
		at, end = block, block + BLOCK
		if is_erased(flash, at, at + EMPTY_SCAN):
			continue
		while at < end:
			found = header_at(flash, at, end)
			if found:
				yield at, found[0]
				at += (found[1] + 3) & ~3
			else:
				at += 4


def dirents(flash, found):
	"""{name: inode}, of the newest entry each."""
	newest = {}
	for at, kind in found:
		if kind != DIRENT_TYPE:
			continue
		_, _, _, _, parent, version, inode, _, size, _, node_crc, name_crc = \
			DIRENT.unpack_from(flash, at)
		name = bytes(flash[at + DIRENT.size:at + DIRENT.size + size])
		if crc(flash[at:at + DIRENT.size - 8]) != node_crc or crc(name) != name_crc:
			continue
		if parent == ROOT and version >= newest.get(name, (0,))[0]:
			newest[name] = version, inode
	return {name.decode(): inode for name, (_, inode) in newest.items() if inode}


def inodes(flash, found):
	"""{number: [(version, size, offset, data)]}"""
	pieces = {}
	for at, kind in found:
		if kind != INODE_TYPE:
			continue
		(_, _, _, _, number, version, _, _, _, size, _, _, _, offset, stored, length, packed, _,
			_, data_crc, node_crc) = INODE.unpack_from(flash, at)
		data = bytes(flash[at + INODE.size:at + INODE.size + stored])
		if crc(flash[at:at + INODE.size - 8]) != node_crc or crc(data) != data_crc:
			continue
		if packed == ZERO:
			data = bytes(length)
		elif packed == ZLIB:
			data = zlib.decompress(data)
		elif packed != NONE:
			raise ValueError("at %#x: compressed by %d" % (at, packed))
		pieces.setdefault(number, []).append((version, size, offset, data))
	return pieces


def files(flash):
	"""{name: content}"""
	found = list(nodes(flash))
	pieces = inodes(flash, found)
	contents = {}
	for name, number in dirents(flash, found).items():
		content = bytearray()
		for _, size, offset, data in sorted(pieces.get(number, ())):
			content += bytes(max(0, offset + len(data) - len(content)))
			content[offset:offset + len(data)] = data
			content[size:] = bytes(max(0, size - len(content)))
		if number in pieces:
			contents[name] = bytes(content)
	return contents


def unclean(flash):
	"""Blocks that Linux takes for erased, and writes to, and that are not."""
	for block in range(0, len(flash), BLOCK):
		found = header_at(flash, block, block + BLOCK)
		if found and found[0] == CLEANMARKER and \
				is_erased(flash, block + found[1], block + EMPTY_SCAN) and \
				not is_erased(flash, block + found[1], block + BLOCK):
			yield block

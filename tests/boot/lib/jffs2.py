# The files of a jffs2, as Linux finds them when it mounts it
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Layout: Linux, include/uapi/linux/jffs2.h; what counts: fs/jffs2/scan.c. Of
# directories there is the root only, and no data are compressed but by zlib.

import functools
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


def nodes(block):
	"""[(offset, type)] of what is found in a block."""
	if is_erased(block, 0, EMPTY_SCAN):
		return
	at = 0
	while at < len(block):
		found = header_at(block, at, len(block))
		if found:
			yield at, found[0]
			at += (found[1] + 3) & ~3
		else:
			at += 4


def dirent(block, at):
	"""(name, version, inode), or None."""
	_, _, _, _, parent, version, inode, _, size, _, node_crc, name_crc = \
		DIRENT.unpack_from(block, at)
	name = block[at + DIRENT.size:at + DIRENT.size + size]
	if crc(block[at:at + DIRENT.size - 8]) != node_crc or crc(name) != name_crc:
		return None
	return (name.decode(), version, inode) if parent == ROOT else None


def piece(block, at):
	"""(inode, version, size of the file, offset, data), or None."""
	(_, _, _, _, number, version, _, _, _, size, _, _, _, offset, stored, length, packed, _,
		_, data_crc, node_crc) = INODE.unpack_from(block, at)
	data = block[at + INODE.size:at + INODE.size + stored]
	if crc(block[at:at + INODE.size - 8]) != node_crc or crc(data) != data_crc:
		return None
	if packed == ZERO:
		data = bytes(length)
	elif packed == ZLIB:
		data = zlib.decompress(data)
	elif packed != NONE:
		raise ValueError("at %#x: compressed by %d" % (at, packed))
	return number, version, size, offset, data


@functools.lru_cache(1024)
def contents(block):
	"""The good dirents and pieces of files in a block; most are asked for often."""
	found = list(nodes(block))
	return [[good for good in (read(block, at) for at, kind in found if kind == wanted) if good]
		for wanted, read in ((DIRENT_TYPE, dirent), (INODE_TYPE, piece))]


def files(flash):
	"""{name: content}"""
	newest, pieces, found = {}, {}, {}
	for at in range(0, len(flash), BLOCK):
		names, data = contents(flash[at:at + BLOCK])
		for name, version, inode in names:
			newest[name] = max(newest.get(name, (0, 0)), (version, inode))
		for number, *rest in data:
			pieces.setdefault(number, []).append(rest)
	for name, (_, number) in newest.items():
		if number not in pieces:	# 0 is for one that was removed
			continue
		content = bytearray()
		for _, size, offset, data in sorted(pieces[number]):
			content += bytes(max(0, offset + len(data) - len(content)))
			content[offset:offset + len(data)] = data
			content[size:] = bytes(max(0, size - len(content)))
		found[name] = bytes(content)
	return found


def unclean(flash):
	"""Blocks that Linux takes for erased, and writes to, and that are not."""
	for block in range(0, len(flash), BLOCK):
		found = header_at(flash, block, block + BLOCK)
		if found and found[0] == CLEANMARKER and \
				is_erased(flash, block + found[1], block + EMPTY_SCAN) and \
				not is_erased(flash, block + found[1], block + BLOCK):
			yield block

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# passt of Debian 12 (0.0~git20230309) sends its DHCP offer to the address that it offers,
# also to a client that sets the broadcast flag because it cannot receive that yet (RFC
# 2131, 4.1). passt of Debian 13 (0.0~git20250503) sends it to 255.255.255.255 then.
#
# For users: EDK2, whose DHCP client sets the flag, gets no address and boots neither by
# HTTP nor by PXE, while Linux, whose client does not set it, has its network. Seen with no
# virtual machine at all: a frame goes to passt's stream socket as QEMU's -netdev stream
# would send it.
# shellcheck disable=SC2154

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

needs python3 iproute2:ip
pinned old bookworm amd64 passt=0.0~git20230309.7c7625d-1
pinned new trixie amd64 passt=0.0~git20250503.587980c-2+deb13u1 libc6=2.41-12+deb13u5

# The newer one needs the C library that is beside it.
cat >new/passt <<-END
	#!/bin/sh
	exec $tmp/new/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 \\
		--library-path $tmp/new/usr/lib/x86_64-linux-gnu $tmp/new/usr/bin/passt "\$@"
END
chmod 755 new/passt
chmod 711 "$tmp"

# usage: discover.py PASST FLAGS: where the answer to a DHCPDISCOVER goes: "broadcast",
# "offered" if that is the address that it has for the client, or the address itself
cat >discover.py <<-'END'
	import socket, struct, subprocess, sys
	mac = bytes.fromhex("021515151515")
	def checksum(data):
	    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
	    total = (total & 0xffff) + (total >> 16)
	    return ~(total + (total >> 16)) & 0xffff
	bootp = struct.pack("!4BIHH16s16s192sI", 1, 1, 6, 0, 0x1234, 0, int(sys.argv[2], 0),
	                    b"", mac, b"", 0x63825363)
	bootp += bytes([53, 1, 1, 55, 3, 1, 3, 6, 255]).ljust(60, b"\0")
	udp = struct.pack("!4H", 68, 67, 8 + len(bootp), 0) + bootp
	head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"",
	                   b"\xff" * 4)
	head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
	frame = b"\xff" * 6 + mac + b"\x08\x00" + head + udp
	ours, its = socket.socketpair()
	subprocess.run([sys.argv[1], "--quiet", "--fd", str(its.fileno()), "-t", "none",
	                "-u", "none", "-a", "192.0.2.2", "-n", "24", "-g", "192.0.2.1"],
	               pass_fds=[its.fileno()], stderr=subprocess.DEVNULL, check=True)
	its.close()
	ours.settimeout(10)
	ours.sendall(struct.pack("!I", len(frame)) + frame)
	stream = ours.makefile("rb")
	while True:
	    got = stream.read(struct.unpack("!I", stream.read(4))[0])
	    if got[12:14] == b"\x08\x00" and got[23] == 17 and got[34:36] == b"\x00\x43":
	        break
	to, offered = got[30:34], got[58:62]
	print("broadcast" if to == b"\xff" * 4 else
	      "offered" if to == offered else socket.inet_ntoa(to))
END

# answer PASST FLAGS
answer() {
	timeout 60 python3 discover.py "$1" "$2" 2>err || cannot "$(tail -n 1 err)"
}

seen "Debian 12, no flag: the offer goes to" offered "$(answer "$tmp/old/usr/bin/passt" 0)"
seen "Debian 12, broadcast flag: the offer goes to" offered \
	"$(answer "$tmp/old/usr/bin/passt" 0x8000)"
seen "Debian 13, no flag: the offer goes to" offered "$(answer "$tmp/new/passt" 0)"
seen "Debian 13, broadcast flag: the offer goes to" broadcast \
	"$(answer "$tmp/new/passt" 0x8000)"

verdict

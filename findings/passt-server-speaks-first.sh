#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# passt of Debian 12 (0.0~git20230309) loses what a server in the guest says first: on a
# connection that it forwards from the host, bytes that the guest sends before it has
# received any never arrive, and the client waits for ever. When the client speaks first,
# all arrives. passt of Debian 13 (0.0~git20250503) has both.
#
# For users: behind a forwarded port SSH, SMTP, MySQL and others whose server begins look
# dead; HTTP works. Seen with no virtual machine at all: the guest is a tun interface in a
# network namespace, whose packets go to passt's stream socket as QEMU's -netdev stream
# would send them.
# shellcheck disable=SC2154

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

needs python3 iproute2:ip util-linux:unshare
[ -c /dev/net/tun ] || cannot "there is no /dev/net/tun"
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

# A server that sends 100,000 bytes, at once or when it has been asked.
cat >server.py <<-'END'
	import socket, sys
	listener = socket.create_server(("", 80))
	while True:
	    connection, _ = listener.accept()
	    if sys.argv[1] == "asked":
	        connection.recv(1)
	    connection.sendall(b"x" * 100000)
	    connection.close()
END

# Frames between the interface and passt, each with its length before it.
cat >guest.py <<-'END'
	import fcntl, os, socket, struct, subprocess, sys, threading
	TUNSETIFF, TAP_NO_PI = 0x400454CA, 0x1002
	tap = os.open("/dev/net/tun", os.O_RDWR)
	fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", b"guest0", TAP_NO_PI))
	for command in ("link set lo up", "link set guest0 up",
	                "addr add 192.0.2.2/24 dev guest0",
	                "route add default via 192.0.2.1"):
	    subprocess.run(["ip"] + command.split(), check=True)
	server = subprocess.Popen([sys.executable, sys.argv[2], sys.argv[3]])
	stream = socket.socket(fileno=int(sys.argv[1]))
	def send():
	    while True:
	        frame = os.read(tap, 65550)
	        stream.sendall(struct.pack("!I", len(frame)) + frame)
	threading.Thread(target=send, daemon=True).start()
	data = b""
	while True:
	    more = stream.recv(65536)
	    if not more:
	        break
	    data += more
	    while len(data) >= 4 and len(data) >= 4 + struct.unpack("!I", data[:4])[0]:
	        end = 4 + struct.unpack("!I", data[:4])[0]
	        os.write(tap, data[4:end])
	        data = data[end:]
	server.kill()
END

# usage: client.py PASST MODE: how many bytes come within five seconds
cat >client.py <<-'END'
	import socket, subprocess, sys, time
	ours, its = socket.socketpair()
	free = socket.create_server(("127.0.0.1", 0))
	port = free.getsockname()[1]
	free.close()
	subprocess.run([sys.argv[1], "--quiet", "--fd", str(its.fileno()), "-u", "none",
	                "-t", "127.0.0.1/%d:80" % port], pass_fds=[its.fileno()],
	               stderr=subprocess.DEVNULL, check=True)
	its.close()
	guest = subprocess.Popen(["unshare", "-n", sys.executable, "guest.py",
	                          str(ours.fileno()), "server.py", sys.argv[2]],
	                         pass_fds=[ours.fileno()], stdout=subprocess.DEVNULL)
	time.sleep(3)
	count = 0
	client = socket.create_connection(("127.0.0.1", port))
	client.settimeout(5)
	try:
	    if sys.argv[2] == "asked":
	        client.sendall(b"?")
	    while True:
	        data = client.recv(65536)
	        if not data:
	            break
	        count += len(data)
	except socket.timeout:
	    pass
	print(count)
	ours.shutdown(socket.SHUT_RDWR)
	guest.wait(10)
END

# received PASST MODE
received() {
	timeout 60 python3 client.py "$1" "$2" 2>err || cannot "$(tail -n 1 err)"
}

seen "Debian 12, the client speaks first: bytes" 100000 "$(received "$tmp/old/usr/bin/passt" asked)"
seen "Debian 12, the server speaks first: bytes" 0 "$(received "$tmp/old/usr/bin/passt" first)"
seen "Debian 13, the client speaks first: bytes" 100000 "$(received "$tmp/new/passt" asked)"
seen "Debian 13, the server speaks first: bytes" 100000 "$(received "$tmp/new/passt" first)"

verdict

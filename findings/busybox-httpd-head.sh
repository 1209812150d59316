#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# busybox's httpd (1.35 of Debian 12) answers HEAD with the whole file behind the headers,
# as it does GET. RFC 9110, 9.3.2: "the server MUST NOT send content in the response".
# A client that keeps the connection may take that for the next answer. EDK2 (2025.02)
# asks by HEAD for the length of what it boots by HTTP; at times it then had the file's
# first 1267 bytes twice, as many as had come with HEAD's headers in one segment, and as
# many less at its end, and said "Load Error" of a program. That is seldom and not tried
# here.
#
# For users: boot from another server, or give files by a CGI program, which is told the
# method in REQUEST_METHOD.
# shellcheck disable=SC2154

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

needs python3:/usr/bin/python3
pinned root bookworm amd64 busybox-static=1:1.35.0-4+deb12u1+b1
httpd=root/bin/busybox

mkdir -p www/cgi-bin
head -c 100000 /dev/zero >www/file
cat >www/cgi-bin/file <<'END'
#!/bin/sh
printf 'Content-Type: text/plain\r\nContent-Length: 100000\r\n\r\n'
[ "$REQUEST_METHOD" = HEAD ] || exec cat ../file
END
chmod 755 www/cgi-bin/file

# answer METHOD PATH: its status, the length that its headers have, and that behind them
answer() {
	/usr/bin/python3 - "$httpd" "$@" <<'EOF_PY'
import socket
import subprocess
import sys

httpd, method, path = sys.argv[1:]
ours, its = socket.socketpair()
# -i: the connection is its standard input, as of inetd
with subprocess.Popen([httpd, "httpd", "-i", "-h", "www"], stdin=its, stdout=its):
	its.close()
	ours.settimeout(30)
	ours.sendall(("%s %s HTTP/1.1\r\nHost: host\r\n\r\n" % (method, path)).encode())
	data = b""
	while piece := ours.recv(65536):
		data += piece
head, _, body = data.partition(b"\r\n\r\n")
length = [l.split()[1].decode() for l in head.split(b"\r\n") if l.lower().startswith(b"content-length:")]
print(head.split()[1].decode(), *length, len(body))
EOF_PY
}

seen "GET: status, length, bytes of content" "200 100000 100000" "$(answer GET /file)"
seen "HEAD: the same" "200 100000 100000" "$(answer HEAD /file)"
seen "HEAD of a CGI program that obeys the method" "200 100000 0" "$(answer HEAD /cgi-bin/file)"

verdict

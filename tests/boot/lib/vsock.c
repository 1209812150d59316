/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files between a guest and its host by AF_VSOCK, for both sides:
 *
 *	vsock get CID PORT     prints what comes until the end
 *	vsock serve PORT FILE  sends FILE to each who connects, in the
 *	                       background once it listens
 *
 * Exit status: 0, or 1 after a message.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include "stream.h"

/* An emulated guest may take longer than the 2 s that the kernel waits. */
#define PATIENCE 100

static int get(unsigned int cid, unsigned int port)
{
	struct sockaddr_vm peer = { .svm_family = AF_VSOCK,
				    .svm_cid = cid,
				    .svm_port = port };
	struct timeval patience = { .tv_sec = PATIENCE };
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	if (fd < 0)
		return fail("socket");
	setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &patience,
		   sizeof(patience));
	if (connect(fd, (void *)&peer, sizeof(peer)))
		return fail("connect");
	return copy(fd, STDOUT_FILENO) ? fail("get") : 0;
}

static int serve(unsigned int port, const char *file)
{
	struct sockaddr_vm any = { .svm_family = AF_VSOCK,
				   .svm_cid = VMADDR_CID_ANY,
				   .svm_port = port };
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (void *)&any, sizeof(any)) || listen(fd, 16))
		return fail("serve");
	return serve_file(fd, file, false);
}

int main(int argc, char *argv[])
{
	if (argc == 4 && !strcmp(argv[1], "serve"))
		return serve((unsigned int)atoi(argv[2]), argv[3]);
	if (argc == 4 && !strcmp(argv[1], "get"))
		return get((unsigned int)atoi(argv[2]),
			   (unsigned int)atoi(argv[3]));
	fprintf(stderr, "usage: vsock get CID PORT or vsock serve PORT FILE\n");
	return 1;
}

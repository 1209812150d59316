/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a command with an open tap interface as descriptor 9, as programs that
 * manage networks do:
 *
 *	tapfd NAME COMMAND [ARG]...
 */
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/if_tun.h>

int main(int argc, char *argv[])
{
	struct ifreq req = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR);

	if (argc < 3 || fd < 0)
		return 1;
	strncpy(req.ifr_name, argv[1], IFNAMSIZ - 1);
	if (ioctl(fd, TUNSETIFF, &req) || dup2(fd, 9) < 0) {
		perror(argv[1]);
		return 1;
	}
	close(fd);
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 1;
}

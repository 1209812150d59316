/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processes behind --fs, which serve a directory by vhost-user: connected
 * to, or started.
 */
#ifndef LKVM_SHARE_FS_DAEMON_H
#define LKVM_SHARE_FS_DAEMON_H

#include "lkvm/config/fs.h"
#include "lkvm/util/run_program.h"

struct fs_daemon {
	int fd; /* a connected stream socket, which does not block */
	bool started;
	struct program program; /* if started: virtiofsd */
};

/*
 * Connects to the socket of `config`, or starts virtiofsd for its directory.
 * Main thread, before the guest runs. Returns 0, or -errno after a fatal
 * message. What virtiofsd thinks of its options shows on the socket only.
 */
int fs_daemon_open(const struct fs_config *config, struct fs_daemon **out);

/*
 * After the daemon has closed the connection: why, as a sentence without its
 * subject, in `text` of `size` bytes. Waits for a moment for virtiofsd to end.
 */
void fs_daemon_explain(struct fs_daemon *daemon, char *text, size_t size);

/* One that was started is killed. */
void fs_daemon_kill(struct fs_daemon *daemon);

/*
 * Ends the connection, and with it a daemon that was started: it has ended when
 * this returns. NULL: nothing.
 */
void fs_daemon_close(struct fs_daemon *daemon);

#endif

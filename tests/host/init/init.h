/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Process 1 of the emulated arm64 host of lkvm-host and tests/host/run.
 *
 * It mounts what a Linux has mounted, says that it is ready, and from then on
 * does what it is told over one virtio-serial port: takes files, mounts shared
 * directories, starts one command, carries its input, output and signals,
 * hands files back. A shell
 * script could do most of this, but each fork of a shell costs 10 ms in an
 * emulator, and this runs before every single test.
 *
 * Both directions speak in frames: a header of 8 bytes (one letter, three
 * zeros, a little-endian length), then that many bytes. From init:
 *
 *   R  ready                      o  stdout           e  stderr
 *   a  one 'i' was passed on      q  all done         m  message for a human
 *   x  exit status, and the number of the signal that ended it or 0
 *
 * To init:
 *
 *   T  time and entropy           V  NAME=VALUE       w  window size
 *   M  mount a share: its tag, a zero, the path       C  working directory
 *   B  begin: a digit, then the command. Bit n of the digit: its descriptor n
 *      is a terminal, else a pipe
 *   i  stdin                      I  end of stdin
 *   c  nobody reads that output any more: o or e      k  kill the command
 *   K  a signal's number, then p for the command's process or g for its group
 *
 * Both ways, for files:
 *
 *   D  folder                     P  file             L  symlink
 *   S  seek                       A  data             Z  final size
 *   F  take so many bytes of frames from the shared memory
 *
 * The port carries 30 MB/s, and a kernel for a guest is 30 MB. So the files,
 * as the same frames, go through memory that both sides share: the BAR of an
 * ivshmem device.
 */
#ifndef INIT_H
#define INIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CHUNK (128 * 1024)

struct frame {
	uint8_t type;
	uint8_t zero[3];
	uint32_t len;
};

/* wire.c */
extern int port;
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void power_off(void) __attribute__((noreturn));
void die(const char *what) __attribute__((noreturn));
void read_all(int fd, void *data, size_t len);
void send_frame(char type, const void *data, size_t len);
void tell(const char *what, const char *path);

/* boot.c */
void boot(void);
bool mount_share(const char *tag, const char *path);
void wait_for_timers(void);

/* files.c */
void take_file_frame(char type, const char *data, size_t len);
void take_shared(uint64_t end);
void give_files(const char *folder);

#endif

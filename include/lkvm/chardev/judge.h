/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What becomes of a run, by what the guest's console shows: patterns that are
 * expected or not, crashes, time limits.
 */
#ifndef LKVM_CHARDEV_JUDGE_H
#define LKVM_CHARDEV_JUDGE_H

#include "lkvm/config/outcome.h"
#include "lkvm/config/script.h"
#include "lkvm/config/watch.h"

struct judge;

/* Bytes of the text that explains an outcome, cut there. */
#define JUDGE_DETAIL 256

/* Bytes of the console's last lines that are kept. */
#define JUDGE_TAIL 8192

/* What the console has shown, ns of the judge's clock; 0: not (yet). */
struct judge_times {
	u64 first_byte;
	u64 firmware; /* its banner */
	u64 kernel;   /* its first message */
	u64 expected; /* the last of --expect */
};

/* Who wants to know. */
struct judge_ops {
	/* There is an outcome: the run is to end. */
	void (*end)(void *opaque);
	/* How long the vCPUs have run so far, all together, ns. */
	u64 (*cpu_time)(void *opaque);
	/* Of a script: types at the console, presses the power key. */
	void (*send)(void *opaque, const char *text, size_t len);
	void (*power)(void *opaque);
};

/*
 * `config` and `script` outlive the judge; the latter may be NULL. `start` is
 * when the guest starts, ns of a clock that only goes forward, as all times
 * here. Returns NULL if there is no memory.
 */
struct judge *judge_create(const struct watch_config *config,
			   const struct script *script, u64 start,
			   const struct judge_ops *ops, void *opaque);
void judge_destroy(struct judge *judge);

/*
 * Looks at what the console shows next, and at the time. To be called again
 * with the next bytes, or with none at the time that is returned; UINT64_MAX:
 * never. One thread at a time, as with all that follows.
 */
u64 judge_output(struct judge *judge, const u8 *buf, size_t len, u64 now);

/* The guest has reset itself: all that it wrote before has been looked at. */
void judge_reset(struct judge *judge, u64 now);

/*
 * The run has ended in a way that is not the judge's, or was ended by it, and
 * no output is left: what counts.
 */
enum outcome judge_outcome(struct judge *judge, enum outcome ended, u64 now);

/* The outcome that the judge has found by itself: only after `end`. */
enum outcome judge_verdict(const struct judge *judge);

/* Why: a line of the console or a pattern; "" if that explains nothing. */
const char *judge_detail(const struct judge *judge);

const struct judge_times *judge_times(const struct judge *judge);

/* When pattern `n` of --expect was seen; 0: it was not. */
u64 judge_seen(const struct judge *judge, unsigned int n);

/* The console's last lines, each with a newline. */
const char *judge_tail(const struct judge *judge);

/* Bytes that the console has shown, and panics that a reset has followed. */
u64 judge_bytes(const struct judge *judge);
unsigned int judge_panics(const struct judge *judge);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device tree under construction. Errors are remembered, so that code that
 * writes nodes reads like the tree it writes; fdt_writer_finish() reports.
 */
#ifndef LKVM_VMM_FDT_H
#define LKVM_VMM_FDT_H

#include "lkvm/util/util.h"
#include "lkvm/vmm/irq.h"

/* Phandles the machine gives to nodes that others refer to. */
enum fdt_phandle {
	FDT_PHANDLE_NONE,
	FDT_PHANDLE_GIC,
	FDT_PHANDLE_MSI,
	FDT_PHANDLE_CLOCK, /* of PrimeCells */
	FDT_PHANDLE_GPIO,
};

struct fdt_writer {
	void *buf;
	size_t size;
	int depth; /* of the open node; 0: none is */
	int err;   /* a negative FDT_ERR_* of libfdt, or 0 */
};

/* Starts a tree: its root node is open. Returns 0 or -ENOMEM. */
int fdt_writer_init(struct fdt_writer *fdt);

/*
 * Ends the tree. On success *blob is the finished tree of *size bytes, which
 * the caller frees; else -ENOMEM or -EINVAL after a message. The writer is
 * empty then in any case.
 */
int fdt_writer_finish(struct fdt_writer *fdt, void **blob, size_t *size);

/* Opens a child node: `name`, or `name`@`unit` in hexadecimal. */
void fdt_node_begin(struct fdt_writer *fdt, const char *name);
void fdt_node_begin_unit(struct fdt_writer *fdt, const char *name, u64 unit);
void fdt_node_end(struct fdt_writer *fdt);

/* Properties of the open node; numbers are stored big-endian. */
void fdt_prop(struct fdt_writer *fdt, const char *name, const void *data,
	      size_t len);
void fdt_prop_empty(struct fdt_writer *fdt, const char *name);
void fdt_prop_string(struct fdt_writer *fdt, const char *name,
		     const char *value);
void fdt_prop_u32(struct fdt_writer *fdt, const char *name, u32 value);
void fdt_prop_u64(struct fdt_writer *fdt, const char *name, u64 value);
void fdt_prop_cells(struct fdt_writer *fdt, const char *name, const u32 *cells,
		    size_t n);

/* `strings` is a list in which each string, also the last, ends in "\0". */
#define fdt_prop_strings(fdt, name, strings) \
	fdt_prop(fdt, name, strings, sizeof(strings) - 1)

/* `reg` of `n` pairs of 64-bit address and size: a0, s0, a1, s1, ... */
void fdt_prop_reg(struct fdt_writer *fdt, const u64 *pairs, size_t n);
void fdt_prop_reg1(struct fdt_writer *fdt, u64 base, u64 size);

/* `interrupts` for a line of the GIC (its binding: 3 cells). */
void fdt_prop_interrupt(struct fdt_writer *fdt, const struct irq_line *line);

#endif

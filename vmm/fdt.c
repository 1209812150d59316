/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing a device tree front to back, on libfdt's sequential-write functions.
 * The first error is kept in the writer and all calls after it do nothing, so
 * that code which describes a device has no error paths; fdt_writer_finish()
 * reports it. The buffer grows as needed, up to MAX_SIZE.
 *
 * Format: Devicetree Specification 0.4, chapter 5. Cells are big-endian.
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/util/log.h"
#include "lkvm/vmm/fdt.h"

#define FIRST_SIZE SZ_4K
#define MAX_SIZE   SZ_1M

/* arm,gic-v3.yaml: cell 0 is 0 for an SPI; the flags are in cell 2. */
#define GIC_SPI		   0
#define GIC_FLAG_EDGE_RISE 1
#define GIC_FLAG_LEVEL_HI  4

/* Makes room; the sequential writer of libfdt never grows by itself. */
static bool grow(struct fdt_writer *fdt)
{
	size_t size = fdt->size * 2;
	void *buf;

	if (size > MAX_SIZE)
		return false;
	buf = calloc(1, size);
	if (!buf)
		return false;
	fdt->err = fdt_resize(fdt->buf, buf, (int)size);
	if (fdt->err) {
		free(buf);
		return false;
	}
	free(fdt->buf);
	fdt->buf = buf;
	fdt->size = size;
	return true;
}

/* Repeats a libfdt call with a larger buffer until it fits. */
#define WRITE(fdt, call)                                        \
	do {                                                    \
		if ((fdt)->err)                                 \
			break;                                  \
		(fdt)->err = call;                              \
	} while ((fdt)->err == -FDT_ERR_NOSPACE && grow(fdt) && \
		 !((fdt)->err = 0))

/* The reservation map is empty: nothing is placed where the OS must not be. */
int fdt_writer_init(struct fdt_writer *fdt)
{
	memset(fdt, 0, sizeof(*fdt));
	fdt->size = FIRST_SIZE;
	fdt->buf = calloc(1, fdt->size);
	if (!fdt->buf)
		return -ENOMEM;
	/*
	 * Searching for each name among all earlier ones takes four times as
	 * long as all else, and saves 300 bytes of 2500.
	 */
	fdt->err = fdt_create_with_flags(fdt->buf, (int)fdt->size,
					 FDT_CREATE_FLAG_NO_NAME_DEDUP);
	WRITE(fdt, fdt_finish_reservemap(fdt->buf));
	fdt_node_begin(fdt, "");
	return 0;
}

static void end_node(struct fdt_writer *fdt)
{
	WRITE(fdt, fdt_end_node(fdt->buf));
	fdt->depth--;
}

int fdt_writer_finish(struct fdt_writer *fdt, void **blob, size_t *size)
{
	int err;

	end_node(fdt);
	if (!fdt->err && fdt->depth)
		fdt->err = -FDT_ERR_BADSTRUCTURE;
	WRITE(fdt, fdt_finish(fdt->buf));
	err = fdt->err;
	if (err) {
		pr_err("Unable to build the device tree: %s",
		       fdt_strerror(err));
		free(fdt->buf);
		fdt->buf = NULL;
		return err == -FDT_ERR_NOSPACE ? -ENOMEM : -EINVAL;
	}
	*blob = fdt->buf;
	*size = fdt_totalsize(fdt->buf);
	fdt->buf = NULL;
	return 0;
}

void fdt_node_begin(struct fdt_writer *fdt, const char *name)
{
	WRITE(fdt, fdt_begin_node(fdt->buf, name));
	fdt->depth++;
}

/* Unit addresses have no leading zeros (Devicetree Specification, 2.2.1). */
void fdt_node_begin_unit(struct fdt_writer *fdt, const char *name, u64 unit)
{
	char full[64];

	snprintf(full, sizeof(full), "%s@%" PRIx64, name, unit);
	fdt_node_begin(fdt, full);
}

/* libfdt does not count nodes; the root's end is fdt_writer_finish()'s. */
void fdt_node_end(struct fdt_writer *fdt)
{
	if (!fdt->err && fdt->depth <= 1)
		fdt->err = -FDT_ERR_BADSTRUCTURE;
	end_node(fdt);
}

void fdt_prop(struct fdt_writer *fdt, const char *name, const void *data,
	      size_t len)
{
	WRITE(fdt, fdt_property(fdt->buf, name, data, (int)len));
}

void fdt_prop_empty(struct fdt_writer *fdt, const char *name)
{
	fdt_prop(fdt, name, NULL, 0);
}

void fdt_prop_string(struct fdt_writer *fdt, const char *name,
		     const char *value)
{
	fdt_prop(fdt, name, value, strlen(value) + 1);
}

void fdt_prop_u32(struct fdt_writer *fdt, const char *name, u32 value)
{
	u32 cell = htobe32(value);

	fdt_prop(fdt, name, &cell, sizeof(cell));
}

/* Two cells, the high one first. */
void fdt_prop_u64(struct fdt_writer *fdt, const char *name, u64 value)
{
	u64 cells = htobe64(value);

	fdt_prop(fdt, name, &cells, sizeof(cells));
}

void fdt_prop_cells(struct fdt_writer *fdt, const char *name, const u32 *cells,
		    size_t n)
{
	u32 *be = calloc(n, sizeof(*be));

	if (!be) {
		fdt->err = -FDT_ERR_NOSPACE;
		return;
	}
	for (size_t i = 0; i < n; i++)
		be[i] = htobe32(cells[i]);
	fdt_prop(fdt, name, be, n * sizeof(*be));
	free(be);
}

/* For #address-cells and #size-cells of 2, as everywhere in these trees. */
void fdt_prop_reg(struct fdt_writer *fdt, const u64 *pairs, size_t n)
{
	u64 be[16];

	if (n * 2 > ARRAY_SIZE(be)) {
		fdt->err = -FDT_ERR_NOSPACE;
		return;
	}
	for (size_t i = 0; i < n * 2; i++)
		be[i] = htobe64(pairs[i]);
	fdt_prop(fdt, "reg", be, n * 2 * sizeof(be[0]));
}

void fdt_prop_reg1(struct fdt_writer *fdt, u64 base, u64 size)
{
	const u64 pair[2] = { base, size };

	fdt_prop_reg(fdt, pair, 1);
}

/* The parent is the GIC, with #interrupt-cells of 3. */
void fdt_prop_interrupt(struct fdt_writer *fdt, const struct irq_line *line)
{
	const u32 cells[3] = {
		GIC_SPI,
		line->gsi,
		line->trigger == IRQ_EDGE_RISING ? GIC_FLAG_EDGE_RISE
						 : GIC_FLAG_LEVEL_HI,
	};

	fdt_prop_cells(fdt, "interrupts", cells, ARRAY_SIZE(cells));
}

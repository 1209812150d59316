/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes AML, the byte code of ACPI's definition blocks: ACPI 6.5, chapter 20;
 * resource descriptors: section 6.4. Integers have 64 bits, so the table is of
 * revision 2 or above.
 */
#ifndef LKVM_ARM_TABLES_AML_H
#define LKVM_ARM_TABLES_AML_H

#include "lkvm/util/blob.h"

#define AML_MAX_DEPTH 8

/*
 * What is begun is open until aml_end() closes the innermost; that inserts its
 * length. Errors are those of the blob, with -EINVAL for a bad name, for what
 * does not belong where it is put, and for terms nested too deeply or not
 * closed.
 */
struct aml_writer {
	struct blob *out;
	unsigned int depth;
	struct {
		size_t at; /* where the length goes */
		bool resources;
	} open[AML_MAX_DEPTH];
};

/* Starts a list of terms at the end of `out`, which stays the caller's. */
void aml_begin(struct aml_writer *aml, struct blob *out);

/* Fails the blob if something is still open. */
void aml_finish(struct aml_writer *aml);

/*
 * Terms with others in them. A `path` may be absolute ("\\_SB.PWRB"), relative
 * or go up ("^PWRB"); a `name` is one segment of one to four capitals, digits
 * and underscores. `args` is the number of a method's arguments, up to 7.
 */
void aml_scope_begin(struct aml_writer *aml, const char *path);
void aml_device_begin(struct aml_writer *aml, const char *name);
void aml_method_begin(struct aml_writer *aml, const char *name,
		      unsigned int args);
void aml_end(struct aml_writer *aml);

/* Name (`name`, value): the value is what is written next, or is given. */
void aml_name(struct aml_writer *aml, const char *name);
void aml_name_integer(struct aml_writer *aml, const char *name, u64 value);
void aml_name_string(struct aml_writer *aml, const char *name,
		     const char *value);
void aml_name_eisaid(struct aml_writer *aml, const char *name, const char *id);

/* Values. A package of `count` elements, up to 255, which come next. */
void aml_integer(struct aml_writer *aml, u64 value);
void aml_string(struct aml_writer *aml, const char *value); /* ASCII */
void aml_eisaid(struct aml_writer *aml, const char *id);    /* "PNP0C0C" */
void aml_path(struct aml_writer *aml, const char *path);
void aml_package_begin(struct aml_writer *aml, unsigned int count);

/* Notify (path, value), in a method. */
void aml_notify(struct aml_writer *aml, const char *path, u64 value);

/* A ResourceTemplate: it takes descriptors only, until aml_end(). */
void aml_resources_begin(struct aml_writer *aml);

/* Memory32Fixed (ReadWrite, ...); -ERANGE if not all of it is below 4 GiB. */
void aml_memory32(struct aml_writer *aml, u64 base, u64 size);

/*
 * What a bridge hands down, from address to address as the CPU has them: bus
 * numbers `first` to `last`, memory without prefetching, and ports, from 0 on,
 * that lie in memory at `base`. A window is not empty and does not wrap, else
 * -EINVAL; there are at most 2^16 ports.
 */
void aml_bus_window(struct aml_writer *aml, u8 first, u8 last);
void aml_memory_window(struct aml_writer *aml, u64 base, u64 size);
void aml_port_window(struct aml_writer *aml, u64 base, u32 size);

/* Memory of any address, as QWordMemory (ResourceConsumer, ...). */
void aml_memory64(struct aml_writer *aml, u64 base, u64 size);

/* Interrupt (ResourceConsumer, Edge or Level, ActiveHigh, Exclusive). */
void aml_interrupt(struct aml_writer *aml, u32 number, bool edge);

/* GpioInt (Edge, ActiveHigh, Exclusive, PullUp, 0, controller) {pin}. */
void aml_gpio_interrupt(struct aml_writer *aml, const char *controller,
			u16 pin);

#endif

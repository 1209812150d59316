/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A driver for EDK2 that gives its shell a command,
 *
 *	linux [PARAMETER]...
 *
 * which boots Linux from a cpio archive ("newc") that lkvm's --initrd has put
 * into RAM: the first file in it is the kernel, with an EFI stub, and all that
 * follows is the initramfs.
 *
 * Names and layouts: UEFI Specification 2.10, sections 4 (tables), 7 (boot
 * services), 9 (loaded images), 10 (device paths), 13 (LoadFile2); UEFI Shell
 * Specification 2.2 (dynamic commands, their parameters); Linux
 * include/linux/efi.h (the GUID of an initrd).
 *
 * Nothing relocates this: no pointer may be initialized statically.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef u64 efi_status;

#define EFI_ERROR(code)	     ((code) | 1ul << 63)
#define EFI_UNSUPPORTED	     EFI_ERROR(3)
#define EFI_BUFFER_TOO_SMALL EFI_ERROR(5)
#define EFI_NOT_FOUND	     EFI_ERROR(14)

#define ALLOCATE_ADDRESS 2
#define LOADER_DATA	 2
#define NATIVE_INTERFACE 0
#define PAGE_SIZE	 4096

#define ALIGN_UP(x, a) (((x) + (a)-1) & ~((u64)(a)-1))

/* lkvm puts the archive behind firmware and device tree. */
#define RAM_START  0x80000000ul
#define SEARCH_END 0x81000000ul
#define SEARCH_BY  0x10000

struct guid {
	u32 a;
	u16 b, c;
	unsigned char d[8];
};

struct boot_services {
	char header[24];
	void *tpl[2];
	efi_status (*allocate_pages)(u32 type, u32 memory, u64 pages, u64 *at);
	void *memory[4];
	void *events[6];
	efi_status (*install_protocol)(void **handle, const struct guid *guid,
				       u32 type, void *interface);
	void *reinstall_uninstall[2];
	efi_status (*handle_protocol)(void *handle, const struct guid *guid,
				      void **interface);
	void *protocols[5];
	efi_status (*load_image)(bool boot_policy, void *parent, void *path,
				 const void *source, u64 size, void **handle);
	efi_status (*start_image)(void *handle, u64 *exit_data_size,
				  u16 **exit_data);
};

struct system_table {
	char header[24];
	u16 *vendor;
	u64 revision;
	void *consoles[6];
	void *runtime_services;
	struct boot_services *boot;
};

struct loaded_image {
	u64 revision;
	void *parent;
	void *system_table;
	void *device;
	void *path[2];
	u32 load_options_size;
	void *load_options;
};

struct load_file2 {
	efi_status (*load_file)(struct load_file2 *this, void *path,
				bool boot_policy, u64 *size, void *buffer);
};

struct shell_parameters {
	u16 **argv;
	u64 argc;
};

struct dynamic_command {
	const u16 *name;
	efi_status (*handler)(struct dynamic_command *this,
			      struct system_table *table,
			      struct shell_parameters *parameters, void *shell);
	u16 *(*help)(struct dynamic_command *this, const char *language);
};

struct piece {
	const char *data;
	u64 size;
};

/* A vendor's media device path, and its end. */
static struct {
	unsigned char type, subtype, length[2];
	struct guid vendor;
	unsigned char end[4];
} initrd_path = {
	4,
	3,
	{ 20, 0 },
	/* LINUX_EFI_INITRD_MEDIA_GUID */
	{ 0x5568e427,
	  0x68fc,
	  0x4f3d,
	  { 0xac, 0x74, 0xca, 0x55, 0x52, 0x31, 0xcc, 0x68 } },
	{ 0x7f, 0xff, 4, 0 },
};

static const struct guid device_path_guid = {
	0x09576e91,
	0x6d3f,
	0x11d2,
	{ 0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b },
};
static const struct guid load_file2_guid = {
	0x4006c0c1,
	0xfcb3,
	0x403e,
	{ 0x99, 0x6d, 0x4a, 0x6c, 0x87, 0x24, 0xe0, 0x6d },
};
static const struct guid loaded_image_guid = {
	0x5b1b31a1,
	0x9562,
	0x11d2,
	{ 0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b },
};
static const struct guid dynamic_command_guid = {
	0x3c7200e9,
	0x005f,
	0x4ea4,
	{ 0x87, 0xde, 0xa3, 0xdf, 0xac, 0x8a, 0x27, 0xc3 },
};

static const u16 command_name[] = u"linux";
static struct dynamic_command command;
static struct load_file2 initrd_file;
static struct piece kernel, initrd;
static u16 options[512];
static void *driver;

/* The compiler makes calls of it. */
void *memcpy(void *to, const void *from, size_t size)
{
	char *t = to;
	const char *f = from;

	while (size--)
		*t++ = *f++;
	return to;
}

/* ---- the archive ------------------------------------------------------ */

/* Fields of a "newc" header: six digits of magic, then thirteen numbers. */
#define CPIO_HEADER    110
#define CPIO_FILE_SIZE 54
#define CPIO_NAME_SIZE 94

static bool same(const char *a, const char *b, u64 size)
{
	for (u64 i = 0; i < size; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

/* A number of eight hexadecimal digits. */
static u64 cpio_number(const char *at)
{
	u64 value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 4 | (at[i] <= '9' ? at[i] - '0'
						   : (at[i] | 0x20) - 'a' + 10);
	return value;
}

/*
 * Returns where the next member is; NULL where there is none, with no data
 * where even the trailer is missing.
 */
static const char *cpio_member(const char *at, struct piece *file)
{
	u64 name, data;

	file->data = NULL;
	if (!same(at, "070701", 6))
		return NULL;
	name = (u64)at + CPIO_HEADER;
	data = ALIGN_UP(name + cpio_number(at + CPIO_NAME_SIZE), 4);
	file->data = (const char *)data;
	file->size = cpio_number(at + CPIO_FILE_SIZE);
	if (same((const char *)name, "TRAILER!!!", 11))
		return NULL;
	return (const char *)ALIGN_UP(data + file->size, 4);
}

/* Returns the archive's end, or NULL. */
static const char *read_archive(const char *at)
{
	struct piece last;
	const char *next = cpio_member(at, &kernel);

	if (!next)
		return NULL;
	initrd.data = next;
	do
		next = cpio_member(next, &last);
	while (next);
	initrd.size = (u64)(last.data - initrd.data);
	return last.data;
}

/* Takes the memory, too, before anybody else does. */
static efi_status find_archive(struct boot_services *boot)
{
	for (u64 at = RAM_START; at < SEARCH_END; at += SEARCH_BY) {
		const char *end = read_archive((const char *)at);

		if (end)
			return boot->allocate_pages(
				ALLOCATE_ADDRESS, LOADER_DATA,
				ALIGN_UP((u64)end - at, PAGE_SIZE) / PAGE_SIZE,
				&at);
	}
	return EFI_NOT_FOUND;
}

/* ---- what EDK2 calls -------------------------------------------------- */

static efi_status load_initrd(struct load_file2 *this, void *path,
			      bool boot_policy, u64 *size, void *buffer)
{
	bool fits = buffer && *size >= initrd.size;

	(void)this;
	(void)path;
	if (boot_policy)
		return EFI_UNSUPPORTED;
	*size = initrd.size;
	if (!fits)
		return EFI_BUFFER_TOO_SMALL;
	memcpy(buffer, initrd.data, initrd.size);
	return 0;
}

/* Makes one line of them; returns its size with its end. */
static u32 join(struct shell_parameters *parameters)
{
	const u32 room = sizeof(options) / sizeof(options[0]) - 1;
	u32 n = 0;

	for (u64 i = 1; i < parameters->argc; i++) {
		if (i > 1 && n < room)
			options[n++] = ' ';
		for (u16 *c = parameters->argv[i]; *c && n < room; c++)
			options[n++] = *c;
	}
	options[n++] = 0;
	return n * sizeof(options[0]);
}

static efi_status boot_linux(struct dynamic_command *this,
			     struct system_table *table,
			     struct shell_parameters *parameters, void *shell)
{
	struct boot_services *boot = table->boot;
	struct loaded_image *image;
	efi_status status;
	void *handle;

	(void)this;
	(void)shell;
	status = boot->load_image(false, driver, NULL, kernel.data, kernel.size,
				  &handle);
	if (!status)
		status = boot->handle_protocol(handle, &loaded_image_guid,
					       (void **)&image);
	if (status)
		return status;
	image->load_options_size = join(parameters);
	image->load_options = options;
	return boot->start_image(handle, NULL, NULL);
}

static u16 *no_help(struct dynamic_command *this, const char *language)
{
	(void)this;
	(void)language;
	return NULL;
}

efi_status efi_main(void *handle, struct system_table *table);

__attribute__((section(".text.first"))) efi_status
efi_main(void *handle, struct system_table *table)
{
	struct boot_services *boot = table->boot;
	void *initrd_handle = NULL, *command_handle = NULL;
	efi_status status = find_archive(boot);

	if (status)
		return status;
	driver = handle;
	command.name = command_name;
	command.handler = boot_linux;
	command.help = no_help;
	initrd_file.load_file = load_initrd;
	status = boot->install_protocol(&initrd_handle, &device_path_guid,
					NATIVE_INTERFACE, &initrd_path);
	if (!status)
		status = boot->install_protocol(&initrd_handle,
						&load_file2_guid,
						NATIVE_INTERFACE, &initrd_file);
	if (!status)
		status = boot->install_protocol(&command_handle,
						&dynamic_command_guid,
						NATIVE_INTERFACE, &command);
	return status;
}

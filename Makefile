# SPDX-License-Identifier: GPL-2.0-or-later
#
# make            builds build/lkvm for arm64
# make help       all targets and variables

# The one place of the version is what Debian's tools read.
VERSION := $(shell sed -n '1s/.*(\(.*\)).*/\1/p' debian/changelog)
BUILD   := build

HOST_ARCH := $(shell uname -m)
ifneq ($(HOST_ARCH),aarch64)
CROSS_COMPILE ?= aarch64-linux-gnu-
endif

ifeq ($(origin CC),default)
CC := $(CROSS_COMPILE)gcc
endif

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
DATADIR ?= $(PREFIX)/share/lkvm
ADAPTERDIR ?= $(DATADIR)/adapters
DOCDIR ?= $(PREFIX)/share/doc/lkvm
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR ?= $(PREFIX)/share/zsh/site-functions

# Where Debian's arm64 packages are unpacked when this is not an arm64 machine.
SYSROOT ?= $(BUILD)/sysroot

CFLAGS  ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wwrite-strings -Wcast-qual -Wpointer-arith -Wvla -Wformat=2 -Wundef \
	-Werror
LKVM_CPPFLAGS := -Iinclude -I. -D_GNU_SOURCE -DLKVM_VERSION='"$(VERSION)"'
LKVM_CFLAGS := -std=gnu11 -fPIE -fno-common -fstack-protector-strong $(WARNINGS)
# Constants begin at a window of their own: see OTHERS.
LKVM_LDFLAGS := -pie -Wl,-z,relro,-z,now,-z,separate-code
LKVM_LDLIBS := -lfdt -lz -lpthread

OBJDIR := $(BUILD)/obj
ifeq ($(SANITIZE),1)
OBJDIR := $(BUILD)/obj-sanitize
LKVM_CPPFLAGS += -DLKVM_FREE_AT_EXIT=1
LKVM_CFLAGS += -fsanitize=address,undefined -fno-omit-frame-pointer
LKVM_LDFLAGS += -fsanitize=address,undefined
endif

ifneq ($(CROSS_COMPILE),)
LKVM_CPPFLAGS += -isystem $(SYSROOT)/usr/include
LKVM_LDFLAGS += -L$(SYSROOT)/usr/lib/aarch64-linux-gnu
endif

ROOMS := control arm hw virtio gdb pci disk net share chardev vmm config efi util
SRCS := $(wildcard *.c $(ROOMS:%=%/*.c) $(ROOMS:%=%/*/*.c))
OBJS := $(SRCS:%.c=$(OBJDIR)/%.o) $(OBJDIR)/arm/selftest/image.o \
	$(OBJDIR)/arm/root/init.o
# What a plain `lkvm run` does not use is linked in one piece, before zlib and
# libzstd: the kernel maps a program in windows of 64 KiB, all of which is resident
# if one page of it is used.
OTHERS := $(filter $(addprefix $(OBJDIR)/,builtin-flash% \
	builtin-console.o builtin-control.o builtin-debug.o builtin-hang.o builtin-report.o builtin-serial.o \
	builtin-stat.o builtin-test% builtin-watch.o \
	builtin-sandbox.o builtin-selftest.o builtin-setup.o arm/root/% control/% \
	arm/selftest/% arm/tables/a% arm/tables/s% \
	arm/boot/firmware_% arm/boot/smbios.o arm/machine-virtio.o \
	arm/machine-devices.o arm/machine-disk.o arm/machine-net.o \
	arm/machine-rng.o arm/machine-console.o arm/machine-share.o \
	arm/machine-fs.o arm/machine-vsock.o arm/machine-balloon.o \
	arm/machine-pmem.o arm/machine-status.o \
	arm/debugger% arm/registers.o arm/stack.o arm/vcpu_memory.o gdb/% \
	hw/fw_cfg/% hw/exit_device.o hw/p% efi/% virtio/% pci/% disk/% net/% share/% \
	config/balloon.o config/console.o config/control.o config/disk.o config/gdb.o \
	config/network.o config/pmem.o config/port.o config/root.o config/sandbox.o config/share.o \
	config/fs.o config/smbios.o config/console_log.o config/pattern.o \
	config/script.o config/serial.o config/watch.o \
	chardev/detect.o chardev/dialog.o chardev/hub.o chardev/judge.o chardev/pty.o \
	chardev/socket.o chardev/tap.o chardev/transcript.o vmm/iothread.o \
	vmm/irq_route.o \
	util/cpio.o util/file_replace.o util/iov.o util/json_copy.o \
	util/json_read.o util/lines.o util/symbols.o \
	util/unix_socket.o util/xml.o),$(OBJS))
ifeq ($(SANITIZE),1)
LKVM := $(BUILD)/lkvm-sanitize
else
LKVM := $(BUILD)/lkvm
endif

ifneq ($(V),1)
Q := @
say = @printf '  %-7s %s\n' $(1) $(2)
endif

.PHONY: all
all: $(LKVM)

# Says which package is missing instead of letting the compiler fail, and finds
# out whether a static program can be linked: it starts in half the time, needs
# less memory and runs in any container. STATIC=0 is for distributions. libzstd and
# liburing are optional; ZSTD=0 and URING=0 leave them out though they are there.
DEPS := $(BUILD)/.deps-$(notdir $(firstword $(CC))).mk
NO_DEPS := clean distclean help demo check check-deps check-fetch check-lint deps guests
ifneq ($(filter-out $(NO_DEPS),$(or $(MAKECMDGOALS),all)),)
include $(DEPS)
endif

PROBE = printf '\#include <%s>\nint main(void) { return 0; }\n' $$1 | \
	$(CC) -xc $(LKVM_CPPFLAGS) -o /dev/null - $(LKVM_LDFLAGS)

$(DEPS): Makefile $(wildcard $(BUILD)/.fetch/sysroot) | $(BUILD)
	$(Q)command -v $(firstword $(CC)) >/dev/null || { \
	echo "No compiler for arm64 ($(CC)): install gcc-aarch64-linux-gnu" \
	"and libc6-dev-arm64-cross, or set CROSS_COMPILE" >&2; exit 1; }
	$(Q)for lib in "libfdt.h -lfdt libfdt-dev" "zlib.h -lz zlib1g-dev"; do \
	set -- $$lib; $(PROBE) $$2 2>/dev/null || { \
	echo "No $$1 for arm64: install $$3 for arm64, or run 'make deps'," \
	"which unpacks it under $(BUILD)" >&2; exit 1; }; done
	$(Q)libs=; : >$@.new; set -- liburing.h; if $(PROBE) -luring 2>/dev/null; then \
	echo 'URING ?= 1' >>$@.new; libs=-luring; else echo 'URING ?= 0' >>$@.new; \
	echo "No liburing.h for arm64: the disks of this lkvm will use threads in" \
	"place of io_uring; liburing-dev for arm64, or 'make deps', brings it" >&2; fi; \
	set -- zstd.h; if $(PROBE) -lzstd 2>/dev/null; then \
	echo 'ZSTD ?= 1' >>$@.new; libs="$$libs -lzstd"; else echo 'ZSTD ?= 0' >>$@.new; \
	echo "No zstd.h for arm64: this lkvm will not read kernels compressed" \
	"with zstd; libzstd-dev for arm64, or 'make deps', brings it" >&2; fi; \
	set -- zlib.h; if $(PROBE) -static-pie -lfdt -lz $$libs 2>/dev/null; \
	then echo 'STATIC ?= 1'; else echo 'STATIC ?= 0'; fi >>$@.new; \
	mv $@.new $@

ifeq ($(ZSTD),1)
LKVM_CPPFLAGS += -DHAVE_ZSTD
LKVM_LDLIBS += -lzstd
endif

ifeq ($(URING),1)
LKVM_CPPFLAGS += -DHAVE_URING
LKVM_LDLIBS += -luring
endif

# Their content depends on what was found.
$(OBJDIR)/util/zstd.o $(OBJDIR)/disk/uring.o: $(DEPS)

$(BUILD):
	$(Q)mkdir -p $@

# What the program's own part needs of the libraries comes next to it; libgcc has its atomic
# operations, and asks libc which of them the processor has.
FIRST_LIBS := -lfdt -lc
ifeq ($(STATIC)$(SANITIZE),1)
STATIC_FLAGS := -static-pie
FIRST_LIBS += -lgcc -lc
endif

$(LKVM): $(OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LKVM_CFLAGS) $(CFLAGS) $(LKVM_LDFLAGS) $(LDFLAGS) \
	$(STATIC_FLAGS) \
	-o $@ $(filter-out $(OTHERS),$(OBJS)) $(FIRST_LIBS) $(OTHERS) $(LKVM_LDLIBS) \
	$(LDLIBS)

$(OBJDIR)/%.o: %.c | $(DEPS)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LKVM_CPPFLAGS) $(CPPFLAGS) $(LKVM_CFLAGS) $(CFLAGS) \
	-MMD -MP -c -o $@ $<

-include $(OBJS:.o=.d)

# ---- The guest of `lkvm selftest` ------------------------------------------

# One flat program, without sanitizers, that is part of lkvm.
TOP :=
GUEST_CC := $(CC)
include arm/selftest/guest/guest.mk
GUEST_OBJDIR := $(BUILD)/obj-guest
GUEST_SRCS := $(wildcard arm/selftest/guest/*.[cS] arm/selftest/guest/lib/*.[cS]) \
	arm/selftest/a64_words.c
GUEST_OBJS := $(addsuffix .o,$(GUEST_SRCS:%=$(GUEST_OBJDIR)/%))
SELFTEST_IMAGE := $(GUEST_OBJDIR)/selftest.bin

$(GUEST_OBJDIR)/%.o: % arm/selftest/guest/guest.mk | $(DEPS)
	$(call say,GUESTCC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(GUEST_CFLAGS) -MMD -MP -c -o $@ $<

$(SELFTEST_IMAGE): $(GUEST_OBJS) arm/selftest/guest/lib/guest.lds
	$(call say,GUESTLD,$@)
	$(Q)$(GUEST_CC) $(GUEST_LDFLAGS) -o $(@:.bin=.elf) $(GUEST_OBJS)
	$(Q)$(CROSS_COMPILE)objcopy -O binary $(@:.bin=.elf) $@

$(OBJDIR)/arm/selftest/image.o: arm/selftest/image.S $(SELFTEST_IMAGE)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LKVM_CPPFLAGS) $(LKVM_CFLAGS) \
	-DIMAGE='"$(SELFTEST_IMAGE)"' -c -o $@ $<

-include $(GUEST_OBJS:.o=.d)

# ---- The first process of a guest of --root ----------------------------------

# A program for Linux, without a C library, that is part of lkvm as well.
INIT_SRCS := $(wildcard arm/root/guest/*.[cS])
INIT_OBJS := $(addsuffix .o,$(INIT_SRCS:%=$(GUEST_OBJDIR)/%))
INIT := $(GUEST_OBJDIR)/root-init
INIT_CFLAGS := -std=gnu11 -Os $(WARNINGS) -ffreestanding -fno-stack-protector \
	-fno-asynchronous-unwind-tables -ffunction-sections -fno-pie \
	-mgeneral-regs-only -mno-outline-atomics $(GUEST_LOOPS)
# For guests with pages of up to 64 KiB.
INIT_LDFLAGS := -nostdlib -static -no-pie -Wl,--build-id=none -Wl,--gc-sections \
	-Wl,-z,noexecstack -Wl,-z,max-page-size=65536 -Wl,-z,noseparate-code \
	-Wl,-z,norelro -Wl,-s

$(INIT_OBJS): $(GUEST_OBJDIR)/%.o: % | $(DEPS)
	$(call say,GUESTCC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(INIT_CFLAGS) -MMD -MP -c -o $@ $<

$(INIT): $(INIT_OBJS)
	$(call say,GUESTLD,$@)
	$(Q)$(GUEST_CC) $(INIT_LDFLAGS) -o $@ $(INIT_OBJS)

$(OBJDIR)/arm/root/init.o: arm/root/init.S $(INIT)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LKVM_CPPFLAGS) $(LKVM_CFLAGS) \
	-DPROGRAM='"$(INIT)"' -c -o $@ $<

-include $(INIT_OBJS:.o=.d)

# ---- Tests -----------------------------------------------------------------

# Unit tests and fuzzers run on the machine that builds, whatever it is. Each
# names what it is compiled with in a comment "SOURCES: file..." of its own.
HOSTCC ?= gcc
FUZZCC ?= clang
# Lines for reports are enough, and halve what the linker does; TEST_DEBUG=-g has all.
TEST_DEBUG ?= -g1
# There are hundreds of programs to be linked: by the linkers that are fastest at it.
TEST_LD := $(if $(shell command -v ld.gold),-fuse-ld=gold)
FUZZ_LD := $(if $(shell command -v ld.lld),-fuse-ld=lld)
TEST_CFLAGS := -std=gnu11 $(TEST_DEBUG) -O1 -fno-common -fno-omit-frame-pointer \
	$(WARNINGS) -Iinclude -I. -D_GNU_SOURCE -DLKVM_VERSION='"$(VERSION)"' \
	-DHAVE_ZSTD -DHAVE_URING
SAN := -fsanitize=address,undefined -fno-sanitize-recover=all
TEST_LDLIBS := -lfdt -lz -lzstd -luring -lpthread

UNIT_SRCS := $(wildcard tests/unit/test_*.c)
UNIT_BINS := $(UNIT_SRCS:tests/unit/%.c=$(BUILD)/unit/%)
FUZZ_SRCS := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BINS := $(FUZZ_SRCS:tests/fuzz/%.c=$(BUILD)/fuzz/%)
FUZZ_SECONDS ?= 60
sources = $(shell sed -n 's/.*SOURCES: *\(.*[^ ]\) *\*\/.*/\1/p' $(1))

UNIT_OBJ := $(BUILD)/obj-unit
FUZZ_OBJ := $(BUILD)/obj-fuzz
FUZZ_SAN := -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all

$(UNIT_OBJ)/%.o: %.c
	$(call say,HOSTCC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) $(TEST_CFLAGS) $(SAN) -MMD -MP -c -o $@ $<

$(FUZZ_OBJ)/%.o: %.c
	$(call say,FUZZCC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(FUZZCC) $(TEST_CFLAGS) $(FUZZ_SAN) -MMD -MP -c -o $@ $<

-include $(wildcard $(foreach o,$(UNIT_OBJ) $(FUZZ_OBJ),\
	$(o)/*.d $(o)/*/*.d $(o)/*/*/*.d))

# objects FOLDER,FILE: of a test and what it names, which may be patterns
objects = $(patsubst %.c,$(1)/%.o,$(foreach f,$(2) $(call sources,$(2)),\
	$(or $(wildcard $(f)),$(f))))

define unit_rule
$(BUILD)/unit/$(1): $(call objects,$(UNIT_OBJ),tests/unit/$(1).c)
	$$(call say,LINK,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(HOSTCC) $$(TEST_CFLAGS) $$(SAN) $$(TEST_LD) -o $$@ $$^ \
	$(call wraps,tests/unit/$(1).c) -lcmocka $$(TEST_LDLIBS)
endef

define fuzz_rule
$(BUILD)/fuzz/$(1): $(call objects,$(FUZZ_OBJ),tests/fuzz/$(1).c)
	$$(call say,LINK,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(FUZZCC) $$(TEST_CFLAGS) $$(FUZZ_SAN) $$(FUZZ_LD) -o $$@ $$^ \
	$(call wraps,tests/fuzz/$(1).c) $$(TEST_LDLIBS)
endef

# A comment "WRAP: function..." has calls go to __wrap_function.
wraps = $(addprefix -Wl$(comma)--wrap=,$(shell sed -n \
	's/.*WRAP: *\(.*[^ ]\) *\*\/.*/\1/p' $(1)))
comma := ,

$(foreach t,$(UNIT_BINS),$(eval $(call unit_rule,$(notdir $(t)))))
$(eval $(call unit_rule,chip_driver))
$(eval $(call unit_rule,flash_tool))
$(eval $(call unit_rule,qcow2_tool))
$(eval $(call unit_rule,acpi_dump))
$(foreach t,$(FUZZ_BINS),$(eval $(call fuzz_rule,$(notdir $(t)))))

UNIT_TESTS := $(UNIT_BINS) \
	"python3 tests/unit/coalesce_model.py" \
	"python3 tests/unit/output_model.py" \
	"python3 tests/unit/cfi_model.py --self-test" \
	"python3 tests/unit/cfi_model.py $(BUILD)/unit/chip_driver" \
	"python3 tests/unit/flash_tool.py $(BUILD)/unit/flash_tool" \
	"python3 tests/unit/qcow2_tool.py $(BUILD)/unit/qcow2_tool" \
	"python3 tests/unit/acpi_tables.py $(BUILD)/unit/acpi_dump" \
	"python3 tests/unit/powercuts_test.py"
UNIT_DRIVERS := $(BUILD)/unit/chip_driver $(BUILD)/unit/flash_tool \
	$(BUILD)/unit/acpi_dump $(BUILD)/unit/qcow2_tool
KVM_TEST := $(BUILD)/tests/test_kvm
A64_TEST := $(BUILD)/tests/test_a64
RECORD := $(BUILD)/tests/lkvm-record
BROKEN := $(BUILD)/tests/lkvm-broken
# The last are the longest: they begin first, so that two jobs end together.
# Debian takes minutes to install and to boot: `make check-long`. An image for clouds takes
# more than 25 in an emulated host: 84-cloud is run by its name, where there is KVM.
BOOT_TESTS := $(filter-out tests/boot/75-debian.test tests/boot/84-cloud.test,\
	$(shell ls -r tests/boot/*.test))
# Each scenario boots its host: one continued from a saved state was once seen
# to lose its timer interrupts.
export LKVM_HOST_BOOT ?= 1
export BUILD

.PHONY: check check-unit check-lint check-fuzz check-boot check-long check-deps check-fetch
check-unit: $(UNIT_BINS) $(UNIT_DRIVERS)
	$(Q)tests/run --jobs 2 $(UNIT_TESTS)

check-fuzz: $(FUZZ_BINS)
	$(Q)tests/run "tests/fuzz/run $(FUZZ_SECONDS) $(FUZZ_BINS)"

check-lint: all
	$(Q)tests/run tests/lint

check-boot: all guests $(KVM_TEST) $(A64_TEST) $(RECORD) $(BROKEN)
	$(Q)tests/run --jobs 2 $(BOOT_TESTS)

# Packages and everything that is fetched or built once: what lkvm is built with, and what
# only tests need.
check-deps:
	$(Q)tests/host/packages build host check deb efi
	$(Q)tests/host/fetch sysroot

# Two at a time: the first one is as long as all others.
.PHONY: fetch-firmware fetch-others
check-fetch: fetch-firmware fetch-others
fetch-firmware:
	$(Q)tests/host/fetch efi13
fetch-others:
	$(Q)tests/host/fetch kernel kernel13 busybox host aavmf aavmf13 uboot mtd armhf grub \
	passt passt13 virtiofsd fio git13 vng systemd

.PHONY: guests
guests:
	$(Q)$(MAKE) --no-print-directory -s -C tests/guest BUILD=$(abspath $(BUILD))

# The VM core on real KVM: everything but the command line, for the guest arch.
$(KVM_TEST): tests/kvm/test_kvm.c $(filter-out $(OBJDIR)/main.o \
		$(OBJDIR)/builtin%,$(OBJS))
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LKVM_CPPFLAGS) $(LKVM_CFLAGS) $(CFLAGS) $(LKVM_LDFLAGS) \
	-o $@ $^ $(LKVM_LDLIBS)

# The A64 interpreter against the CPU, for the guest arch as well.
$(A64_TEST): tests/kvm/test_a64.c $(OBJDIR)/arm/selftest/a64_compare.o \
		$(OBJDIR)/arm/selftest/a64_words.o $(OBJDIR)/vmm/gmem.o \
		$(filter $(OBJDIR)/arm/a64/%,$(OBJS)) arm/selftest/a64_compare.h
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LKVM_CPPFLAGS) $(LKVM_CFLAGS) $(CFLAGS) $(LKVM_LDFLAGS) \
	$(STATIC_FLAGS) -o $@ $(filter-out %.h,$^)

# lkvm that notes down in which order it writes and syncs its files.
RECORDED := pwrite write fdatasync fsync ftruncate
$(RECORD): tests/boot/lib/record.c $(OBJS)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LKVM_CPPFLAGS) $(LKVM_CFLAGS) $(CFLAGS) $(LKVM_LDFLAGS) \
	$(STATIC_FLAGS) $(RECORDED:%=-Wl,--wrap=%) -o $@ $^ $(LKVM_LDLIBS)

# lkvm with one thing broken, for `lkvm selftest` to notice.
BREAKABLE := flash_store_write mmio_ring_flush mmio_ring_drain ram_reset a64_run \
	mmio_region_read evloop_timer_set
$(BROKEN): tests/boot/lib/broken.c $(OBJS)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LKVM_CPPFLAGS) $(LKVM_CFLAGS) $(CFLAGS) $(LKVM_LDFLAGS) \
	$(STATIC_FLAGS) $(BREAKABLE:%=-Wl,--wrap=%) -o $@ $^ $(LKVM_LDLIBS)

# One test command for everything; the packages have to be there before make
# looks for compilers, hence a second make.
check:
	$(Q)$(MAKE) --no-print-directory check-deps
	$(Q)$(MAKE) --no-print-directory -j 3 check-fetch check-build
	$(Q)$(MAKE) --no-print-directory check-all

.PHONY: check-all check-build check-sanitized
check-build: all guests check-sanitized $(KVM_TEST) $(A64_TEST) $(RECORD) $(BROKEN) \
		$(UNIT_BINS) $(FUZZ_BINS) $(UNIT_DRIVERS)

# After `all`, with which it shares what runs in guests.
check-sanitized: all
	$(Q)$(MAKE) --no-print-directory SANITIZE=1 CFLAGS="-O1 -g1" all

# Two programs at a time, of which none has more than one process at work for long: emulated
# hosts take much longer where there are more of them than processors.
check-all: check-build
	$(Q)JOBS=1 tests/run --jobs 2 tests/lint $(UNIT_TESTS) \
	"tests/fuzz/run $(FUZZ_SECONDS) $(FUZZ_BINS)" $(BOOT_TESTS)

# An hour of fuzzing, ten million cycles against the model, a hundred kills, each
# cut of power.
check-long: all guests $(FUZZ_BINS) $(UNIT_DRIVERS) $(RECORD)
	$(Q)KILLS=100 CUTS=all ALL=1 tests/run --timeout 21600 tests/lint \
	"tests/fuzz/run 3600 $(FUZZ_BINS)" \
	"python3 tests/unit/cfi_model.py $(BUILD)/unit/chip_driver \
	--cycles 10000000 --seed 7" \
	"python3 tests/unit/flash_tool.py $(BUILD)/unit/flash_tool" \
	"python3 tests/unit/qcow2_tool.py $(BUILD)/unit/qcow2_tool" \
	tests/boot/52-edk2-kill.test \
	tests/boot/57-edk2-cuts.test tests/boot/58-jffs2-cuts.test \
	tests/boot/70-disk.test tests/boot/71-net.test tests/boot/72-console.test \
	tests/boot/76-root.test tests/boot/77-memory.test \
	tests/boot/78-vsock.test tests/boot/83-devices.test tests/boot/90-gdb.test \
	tests/boot/91-outcomes.test tests/boot/95-host.test tests/boot/97-adapters.test
	$(Q)DEBIAN=all tests/run --timeout 7200 tests/boot/75-debian.test
	$(Q)EDK2=efi tests/run tests/boot/30-reset.test tests/boot/50-edk2.test \
	tests/boot/54-flash-tools.test

.PHONY: bench
bench: all guests
	$(Q)tests/host/fetch kernel busybox host efi mtd qemu-arm64 aavmf uboot
	$(Q)tests/bench/run

# ---- The main job ----------------------------------------------------------

.PHONY: demo deps
demo:
	$(Q)tests/host/packages build host efi
	$(Q)tests/host/fetch sysroot kernel busybox host efi
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/boot/demo

# What a build for arm64 needs on a machine that is not arm64.
deps:
	$(Q)tests/host/packages build
	$(Q)tests/host/fetch sysroot

# ---- Installing and cleaning -----------------------------------------------

# What lkvm-host consists of, with the first process of its host as a program: where it
# is installed there may be no compiler for arm64. The sources of that are what its
# version is told by.
HOST := tests/host
HOST_DIR := $(DESTDIR)$(DATADIR)/host
HOST_INIT := $(BUILD)/host-init
HOST_PARTS := $(addprefix $(HOST)/,emulated.py frames.py session.py lib.sh)
HOST_RECIPES := $(addprefix $(HOST)/recipes/,kernel busybox host)

$(HOST_INIT): $(wildcard $(HOST)/init/*.[ch]) | $(DEPS)
	$(call say,CC,$@)
	$(Q)$(CC) -O2 -Wall -static -s -o $@ $(filter %.c,$^) || { \
	echo "$@ is linked statically, by a libc.a of arm64 (Debian: libc6-dev," \
	"Fedora: glibc-static); without, make install-lkvm has all but lkvm-host" >&2; exit 1; }

.PHONY: install install-lkvm install-host deb
install: install-lkvm install-host

install-lkvm: all
	install -d "$(DESTDIR)$(BINDIR)" "$(DESTDIR)$(MANDIR)/man1" "$(DESTDIR)$(DOCDIR)" \
	"$(DESTDIR)$(BASHDIR)" "$(DESTDIR)$(ZSHDIR)" "$(DESTDIR)$(ADAPTERDIR)"
	install -m 755 $(LKVM) "$(DESTDIR)$(BINDIR)/lkvm"
	install -m 644 $(filter-out docs/lkvm-host.1,$(wildcard docs/*.1)) \
	"$(DESTDIR)$(MANDIR)/man1"
	install -m 644 README.md CHANGELOG $(USER_DOCS) "$(DESTDIR)$(DOCDIR)"
	install -m 644 completions/lkvm.bash "$(DESTDIR)$(BASHDIR)/lkvm"
	install -m 644 completions/_lkvm "$(DESTDIR)$(ZSHDIR)"
	install -m 755 adapters/lkvm-qemu adapters/lkvm-unit-test "$(DESTDIR)$(ADAPTERDIR)"
	install -m 644 adapters/qemu_rules.py "$(DESTDIR)$(ADAPTERDIR)"

install-host: $(HOST_INIT)
	install -d "$(DESTDIR)$(BINDIR)" "$(DESTDIR)$(MANDIR)/man1" "$(HOST_DIR)/recipes" \
	"$(HOST_DIR)/init"
	sed 's|^PARTS = .*|PARTS = "$(shell realpath -ms --relative-to="$(BINDIR)" \
	"$(DATADIR)/host")"|' $(HOST)/lkvm-host >"$(DESTDIR)$(BINDIR)/lkvm-host"
	chmod 755 "$(DESTDIR)$(BINDIR)/lkvm-host"
	install -m 644 $(HOST_PARTS) "$(HOST_DIR)"
	install -m 755 $(HOST)/fetch $(HOST)/packages "$(HOST_DIR)"
	install -m 644 $(HOST_RECIPES) "$(HOST_DIR)/recipes"
	install -m 644 $(HOST)/init/*.[ch] "$(HOST_DIR)/init"
	install -m 755 $(HOST_INIT) "$(HOST_DIR)/init/init"
	install -m 644 docs/lkvm-host.1 "$(DESTDIR)$(MANDIR)/man1"

# What is in docs/ for others than those who work on lkvm.
USER_DOCS := $(addprefix docs/,adapters.md control.md flash.md status.md test.md threat-model.md)

# Debian's tools write into the tree that they are in and beside it: a copy, in which there
# is nothing left to compile, and no tests. Libraries of a sysroot are not Debian's to check (-d).
DEB := $(BUILD)/deb
deb: all
	$(Q)command -v dh >/dev/null && command -v dpkg-buildpackage >/dev/null || { \
	echo "No dh or no dpkg-buildpackage: install debhelper and dpkg-dev" >&2; exit 1; }
	$(call say,DEB,$(DEB)/lkvm_$(VERSION)_arm64.deb)
	$(Q)rm -rf $(DEB) && mkdir -p $(DEB)/lkvm
	$(Q)tar -c --exclude-vcs --exclude=./build --exclude=./tests/fuzz \
	--exclude=./$(shell realpath -m --relative-to=. $(BUILD)) \
	--exclude='./tests/unit/test_*' . | tar -x -C $(DEB)/lkvm
	$(Q)cd $(DEB)/lkvm && MAKEFLAGS= \
	BUILD=$(abspath $(BUILD)) SYSROOT=$(abspath $(SYSROOT)) \
	DEB_BUILD_OPTIONS="noautodbgsym $(DEB_BUILD_OPTIONS)" dpkg-buildpackage -aarm64 -b \
	-us -uc $(if $(CROSS_COMPILE),-d) >../log 2>&1 || { cat ../log >&2; exit 1; }
	$(Q)rm -r $(DEB)/lkvm

# What was fetched stays; `make distclean` removes that as well.
.PHONY: clean distclean
clean:
	rm -rf $(BUILD)/obj $(BUILD)/obj-guest $(BUILD)/obj-sanitize $(BUILD)/lkvm \
	$(BUILD)/lkvm-sanitize $(BUILD)/.deps-* $(BUILD)/unit $(BUILD)/fuzz \
	$(BUILD)/tests $(BUILD)/log/tests $(BUILD)/deb $(HOST_INIT)

distclean:
	rm -rf $(BUILD)

.PHONY: help
help:
	@echo "Targets:"
	@echo "  all         build $(LKVM) (the default)"
	@echo "  deps        get what a build for arm64 needs, as root or with sudo"
	@echo "  demo        boot EDK2 to its shell, variables kept in a flash"
	@echo "  check       all tests; installs and fetches what they need"
	@echo "  check-unit  unit tests only, under a minute"
	@echo "  check-lint, check-fuzz, check-boot: the other parts of check"
	@echo "  check-long  soaks that take hours"
	@echo "  bench       counts and ratios, with QEMU beside it"
	@echo "  install     PREFIX=$(PREFIX), DESTDIR"
	@echo "  deb         a Debian package for arm64, in $(BUILD)/deb"
	@echo "  clean       what was built; distclean: what was fetched, too"
	@echo "Variables: CROSS_COMPILE CC CFLAGS LDFLAGS STATIC=0 ZSTD=0 URING=0 SANITIZE=1 V=1 BUILD"

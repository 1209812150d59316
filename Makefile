# SPDX-License-Identifier: GPL-2.0-or-later
#
# make            builds build/lkvm for arm64
# make help       all targets and variables

VERSION := 0.1
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

# Where Debian's arm64 packages are unpacked when this is not an arm64 machine.
SYSROOT ?= $(BUILD)/sysroot

CFLAGS  ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wwrite-strings -Wcast-qual -Wpointer-arith -Wvla -Wformat=2 -Wundef \
	-Werror
LKVM_CPPFLAGS := -Iinclude -I. -D_GNU_SOURCE -DLKVM_VERSION='"$(VERSION)"'
LKVM_CFLAGS := -std=gnu11 -fno-common -fstack-protector-strong $(WARNINGS)
LKVM_LDLIBS := -lfdt -lz -lpthread

OBJDIR := $(BUILD)/obj
ifeq ($(SANITIZE),1)
OBJDIR := $(BUILD)/obj-sanitize
LKVM_CFLAGS += -fsanitize=address,undefined -fno-omit-frame-pointer
LKVM_LDFLAGS += -fsanitize=address,undefined
endif

ifneq ($(CROSS_COMPILE),)
LKVM_CPPFLAGS += -isystem $(SYSROOT)/usr/include
LKVM_LDFLAGS += -L$(SYSROOT)/usr/lib/aarch64-linux-gnu
endif

SRCS := $(wildcard *.c arm/*.c hw/*.c virtio/*.c disk/*.c net/*.c vmm/*.c \
	util/*.c)
OBJS := $(SRCS:%.c=$(OBJDIR)/%.o)
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

# Says which package is missing instead of letting the compiler fail.
$(BUILD)/.deps-$(notdir $(CC)): Makefile | $(BUILD)
	$(Q)command -v $(firstword $(CC)) >/dev/null || { \
	echo "No compiler for arm64 ($(CC)): install gcc-aarch64-linux-gnu" \
	"and libc6-dev-arm64-cross, or set CROSS_COMPILE" >&2; exit 1; }
	$(Q)for lib in "libfdt.h -lfdt libfdt-dev" "zlib.h -lz zlib1g-dev"; do \
	set -- $$lib; \
	printf '#include <%s>\nint main(void) { return 0; }\n' $$1 | \
	$(CC) -xc $(LKVM_CPPFLAGS) -o /dev/null - $(LKVM_LDFLAGS) $$2 \
	2>/dev/null || { \
	echo "No $$1 for arm64: install $$3 for arm64, or run" \
	"'tests/host/fetch sysroot', which unpacks it under $(BUILD)" >&2; \
	exit 1; }; done
	$(Q)touch $@

$(BUILD):
	$(Q)mkdir -p $@

$(LKVM): $(OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LKVM_CFLAGS) $(CFLAGS) $(LKVM_LDFLAGS) $(LDFLAGS) \
	-o $@ $(OBJS) $(LKVM_LDLIBS) $(LDLIBS)

$(OBJDIR)/%.o: %.c | $(BUILD)/.deps-$(notdir $(CC))
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LKVM_CPPFLAGS) $(CPPFLAGS) $(LKVM_CFLAGS) $(CFLAGS) \
	-MMD -MP -c -o $@ $<

-include $(OBJS:.o=.d)

.PHONY: clean
clean:
	rm -rf $(BUILD)/obj $(BUILD)/obj-sanitize $(BUILD)/lkvm \
	$(BUILD)/lkvm-sanitize $(BUILD)/.deps-*

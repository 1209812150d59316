# SPDX-License-Identifier: GPL-2.0-or-later
# How bare-metal programs for the guest are built: those of `lkvm selftest` and
# those of tests/guest. TOP is the folder of the repository, with a slash at its
# end, or empty; GUEST_CC the compiler.

GUEST_DIR := $(TOP)arm/selftest/guest/
GUEST_LIB := $(sort $(basename $(notdir $(wildcard $(GUEST_DIR)lib/*.[cS]))))

# Or memset() would become a call of itself.
GUEST_LOOPS := $(if $(findstring clang,$(shell $(GUEST_CC) --version 2>&1)),\
	-fno-builtin,-fno-tree-loop-distribute-patterns)

GUEST_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Werror -Wshadow \
	-Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wcast-qual \
	-Wpointer-arith -Wvla -Wformat=2 -Wundef -ffreestanding \
	-fno-stack-protector -fno-asynchronous-unwind-tables \
	$(GUEST_LOOPS) -fpie -fvisibility=hidden \
	-mgeneral-regs-only -mstrict-align -mno-outline-atomics \
	-I$(GUEST_DIR)lib -I$(GUEST_DIR) -I$(TOP)arm/selftest -I$(TOP)include
GUEST_LDFLAGS := -nostdlib -pie -Wl,--no-dynamic-linker \
	-Wl,--build-id=none -Wl,-T,$(GUEST_DIR)lib/guest.lds \
	-Wl,--fatal-warnings

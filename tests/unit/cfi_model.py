#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Reference model of one x16 CFI NOR flash chip, and its comparer.

The chip is of the Intel/Sharp command set 0x0001, P30 class.  The model
was written from the data sheets' facts (P30 306666, L18, L30, P33, J3),
not from the C code it judges: where the two differ, one of them misread
the data sheet, and only independent readings make that visible.

    cfi_model.py DRIVER [--cycles N] [--seed S] [--stream K]
    cfi_model.py --self-test
    cfi_model.py --mutants

DRIVER is a program around the chip under test.  It gets on stdin, little
endian, a header

    u32 words, u32 block_words, u32 buffer_words, u32 flags (bit 0: wp)
    words x u16                 the array's initial content

and then records of 8 bytes (u8 op, u8 pad, u16 value, u32 word address)
until the end of file:

    0 WRITE       a write cycle
    1 READ        a read cycle; reply u16
    2 RESET       power cycle, the array stays
    3 WRITE_FAIL  a write whose program or erase, if it asks for one,
                  fails on the medium; a blank check only reads it
    4 STATE       reply u16: 1 in array mode and READY (mappable), else 0
    5 DUMP        reply words x u16, then a byte of lock bits per block

With an unusual result the seed and the stream's number are printed;
--seed S --stream K runs just that stream again.
"""

import argparse
import os
import random
import struct
import subprocess
import sys
import time
from array import array
from collections import Counter

WRITE, READ, RESET, WRITE_FAIL, STATE, DUMP = range(6)
OP_NAMES = ("WRITE", "READ", "RESET", "WRITE_FAIL", "STATE", "DUMP")

(READY, PGM_SETUP, BP_COUNT, BP_DATA, BP_CONFIRM, ERASE_SETUP,
 LOCK_SETUP, OTP_SETUP, BEFP_SETUP, BLANK_SETUP) = range(10)
STATE_NAMES = ("READY", "PGM_SETUP", "BP_COUNT", "BP_DATA", "BP_CONFIRM",
               "ERASE_SETUP", "LOCK_SETUP", "OTP_SETUP", "BEFP_SETUP",
               "BLANK_SETUP")

ARRAY, STATUS, IDQ = range(3)
MODE_NAMES = ("ARRAY", "STATUS", "ID")

# Status register (P30 "Status Register Description").
SR_READY = 0x80
SR_ERASE = 0x20
SR_PROGRAM = 0x10
SR_VPP = 0x08
SR_LOCKED = 0x02
# SR.5 and SR.4 together: "command sequence error", a botch in the words
# of the L30 write state machine table.
SR_BOTCH = SR_ERASE | SR_PROGRAM

RCR_DEFAULT = 0xBFCF

# Counters of write cycles by state, read mode and low byte.
COV_SIZE = len(STATE_NAMES) * len(MODE_NAMES) * 256

HEADER = struct.Struct("<IIII")
RECORD = struct.Struct("<BBHI")
U16 = struct.Struct("<H")


def words_to_bytes(words):
    """The bytes of an array('H'), little endian on every host."""
    if sys.byteorder == "big":
        words = array("H", words)
        words.byteswap()
    return words.tobytes()


def bytes_to_words(data):
    words = array("H")
    words.frombytes(data)
    if sys.byteorder == "big":
        words.byteswap()
    return words


def log2(n):
    assert n > 0 and n & (n - 1) == 0
    return n.bit_length() - 1


def id_plane(words, block, buf):
    """ID and query plane of one block: 00..05 IDs, 10..45 CFI table.

    P30 has one plane for 0x90 and 0x98 ("ID and Query data are located
    at different locations in the address map").  02 (lock bits) and 05
    (RCR) are filled in at the read.
    """
    plane = [0] * 0x46
    plane[0x00] = 0x0089                    # manufacturer: Intel
    plane[0x01] = 0x0018                    # device
    plane[0x10:0x13] = b"QRY"
    plane[0x13:0x15] = (0x01, 0x00)         # primary command set
    plane[0x15:0x17] = (0x31, 0x00)         # primary table's address
    plane[0x17:0x1B] = (0, 0, 0, 0)         # no alternate set
    plane[0x1B:0x1F] = (0x17, 0x20, 0, 0)   # Vcc min, max; no Vpp
    plane[0x1F:0x23] = (8, 9, 10, 0)        # typical times, log2
    plane[0x23:0x27] = (1, 1, 2, 0)         # maximum, log2 of multiple
    plane[0x27] = log2(words * 2)
    plane[0x28:0x2A] = (0x01, 0x00)         # x16 only
    plane[0x2A:0x2C] = (log2(buf * 2), 0)
    plane[0x2C] = 1                         # one erase region
    n = words // block - 1
    plane[0x2D:0x2F] = (n & 0xFF, n >> 8)
    n = block * 2 // 256
    plane[0x2F:0x31] = (n & 0xFF, n >> 8)
    plane[0x31:0x36] = b"PRI10"
    plane[0x36:0x3A] = (0x20, 0, 0, 0)      # instant individual lock
    plane[0x3A] = 0                         # nothing while suspended
    plane[0x3B:0x3D] = (3, 0)               # lock and lock-down bits
    plane[0x3D:0x3F] = (0x18, 0)            # Vcc, Vpp
    plane[0x3F] = 1                         # one protection field
    plane[0x40:0x44] = (0x80, 0, 3, 3)
    return plane


class Chip:
    """One chip.  Operations complete at once, so SR.7 is always 1."""

    def __init__(self, words, block, buf, wp, content, hits=None,
                 cov=None):
        assert len(content) == words and words % block == 0
        self.words = words
        self.mask = words - 1
        self.block = block
        self.shift = log2(block)
        self.buf = buf
        self.wp = wp
        self.mem = array("H", content)
        self.plane = id_plane(words, block, buf)
        # What was reached, to tell real coverage from luck.
        self.hits = Counter() if hits is None else hits
        self.cov = [0] * COV_SIZE if cov is None else cov
        self.steps = (self.ready, self.pgm_data, self.bp_count,
                      self.bp_data, self.bp_confirm, self.erase_confirm,
                      self.lock_confirm, self.otp_data,
                      self.befp_confirm, self.blank_confirm)
        self.power_up()

    def power_up(self):
        self.state = READY
        self.mode = ARRAY
        self.sr = SR_READY
        self.rcr = RCR_DEFAULT
        self.bp_reset()
        # A write protected part: all locked-down and WP# low.  Else all
        # unlocked, the compatible choice (a real P30 comes up locked).
        self.lock = [3 if self.wp else 0] * (self.words // self.block)

    def bp_reset(self):
        self.bp_left = self.bp_total = 0
        self.bp_base = None
        self.bp_err = False
        self.bp_words = {}

    # The bus.

    def write(self, addr, value, fail=False):
        state = self.state
        self.cov[(state * 3 + self.mode) << 8 | value & 0xFF] += 1
        self.steps[state](addr & self.mask, value, fail)

    def read(self, addr):
        addr &= self.mask
        # Every command in progress gives status.
        if self.state != READY or self.mode == STATUS:
            return self.sr
        if self.mode == ARRAY:
            return self.mem[addr]
        return self.read_id(addr)

    def read_id(self, addr):
        idx = addr & (self.block - 1)
        if idx == 2:
            return self.lock[addr >> self.shift]
        if idx == 5:
            return self.rcr
        return self.plane[idx] if idx < len(self.plane) else 0

    def reset(self):
        self.hits["reset in " + STATE_NAMES[self.state]] += 1
        self.power_up()

    def mappable(self):
        return int(self.state == READY and self.mode == ARRAY)

    def dump(self):
        return words_to_bytes(self.mem) + bytes(self.lock)

    # The end of a command, and what it did to the array.

    def done(self, errors=0, mode=STATUS):
        # P33 table 24: the WSM can only set error bits.
        self.sr |= errors
        self.state = READY
        self.mode = mode

    def locked(self, addr):
        return self.lock[addr >> self.shift] & 1

    def program(self, new):
        # Programming takes bits from 1 to 0 only; asking for a 1 over a
        # 0 is not an error (28F002BC appendix B).
        mem = self.mem
        for addr, value in new.items():
            if value & ~mem[addr]:
                self.hits["program 1 over 0"] += 1
            mem[addr] &= value

    def erase(self, addr):
        start = addr & ~(self.block - 1)
        self.mem[start:start + self.block] = \
            array("H", (0xFFFF,)) * self.block

    def blank(self, addr):
        start = addr & ~(self.block - 1)
        return self.mem[start:start + self.block] == \
            array("H", (0xFFFF,)) * self.block

    # One function per state of the write state machine.

    def ready(self, addr, value, fail):
        cmd = value & 0xFF                  # DQ15..8 are ignored
        if cmd == 0xFF:
            self.mode = ARRAY
        elif cmd == 0x70:
            self.mode = STATUS
        elif cmd == 0x90 or cmd == 0x98:
            self.mode = IDQ
        elif cmd == 0x50:
            if self.sr != SR_READY:
                self.hits["clear of errors"] += 1
            self.sr = SR_READY              # the output does not change
        elif cmd == 0x40 or cmd == 0x10:
            self.state = PGM_SETUP
            self.mode = STATUS
        elif cmd == 0xE8:
            # J3 refuses it while SR.4 or SR.5 is set, P30 does not.
            self.bp_reset()
            self.state = BP_COUNT
            self.mode = STATUS
        elif cmd == 0x20:
            self.state = ERASE_SETUP
            self.mode = STATUS
        elif cmd == 0x60:
            self.state = LOCK_SETUP
            self.mode = STATUS
        elif cmd == 0xC0:
            self.state = OTP_SETUP
            self.mode = STATUS
        elif cmd == 0x80:
            self.state = BEFP_SETUP
            self.mode = STATUS
        elif cmd == 0xBC:
            self.state = BLANK_SETUP
            self.mode = STATUS
        # D0 and B0: nothing is suspended or running.  All else: illegal,
        # the output does not change (P30 figure 37).

    def pgm_data(self, addr, value, fail):
        if self.locked(addr):
            self.hits["E word: locked"] += 1
            self.done(SR_PROGRAM | SR_LOCKED)
        elif fail:
            self.hits["E word: medium"] += 1
            self.done(SR_PROGRAM | SR_VPP)
        else:
            self.hits["word program"] += 1
            self.program({addr: value})
            self.done()

    def bp_count(self, addr, value, fail):
        self.bp_left = value + 1            # all 16 bits count
        self.bp_total = self.bp_left
        if value == 0:
            self.hits["buffer: one word"] += 1
        if self.bp_left == self.buf:
            self.hits["buffer: full"] += 1
        if self.bp_left > self.buf:
            # Told at the confirm only (L30 WSM table): the data words
            # to come must not be taken for commands.
            self.bp_err = True
            self.hits["E buffer: count"] += 1
            if self.bp_left == self.buf + 1:
                self.hits["E buffer: count max + 1"] += 1
            if self.bp_left == 0x10000:
                self.hits["E buffer: count 0xffff"] += 1
        self.state = BP_DATA

    def bp_data(self, addr, value, fail):
        if self.bp_base is None:
            self.bp_base = addr
        base = self.bp_base
        if addr >> self.shift != base >> self.shift:
            self.hits["E buffer: other block"] += 1
            self.bp_err = True
        elif addr < base:
            self.hits["E buffer: below base"] += 1
            self.bp_err = True
        elif addr >= base + self.buf:
            self.hits["E buffer: above window"] += 1
            self.bp_err = True
        else:
            if addr in self.bp_words:
                self.hits["buffer: duplicate"] += 1
            self.bp_words[addr] = value
        self.bp_left -= 1
        if not self.bp_left:
            self.state = BP_CONFIRM

    def bp_confirm(self, addr, value, fail):
        # EDK2 confirms at offset 0: the address must not matter.
        if self.bp_total == 0x10000:
            self.hits["E buffer: 0x10000 words taken"] += 1
        if value & 0xFF != 0xD0:
            self.hits["E buffer: no confirm"] += 1
            self.done(SR_BOTCH)
        elif self.bp_err:
            self.hits["E buffer: botch at confirm"] += 1
            if self.locked(self.bp_base):
                self.hits["E buffer: botch on a locked block"] += 1
            self.done(SR_BOTCH)
        elif self.locked(self.bp_base):
            self.hits["E buffer: locked"] += 1
            self.done(SR_PROGRAM | SR_LOCKED)
        elif fail:
            self.hits["E buffer: medium"] += 1
            self.done(SR_PROGRAM | SR_VPP)
        else:
            self.hits["buffer program"] += 1
            span = max(self.bp_words) - self.bp_base + 1
            if span > len(self.bp_words):
                self.hits["buffer: gap"] += 1
            if span == self.buf:
                self.hits["buffer: whole window"] += 1
            if (addr ^ self.bp_base) >> self.shift:
                self.hits["buffer: confirm in another block"] += 1
            self.program(self.bp_words)
            self.done()

    def erase_confirm(self, addr, value, fail):
        if value & 0xFF != 0xD0:
            self.hits["E erase: no confirm"] += 1
            self.done(SR_BOTCH)
        elif self.locked(addr):
            self.hits["E erase: locked"] += 1
            self.done(SR_ERASE | SR_LOCKED)
        elif fail:
            self.hits["E erase: medium"] += 1
            self.done(SR_ERASE | SR_VPP)
        else:
            self.hits["erase"] += 1
            self.erase(addr)
            self.done()

    def lock_confirm(self, addr, value, fail):
        cmd = value & 0xFF
        if cmd in (0x01, 0xD0, 0x2F):
            self.set_lock(addr >> self.shift, cmd)
            self.done()
        elif cmd == 0x03:
            self.hits["RCR write"] += 1
            self.rcr = addr & 0xFFFF        # on the address lines
            self.done(mode=ARRAY)
        elif cmd == 0x04:
            self.hits["ECR write"] += 1
            self.done(mode=ARRAY)
        else:
            self.hits["E lock: no second cycle"] += 1
            self.done(SR_BOTCH)

    def set_lock(self, block, cmd):
        old = self.lock[block]
        if old & 2 and self.wp:
            # WP# low makes lock-down effective.
            self.hits["lock command in vain (WP# low)"] += 1
        elif cmd == 0x01:
            self.hits["lock"] += 1
            self.lock[block] = old | 1
        elif cmd == 0xD0:
            self.hits["unlock"] += 1
            if old == 3:
                self.hits["unlock of a locked-down block"] += 1
            self.lock[block] = old & ~1
        else:
            self.hits["lock-down"] += 1
            self.lock[block] = 3

    def otp_data(self, addr, value, fail):
        # The protection registers are locked: nothing gets as far as
        # the medium, so it cannot fail.
        self.hits["E OTP: locked"] += 1
        if fail:
            self.hits["OTP with a failing medium"] += 1
        self.done(SR_PROGRAM | SR_LOCKED)

    def befp_confirm(self, addr, value, fail):
        if value & 0xFF != 0xD0:
            self.hits["E BEFP: no confirm"] += 1
            self.done(SR_BOTCH)
        else:
            self.hits["E BEFP: Vpp"] += 1   # it needs 9 V
            if fail:
                self.hits["BEFP with a failing medium"] += 1
            self.done(SR_PROGRAM | SR_VPP)

    def blank_confirm(self, addr, value, fail):
        if value & 0xFF != 0xD0:
            self.hits["E blank check: no confirm"] += 1
            self.done(SR_BOTCH)
            return
        # A read: locks and a medium which refuses writes are no matter.
        if self.locked(addr):
            self.hits["blank check: locked block"] += 1
        if fail:
            self.hits["blank check with a failing medium"] += 1
        if self.blank(addr):
            self.hits["blank check: blank"] += 1
            self.done()
        else:
            self.hits["E blank check: not blank"] += 1
            self.count_odd_word(addr)
            self.done(SR_ERASE)

    def count_odd_word(self, addr):
        """Was it one word alone, and where?"""
        start = addr & ~(self.block - 1)
        block = self.mem[start:start + self.block]
        if block.count(0xFFFF) == self.block - 1:
            self.hits["blank check: one odd word"] += 1
            if block[0] != 0xFFFF:
                self.hits["blank check: odd first word"] += 1
            if block[-1] != 0xFFFF:
                self.hits["blank check: odd last word"] += 1


MUST_HIT = (
    "word program", "buffer program", "erase", "program 1 over 0",
    "clear of errors",
    "E word: locked", "E word: medium",
    "buffer: one word", "buffer: full", "buffer: duplicate", "buffer: gap",
    "buffer: whole window", "buffer: confirm in another block",
    "E buffer: count", "E buffer: count max + 1", "E buffer: count 0xffff",
    "E buffer: 0x10000 words taken",
    "E buffer: other block", "E buffer: below base",
    "E buffer: above window", "E buffer: no confirm",
    "E buffer: botch at confirm", "E buffer: botch on a locked block",
    "E buffer: locked", "E buffer: medium",
    "E erase: no confirm", "E erase: locked", "E erase: medium",
    "lock", "unlock", "lock-down", "unlock of a locked-down block",
    "lock command in vain (WP# low)", "E lock: no second cycle",
    "RCR write", "ECR write",
    "E OTP: locked", "OTP with a failing medium",
    "E BEFP: Vpp", "E BEFP: no confirm", "BEFP with a failing medium",
    "blank check: blank", "E blank check: not blank",
    "E blank check: no confirm", "blank check: locked block",
    "blank check with a failing medium", "blank check: one odd word",
    "blank check: odd first word", "blank check: odd last word",
) + tuple("reset in " + name for name in STATE_NAMES)


def run_model(chip, recs, out):
    """Step chip over records, append the expected replies to out."""
    write, read, pack = chip.write, chip.read, U16.pack
    for op, value, addr in recs:
        if op == WRITE:
            write(addr, value)
        elif op == READ:
            out += pack(read(addr))
        elif op == WRITE_FAIL:
            write(addr, value, True)
        elif op == STATE:
            out += pack(chip.mappable())
        elif op == RESET:
            chip.reset()
        else:
            out += chip.dump()


# The generator.

# words, block words, buffer words, wp share, weight, records
GEOMETRIES = (
    (64, 16, 8, .15, 30, 900),          # every corner within reach
    (64, 32, 16, .15, 10, 900),
    (256, 16, 32, .15, 10, 1200),       # buffer larger than a block
    (512, 128, 32, .15, 20, 1500),      # the whole CFI table per block
    (256, 256, 16, .15, 8, 1200),       # one block
    (1024, 256, 512, .15, 10, 3000),    # buffer larger than a block
    (4096, 1024, 512, .15, 10, 4000),   # 65 nm P30's buffer
    (65536, 16384, 512, .15, 2, 6000),  # 64 KiB bank block
    (524288, 16384, 512, .15, .4, 9000),
    (524288, 65536, 32, .15, .4, 6000), # 130 nm P30's buffer
)

COMMANDS = (0xFF, 0x70, 0x50, 0x90, 0x98, 0x40, 0x10, 0xE8, 0x20, 0x60,
            0xD0, 0xB0, 0x01, 0x2F, 0x03, 0x04, 0xC0, 0x80, 0xBC)
# Those of READY that begin a command of more cycles.
SETUPS = (0x40, 0x10, 0xE8, 0x20, 0x60, 0xC0, 0x80, 0xBC)
# Not P30's: AMD's, J3's, 0x0200's.
ILLEGAL = (0xF0, 0xAA, 0x55, 0x30, 0x25, 0x29, 0x41, 0xE9, 0xB8, 0xB4,
           0xC8, 0x28, 0x00)

# The stream which takes a count of 0xffff to its end.  Late enough that
# a short run does not pay for it.
LONG_STREAM = 40

# One sweep cell per (place, low byte): READY in the three modes, then the
# second cycles of erase, lock, OTP, BEFP, blank check and buffered program.
SWEEP_SETUPS = (0x20, 0x60, 0xC0, 0x80, 0xBC)
SWEEP_STATES = (READY * 3 + ARRAY, READY * 3 + STATUS, READY * 3 + IDQ,
                ERASE_SETUP * 3 + STATUS, LOCK_SETUP * 3 + STATUS,
                OTP_SETUP * 3 + STATUS, BEFP_SETUP * 3 + STATUS,
                BLANK_SETUP * 3 + STATUS, BP_CONFIRM * 3 + STATUS)
SWEEP_CELLS = len(SWEEP_STATES) * 256


class Stream:
    """One stream: header, records and the expected replies.

    The generator looks at the model's state between segments only, to
    leave states which would swallow the rest of the stream.
    """

    def __init__(self, seed, number, hits=None, cov=None):
        rng = random.Random(seed << 32 | number)
        self.rng = rng
        self.rnd = rng.random
        self.number = number
        geo = rng.choices(GEOMETRIES, [g[4] for g in GEOMETRIES])[0]
        self.words, self.block, self.buf = geo[:3]
        self.wp = self.rnd() < geo[3]
        self.length = int(geo[5] * (.3 + 1.2 * self.rnd()))
        self.content = self.initial()
        self.hits = hits
        self.cov = cov
        self.chip = self.new_chip(Chip)
        self.read_share = rng.choice((.1, .3, .5, .8))
        self.fail_share = rng.choice((0, 0, .05, .2))
        self.sweep_cell = number * 29       # prime to SWEEP_CELLS
        self.choose_places()
        self.recs = []
        self.expected = bytearray()
        self.cur = []
        self.generate()

    def new_chip(self, cls):
        return cls(self.words, self.block, self.buf, self.wp,
                   self.content, self.hits, self.cov)

    def header(self):
        return HEADER.pack(self.words, self.block, self.buf,
                           int(self.wp)) + words_to_bytes(self.content)

    def initial(self):
        r = self.rnd()
        if r < .3:
            return array("H", (0xFFFF,)) * self.words
        content = bytes_to_words(self.rng.randbytes(self.words * 2))
        if r < .6:
            blank = array("H", (0xFFFF,)) * self.block
            for start in range(0, self.words, self.block):
                if self.rnd() < .5:
                    content[start:start + self.block] = blank
        return content

    def choose_places(self):
        """A few blocks, so that a large chip's accesses meet too."""
        n = self.words // self.block
        starts = {0, n - 1} | {int(self.rnd() * n) for _ in range(2)}
        self.starts = [b * self.block for b in sorted(starts)]
        pool = [0, 1, 2, 5, self.words - 1]
        pool += [a for a in range(0x10, 0x48) if a < self.words]
        for s in self.starts:
            for off in (0, 1, 2, 2, 2, 3, 5, self.block - 1, 0x10, 0x27,
                        0x2D, 0x2F, 0x45, 0x46, 0x100, 0x102):
                pool.append((s + off) % self.words)
            pool += [s + int(self.rnd() * self.block) for _ in range(6)]
        self.pool = pool

    # Addresses and values.

    def place(self):
        """A word address inside the chip, often an interesting one."""
        rnd = self.rnd
        r = rnd()
        if r < .6:
            return self.pool[int(rnd() * len(self.pool))]
        if r < .9:
            return self.start() + int(rnd() * self.block)
        return int(rnd() * self.words)

    def start(self):
        return self.starts[int(self.rnd() * len(self.starts))]

    def wild(self, addr):
        """Now and then the same place above the chip's end."""
        if self.rnd() < .05:
            addr += self.words * int(self.rnd() * 0x100000000 /
                                     self.words)
            addr &= 0xFFFFFFFF
        return addr

    def command(self, cmd):
        if self.rnd() < .3:
            cmd |= int(self.rnd() * 256) << 8
        return cmd

    def data(self):
        rnd = self.rnd
        r = rnd()
        if r < .4:
            return int(rnd() * 0x10000)
        if r < .7:
            return 0xFFFF ^ 1 << int(rnd() * 16)
        if r < .9:
            # Data that would do harm if it were taken for a command.
            return COMMANDS[int(rnd() * len(COMMANDS))]
        return 0xFFFF if r < .97 else 0

    # Cycles.

    def w(self, value, addr, effect=False):
        rnd = self.rnd
        op = WRITE
        if self.fail_share:
            if rnd() < (self.fail_share if effect else .03):
                op = WRITE_FAIL
        cur = self.cur
        cur.append((op, value, self.wild(addr)))
        while rnd() < self.read_share:
            cur.append((READ, 0, self.wild(self.place())))
        if rnd() < .04:
            cur.append((STATE, 0, 0))

    def cmd(self, cmd, addr=None, effect=False):
        if addr is None:
            addr = self.place()
        self.w(self.command(cmd), addr, effect)

    def r(self, addr):
        self.cur.append((READ, 0, self.wild(addr)))

    def reset(self):
        self.cur.append((RESET, 0, 0))

    # Segments.

    def seg_word(self):
        self.cmd(0x40 if self.rnd() < .6 else 0x10)
        addr = self.place()
        self.w(self.data(), addr, True)
        self.after(addr)

    def seg_erase(self):
        # Both addresses alike as drivers do, or not: the second counts.
        first = self.place()
        second = first if self.rnd() < .4 else self.place()
        self.cmd(0x20, first)
        if self.rnd() < .85:
            self.cmd(0xD0, second, True)
        else:
            self.cmd(self.any_byte(), second, True)
        start = second - second % self.block
        self.after(start, start + self.block - 1,
                   (start + self.block) % self.words,
                   (start - 1) % self.words, first)

    def seg_lock(self):
        rnd = self.rnd
        self.cmd(0x60)
        addr = self.place()
        r = rnd()
        if r < .45:
            cmd = 0xD0
        elif r < .65:
            cmd = 0x01
        elif r < .75:
            cmd = 0x2F
        elif r < .83:
            cmd = 0x03
        elif r < .88:
            cmd = 0x04
        else:
            cmd = self.any_byte()
        self.cmd(cmd, addr)
        if rnd() < .6:
            self.cmd(0x90)
            self.r(addr - addr % self.block + 2)
            self.r(addr - addr % self.block + 5)

    def seg_mode(self):
        rnd = self.rnd
        for _ in range(1 + int(rnd() * 3)):
            r = rnd()
            if r < .6:
                self.cmd((0xFF, 0x70, 0x50, 0x90, 0x98)[int(rnd() * 5)])
            elif r < .75:
                self.cmd(0xD0 if rnd() < .5 else 0xB0)
            else:
                self.cmd(ILLEGAL[int(rnd() * len(ILLEGAL))])
            self.r(self.place())

    def seg_noise(self):
        rnd = self.rnd
        for _ in range(1 + int(rnd() * 12)):
            if rnd() < .7:
                value = COMMANDS[int(rnd() * len(COMMANDS))]
                # Not all counts that follow an E8 by chance shall be
                # large ones.
                if rnd() < .1:
                    value |= int(rnd() * 256) << 8
            else:
                value = int(rnd() * 256)
            self.w(value, self.place(), True)

    def seg_sweep(self):
        """A few low bytes, each in one place of the state machine."""
        if self.chip.state != READY:
            self.reset()
        for _ in range(5):
            self.sweep()
        if self.rnd() < .5:
            self.cmd(0x50)

    def sweep(self):
        where, byte = divmod(self.sweep_cell % SWEEP_CELLS, 256)
        self.sweep_cell += 1
        if where < 3:
            self.cmd((0xFF, 0x70, 0x98)[where])
        elif where < 3 + len(SWEEP_SETUPS):
            self.cmd(SWEEP_SETUPS[where - 3])
        else:
            addr = self.place()
            self.cmd(0xE8)
            self.w(0, addr)
            self.w(self.data(), addr)
        self.cmd(byte, None, True)
        self.r(self.place())
        self.cur.append((STATE, 0, 0))
        if where < 3 and byte in SETUPS:
            self.reset()                     # the next cell needs READY

    def seg_blank(self):
        """Blank check, often of a block erased to but one word."""
        rnd = self.rnd
        addr = self.place()
        start = addr - addr % self.block
        if rnd() < .7:
            if rnd() < .6:
                self.cmd(0x60)
                self.cmd(0xD0, addr)
            self.cmd(0x20, addr)
            self.cmd(0xD0, addr, True)
        if rnd() < .6:
            self.odd_word(start)
        if rnd() < .2:
            self.cmd(0x60)
            self.cmd(0x01 if rnd() < .8 else 0x2F, addr)
        if rnd() < .8:
            self.cmd(0x50)                  # so that the outcome shows
        self.cmd(0xBC, addr if rnd() < .3 else self.place())
        if rnd() < .9:
            self.cmd(0xD0, start if rnd() < .3 else addr, True)
        else:
            self.cmd(self.any_byte(), addr, True)
        self.r(self.place())
        self.after(addr)

    def odd_word(self, start):
        """Program one bit in the block at start, or just outside it."""
        rnd = self.rnd
        off = (0, self.block - 1, int(rnd() * self.block),
               int(rnd() * self.block), -1, self.block)[int(rnd() * 6)]
        self.cmd(0x40)
        self.w(0xFFFF ^ 1 << int(rnd() * 16), (start + off) % self.words,
               True)

    def seg_otp_befp(self):
        rnd = self.rnd
        if rnd() < .5:
            self.cmd(0xC0)
            # In the plane's OTP area (80..) as well as elsewhere.
            addr = 0x80 + int(rnd() * 0x8A) if rnd() < .5 else \
                self.place()
            self.w(self.data(), addr % self.words, True)
        else:
            self.cmd(0x80)
            addr = self.place()
            if rnd() < .7:
                self.cmd(0xD0, addr, True)
            else:
                self.cmd(self.any_byte(), addr, True)
        addr %= self.words
        self.r(addr)
        self.after(addr, self.place())

    def seg_buffer(self):
        rnd = self.rnd
        block, buf = self.block, self.buf
        self.cmd(0xE8)
        r = rnd()
        # Long ones cost many cycles and show little more.
        if r < .55 or r < .84 and buf > 64 and rnd() < .7:
            n = int(rnd() * min(buf, 12))
        elif r < .70:
            n = int(rnd() * buf)
        elif r < .80:
            n = buf - 1
        elif r < .84:
            n = buf
        elif r < .90:
            n = 0
        elif r < .94:
            n = buf + int(rnd() * 40)
        elif r < .96:
            # Good only if the count's upper byte were ignored.
            n = int(rnd() * min(buf, 256)) | 0x100 << int(rnd() * 2)
        elif r < .98:
            n = 0xFFFF
        else:
            n = int(rnd() * 0x10000)
        self.w(n, self.place())
        total = n + 1
        start = self.start()
        r = rnd()
        if 12 < total <= block and rnd() < .6:
            base = start + int(rnd() * (block - total + 1))
        elif r < .25:
            base = start                     # aligned as drivers do
        elif r < .5:
            base = start + int(rnd() * block)
        elif r < .75:
            base = start + max(0, block - total)
        else:                                # perhaps over its end
            base = start + max(0, block - 1 - int(rnd() * 10))
        addrs = self.window(base, min(total, 600))
        if total > 600:
            # Only begun: what follows is taken for data, or a reset.
            del addrs[int(rnd() * 60):]
        for addr in addrs:
            self.w(self.data(), addr)
        if total > 600:
            if rnd() < .8:
                self.reset()
            return
        self.w_confirm(base)
        self.after(base, *[addrs[int(rnd() * len(addrs))]
                           for _ in range(3)])

    def w_confirm(self, base):
        rnd = self.rnd
        r = rnd()
        addr = 0 if r < .3 else base if r < .5 else self.place()
        r = rnd()
        if r < .88:
            self.cmd(0xD0, addr, True)
        elif r < .91:
            self.w(0xD000 | int(rnd() * 0xD0), addr, True)
        else:
            self.cmd(self.any_byte(), addr, True)

    def window(self, base, total):
        """Addresses of total data cycles, good ones or with one fault."""
        rnd = self.rnd
        buf, words = self.buf, self.words
        addrs = [base + i for i in range(total)]
        r = rnd()
        room = min(buf, self.block - base % self.block)
        if r < .30:
            pass
        elif r < .42:                        # in any order, base first
            tail = addrs[1:]
            self.rng.shuffle(tail)
            addrs[1:] = tail
        elif r < .60:                        # gaps and duplicates
            addrs = [base + int(rnd() * room) for _ in addrs]
            addrs[0] = base
        elif r < .68:                        # many duplicates
            addrs = [base + int(rnd() * min(room, 3)) for _ in addrs]
            addrs[0] = base
        elif total > 1:
            # Keep the rest good, so that just one word is at fault.
            addrs = [base + i % room for i in range(total)]
            i = 1 + int(rnd() * (total - 1))
            fault = int(rnd() * 7)
            if fault == 0:
                addrs[i] = base - 1
            elif fault == 1:
                addrs[i] = base + buf
            elif fault == 2:
                addrs[i] = base + buf - 1    # the last good one, if any
            elif fault == 3:
                addrs[i] = base + self.block
            elif fault == 4:
                addrs[i] = base - base % self.block + self.block
            elif fault == 5:
                addrs[i] = base - base % self.block + \
                    int(rnd() * self.block)
            else:
                addrs[i] = self.place()
        # In the last block "above" is the chip's first word again.
        return [a % words for a in addrs]

    def seg_long(self):
        self.cmd(0xE8)
        self.w(0xFFFF, 0)
        for i in range(0x10000):
            self.cur.append((WRITE, self.data(), self.place()))
            if not i & 0x3FF:
                self.r(self.place())
        self.r(0)
        self.cmd(0xD0, 0, True)
        self.r(0)

    def after(self, *addrs):
        """Look at the outcome: the status, the array, the next one."""
        rnd = self.rnd
        if rnd() < .5:
            self.r(self.place())
        if rnd() < .45:
            self.cmd(0xFF)
            for addr in addrs:
                self.r(addr)
        if rnd() < .4:
            self.cmd(0x50)

    def any_byte(self):
        if self.rnd() < .5:
            return COMMANDS[int(self.rnd() * len(COMMANDS))]
        return int(self.rnd() * 256)

    def generate(self):
        rnd = self.rnd
        segs = (self.seg_word, self.seg_erase, self.seg_lock,
                self.seg_mode, self.seg_noise, self.seg_sweep,
                self.seg_buffer, self.seg_blank, self.seg_otp_befp)
        weights = (24, 10, 12, 10, 6, 18, 22, 8, 5)
        if self.words > 8192:
            dump_share = 0
        else:
            dump_share = .03 if self.words <= 512 else .01
        chip = self.chip
        if self.number == LONG_STREAM:
            self.seg_long()
        while len(self.recs) < self.length:
            for seg in self.rng.choices(segs, weights, k=16):
                seg()
                r = rnd()
                cur = self.cur
                if r < .06:
                    # Cut short; the next command is its second cycle.
                    del cur[1 + int(rnd() * len(cur)):]
                    if r < .03:
                        self.reset()
                elif r < .08:
                    self.reset()
                if rnd() < dump_share:
                    cur.append((DUMP, 0, 0))
                self.flush()
                if chip.state == BP_DATA and chip.bp_left > 40 and \
                        rnd() < .9:
                    self.reset()
        self.flush()
        self.cur.append((DUMP, 0, 0))
        self.flush()

    def flush(self):
        run_model(self.chip, self.cur, self.expected)
        self.recs += self.cur
        self.cur = []

    def stdin(self):
        pack = RECORD.pack
        return self.header() + b"".join(
            [pack(op, 0, value, addr) for op, value, addr in self.recs])


# The comparer.

def run_driver(argv, data):
    """The driver's replies and a complaint about how it ended, if any."""
    try:
        res = subprocess.run(argv, input=data, stdout=subprocess.PIPE,
                             timeout=120, check=False)
    except subprocess.TimeoutExpired as exc:
        return exc.stdout or b"", "driver hangs"
    except OSError as exc:
        return b"", f"driver does not start: {exc.strerror}"
    if res.returncode:
        return res.stdout, f"driver's exit status is {res.returncode}"
    return res.stdout, None


def show(number, rec, note):
    op, value, addr = rec
    text = f"# {number:7d} {OP_NAMES[op]:10s}"
    if op in (WRITE, WRITE_FAIL):
        text += f" {addr:#010x} <- {value:#06x}"
    elif op == READ:
        text += f" {addr:#010x}"
    print(f"{text:44s}{note}")


def explain(stream, got, out=True):
    """Find the first reply that differs.  Returns its cycle, or None."""
    chip = stream.new_chip(Chip)
    want = stream.expected
    pos = 0
    lines = []
    bad = None
    for number, rec in enumerate(stream.recs):
        part = bytearray()
        run_model(chip, (rec,), part)
        end = pos + len(part)
        where = f"{STATE_NAMES[chip.state]}/{MODE_NAMES[chip.mode]} " \
                f"SR {chip.sr:02x}"
        if rec[0] in (READ, STATE):
            where += f" = {U16.unpack(part)[0]:#06x}"
        lines.append((number, rec, where))
        del lines[:-20]
        if part and got[pos:end] != part:
            bad = number
            break
        pos = end
    assert bytes(want[:pos]) == got[:pos]
    if not out:
        return bad
    print(f"# chip: {stream.words} words, blocks of {stream.block}, "
          f"buffer of {stream.buf}, wp {int(stream.wp)}")
    if bad is None:
        print(f"# driver said {len(got)} bytes, {len(want)} expected")
        return bad
    print("# the model's state after each of the last cycles:")
    for line in lines:
        show(*line)
    exp, have = bytes(part), got[pos:end]
    if len(have) < len(exp):
        print(f"# replies end here: {len(got)} of {len(want)} bytes")
    elif stream.recs[bad][0] == DUMP:
        explain_dump(stream, exp, have)
    else:
        print(f"# expected {U16.unpack(exp)[0]:#06x}, "
              f"got {U16.unpack(have)[0]:#06x}")
    return bad


def explain_dump(stream, exp, have):
    size = stream.words * 2
    left = 8
    a, b = bytes_to_words(exp[:size]), bytes_to_words(have[:size])
    for i in range(stream.words):
        if a[i] != b[i] and left:
            left -= 1
            print(f"# array[{i:#x}]: expected {a[i]:#06x}, "
                  f"got {b[i]:#06x}")
    for i in range(size, len(exp)):
        if exp[i] != have[i] and left:
            left -= 1
            print(f"# lock bits of block {i - size}: expected {exp[i]}, "
                  f"got {have[i]}")


def missing_coverage(cycles, hits, cov):
    missing = []
    if cycles >= 200000:
        missing += [name for name in MUST_HIT if not hits[name]]
    if cycles >= 1000000:
        for place in SWEEP_STATES:
            for byte in range(256):
                if not cov[place << 8 | byte]:
                    missing.append(
                        f"byte {byte:#04x} in "
                        f"{STATE_NAMES[place // 3]}/"
                        f"{MODE_NAMES[place % 3]}")
    return missing


def compare(argv, cycles, seed, only=None, quiet=False):
    """Run streams of so many bus cycles.  Returns (ok, summary)."""
    hits = Counter()
    cov = [0] * COV_SIZE
    ops = Counter()
    done = 0
    number = 0 if only is None else only
    while done < cycles:
        stream = Stream(seed, number, hits, cov)
        got, complaint = run_driver(argv, stream.stdin())
        kinds = Counter([rec[0] for rec in stream.recs])
        if complaint or got != stream.expected:
            # explain() steps a model again: not to be counted twice.
            stream.hits = stream.cov = None
            if not quiet:
                print(f"# seed {seed} stream {number}: "
                      f"{complaint or 'mismatch'}")
            bad = explain(stream, got, not quiet)
            return False, f"seed {seed} stream {number} cycle {bad}: " \
                          f"{complaint or 'mismatch'}"
        ops += kinds
        done += kinds[WRITE] + kinds[WRITE_FAIL] + kinds[READ]
        number += 1
        if only is not None:
            break
    if not quiet:
        for name in sorted(hits):
            print(f"# {hits[name]:8d} {name}")
    missing = missing_coverage(done, hits, cov) if only is None else ()
    programs = hits["word program"] + hits["buffer program"]
    errors = sum(n for name, n in hits.items() if name.startswith("E "))
    text = f"{done} cycles, {number if only is None else 1} streams, " \
           f"{ops[READ]} reads and {ops[DUMP]} dumps and " \
           f"{ops[STATE]} states compared, {programs} programs, " \
           f"{hits['erase']} erases, {errors} errors"
    if missing:
        for name in missing:
            print(f"# never reached: {name}")
        return False, f"seed {seed}: {len(missing)} cases not reached"
    return True, text


# The model's own facts.

def self_test():
    """The command table row by row; asserts only."""
    # 512 words of 4 blocks, 16 words of buffer.
    def new(wp=False, content=None):
        return Chip(512, 128, 16, wp,
                    content or array("H", (0xFFFF,)) * 512)

    def seq(chip, *cycles):
        for value, addr in cycles:
            chip.write(addr, value)

    def ident(chip, addr):
        state = chip.mode
        chip.mode = IDQ
        value = chip.read(addr)
        chip.mode = state
        return value

    # Power-up.
    c = new(content=array("H", range(512)))
    assert c.mappable() and c.sr == 0x80 and c.read(77) == 77
    assert c.read(512 + 77) == 77           # above the chip: masked

    # 90, 98: one plane.
    for cmd in (0x90, 0x98, 0xAB98):
        seq(c, (0xFF, 0), (cmd, 0x55))
        assert not c.mappable()
        assert [c.read(i) for i in (0, 1, 2, 3, 5)] == \
            [0x89, 0x18, 0, 0, 0xBFCF]
        assert [c.read(i) for i in range(0x10, 0x46)] == [
            0x51, 0x52, 0x59, 1, 0, 0x31, 0, 0, 0, 0, 0,
            0x17, 0x20, 0, 0, 8, 9, 10, 0, 1, 1, 2, 0,
            10, 1, 0, 5, 0, 1, 3, 0, 1, 0,
            0x50, 0x52, 0x49, 0x31, 0x30, 0x20, 0, 0, 0, 0, 3, 0,
            0x18, 0, 1, 0x80, 0, 3, 3, 0, 0]
        assert c.read(0x46) == 0 and c.read(127) == 0
        assert c.read(128) == 0x89 and c.read(128 + 0x10) == 0x51
    big = Chip(524288, 16384, 512, False, array("H", (0,)) * 524288)
    assert [big.plane[i] for i in (0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x2F,
                                   0x30)] == [20, 10, 0, 31, 0, 0x80, 0]

    # FF: array; 70: status.
    seq(c, (0x12FF, 3))
    assert c.mappable() and c.read(5) == 5
    seq(c, (0x70, 3))
    assert not c.mappable() and c.read(5) == 0x80

    # Illegal, D0 and B0 in READY: nothing changes, in every mode.
    known = (0xFF, 0x70, 0x50, 0x90, 0x98) + SETUPS
    for mode in (0xFF, 0x70, 0x90):
        for byte in range(256):
            if byte not in known:
                seq(c, (mode, 0))
                before = c.mode
                seq(c, (byte, 128))
                assert (c.state, c.mode, c.sr) == (READY, before, 0x80)
    for byte in ILLEGAL + (0xD0, 0xB0):
        assert byte not in known

    # 50: errors away, the mode stays.
    for mode, cmd in ((ARRAY, 0xFF), (STATUS, 0x70), (IDQ, 0x98)):
        c.sr = 0xBA
        seq(c, (cmd, 0), (0x50, 0))
        assert c.sr == 0x80 and c.mode == mode

    # 40, 10: AND, at the data cycle's address.
    for cmd in (0x40, 0x10, 0xFF40):
        c = new()
        seq(c, (cmd, 5))
        assert c.read(9) == 0x80 and not c.mappable()
        seq(c, (0x00FF, 9))
        assert c.mode == STATUS and c.read(9) == 0x80
        seq(c, (cmd, 5), (0xFF0F, 9))
        assert c.mem[9] == 0x000F and c.mem[5] == 0xFFFF and c.sr == 0x80
    seq(c, (0x60, 0), (0x01, 0), (0x40, 0), (0, 9))
    assert c.sr == 0x92 and c.mem[9] == 0x000F and c.mode == STATUS
    # Sticky over the next, good program; FF does not clear either.
    seq(c, (0x40, 0), (0x1234, 200), (0xFF, 0), (0x70, 0))
    assert c.read(0) == 0x92 and c.mem[200] == 0x1234

    # E8: second cycle N, N + 1 words, confirm anywhere.
    c = new()
    seq(c, (0xE8, 300))
    assert c.state == BP_COUNT and c.read(0) == 0x80
    seq(c, (2, 300))
    assert c.state == BP_DATA
    seq(c, (0x00D0, 300), (0x0020, 302))
    assert c.state == BP_DATA and c.mem[300] == 0xFFFF
    seq(c, (0x00F0, 300))                   # twice: the last wins
    assert c.state == BP_CONFIRM and c.mem[300] == 0xFFFF
    seq(c, (0x77D0, 0))
    assert c.state == READY and c.mode == STATUS and c.sr == 0x80
    assert list(c.mem[299:304]) == [0xFFFF, 0xF0, 0xFFFF, 0x20, 0xFFFF]

    def buffered(chip, base, addrs, n=None, confirm=0xD0):
        chip.sr = 0x80
        seq(chip, (0xE8, 0), (len(addrs) - 1 if n is None else n, 0))
        for addr in addrs:
            chip.write(addr, 0x5555)
        assert chip.state == BP_CONFIRM
        chip.write(base, confirm)
        assert chip.state == READY and chip.mode == STATUS
        return chip.sr, [i for i in range(512) if chip.mem[i] != 0xFFFF]

    c = new()
    assert buffered(c, 0, [100]) == (0x80, [100])
    full = list(range(100, 116))
    assert buffered(new(), 0, full) == (0x80, full)
    assert buffered(new(), 0, [100, 115]) == (0x80, [100, 115])
    assert buffered(new(), 0, [100, 116]) == (0xB0, [])     # window
    assert buffered(new(), 0, [100, 99]) == (0xB0, [])      # below
    assert buffered(new(), 0, [120, 128]) == (0xB0, [])     # block
    assert buffered(new(), 0, [511, 512]) == (0xB0, [])     # wraps
    assert buffered(new(), 0, full + [100]) == (0xB0, [])   # max + 1
    assert buffered(new(), 0, [3] * 0x10000) == (0xB0, [])
    for confirm in (0xFF, 0x00, 0xD000, 0xD1, 0xE8):
        assert buffered(new(), 0, [3], None, confirm) == (0xB0, [])
    c = new()
    seq(c, (0x60, 128), (0x01, 128))
    assert buffered(c, 0, [130, 131]) == (0x92, [])
    assert buffered(c, 130, [0, 1]) == (0x80, [0, 1])       # base's block
    assert buffered(c, 0, [130, 0]) == (0xB0, [0, 1])       # before lock

    # 20: the confirm's block; not at the setup; never unaligned.
    c = new(content=array("H", (0,)) * 512)
    seq(c, (0x20, 0))
    assert c.read(0) == 0x80 and not any(c.mem)
    seq(c, (0xEED0, 300))
    assert c.sr == 0x80 and c.mode == STATUS
    assert [i for i in range(512) if c.mem[i]] == list(range(256, 384))
    assert set(c.mem[256:384]) == {0xFFFF}
    for byte in (0xFF, 0x00, 0x20, 0x70, 0xD1):
        c = new(content=array("H", (0,)) * 512)
        seq(c, (0x20, 0), (byte, 0))
        assert c.sr == 0xB0 and c.mode == STATUS and not any(c.mem)
        assert c.state == READY
    seq(c, (0x50, 0), (0x60, 0), (0x01, 5), (0x20, 0), (0xD0, 7))
    assert c.sr == 0xA2 and not any(c.mem)

    # C0: the next write is data, whatever it is; always locked.
    for cmd in (0xC0, 0x77C0):
        for value, addr in ((0, 0x80), (0xD0, 0), (0xFF, 3), (0x90, 200),
                            (0x1234, 0x10A)):
            c = new()
            seq(c, (cmd, 0x80))
            assert c.state == OTP_SETUP and c.read(addr) == 0x80
            assert not c.mappable()
            seq(c, (value, addr))
            assert c.state == READY and c.mode == STATUS
            assert c.read(addr) == 0x92 and set(c.mem) == {0xFFFF}

    # 80: never Vpp of 9 V; a bad confirm is a botch.
    for value, sr in ((0xD0, 0x98), (0x55D0, 0x98), (0xFF, 0xB0),
                      (0x80, 0xB0), (0xD000, 0xB0), (0xD1, 0xB0)):
        c = new()
        seq(c, (0x90, 0), (0x80, 130))
        assert c.state == BEFP_SETUP and c.read(0) == 0x80
        seq(c, (value, 130))
        assert c.state == READY and c.mode == STATUS and c.read(2) == sr
        seq(c, (0x1234, 130))               # not a data word any more
        assert c.state == READY and set(c.mem) == {0xFFFF}

    # BC: the confirm's block, to its last bit, locked or not.
    def blank(chip, addr, confirm=0xD0):
        chip.sr = 0x80
        seq(chip, (0xFF, 0), (0xBC, 0))
        assert chip.state == BLANK_SETUP and chip.read(0) == 0x80
        seq(chip, (confirm, addr))
        assert chip.state == READY and chip.mode == STATUS
        return chip.read(0)

    c = new()
    for word in (128, 200, 255):
        for bit in (0, 15):
            c.mem[word] = 0xFFFF ^ 1 << bit
            assert [blank(c, a) for a in (127, 128, 255, 256, 384, 0)] == \
                [0x80, 0xA0, 0xA0, 0x80, 0x80, 0x80]
            c.mem[word] = 0xFFFF
    c.mem[200] = 0x7FFF
    assert blank(c, 512 + 130, 0x66D0) == 0xA0
    for confirm in (0xFF, 0xBC, 0xD000, 0xD1, 0x00):
        assert blank(c, 0, confirm) == blank(c, 200, confirm) == 0xB0
    seq(c, (0x60, 0), (0x01, 0), (0x60, 0), (0x2F, 128))
    assert blank(c, 0) == 0x80 and blank(c, 128) == 0xA0
    seq(c, (0xBC, 0), (0xD0, 0))            # sticky over a blank one
    assert c.read(0) == 0xA0 and c.mem[200] == 0x7FFF
    c = new(wp=True)
    assert blank(c, 3) == 0x80

    # 60: 01, D0, 2F at the second address; 03, 04; else a botch.
    c = new()
    seq(c, (0x90, 0), (0x60, 0))
    assert c.read(0) == 0x80
    seq(c, (0x01, 200))
    assert c.mode == STATUS and c.lock == [0, 1, 0, 0]
    assert ident(c, 130) == 1 and ident(c, 2) == 0
    seq(c, (0x60, 0), (0xD0, 200))
    assert c.lock == [0, 0, 0, 0] and c.sr == 0x80
    seq(c, (0x60, 0), (0x992F, 200))
    assert c.lock == [0, 3, 0, 0] and ident(c, 130) == 3
    seq(c, (0x60, 0), (0xD0, 200))          # WP# high
    assert c.lock == [0, 2, 0, 0]
    seq(c, (0x40, 0), (7, 200))
    assert c.sr == 0x80 and c.mem[200] == 7
    seq(c, (0x60, 0), (0x01, 200))
    assert c.lock == [0, 3, 0, 0]
    seq(c, (0x60, 0), (0x03, 0x1A5))
    assert c.mode == ARRAY and c.mappable() and c.rcr == 0x1A5
    assert ident(c, 5) == ident(c, 128 + 5) == 0x1A5
    seq(c, (0x70, 0), (0x60, 0), (0x04, 0x1FF))
    assert c.mappable() and c.rcr == 0x1A5
    seq(c, (0x60, 0), (0xFF, 0))
    assert c.mode == STATUS and c.sr == 0xB0 and c.state == READY

    # Reset, in the middle of a command: locks, RCR, SR, mode.
    seq(c, (0xE8, 0), (3, 0), (0, 0))
    c.reset()
    assert c.mappable() and c.sr == 0x80 and c.rcr == 0xBFCF
    assert c.lock == [0, 0, 0, 0] and c.mem[200] == 7
    seq(c, (0xD0, 0))
    assert c.mem[0] == 0xFFFF

    # A write protected part.
    c = new(wp=True, content=array("H", (0x1111,)) * 512)
    for cmd in (0xD0, 0x01, 0x2F):
        seq(c, (0x60, 0), (cmd, 0))
        assert c.lock == [3] * 4 and c.sr == 0x80
    seq(c, (0x20, 0), (0xD0, 0))
    assert c.sr == 0xA2
    seq(c, (0x50, 0), (0x10, 0), (0, 0))
    assert c.sr == 0x92
    seq(c, (0x50, 0), (0xE8, 0), (0, 0), (0, 0), (0xD0, 0))
    assert c.sr == 0x92 and set(c.mem) == {0x1111}

    # The medium fails: SR.4 or SR.5 with SR.3, the array stays.
    c = new(content=array("H", (0x1111,)) * 512)
    c.write(0, 0x40, True)                  # no effect to fail yet
    c.write(0, 0, True)
    assert c.sr == 0x98 and c.mode == STATUS
    seq(c, (0x50, 0), (0xE8, 0), (0, 0), (0, 0))
    c.write(0, 0xD0, True)
    assert c.sr == 0x98
    seq(c, (0x50, 0), (0x20, 0))
    c.write(0, 0xD0, True)
    assert c.sr == 0xA8 and set(c.mem) == {0x1111}
    seq(c, (0x50, 0), (0x60, 0))
    c.write(0, 0x01, True)                  # a lock is not on the medium
    assert c.sr == 0x80 and c.lock[0] == 1
    c.write(0, 0x20)
    c.write(0, 0xD0, True)                  # locked: nothing was asked
    assert c.sr == 0xA2
    for cmd, sr in ((0xC0, 0x92), (0x80, 0x98), (0xBC, 0xA0)):
        seq(c, (0x50, 0), (cmd, 200))
        c.write(200, 0xD0, True)            # none of them writes it
        assert c.sr == sr and set(c.mem) == {0x1111}
    c = new()
    seq(c, (0xBC, 200))
    c.write(200, 0xD0, True)
    assert c.sr == 0x80


# Deliberate bugs.  Each must be noticed, or the comparer is blind there.

MUTANTS = []


def mutant(cls):
    MUTANTS.append(cls)
    return cls


@mutant
class NoBug(Chip):
    """none: the model itself"""


@mutant
class ProgramOr(Chip):
    """program ORs"""
    def program(self, new):
        for addr, value in new.items():
            self.mem[addr] |= value


@mutant
class ProgramOverwrites(Chip):
    """program overwrites, as QEMU's and kvmtool's do"""
    def program(self, new):
        for addr, value in new.items():
            self.mem[addr] = value


@mutant
class EraseAtSetup(Chip):
    """erase at the setup cycle, as QEMU's"""
    def ready(self, addr, value, fail):
        super().ready(addr, value, fail)
        if self.state == ERASE_SETUP and not self.locked(addr):
            self.erase(addr)


@mutant
class EraseUnaligned(Chip):
    """erase from the raw address on"""
    def erase(self, addr):
        for i in range(addr, min(addr + self.block, self.words)):
            self.mem[i] = 0xFFFF


@mutant
class EraseShort(Chip):
    """erase leaves the block's last word"""
    def erase(self, addr):
        last = addr | (self.block - 1)
        keep = self.mem[last]
        super().erase(addr)
        self.mem[last] = keep


@mutant
class EraseFirstAddress(Chip):
    """erase takes the setup cycle's address"""
    def ready(self, addr, value, fail):
        super().ready(addr, value, fail)
        self.first = addr

    def erase_confirm(self, addr, value, fail):
        super().erase_confirm(self.first, value, fail)


@mutant
class EraseLockedBit(Chip):
    """locked erase sets SR.4, as kvmtool's"""
    def erase_confirm(self, addr, value, fail):
        if value & 0xFF == 0xD0 and self.locked(addr):
            self.done(0x12)
        else:
            super().erase_confirm(addr, value, fail)


@mutant
class EraseAnyConfirm(Chip):
    """erase with any second cycle"""
    def erase_confirm(self, addr, value, fail):
        super().erase_confirm(addr, 0xD0, fail)


@mutant
class ClearToArray(Chip):
    """0x50 goes to array mode"""
    def ready(self, addr, value, fail):
        super().ready(addr, value, fail)
        if value & 0xFF == 0x50:
            self.mode = ARRAY


@mutant
class ClearToZero(Chip):
    """0x50 clears SR.7 too, as QEMU's"""
    def ready(self, addr, value, fail):
        super().ready(addr, value, fail)
        if value & 0xFF == 0x50:
            self.sr = 0


@mutant
class ErrorsNotSticky(Chip):
    """a good program clears the errors"""
    def done(self, errors=0, mode=STATUS):
        self.sr = SR_READY
        super().done(errors, mode)


@mutant
class LockBitsWrong(Chip):
    """ID mode never tells lock-down"""
    def read_id(self, addr):
        value = super().read_id(addr)
        return value & 1 if addr & (self.block - 1) == 2 else value


@mutant
class LockOfBlockZero(Chip):
    """ID mode tells the first block's lock bits everywhere"""
    def read_id(self, addr):
        if addr & (self.block - 1) == 2:
            return self.lock[0]
        return super().read_id(addr)


@mutant
class UnlockDropsDown(Chip):
    """unlock clears the lock-down bit too"""
    def set_lock(self, block, cmd):
        super().set_lock(block, cmd)
        if cmd == 0xD0 and not self.wp:
            self.lock[block] = 0


@mutant
class LockDownAlways(Chip):
    """lock-down holds with WP# high"""
    def set_lock(self, block, cmd):
        if not self.lock[block] & 2:
            super().set_lock(block, cmd)


@mutant
class WpUnlocks(Chip):
    """WP# low does not hold"""
    def set_lock(self, block, cmd):
        if cmd == 0xD0:
            self.lock[block] &= ~1
        else:
            super().set_lock(block, cmd)


@mutant
class BufferOfZeros(Chip):
    """gaps of the buffer program zeros, as kvmtool's"""
    def program(self, new):
        for addr in range(min(new), max(new) + 1):
            self.mem[addr] &= new.get(addr, 0)


@mutant
class FirstDuplicateWins(Chip):
    """of two words for one address the first wins"""
    def bp_data(self, addr, value, fail):
        super().bp_data(addr, self.bp_words.get(addr, value), fail)


@mutant
class DuplicatesAnd(Chip):
    """two words for one address are ANDed in the buffer"""
    def bp_data(self, addr, value, fail):
        super().bp_data(addr, self.bp_words.get(addr, 0xFFFF) & value,
                        fail)


@mutant
class DistinctCounted(Chip):
    """N + 1 distinct words instead of writes"""
    def bp_data(self, addr, value, fail):
        if addr in self.bp_words:
            self.bp_left += 1
        super().bp_data(addr, value, fail)


@mutant
class CountOfOneByte(Chip):
    """only the count's low byte is used"""
    def bp_count(self, addr, value, fail):
        super().bp_count(addr, value & 0xFF, fail)


@mutant
class CountWraps(Chip):
    """0xffff + 1 words wraps to none"""
    def bp_count(self, addr, value, fail):
        super().bp_count(addr, value, fail)
        if value == 0xFFFF:
            self.state = BP_CONFIRM


@mutant
class CountTooStrict(Chip):
    """a full buffer is refused"""
    def bp_count(self, addr, value, fail):
        super().bp_count(addr, value, fail)
        if value == self.buf - 1:
            self.bp_err = True


@mutant
class CountTooLax(Chip):
    """one word more than the buffer holds"""
    def bp_count(self, addr, value, fail):
        super().bp_count(addr, value, fail)
        if value == self.buf:
            self.bp_err = False


@mutant
class CountDropsToReady(Chip):
    """a bad count ends the command at once"""
    def bp_count(self, addr, value, fail):
        super().bp_count(addr, value, fail)
        if self.bp_err:
            self.done(SR_BOTCH)


@mutant
class ForeignDropsToReady(Chip):
    """a bad data address ends the command at once"""
    def bp_data(self, addr, value, fail):
        before = self.bp_err
        super().bp_data(addr, value, fail)
        if self.bp_err and not before:
            self.done(SR_BOTCH)


@mutant
class ForeignSkipped(Chip):
    """a bad data address is not an error"""
    def bp_data(self, addr, value, fail):
        before = self.bp_err
        super().bp_data(addr, value, fail)
        self.bp_err = before


@mutant
class WindowOffByOne(Chip):
    """the window is one word too long"""
    def bp_data(self, addr, value, fail):
        self.buf += 1
        super().bp_data(addr, value, fail)
        self.buf -= 1


@mutant
class WindowOfCount(Chip):
    """the window is of the count's size"""
    def bp_count(self, addr, value, fail):
        super().bp_count(addr, value, fail)
        self.count = value + 1

    def bp_data(self, addr, value, fail):
        buf, self.buf = self.buf, min(self.buf, self.count)
        super().bp_data(addr, value, fail)
        self.buf = buf


@mutant
class BaseAtCount(Chip):
    """the base is the count cycle's address"""
    def bp_count(self, addr, value, fail):
        super().bp_count(addr, value, fail)
        self.bp_base = addr


@mutant
class ErrorStillPrograms(Chip):
    """at a botch the good words are programmed"""
    def bp_confirm(self, addr, value, fail):
        if self.bp_err and value & 0xFF == 0xD0 and \
                not self.locked(self.bp_base):
            self.program(self.bp_words)
        super().bp_confirm(addr, value, fail)


@mutant
class ConfirmChecksAddress(Chip):
    """the confirm must be in base's block: breaks EDK2"""
    def bp_confirm(self, addr, value, fail):
        if (addr ^ self.bp_base) >> self.shift:
            self.bp_err = True
        super().bp_confirm(addr, value, fail)


@mutant
class ConfirmLockAddress(Chip):
    """the lock is looked up at the confirm's address"""
    def bp_confirm(self, addr, value, fail):
        if not self.bp_err and value & 0xFF == 0xD0 and \
                self.locked(addr):
            self.done(0x12)
        else:
            super().bp_confirm(addr, value, fail)


@mutant
class LockedBeforeBotch(Chip):
    """on a locked block the lock error comes before the botch"""
    def bp_confirm(self, addr, value, fail):
        if value & 0xFF == 0xD0 and self.locked(self.bp_base):
            self.bp_err = False
        super().bp_confirm(addr, value, fail)


@mutant
class ConfirmSixteenBits(Chip):
    """the confirm's DQ15..8 matter"""
    def bp_confirm(self, addr, value, fail):
        super().bp_confirm(addr, value if value == 0xD0 else 0, fail)


@mutant
class BadConfirmSilent(Chip):
    """no error at a bad confirm, array mode, as QEMU's"""
    def bp_confirm(self, addr, value, fail):
        if value & 0xFF != 0xD0:
            self.done(0, ARRAY)
        else:
            super().bp_confirm(addr, value, fail)


@mutant
class StaleBuffer(Chip):
    """a second buffered program keeps the first one's words"""
    def ready(self, addr, value, fail):
        old = self.bp_words
        super().ready(addr, value, fail)
        if self.state == BP_COUNT:
            self.old = old

    def bp_confirm(self, addr, value, fail):
        for a, v in self.old.items():
            if (a ^ self.bp_base) >> self.shift == 0:
                self.bp_words.setdefault(a, v)
        super().bp_confirm(addr, value, fail)


@mutant
class StaleError(Chip):
    """a bad count's flag stays for the next buffered program"""
    def ready(self, addr, value, fail):
        err = self.bp_err
        super().ready(addr, value, fail)
        self.bp_err = err


@mutant
class RefusesE8(Chip):
    """E8 is refused while SR.4 or SR.5 is set, as J3's"""
    def ready(self, addr, value, fail):
        if value & 0xFF != 0xE8 or not self.sr & SR_BOTCH:
            super().ready(addr, value, fail)


@mutant
class UnknownToArray(Chip):
    """an unknown command goes to array mode"""
    def ready(self, addr, value, fail):
        before = self.mode
        super().ready(addr, value, fail)
        if value & 0xFF in ILLEGAL and before != ARRAY:
            self.mode = ARRAY


@mutant
class OneUnknownToArray(Chip):
    """just 0x7f goes to array mode"""
    def ready(self, addr, value, fail):
        super().ready(addr, value, fail)
        if value & 0xFF == 0x7F:
            self.mode = ARRAY


@mutant
class ResumeBotches(Chip):
    """D0 in READY is a botch"""
    def ready(self, addr, value, fail):
        super().ready(addr, value, fail)
        if value & 0xFF == 0xD0:
            self.sr |= SR_BOTCH


@mutant
class SuspendShowsStatus(Chip):
    """B0 in READY goes to status mode"""
    def ready(self, addr, value, fail):
        super().ready(addr, value, fail)
        if value & 0xFF == 0xB0:
            self.mode = STATUS


@mutant
class CommandSixteenBits(Chip):
    """a command's DQ15..8 matter"""
    def ready(self, addr, value, fail):
        super().ready(addr, value if value < 0x100 else 0, fail)


@mutant
class LockedWordPrograms(Chip):
    """a locked word is programmed all the same"""
    def pgm_data(self, addr, value, fail):
        if self.locked(addr):
            self.program({addr: value})
        super().pgm_data(addr, value, fail)


@mutant
class PlaneEvery256(Chip):
    """the ID plane repeats every 256 words"""
    def read_id(self, addr):
        idx = addr & 0xFF
        if addr & (self.block - 1) in (2, 5) or self.block < 256 or \
                idx in (2, 5) or idx >= len(self.plane):
            return super().read_id(addr)
        return self.plane[idx]


@mutant
class QueryOnlyOnce(Chip):
    """the query table is in the first block only"""
    def read_id(self, addr):
        idx = addr & (self.block - 1)
        if addr >> self.shift and idx >= 0x10:
            return 0
        return super().read_id(addr)


@mutant
class RcrToStatus(Chip):
    """60/03 goes to status mode"""
    def lock_confirm(self, addr, value, fail):
        super().lock_confirm(addr, value, fail)
        self.mode = STATUS


@mutant
class RcrFromData(Chip):
    """the RCR's value comes from the data"""
    def lock_confirm(self, addr, value, fail):
        super().lock_confirm(addr, value, fail)
        if value & 0xFF == 3:
            self.rcr = value


@mutant
class RcrUnmasked(Chip):
    """the RCR takes address bits above the chip"""
    def write(self, addr, value, fail=False):
        lock = self.state == LOCK_SETUP
        super().write(addr, value, fail)
        if lock and value & 0xFF == 3:
            self.rcr = addr & 0xFFFF


@mutant
class ResetKeepsRcr(Chip):
    """a reset keeps the RCR"""
    def reset(self):
        rcr = self.rcr
        super().reset()
        self.rcr = rcr


@mutant
class ResetKeepsLocks(Chip):
    """a reset keeps the locks"""
    def reset(self):
        lock = self.lock
        super().reset()
        self.lock = lock


@mutant
class ResetKeepsCommand(Chip):
    """a reset keeps an erase setup"""
    def reset(self):
        state = self.state
        super().reset()
        if state == ERASE_SETUP:
            self.state = state


@mutant
class MediumChangesArray(Chip):
    """the array changes though the medium failed"""
    def pgm_data(self, addr, value, fail):
        if fail and not self.locked(addr):
            self.program({addr: value})
        super().pgm_data(addr, value, fail)


@mutant
class MediumErases(Chip):
    """the block reads erased though the medium failed"""
    def erase_confirm(self, addr, value, fail):
        if fail and value & 0xFF == 0xD0 and not self.locked(addr):
            self.erase(addr)
        super().erase_confirm(addr, value, fail)


@mutant
class MediumWithoutVpp(Chip):
    """a medium failure does not set SR.3"""
    def done(self, errors=0, mode=STATUS):
        super().done(errors & ~SR_VPP, mode)


@mutant
class MediumSilent(Chip):
    """a buffer's medium failure is not told"""
    def bp_confirm(self, addr, value, fail):
        before = self.sr
        super().bp_confirm(addr, value, fail)
        if self.sr & SR_VPP:
            self.sr = before


@mutant
class SetupKeepsMode(Chip):
    """reads after a lock setup give the old mode, as kvmtool's"""
    def ready(self, addr, value, fail):
        before = self.mode
        super().ready(addr, value, fail)
        self.before = before

    def read(self, addr):
        if self.state == LOCK_SETUP and self.before == ARRAY:
            return self.mem[addr & self.mask]
        return super().read(addr)


@mutant
class MappedInStatus(Chip):
    """status mode counts as mappable"""
    def mappable(self):
        return int(self.state == READY and self.mode != IDQ)


class SetupIgnored(Chip):
    """Not a mutant itself: one setup command does nothing."""
    ignored = None

    def ready(self, addr, value, fail):
        if value & 0xFF != self.ignored:
            super().ready(addr, value, fail)


@mutant
class OtpIgnored(SetupIgnored):
    """C0 is an illegal command"""
    ignored = 0xC0


@mutant
class BefpIgnored(SetupIgnored):
    """80 is an illegal command"""
    ignored = 0x80


@mutant
class BlankIgnored(SetupIgnored):
    """BC is an illegal command"""
    ignored = 0xBC


@mutant
class OtpToArray(Chip):
    """an OTP program goes to the array"""
    def otp_data(self, addr, value, fail):
        self.program({addr: value})
        super().otp_data(addr, value, fail)


@mutant
class OtpUnlocked(Chip):
    """an OTP program is dropped without an error"""
    def otp_data(self, addr, value, fail):
        self.done()


@mutant
class OtpConfirm(Chip):
    """an OTP program's data is taken for a confirm"""
    def otp_data(self, addr, value, fail):
        if value & 0xFF == 0xFF:
            self.done(SR_BOTCH)
        else:
            super().otp_data(addr, value, fail)


@mutant
class OtpMedium(Chip):
    """an OTP program can fail on the medium"""
    def otp_data(self, addr, value, fail):
        if fail:
            self.done(SR_PROGRAM | SR_VPP)
        else:
            super().otp_data(addr, value, fail)


@mutant
class BefpAnyConfirm(Chip):
    """BEFP with any second cycle"""
    def befp_confirm(self, addr, value, fail):
        super().befp_confirm(addr, 0xD0, fail)


@mutant
class BefpLocked(Chip):
    """BEFP tells the lock instead of Vpp"""
    def befp_confirm(self, addr, value, fail):
        if value & 0xFF == 0xD0 and self.locked(addr):
            self.done(SR_PROGRAM | SR_LOCKED)
        else:
            super().befp_confirm(addr, value, fail)


@mutant
class BefpWaits(Chip):
    """after the BEFP confirm a data word is taken"""
    def befp_confirm(self, addr, value, fail):
        super().befp_confirm(addr, value, fail)
        if value & 0xFF == 0xD0:
            self.state = PGM_SETUP


@mutant
class BlankAnyConfirm(Chip):
    """blank check with any second cycle"""
    def blank_confirm(self, addr, value, fail):
        super().blank_confirm(addr, 0xD0, fail)


@mutant
class BlankSixteenBits(Chip):
    """blank check: the confirm's DQ15..8 matter"""
    def blank_confirm(self, addr, value, fail):
        super().blank_confirm(addr, value if value == 0xD0 else 0, fail)


@mutant
class BlankFirstAddress(Chip):
    """blank check takes the setup cycle's address"""
    def ready(self, addr, value, fail):
        super().ready(addr, value, fail)
        self.first = addr

    def blank_confirm(self, addr, value, fail):
        super().blank_confirm(self.first, value, fail)


@mutant
class BlankShort(Chip):
    """blank check leaves out the block's last word"""
    def blank(self, addr):
        start = addr & ~(self.block - 1)
        return self.mem[start:start + self.block - 1].count(0xFFFF) == \
            self.block - 1


@mutant
class BlankLong(Chip):
    """blank check takes in the next block's first word"""
    def blank(self, addr):
        end = (addr | (self.block - 1)) + 1
        return super().blank(addr) and \
            self.mem[end & self.mask] == 0xFFFF


@mutant
class BlankUnaligned(Chip):
    """blank check from the raw address on"""
    def blank(self, addr):
        end = (addr | (self.block - 1)) + 1
        return self.mem[addr:end].count(0xFFFF) == end - addr


@mutant
class BlankLowBytes(Chip):
    """blank check looks at the low bytes only"""
    def blank(self, addr):
        start = addr & ~(self.block - 1)
        return all(word & 0xFF == 0xFF
                   for word in self.mem[start:start + self.block])


@mutant
class BlankLocked(Chip):
    """blank check refuses a locked block"""
    def blank_confirm(self, addr, value, fail):
        if value & 0xFF == 0xD0 and self.locked(addr):
            self.done(SR_ERASE | SR_LOCKED)
        else:
            super().blank_confirm(addr, value, fail)


@mutant
class BlankMedium(Chip):
    """blank check fails with a medium which refuses writes"""
    def blank_confirm(self, addr, value, fail):
        if value & 0xFF == 0xD0 and fail:
            self.done(SR_ERASE | SR_VPP)
        else:
            super().blank_confirm(addr, value, fail)


@mutant
class BlankClears(Chip):
    """a blank block's check clears SR.5"""
    def blank_confirm(self, addr, value, fail):
        if value & 0xFF == 0xD0:
            self.sr &= ~SR_ERASE
        super().blank_confirm(addr, value, fail)


@mutant
class BlankErases(Chip):
    """blank check erases the block"""
    def blank_confirm(self, addr, value, fail):
        super().blank_confirm(addr, value, fail)
        if value & 0xFF == 0xD0 and not self.locked(addr):
            self.erase(addr)


@mutant
class AddressClamped(Chip):
    """an address above the chip is the last word"""
    def write(self, addr, value, fail=False):
        super().write(min(addr, self.mask), value, fail)


def serve(cls):
    """The model as a driver."""
    data = sys.stdin.buffer.read()
    words, block, buf, flags = HEADER.unpack_from(data)
    pos = HEADER.size + words * 2
    chip = cls(words, block, buf, flags & 1,
               bytes_to_words(data[HEADER.size:pos]))
    out = bytearray()
    run_model(chip, [(op, value, addr) for op, _, value, addr in
                     RECORD.iter_unpack(data[pos:])], out)
    sys.stdout.buffer.write(out)


def mutants(cycles, seed):
    """Every bug must be seen, and the model must agree with itself."""
    blind = []
    for k, cls in enumerate(MUTANTS):
        begin = time.monotonic()
        same, text = compare([sys.executable, os.path.abspath(__file__),
                              "--self-driver", "--mutate", str(k)],
                             cycles if k else min(cycles, 100000), seed,
                             quiet=True)
        print(f"# {k:2d} {cls.__doc__}: "
              f"{'NOT SEEN' if k and same else text} "
              f"({time.monotonic() - begin:.1f} s)", flush=True)
        if same != (k == 0):
            blind.append(k)
    return not blind, f"{len(MUTANTS) - 1} mutants" + \
        (f", wrong: {blind}" if blind else " all seen")


def main():
    parser = argparse.ArgumentParser(
        description="CFI NOR flash chip: reference model and comparer")
    parser.add_argument("driver", nargs="?")
    parser.add_argument("--cycles", type=int, default=1000000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stream", type=int)
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--mutants", action="store_true",
                        help="show that the comparer sees planted bugs")
    parser.add_argument("--self-driver", action="store_true",
                        help=argparse.SUPPRESS)
    parser.add_argument("--mutate", type=int, default=0,
                        help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.seed < 0:
        parser.error("the seed must not be negative")

    if args.self_driver:
        serve(MUTANTS[args.mutate])
        return 0
    if args.self_test:
        self_test()
        ok, text = True, "the model's own facts"
    elif args.mutants:
        ok, text = mutants(args.cycles, args.seed)
    elif args.driver:
        ok, text = compare([os.path.abspath(args.driver)], args.cycles,
                           args.seed, args.stream)
    else:
        parser.error("a driver is needed")
    print("1..1")
    print(f"{'ok' if ok else 'not ok'} 1 - cfi_model: {text}")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The description of an arm64 CPU. The first two features and their registers
 * are those that GDB wants to find, by these names (its manual, "AArch64
 * Features"): it refuses a CPU without cpsr. System registers, of which it
 * knows nothing, are a feature of lkvm's own, with Arm's names, in the group
 * "system".
 *
 * Constant tables without any state: gdb_aarch64_describe() has a target point
 * to them, gdb/description.c writes them as XML, and arm/debugger*.c reads and
 * writes the registers by the numbers of the enum in lkvm/gdb/aarch64.h. So the
 * order of each table is part of the interface: a register's number is its
 * place, counted through all features.
 */
#include "lkvm/gdb/aarch64.h"

/* Arm ARM, C5.2.19, SPSR_EL1 of AArch64 state. */
static const char core_types[] =
	"<flags id=\"cpsr_flags\" size=\"4\">\n"
	"<field name=\"SP\" start=\"0\" end=\"0\" type=\"bool\"/>\n"
	"<field name=\"EL\" start=\"2\" end=\"3\" type=\"uint32\"/>\n"
	"<field name=\"nRW\" start=\"4\" end=\"4\" type=\"bool\"/>\n"
	"<field name=\"F\" start=\"6\" end=\"6\" type=\"bool\"/>\n"
	"<field name=\"I\" start=\"7\" end=\"7\" type=\"bool\"/>\n"
	"<field name=\"A\" start=\"8\" end=\"8\" type=\"bool\"/>\n"
	"<field name=\"D\" start=\"9\" end=\"9\" type=\"bool\"/>\n"
	"<field name=\"BTYPE\" start=\"10\" end=\"11\" type=\"uint32\"/>\n"
	"<field name=\"SSBS\" start=\"12\" end=\"12\" type=\"bool\"/>\n"
	"<field name=\"IL\" start=\"20\" end=\"20\" type=\"bool\"/>\n"
	"<field name=\"SS\" start=\"21\" end=\"21\" type=\"bool\"/>\n"
	"<field name=\"PAN\" start=\"22\" end=\"22\" type=\"bool\"/>\n"
	"<field name=\"UAO\" start=\"23\" end=\"23\" type=\"bool\"/>\n"
	"<field name=\"DIT\" start=\"24\" end=\"24\" type=\"bool\"/>\n"
	"<field name=\"TCO\" start=\"25\" end=\"25\" type=\"bool\"/>\n"
	"<field name=\"V\" start=\"28\" end=\"28\" type=\"bool\"/>\n"
	"<field name=\"C\" start=\"29\" end=\"29\" type=\"bool\"/>\n"
	"<field name=\"Z\" start=\"30\" end=\"30\" type=\"bool\"/>\n"
	"<field name=\"N\" start=\"31\" end=\"31\" type=\"bool\"/>\n"
	"</flags>\n";

/* The same 128 bits as elements of each size. */
static const char fpu_types[] =
	"<vector id=\"f64x2\" type=\"ieee_double\" count=\"2\"/>\n"
	"<vector id=\"u64x2\" type=\"uint64\" count=\"2\"/>\n"
	"<vector id=\"s64x2\" type=\"int64\" count=\"2\"/>\n"
	"<vector id=\"f32x4\" type=\"ieee_single\" count=\"4\"/>\n"
	"<vector id=\"u32x4\" type=\"uint32\" count=\"4\"/>\n"
	"<vector id=\"s32x4\" type=\"int32\" count=\"4\"/>\n"
	"<vector id=\"u16x8\" type=\"uint16\" count=\"8\"/>\n"
	"<vector id=\"s16x8\" type=\"int16\" count=\"8\"/>\n"
	"<vector id=\"u8x16\" type=\"uint8\" count=\"16\"/>\n"
	"<vector id=\"s8x16\" type=\"int8\" count=\"16\"/>\n"
	"<union id=\"as_d\"><field name=\"f\" type=\"f64x2\"/>"
	"<field name=\"u\" type=\"u64x2\"/>"
	"<field name=\"s\" type=\"s64x2\"/></union>\n"
	"<union id=\"as_s\"><field name=\"f\" type=\"f32x4\"/>"
	"<field name=\"u\" type=\"u32x4\"/>"
	"<field name=\"s\" type=\"s32x4\"/></union>\n"
	"<union id=\"as_h\"><field name=\"u\" type=\"u16x8\"/>"
	"<field name=\"s\" type=\"s16x8\"/></union>\n"
	"<union id=\"as_b\"><field name=\"u\" type=\"u8x16\"/>"
	"<field name=\"s\" type=\"s8x16\"/></union>\n"
	"<union id=\"simd\"><field name=\"d\" type=\"as_d\"/>"
	"<field name=\"s\" type=\"as_s\"/><field name=\"h\" type=\"as_h\"/>"
	"<field name=\"b\" type=\"as_b\"/>"
	"<field name=\"q\" type=\"uint128\"/></union>\n";

#define X(n)                              \
	{                                 \
		"x" #n, 64, "int64", NULL \
	}
#define V(n)                              \
	{                                 \
		"v" #n, 128, "simd", NULL \
	}
/*
 * The place in the table follows from the number, so it cannot disagree with
 * the enum.
 */
#define SYSTEM(name_) \
	[GDB_##name_ - GDB_SYSTEM] = { #name_, 64, "uint64", "system" }

static const struct gdb_register core[] = {
	X(0),
	X(1),
	X(2),
	X(3),
	X(4),
	X(5),
	X(6),
	X(7),
	X(8),
	X(9),
	X(10),
	X(11),
	X(12),
	X(13),
	X(14),
	X(15),
	X(16),
	X(17),
	X(18),
	X(19),
	X(20),
	X(21),
	X(22),
	X(23),
	X(24),
	X(25),
	X(26),
	X(27),
	X(28),
	X(29),
	X(30),
	{ "sp", 64, "data_ptr", NULL },
	{ "pc", 64, "code_ptr", NULL },
	{ "cpsr", 32, "cpsr_flags", NULL },
};

static const struct gdb_register fpu[] = {
	V(0),
	V(1),
	V(2),
	V(3),
	V(4),
	V(5),
	V(6),
	V(7),
	V(8),
	V(9),
	V(10),
	V(11),
	V(12),
	V(13),
	V(14),
	V(15),
	V(16),
	V(17),
	V(18),
	V(19),
	V(20),
	V(21),
	V(22),
	V(23),
	V(24),
	V(25),
	V(26),
	V(27),
	V(28),
	V(29),
	V(30),
	V(31),
	{ "fpsr", 32, "int", "float" },
	{ "fpcr", 32, "int", "float" },
};

/*
 * Those that help to see why a kernel has stopped: translation, exceptions,
 * timer and identity. They are not among the first nr_general, so GDB reads one
 * only when it is asked for.
 */
static const struct gdb_register system_registers[] = {
	SYSTEM(SCTLR_EL1),   SYSTEM(CPACR_EL1),	   SYSTEM(TTBR0_EL1),
	SYSTEM(TTBR1_EL1),   SYSTEM(TCR_EL1),	   SYSTEM(MAIR_EL1),
	SYSTEM(VBAR_EL1),    SYSTEM(ELR_EL1),	   SYSTEM(SPSR_EL1),
	SYSTEM(ESR_EL1),     SYSTEM(FAR_EL1),	   SYSTEM(PAR_EL1),
	SYSTEM(SP_EL0),	     SYSTEM(SP_EL1),	   SYSTEM(TPIDR_EL0),
	SYSTEM(TPIDRRO_EL0), SYSTEM(TPIDR_EL1),	   SYSTEM(CONTEXTIDR_EL1),
	SYSTEM(CNTKCTL_EL1), SYSTEM(CNTV_CTL_EL0), SYSTEM(CNTV_CVAL_EL0),
	SYSTEM(MIDR_EL1),    SYSTEM(MPIDR_EL1),
};

static const struct gdb_feature features[] = {
	{ "org.gnu.gdb.aarch64.core", core_types, core, ARRAY_SIZE(core) },
	{ "org.gnu.gdb.aarch64.fpu", fpu_types, fpu, ARRAY_SIZE(fpu) },
	{ "org.lkvm.aarch64.system", NULL, system_registers,
	  ARRAY_SIZE(system_registers) },
};

/*
 * Packet g, which GDB sends after each stop, ends before the system registers:
 * most sessions never look at them.
 */
void gdb_aarch64_describe(struct gdb_target *target)
{
	target->architecture = "aarch64";
	target->nr_features = ARRAY_SIZE(features);
	for (unsigned int i = 0; i < ARRAY_SIZE(features); i++)
		target->features[i] = &features[i];
	target->nr_general = GDB_SYSTEM;
}

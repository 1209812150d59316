# EDK2 for kvmtool's machine, from Debian's source
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154

# edk2_firmware FOLDER DEBUG|RELEASE [SUITE]: build/FOLDER/KVMTOOL_EFI.fd, of the
# source in that release of Debian or else this machine's
edk2_firmware() {
	source_of edk2 ${3:+"$3"}
	# It makes the shell want a library class that this platform does not name.
	no_shell=debian/patches/Disable-the-Shell-when-SecureBoot-is-enabled.patch
	if ! grep -q SecureBootVariableLib edk2/ArmVirtPkg/ArmVirtKvmTool.dsc &&
		[ -e "edk2/$no_shell" ]; then
		(cd edk2 && patch -R -p1 <"$no_shell") >>"$log" 2>&1 || return 1
	fi
	# It maps all that is above DRAM as a device, up to the CPU's last physical
	# address. Its tables have 48 bits of 52 (QEMU's max), so that this comes
	# around onto DRAM, from which nothing can be executed then.
	sed -i 's/ArmGetPhysicalAddressBits ()/MIN (&, 48)/' \
		edk2/ArmVirtPkg/Library/KvmtoolVirtMemInfoLib/KvmtoolVirtMemInfoLib.c || return 1
	# GCC5 uses LTO, which needs a stub library that Debian's source has not got.
	# GCC49 is gone in newer sources, which have GCCNOLTO.
	tag=GCC49
	if ! grep -q "_${tag}_AARCH64" edk2/BaseTools/Conf/tools_def.template; then
		tag=GCCNOLTO
	fi
	# A DEBUG firmware prints where each of its modules was built. That has to
	# have the same length everywhere, or exits could not be compared.
	place=$(mktemp -d /tmp/edk2.XXXXXX) || return 1
	ln -s "$PWD/edk2" "$place/edk2"
	say "$1: building, in two minutes or so; see $log"
	edk2_build "$place/edk2" "$tag" "$2" >>"$log" 2>&1
	built=$?
	rm -rf "$place"
	[ $built = 0 ] || return 1
	mkdir firmware
	cp edk2/Build/ArmVirtKvmTool-AARCH64/"$2_$tag"/FV/KVMTOOL_EFI.fd edk2/License.txt \
		firmware/ || return 1
	publish firmware "$1"
}

# edk2_build FOLDER TAG DEBUG|RELEASE. What a compiler warns of in it is not ours
# to mend, and other compilers warn of other things. Nobody debugs it by its sources,
# and its tools have little to do: what makes them fast takes longer than they do.
edk2_build() {
	# shellcheck disable=SC2016
	nice bash -c '
		set -e
		cd "$1"
		tag=$2
		kind=$3
		export "${tag}_AARCH64_PREFIX=$4"
		export PYTHON3_ENABLE=TRUE PYTHON_COMMAND=/usr/bin/python3
		unset WORKSPACE EDK_TOOLS_PATH CONF_PATH
		set --
		. ./edksetup.sh
		sed -i "s/ -Werror / /" Conf/tools_def.txt
		sed -i "s/ -g -Os / -Os /" Conf/tools_def.txt
		make -C BaseTools/Source/C -j"$(nproc)" BUILD_OPTFLAGS=-O0
		build -n "$(nproc)" -a AARCH64 -t "$tag" -b "$kind" -p ArmVirtPkg/ArmVirtKvmTool.dsc
	' sh "$1" "$2" "$3" "$(cross)"
}

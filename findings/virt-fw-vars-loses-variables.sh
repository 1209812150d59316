#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# virt-fw-vars (python3-virt-firmware 24.11 of Debian 13), the usual tool to edit the
# variable store of EDK2 in a virtual machine's flash, does not see all variables that
# EDK2 (2025.02) has in there, and drops what it does not see when it writes the store,
# without a word and with status 0:
#
#   - of two variables with the same name in different namespaces it keeps one. The
#     namespace (GUID) is half of a variable's name: vendors do use the same names.
#   - a variable that is marked "in deleted transition" (state 0x3e). EDK2 marks the
#     old copy so before it writes the new one; with power lost in between the old
#     copy is the variable, for EDK2 and for the OS.
#
# For users: to list a store, or copy it with no change asked for, may not show or
# keep all of it; compare with what the guest shows, and keep the original file. For
# authors of such tools: name and namespace are the key, and 0x3e counts where no
# complete copy (0x3f) follows.
# shellcheck disable=SC2154

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

needs python3:/usr/bin/python3 \
	python3-cryptography:/usr/lib/python3/dist-packages/cryptography
efivars_guest
pinned aavmf trixie arm64 qemu-efi-aarch64=2025.02-8+deb13u1
pinned python trixie amd64 python3-virt-firmware=24.11-2
pinned python bookworm amd64 python3-pefile=2023.2.7-1 python3-importlib-resources=5.1.2-2 \
	python3-zipp=1.0.0-6+deb12u1
code=aavmf/usr/share/AAVMF/AAVMF_CODE.fd
cp aavmf/usr/share/AAVMF/AAVMF_VARS.fd store.img

virt_fw_vars() {
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=python/usr/lib/python3/dist-packages \
		/usr/bin/python3 -m virt.firmware.vars "$@" 2>messages
}

# lists NAME: how often a listing of the store has it
lists() {
	virt_fw_vars -i store.img -p | grep -c "^$1 "
}

# What EDK2 does first when it replaces `Transit`: one bit of its state is cleared.
transit() {
	/usr/bin/python3 - <<'EOF_PY'
with open("store.img", "r+b") as f:
	store = f.read(256 << 10)
	name = "Transit\0".encode("utf-16-le")
	state = store.index(name) - 60 + 2
	assert store.count(name) == 1 and store[state] == 0x3F
	f.seek(state)
	f.write(b"\x3e")
EOF_PY
}

steps first $code store.img put:Twice:1:4 put:Twice:2:4 put:Transit:1:4 put:Usual:1:4
transit || cannot "the store is not as expected"
steps second "$code" store.img get:Twice:1 get:Twice:2 get:Transit:1 get:Usual:1
for v in Twice:1 Twice:2 Transit:1 Usual:1; do
	seen "guest, $v" "done" "$(did second get:$v)"
done

seen "virt-fw-vars lists Usual" 1 "$(lists Usual)"
seen "virt-fw-vars lists Twice" 1 "$(lists Twice)"
seen "virt-fw-vars lists Transit" 0 "$(lists Transit)"
virt_fw_vars -i store.img -o copy.img
seen "virt-fw-vars copies the store: status" 0 $?
seen "errors and warnings" 0 "$(grep -c -i 'error\|warn' messages)"

steps third "$code" copy.img get:Twice:1 get:Twice:2 get:Transit:1 get:Usual:1
seen "guest with the copy, Usual" "done" "$(did third get:Usual:1)"
seen "guest with the copy, Twice in one namespace" "No such file or directory" \
	"$(did third get:Twice:1)"
seen "guest with the copy, Twice in the other" "done" "$(did third get:Twice:2)"
seen "guest with the copy, Transit" "No such file or directory" "$(did third get:Transit:1)"

verdict

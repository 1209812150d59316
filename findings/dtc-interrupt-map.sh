#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Two releases of dtc, and neither finds both mistakes in an interrupt-map: Debian
# 12's (1.6.1) takes an interrupt-map whose length is wrong without a word, and
# warns of a GIC that has no #address-cells; Debian 13's (1.7.2) finds the wrong
# length, but says nothing any more about the missing #address-cells, which decides
# how long an entry has to be.
#
# For authors of device trees: "dtc has no complaints" depends on the release. A
# kernel takes as many cells for the parent's unit address as the interrupt
# controller's #address-cells says, so state it there and check with more than one
# release of dtc.
# shellcheck disable=SC2154

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

pinned 12 bookworm amd64 device-tree-compiler=1.6.1-4+b1
pinned 13 trixie amd64 device-tree-compiler=1.7.2-2+b1

# tree NAME GIC_PROPERTIES MAP: a GIC, and a PCI host whose INTA is its SPI 3
tree() {
	cat >"$1.dts" <<-END
		/dts-v1/;
		/ {
			#address-cells = <2>;
			#size-cells = <2>;
			interrupt-parent = <&gic>;

			gic: interrupt-controller@8000000 {
				compatible = "arm,gic-v3";
				#interrupt-cells = <3>;
				interrupt-controller;
				reg = <0 0x8000000 0 0x10000>, <0 0x80a0000 0 0x20000>;
				$2
			};

			pcie@10000000 {
				compatible = "pci-host-ecam-generic";
				device_type = "pci";
				#address-cells = <3>;
				#size-cells = <2>;
				#interrupt-cells = <1>;
				reg = <0 0x3f000000 0 0x1000000>;
				bus-range = <0 15>;
				ranges = <0x2000000 0 0x10000000 0 0x10000000 0 0x2eff0000>;
				interrupt-map-mask = <0x1800 0 0 7>;
				interrupt-map = <0 0 0 1 &gic $3>;
			};
		};
	END
}

# says RELEASE TREE: all warnings, without places; what is made of it is not kept
says() {
	"./$1/usr/bin/dtc" -I dts -O dtb -o /dev/null "$2.dts" >out 2>&1
	status=$?
	[ $status = 0 ] || echo "status $status"
	sed 's/.*Warning ([a-z_]*): //' out | grep . || [ $status != 0 ] || echo nothing
}

two='#address-cells = <2>; #size-cells = <2>; ranges;'
tree right "$two" '0 0 0 3 4'
tree without '' '0 3 4'
tree long "$two" '0 0 0 3 4 0'
tree short "$two" '0 3 4'

for release in 12 13; do
	"./$release/usr/bin/dtc" --version
done

seen "1.6.1, all right" nothing "$(says 12 right)"
seen "1.7.2, all right" nothing "$(says 13 right)"

seen "1.6.1, entry two cells short of what the GIC's #address-cells asks for" \
	nothing "$(says 12 short)"
seen "1.7.2, the same" \
	"/pcie@10000000:interrupt-map: property size (32) mismatch, expected 40" "$(says 13 short)"

seen "1.6.1, a cell too many" nothing "$(says 12 long)"
seen "1.7.2, the same" \
	"/pcie@10000000:interrupt-map: property size (44) too small, expected > 56" "$(says 13 long)"

seen "1.6.1, GIC without #address-cells" \
	"/interrupt-controller@8000000: Missing #address-cells in interrupt provider" \
	"$(says 12 without)"
seen "1.7.2, the same" nothing "$(says 13 without)"

verdict

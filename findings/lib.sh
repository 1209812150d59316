# What the findings share: pinned Debian packages in a temporary folder, messages
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# A script that reads this runs in a new folder, which is removed at its end. Exit
# status: 0 as described, 1 something differs, 2 it could not be tried.

name=$(basename "$0" .sh)
wrong=0
qemu="qemu-system-aarch64"	# unless it is QEMU that is looked at

say() {
	echo "$name: $*"
}

cannot() {
	echo "$name: cannot be tried: $*" >&2
	exit 2
}

tmp=$(mktemp -d) || exit 2
child=
finish() {
	[ -z "$child" ] || kill "$child" 2>/dev/null
	cd / && rm -rf "$tmp"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP
cd "$tmp" || exit 2

# needs PACKAGE[:FILE]...: of the system itself, installed if FILE (a command, or a
# path) is not there: what is used but not looked at
needs() {
	missing=
	for p; do
		command -v "${p#*:}" >/dev/null || [ -e "${p#*:}" ] || missing="$missing ${p%%:*}"
	done
	[ -n "$missing" ] || return 0
	say "installing$missing"
	# shellcheck disable=SC2086
	env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 \
		--no-install-recommends install $missing >.install 2>&1 ||
		cannot "these packages cannot be installed:$missing: $(tail -n 1 .install)"
}

# seen WHAT EXPECTED ACTUAL: prints what was seen, and notes if it is not that
seen() {
	if [ "$2" = "$3" ]; then
		printf 'as described - %s: %s\n' "$1" "$3"
	else
		printf 'DIFFERENT - %s: %s\n    described: %s\n' "$1" "$3" "$2"
		wrong=1
	fi
}

# the end of each script
verdict() {
	[ $wrong = 0 ] && say "all as described" && exit 0
	say "something differs from what is described at the head of this script"
	exit 1
}

# ---- packages ----------------------------------------------------------------

# The system's own sources say where Debian's archives are: "URI SUITE".
archives() {
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN) $(CODENAME)' \
		'Created-By: Packages' 2>/dev/null | awk '
		$3 == "main" && $4 == "Debian" { print $1, $5 }' | sort -u
}

# apt_for RELEASE ARCH: a private state of apt for these, in $apt
apt_for() {
	apt=$tmp/.apt/$1-$2
	[ ! -e "$apt/apt.conf" ] || return 0
	mkdir -p "$apt/lists/partial" "$apt/archives/partial" && : >"$apt/status" || exit 2
	[ -s "$tmp/.archives" ] || archives >"$tmp/.archives"
	[ -s "$tmp/.archives" ] || cannot "apt knows no Debian archive: run apt-get update first"
	keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	signed=
	[ ! -e $keyring ] || signed="[signed-by=$keyring] "
	# A release's main archive is where this machine's is; security updates of this
	# machine's release have one of their own.
	{
		awk -v r="$1" '$2 !~ /-/ { print $1, r, "main"; exit }' "$tmp/.archives"
		awk -v r="$1" '$2 == r "-security" { print $1, $2, "main" }' "$tmp/.archives"
	} | sed "s|^|deb $signed|" >"$apt/sources.list"
	cat >"$apt/apt.conf" <<-END
		#clear APT::Architectures;
		#clear APT::Update::Pre-Invoke;
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
		#clear Acquire::IndexTargets::deb::DEP-11;
		APT::Architecture "$2";
		APT::Architectures { "$2"; };
		APT::Sandbox::User "root";
		Acquire::Languages "none";
		Acquire::Retries "3";
		Dir::Etc::sourcelist "$apt/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		Dir::State "$apt";
		Dir::State::status "$apt/status";
		Dir::State::lists "$apt/lists/";
		Dir::Cache "$apt";
		Dir::Cache::archives "$apt/archives/";
		Dir::Log "$apt";
	END
	apt-get -qq -c "$apt/apt.conf" update >"$apt/log" 2>&1 ||
		cannot "no lists of packages of $1: $(tail -n 1 "$apt/log")"
}

# pinned FOLDER RELEASE ARCH PACKAGE=VERSION...: unpacked into FOLDER, without any
# of their scripts run
pinned() {
	folder=$1
	apt_for "$2" "$3"
	say "Debian package(s), $2 $3:"
	shift 3
	for p; do
		echo "    $p"
		rm -rf .deb && mkdir .deb || exit 2
		(cd .deb && apt-get -qq -c "$apt/apt.conf" download "$p") >>"$apt/log" 2>&1 ||
			cannot "$p cannot be had: $(tail -n 1 "$apt/log")"
		mkdir -p "$folder" && dpkg -x .deb/*.deb "$folder" || exit 2
	done
	rm -rf .deb
}

kernel_package=linux-image-6.1.0-50-arm64=6.1.176-1

# ---- guests ------------------------------------------------------------------

# emulated LOG SECONDS ARGUMENT...: QEMU's machine, its serial port in LOG. There is
# nothing to see in a guest that does not come to its end.
emulated() {
	log=$1
	limit=$2
	shift 2
	timeout "$limit" "$qemu" -display none -monitor none -nic none \
		-no-reboot -serial stdio "$@" </dev/null >"$log.raw" 2>&1
	status=$?
	tr -d '\r' <"$log.raw" >"$log"
	[ $status = 0 ] ||
		cannot "QEMU ends with status $status (124: after $limit s): $(tail -n 1 "$log")"
}

# initrd FILE FOLDER: an initial file system of what is in FOLDER
initrd() {
	(cd "$2" && find . | cpio --quiet -o -H newc) >"$1" || cannot "no initrd can be made"
}

# kvm_h: makes kvm.h, the common part of programs that are the first process of an
# arm64 host and have a guest with one processor
kvm_h() {
	needs qemu-system-arm:qemu-system-aarch64 cpio \
		gcc-aarch64-linux-gnu:aarch64-linux-gnu-gcc \
		libc6-dev-arm64-cross:/usr/aarch64-linux-gnu/lib/libc.a
	cat >kvm.h <<-'EOF_C'
		#include <fcntl.h>
		#include <linux/kvm.h>
		#include <stdio.h>
		#include <sys/ioctl.h>
		#include <sys/mman.h>
		#include <sys/mount.h>
		#include <sys/reboot.h>
		#include <sys/utsname.h>
		#include <unistd.h>

		/* of the guest: a device that is not coalesced, and its memory */
		#define DONE 0x20000000
		#define RAM 0x40000000

		#define PC 32
		#define CORE(n) (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | (n) * 2)

		static int vcpu;
		static struct kvm_run *run;

		static int good(int result, const char *what)
		{
			if (result < 0) {
				perror(what);
				reboot(RB_POWER_OFF);
			}
			return result;
		}

		static void set(int n, unsigned long value)
		{
			struct kvm_one_reg reg = { CORE(n), (unsigned long)&value };

			good(ioctl(vcpu, KVM_SET_ONE_REG, &reg), "KVM_SET_ONE_REG");
		}
	EOF_C
}

# ---- to talk to a guest on its serial port -------------------------------------

# begins LOG SECONDS ARGUMENT...: such a machine, in the background
begins() {
	log=$1
	limit=$2
	shift 2
	at=1
	: >"$log" && rm -f keys && mkfifo keys || exit 2
	# QEMU has it open for reading only; kept open here, it has no end
	exec 3<>keys
	timeout "$limit" "$qemu" -display none -monitor none -nic none \
		-no-reboot -serial stdio "$@" <keys >"$log" 2>&1 3>&- &
	child=$!
}

types() {
	printf '%s\r' "$*" >&3
}

# runs: it has not ended yet
runs() {
	case $(sed -n 's/^State:[^A-Z]*//p' "/proc/$child/status" 2>/dev/null) in
	'' | Z*) return 1 ;;
	esac
}

# expects TEXT: which comes after all that was expected before
expects() {
	while :; do
		found=$(tail -c +"$at" "$log" | grep -aboF -m 1 -e "$1" | head -n 1)
		[ -z "$found" ] || break
		runs || cannot "the guest has ended, or is too slow, without: $1"
		sleep 0.2
	done
	at=$((at + ${found%%:*} + ${#1}))
}

# ends: by itself
ends() {
	wait "$child"
	status=$?
	child=
	exec 3>&-
	[ $status = 0 ] || cannot "QEMU ends with status $status"
	tr -d '\r' <"$log" >.plain && mv .plain "$log"
}

# shell_guest: makes Linux and initrd.cpio, which takes the shell commands in ./commands
# after /proc and /sys are there, and turns itself off
shell_guest() {
	needs qemu-system-arm:qemu-system-aarch64 cpio
	pinned linux bookworm arm64 "$kernel_package" busybox-static=1:1.35.0-4+deb12u1+b1
	mv linux/boot/vmlinuz-* Image
	mkdir guest guest/bin guest/proc guest/sys
	mv linux/bin/busybox guest/bin/
	{
		echo '#!/bin/busybox sh'
		echo '/bin/busybox --install -s /bin'
		echo 'mount -t proc none /proc; mount -t sysfs none /sys'
		# shellcheck disable=SC2016
		echo 'echo; echo kernel "$(uname -r)"'
		cat commands
		echo 'poweroff -f'
	} >guest/init
	chmod 755 guest/init
	initrd initrd.cpio guest
}

# ---- UEFI variables, as Linux sees them -----------------------------------------

# efivars_guest: makes Linux and initrd.cpio, whose first process takes steps from the
# kernel's command line and restarts. NS is a digit, the last one of the namespace.
#
#   put:NAME:NS:SIZE	SIZE bytes, others each time
#   wear:NAME:NS:SIZE	the same until it fails
#   del:NAME:NS
#   get:NAME:NS
efivars_guest() {
	needs qemu-system-arm:qemu-system-aarch64 cpio \
		gcc-aarch64-linux-gnu:aarch64-linux-gnu-gcc \
		libc6-dev-arm64-cross:/usr/aarch64-linux-gnu/lib/libc.a
	pinned linux bookworm arm64 "$kernel_package"
	mkdir guest
	mv linux/boot/vmlinuz-* Image
	mv "$(find linux -name efivarfs.ko)" guest/
	cat >efivars.c <<-'EOF_C'
		#include <errno.h>
		#include <fcntl.h>
		#include <linux/fs.h>
		#include <stdio.h>
		#include <stdlib.h>
		#include <string.h>
		#include <sys/ioctl.h>
		#include <sys/mount.h>
		#include <sys/reboot.h>
		#include <sys/stat.h>
		#include <sys/syscall.h>
		#include <sys/utsname.h>
		#include <unistd.h>

		static unsigned char data[1 << 16] = { 7 };	/* NV, BS, RT */

		/* Linux guards variables that it does not know. */
		static void permit(const char *path)
		{
			int flags = 0, fd = open(path, O_RDONLY);

			if (fd < 0)
				return;
			ioctl(fd, FS_IOC_SETFLAGS, &flags);
			close(fd);
		}

		static int put(const char *path, int size)
		{
			int fd, error = 0;

			data[4]++;
			permit(path);
			fd = open(path, O_WRONLY | O_CREAT, 0600);
			if (fd < 0)
				return errno;
			if (write(fd, data, size + 4) < 0)
				error = errno;
			close(fd);
			return error;
		}

		static void step(char *text)
		{
			char path[200], *all = strdup(text);
			const char *what = strtok(text, ":"), *name = strtok(NULL, ":");
			const char *ns = strtok(NULL, ":"), *size = strtok(NULL, ":");
			int error = 0, times = 0;
			struct stat st;

			snprintf(path, sizeof(path), "/sys/firmware/efi/efivars/%s-"
				 "1b6d6c04-5ff4-4b0c-9d7a-2f1c7d1c2a9%s", name, ns);
			if (!strcmp(what, "put")) {
				error = put(path, atoi(size));
			} else if (!strcmp(what, "wear")) {
				while (times < 100 && !(error = put(path, atoi(size))))
					times++;
				printf("%d times, then ", times);
			} else if (!strcmp(what, "del")) {
				permit(path);
				error = unlink(path) ? errno : 0;
			} else {
				error = stat(path, &st) ? errno : 0;
			}
			printf("%s: %s\n", all, error ? strerror(error) : "done");
			fflush(stdout);
		}

		int main(int argc, char **argv)
		{
			struct utsname u;
			int i;

			mount("none", "/sys", "sysfs", 0, NULL);
			uname(&u);
			printf("\nkernel %s\n", u.release);
			syscall(SYS_finit_module, open("/efivarfs.ko", O_RDONLY), "", 0);
			if (mount("none", "/sys/firmware/efi/efivars", "efivarfs", 0, NULL))
				perror("efivarfs");
			for (i = 1; i < argc; i++)
				step(argv[i]);
			puts("end of steps");
			fflush(stdout);
			reboot(RB_AUTOBOOT);
		}
	EOF_C
	aarch64-linux-gnu-gcc -O1 -static -o guest/init efivars.c ||
		cannot "the guest's program does not compile"
	mkdir guest/sys
	initrd initrd.cpio guest
}

# steps LOG CODE VARS STEP...: by the firmware CODE with the variable store VARS
steps() {
	log=$1
	code=$2
	vars=$3
	shift 3
	# shellcheck disable=SC2086
	emulated "$log" 200 -M virt -cpu cortex-a57 -m 512 \
		-drive if=pflash,format=raw,readonly=on,file="$code" \
		-drive if=pflash,format=raw,file="$vars" \
		-kernel Image -initrd initrd.cpio ${qemu_options-} \
		-append "console=ttyAMA0 quiet panic=-1 -- $*"
	grep -q '^end of steps' "$log" || cannot "no end of steps in the guest"
}

# did LOG STEP: what has become of it, the last time
did() {
	sed -n "s/$2: //p" "$1" | tail -n 1
}

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

# expects TEXT: which comes after all that was expected before
expects() {
	while :; do
		found=$(tail -c +"$at" "$log" | grep -aboF -m 1 -e "$1" | head -n 1)
		[ -z "$found" ] || break
		kill -0 "$child" 2>/dev/null ||
			cannot "the guest ended, or was too slow, before it said: $1"
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

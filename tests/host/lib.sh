# SPDX-License-Identifier: GPL-2.0-or-later
# Shared by the scripts of tests/host: messages, private apt, trees of packages
#
# The variable LKVM_FETCH_INTO is the folder that things are fetched into, build/ if there
# is none: lkvm-host has one of the user's.
# shellcheck shell=sh disable=SC2016,SC2034

host=$(cd "$(dirname "$0")" && pwd) || exit 1
top=${host%/*/*}
build=${LKVM_FETCH_INTO:-$top/build}

say() {
	echo "$(basename "$0"): $*" >&2
}

die() {
	say "$*"
	exit 1
}

# The prefix of the arm64 tool chain: empty where it is the native one.
cross() {
	if [ "$(uname -m)" != aarch64 ]; then
		echo aarch64-linux-gnu-
	fi
}

# ---- packages of another architecture, without touching the system's ------

# One line "URI SUITE COMPONENT" for each Debian archive the system has. Other
# vendors' archives may be configured as well: they are none of our business,
# and may be slow or gone.
debian_archives() {
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)' \
		'Created-By: Packages' 2>/dev/null |
		awk '$4 == "Debian" { print $1, $2, $3 }' | sort -u
}

# The same where apt-get update was never run: apt knows its sources then, but
# not whose they are, so go by the names that Debian gives its suites.
guessed_archives() {
	code=$(. /etc/os-release && echo "$VERSION_CODENAME")
	apt-get update --print-uris 2>/dev/null | tr -d "'" |
		sed -n 's|^\([^ ]*/\)dists/\([^ ]*\)/InRelease .*|\1 \2 main|p' |
		awk -v c="$code" '$2 == c || $2 == c "-updates" || $2 == c "-security"'
}

# apt_for ARCH [deb|deb-src [RELEASE]]: makes the functions below use a private state
# for that architecture, with today's lists, of this machine's release of Debian
# or another one. They run in a sub-shell or after each other, never at once: the
# caller holds apt_lock. $dpkg_status is dpkg's list of what is installed; without it nothing is.
apt_for() {
	apt_dir=$build/.apt/$1
	[ "${2-}" != deb-src ] || apt_dir=$apt_dir-src
	apt_dir=$apt_dir${3:+-$3}
	mkdir -p "$apt_dir/lists/partial" "$apt_dir/archives/partial" || exit 1
	cat "${dpkg_status:-/dev/null}" >"$apt_dir/status" || exit 1
	archives=$(debian_archives)
	[ -n "$archives" ] || archives=$(guessed_archives)
	[ -n "$archives" ] || die "no Debian archive among apt's sources: add one first"
	if [ -n "${3-}" ]; then
		# The main archive is the one with no suffix to its suite's name.
		archives=$(echo "$archives" | awk -v r="$3" '
			$2 !~ /-/ && $3 == "main" { print $1, r, $3; exit }')
	fi
	keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	options=
	if [ -e "$keyring" ]; then
		options="[signed-by=$keyring] "
	fi
	echo "$archives" | sed "s|^|${2:-deb} $options|" >"$apt_dir/sources.list"
	# The system's own configuration (proxies and the like) stays in force.
	cat >"$apt_dir/apt.conf" <<-END
		#clear APT::Architectures;
		#clear APT::Update::Pre-Invoke;
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
		#clear Acquire::IndexTargets::deb::DEP-11;
		APT::Architecture "$1";
		APT::Architectures { "$1"; };
		APT::Install-Recommends "false";
		APT::Sandbox::User "root";
		Acquire::Languages "none";
		Acquire::Retries "3";
		Dir::Etc::sourcelist "$apt_dir/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		Dir::State "$apt_dir";
		Dir::State::status "$apt_dir/status";
		Dir::State::lists "$apt_dir/lists/";
		Dir::Cache "$apt_dir";
		Dir::Cache::archives "$apt_dir/archives/";
		Dir::Cache::pkgcache "pkgcache.bin";
		Dir::Cache::srcpkgcache "srcpkgcache.bin";
		Dir::Log "$apt_dir";
	END
	apt_get update >"$apt_dir/log" 2>&1 ||
		say "apt-get update complained, see $apt_dir/log; going on"
}

apt_get() {
	apt-get -qq -c "$apt_dir/apt.conf" "$@" 9>&-
}

apt_cache() {
	apt-cache -c "$apt_dir/apt.conf" "$@" 9>&-
}

# The real package behind a meta package: real linux-image-arm64 linux-image-
real() {
	apt_cache show --no-all-versions "$1" |
		sed -n "s/^Depends:.*\\b\\($2[^ ,]*\\).*/\\1/p" | head -n 1
}

# download ARCH[/RELEASE] PACKAGE...: into the current folder. @META:PREFIX stands
# for the package with that prefix on which META depends.
download() {
	arch=${1%/*}
	suite=${1#"$arch"}
	shift
	(
		flock 8
		apt_for "$arch" ${suite:+deb "${suite#/}"}
		for p; do
			shift
			case $p in
			@*)
				p=${p#@}
				p=$(real "${p%:*}" "${p#*:}")
				;;
			esac
			set -- "$@" "$p"
		done
		apt_get download "$@" >>"$apt_dir/log" 2>&1 ||
			die "cannot download $*: see $apt_dir/log"
	) 8>"$build/.apt/lock" || exit 1
}

# download_all ARCH[/RELEASE] PACKAGE...: and all on which they depend that $dpkg_status lacks
download_all() {
	arch=${1%/*}
	suite=${1#"$arch"}
	shift
	(
		flock 8
		apt_for "$arch" ${suite:+deb "${suite#/}"}
		# With no package installed in that private state, all are wanted.
		all=$(apt_get install -y --print-uris "$@" |
			sed -n "s/^'[^']*' \\([^_]*\\)_.*/\\1/p")
		[ -n "$all" ] || die "cannot find all that $* depends on"
		# shellcheck disable=SC2086
		apt_get download $all >>"$apt_dir/log" 2>&1 ||
			die "cannot download $*: see $apt_dir/log"
	) 8>"$build/.apt/lock" || exit 1
}

# unpack FOLDER DEB...: as if installed there, but without any script run, and
# with usr/lib as the one place of libraries in all releases
unpack() {
	into=$1
	shift
	mkdir -p "$into" || exit 1
	for deb; do
		dpkg-deb --fsys-tarfile "$deb" |
			tar -x -C "$into" --no-same-owner --keep-directory-symlink -f - ||
			die "cannot unpack $deb"
	done
	if [ -d "$into/lib" ] && [ ! -L "$into/lib" ]; then
		mkdir -p "$into/usr/lib"
		cp -a "$into/lib/." "$into/usr/lib/" || exit 1
		rm -rf "${into:?}/lib"
		ln -s usr/lib "$into/lib"
	fi
	# Links with absolute targets would lead out of the tree.
	find "$into" -type l -lname '/*' | while read -r link; do
		ln -srf "$into$(readlink "$link")" "$link"
	done
}

# source_of PACKAGE [RELEASE]: its source, of that release of Debian or else this
# machine's, as the folder PACKAGE with Debian's patches. apt's index, which is
# signed, has the sums of the archives; the .dsc adds nothing to that, and not
# every mirror has it.
source_of() {
	(
		flock 8
		apt_for "$(dpkg --print-architecture)" deb-src ${2:+"$2"}
		apt_get source --print-uris "$1" >.uris 2>>"$apt_dir/log"
		[ -s .uris ] || die "cannot find the source of $1: see $apt_dir/log"
		grep -v '\.\(dsc\|asc\) ' .uris | tr -d "'" | while read -r uri file _ sum; do
			/usr/lib/apt/apt-helper -qq -c "$apt_dir/apt.conf" download-file \
				"$uri" "$file" "$sum" >>"$apt_dir/log" 2>&1 ||
				die "cannot download $uri: see $apt_dir/log"
		done
	) 8>"$build/.apt/lock" || exit 1
	mkdir "$1"
	tar -x -C "$1" --strip-components=1 -f "$1"_*.orig.tar.* || exit 1
	tar -x -C "$1" -f "$1"_*.debian.tar.* || exit 1
	rm -f "$1"_*
	grep -v '^#' "$1/debian/patches/series" | while read -r patch _; do
		[ -z "$patch" ] || patch -d "$1" -p1 <"$1/debian/patches/$patch" >>"$log" 2>&1 ||
			die "patch $patch of $1 does not fit: see $log"
	done || exit 1
}

# copy_libs FROM TO PROGRAM...: the libraries that these arm64 programs need, and
# what those need, from the tree of packages FROM to the tree TO
copy_libs() {
	from=$1/usr/lib/aarch64-linux-gnu
	to=$2/usr/lib/aarch64-linux-gnu
	shift 2
	mkdir -p "$to"
	while [ $# -gt 0 ]; do
		needed=$("$(cross)readelf" -d "$@" 2>/dev/null |
			sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u)
		set --
		for lib in $needed ld-linux-aarch64.so.1; do
			[ ! -e "$to/$lib" ] || continue
			[ -e "$from/$lib" ] || die "$lib is in none of the packages"
			cp -L "$from/$lib" "$to/$lib" || return 1
			set -- "$@" "$to/$lib"
		done
	done
}

# with_libs FOLDER PROGRAM...: makes FOLDER, with these programs of the tree of packages
# pkgs, and their C library and loader, as that of the host is older
with_libs() {
	tree=$1
	shift
	mkdir -p "$tree/bin"
	for program; do
		cp "pkgs/usr/bin/$program" "$tree/bin/" || return 1
		cat >"$tree/$program" <<-'END' || return 1
			#!/bin/sh
			here=$(dirname "$(readlink -f "$0")")
			exec "$here/lib/ld-linux-aarch64.so.1" --library-path "$here/lib" \
				"$here/bin/${0##*/}" "$@"
		END
		chmod 755 "$tree/$program"
	done
	copy_libs pkgs "$tree.libs" "$tree"/bin/* || return 1
	mv "$tree.libs/usr/lib/aarch64-linux-gnu" "$tree/lib"
}

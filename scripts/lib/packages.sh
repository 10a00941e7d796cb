# Sourced by scripts/dev: installs the Debian packages that a list of packages.txt names.

# Rows "package reason" of the lists given that dpkg does not know as installed.
missing_packages() {
	local lists=" $* " installed list package reason
	local -A have=() seen=()
	# One call for all; dpkg-query fails when one is unknown, and still prints the others.
	installed=$(awk '!/^#/ { print $2 }' "$root/scripts/packages.txt" | sort -u |
		xargs dpkg-query -W -f='${Package} ${db:Status-Status}\n' 2>/dev/null) || true
	while read -r package reason; do
		[ "$reason" != installed ] || have[$package]=1
	done <<<"$installed"
	while read -r list package reason; do
		[[ $lists == *" $list "* ]] || continue
		[ -z "${have[$package]:-}" ] && [ -z "${seen[$package]:-}" ] || continue
		seen[$package]=1
		printf '%s %s\n' "$package" "$reason"
	done < <(grep -v '^#' "$root/scripts/packages.txt")
}

need_packages() {
	local rows names=() as_root=()
	if ! command -v dpkg-query >/dev/null; then
		say "scripts/dev: no dpkg here; scripts/packages.txt names what is needed"
		return 0
	fi
	rows=$(missing_packages "$@")
	[ -n "$rows" ] || return 0
	say "Missing Debian packages, and what each is for:"
	while read -r package reason; do
		names+=("$package")
		say "$(printf '  %-19s %s' "$package" "$reason")"
	done <<<"$rows"
	if [ "$(id -u)" != 0 ]; then
		as_root=(sudo)
		if ! command -v sudo >/dev/null; then
			die "installing needs root and there is no sudo here; as root: apt-get install ${names[*]}"
		fi
		# Without a terminal nobody could type a password.
		[ -t 0 ] || as_root=(sudo -n)
	fi
	run "${as_root[@]}" apt-get -q -o DPkg::Lock::Timeout=120 update ||
		say "scripts/dev: the package lists could not be refreshed; trying with the old ones"
	run "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		-o DPkg::Lock::Timeout=120 install --no-install-recommends "${names[@]}" ||
		die "could not install: ${names[*]}"
}

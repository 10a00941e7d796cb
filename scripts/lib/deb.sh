# Sourced by scripts/dev: the Debian packages, in build-deb. Built of a copy of the tracked files,
# so that nothing of the build is left beside them.

# deb_changelog FILE VERSION: an entry on top, for a build that must be newer than the last.
deb_changelog() {
	local rest
	rest=$(cat "$1")
	printf 'macronode (%s) unstable; urgency=medium\n\n  * Built with scripts/dev deb.\n\n%s\n\n%s\n' \
		"$2" "$(grep -m 1 -o '^ -- .*>' "$1")  $(date -R)" "$rest" >"$1"
}

# dev_deb [VERSION]: packages of the version of debian/changelog, or of that one.
dev_deb() {
	local source=$root/build-deb/source version=${1:-}
	[ $# -le 1 ] || usage_error "deb takes a version at most"
	[[ $version =~ ^([0-9][0-9A-Za-z.+~-]*)?$ ]] || usage_error "deb $version: no Debian version"
	need_packages build deb
	rm -rf "$source"
	mkdir -p "$source"
	git -C "$root" ls-files -z | tar -C "$root" --null -T - -c | tar -C "$source" -x
	[ -z "$version" ] || deb_changelog "$source/debian/changelog" "$version"
	(cd "$source" && DEB_BUILD_OPTIONS="nocheck noautodbgsym parallel=$(nproc)" \
		run dpkg-buildpackage --build=binary --no-sign) >&2 || die "the packages could not be built"
	say "packages: $root/build-deb/*.deb"
}

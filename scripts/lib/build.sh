# Sourced by scripts/dev: the four build directories, all in the checkout and all kept.
#   build       as it is installed          build-asan  address and undefined sanitizers, clang
#   build-test  has hooks for the tests     build-fuzz  libFuzzer, clang
# So an everyday test run holds the code against both compilers.

build_options() {
	case $1 in
	build) ;;
	build-test) printf '%s\n' -Dsandbox_report=true -Dtest_hooks=true ;;
	build-asan) printf '%s\n' -Dsandbox_report=true -Dtest_hooks=true \
		-Db_lundef=false -Db_sanitize=address,undefined -Ddebug=true -Doptimization=1 ;;
	build-fuzz) printf '%s\n' -Dfuzzing=true \
		-Db_lundef=false -Db_sanitize=address,undefined -Ddebug=true -Doptimization=1 ;;
	*) die "no such build directory: $1" ;;
	esac
}

# Sets a directory up, or anew when its options here have changed since.
configure() {
	local name=$1 compiler=${CC:-gcc} options wanted
	case $name in
	build-asan | build-fuzz) compiler=clang ;;
	esac
	options=$(build_options "$name")
	wanted="CC=$compiler $options"
	if [ -f "$root/$name/build.ninja" ]; then
		[ "$(cat "$root/$name/dev-options" 2>/dev/null)" != "$wanted" ] || return 0
		rm -rf "${root:?}/$name" # --wipe would bring options back that are gone
	fi
	# shellcheck disable=SC2086 # the options hold no blank
	run env CC="$compiler" meson setup $options "$root/$name" "$root" >&2 ||
		return 1
	printf '%s\n' "$wanted" >"$root/$name/dev-options"
}

# build DIRECTORY [TARGET...]
build() {
	configure "$1" && run ninja -C "$root/$1" "${@:2}" >&2
}

# Sourced by scripts/dev: checks and layout of the code.

tracked() {
	git -C "$root" ls-files -z -- "$@"
}

dev_lint() {
	need_packages build test
	need_npm openapi
	run_suites build-test lint
	case ${1:-} in
	'') ;;
	--deep) deep_lint ;;
	*) usage_error "lint does not know $1" ;;
	esac
	report
}

# clang-tidy on every translation unit that the test build compiles; too slow for every day.
deep_lint() {
	local sources status=0
	need_packages deep
	mapfile -d '' -t sources < <(cd "$root" && tracked '*.c' | sed -z "s|^|$root/|")
	configure build-test || return
	printf '%s\0' "${sources[@]}" | run xargs -0 -n 4 -P "$(nproc)" clang-tidy --quiet \
		-p "$root/build-test" >&2 || status=$?
	[ "$status" = 0 ] || failures+=("clang-tidy: has findings")
}

dev_format() {
	need_packages test
	(cd "$root" && tracked '*.c' '*.h' | run xargs -0 -r clang-format -i)
}

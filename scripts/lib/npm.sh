# Sourced by scripts/dev: what tests need of npm, and nothing else does. Where a lock file is, is
# what build-npm has; one install for each. Without npm, or without packages, the tests that want
# them say why they were skipped.

# need_npm FOLDER: installs what tests/lint/FOLDER locks.
need_npm() {
	local from=$root/tests/lint/$1 to=$root/build-npm/$1 wanted
	wanted=$(cat "$from/package-lock.json" "$from/.npmrc" | sha256sum)
	[ "$(cat "$to/installed" 2>/dev/null)" != "$wanted" ] || return 0
	rm -rf "$to"
	mkdir -p "$to"
	if ! command -v npm >/dev/null; then
		echo 'npm is not installed' >"$to/why"
		return 0
	fi
	cp "$from/package.json" "$from/package-lock.json" "$from/.npmrc" "$to"
	if run npm ci --prefix "$to" --ignore-scripts >"$to/npm.log" 2>&1; then
		printf '%s\n' "$wanted" >"$to/installed"
	else
		grep '^npm error' "$to/npm.log" | grep -m 1 -v ' code \| errno \| syscall ' >"$to/why" || echo 'npm ci failed' >"$to/why"
		say "scripts/dev: tests/lint/$1 could not be installed: $(cat "$to/why")"
	fi
}

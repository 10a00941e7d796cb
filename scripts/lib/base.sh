# Sourced by scripts/dev: where we are, and how we say what we do.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
node_py=$root/scripts/lib/node.py

# Root may work in a checkout that an ordinary user owns: git and all that call it may read it.
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0=$root

say() {
	printf '%s\n' "$*" >&2
}

die() {
	say "scripts/dev: $*"
	exit "${die_code:-1}"
}

# Prints the command, quoted so that it can be typed again, then runs it.
run() {
	local word line='+'
	for word; do
		line+=" $(printf '%q' "$word")"
	done
	say "$line"
	"$@"
}

usage_error() {
	die_code=2 die "$* (try: scripts/dev help)"
}

# Sourced by scripts/dev: which suites there are, where they run, and the one line at the end.

# What `scripts/dev test` runs, and what runs by name only.
everyday_suites='lint unit worker sim system sandbox crash model'
sanitized_suites='unit worker fuzz-replay'
named_suites='chaos soak package'
fuzz_seconds=60
slow_machine=3 # the time limits of the tests are for what hangs, not for who has other work to do

logs=()     # testlog files of this run, for the sum
failures=() # what failed without a log, as sentences; one failure each

# meson_tests DIRECTORY LOGNAME ARGUMENT...: runs meson test; the verdict is in the log.
meson_tests() {
	local name=$1 log=$2 patience=$slow_machine
	shift 2
	if ! build "$name"; then
		failures+=("$name: could not be built")
		return 0
	fi
	rm -f "$root/$name/meson-logs/$log.json"
	# as many cases as were asked for take as long as they take
	[ -z "${MACRONODE_SIM_CASES:-}" ] || patience=0
	run meson test -C "$root/$name" --no-rebuild --print-errorlogs --logbase "$log" \
		--timeout-multiplier "$patience" "$@" >&2 || true
	logs+=("$root/$name/meson-logs/$log.json")
}

suite_arguments() {
	local suite
	for suite; do
		printf -- '--suite\n%s\n' "$suite"
	done
}

# run_suites DIRECTORY SUITE...
run_suites() {
	local name=$1 arguments
	shift
	mapfile -t arguments < <(suite_arguments "$@")
	meson_tests "$name" "dev-$(printf '%s' "$*" | tr ' ' '-')" "${arguments[@]}"
}

fuzz_targets() {
	find "$root/build-fuzz/tests/fuzz" -maxdepth 1 -type f -name 'fuzz_*' -perm -u+x | sort
}

# One libFuzzer run; a finding is kept in tests/fuzz/regress/ so that it can become a test.
fuzz_one() {
	local program=$1 seconds=$2 name corpus found grown status=0
	name=$(basename "$program")
	name=${name#fuzz_}
	corpus=$root/tests/fuzz/corpus/$name
	found=$root/tests/fuzz/regress/$name
	grown=$root/build-fuzz/corpus/$name
	mkdir -p "$corpus" "$found" "$grown"
	run "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
		-artifact_prefix="$found/" -print_final_stats=1 "$grown" "$corpus" "$found" \
		>"$root/build-fuzz/$name.log" 2>&1 || status=$?
	if [ "$status" != 0 ]; then
		tail -n 30 "$root/build-fuzz/$name.log" >&2
	fi
	rmdir "$found" "$corpus" 2>/dev/null || true
	return "$status"
}

# fuzz_all SECONDS [TARGET...]: TAP on stdout, a case per target.
fuzz_all() {
	local seconds=$1 program count=0 wanted
	shift
	wanted=" $* "
	while read -r program; do
		[ $# = 0 ] || [[ $wanted == *" $(basename "$program" | sed 's/^fuzz_//') "* ]] || continue
		count=$((count + 1))
		if fuzz_one "$program" "$seconds"; then
			printf 'ok %d - %s\n' "$count" "$(basename "$program")"
		else
			printf 'not ok %d - %s\n' "$count" "$(basename "$program")"
		fi
	done < <(fuzz_targets)
	printf '1..%d\n' "$count"
}

run_fuzz() {
	local tap=$root/build-fuzz/fuzz.tap
	need_packages clang
	if ! build build-fuzz fuzzers; then
		failures+=("build-fuzz: could not be built")
		return 0
	fi
	fuzz_all "$@" | tee "$tap" >&2
	logs+=("$tap")
}

# Names what was skipped and what failed, then exactly one line: N passed, M failed.
report() {
	run python3 "$root/scripts/lib/summary.py" "${failures[@]/#/--failed=}" "${logs[@]}"
}

dev_test() {
	local names=() suite gdb=
	while [ $# -gt 0 ]; do
		case $1 in
		--gdb) gdb=1 ;;
		--cases)
			[[ ${2:-} =~ ^[0-9]+$ ]] || usage_error "--cases wants a number"
			export MACRONODE_SIM_CASES=$2
			shift
			;;
		--suite) ;;
		-*) usage_error "test does not know $1" ;;
		*) names+=("$1") ;;
		esac
		shift
	done
	need_packages build clang test
	if [ -n "$gdb" ]; then
		need_packages gdb
		build build-test
		run meson test -C "$root/build-test" --no-rebuild --gdb "${names[@]}"
		return
	fi
	exec </dev/null
	need_npm openapi
	if [ "${#names[@]}" = 0 ]; then
		# shellcheck disable=SC2086 # lists of words
		run_suites build-test $everyday_suites
		# shellcheck disable=SC2086
		run_suites build-asan $sanitized_suites
	fi
	for suite in "${names[@]}"; do
		[ "$suite" != package ] || need_packages deb
		case " $everyday_suites $named_suites " in
		*" $suite "*) run_suites build-test "$suite" ;;
		*)
			case $suite in
			fuzz) run_fuzz "$fuzz_seconds" ;;
			fuzz-replay) run_suites build-asan fuzz-replay ;;
			*) meson_tests build-test "dev-one" "$suite" ;;
			esac
			;;
		esac
	done
	report
}

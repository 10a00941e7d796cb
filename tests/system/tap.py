"""Runs the functions test_* of a module as TAP cases, so that each counts as a test.

	def test_a_retry_gets_the_original_seq():
		...
	if __name__ == '__main__':
		tap.main(globals())

A case passes when it returns, is skipped when it raises Skip, and fails otherwise. What a case
prints goes to stderr. Arguments on the command line choose cases by a part of their name.
"""
import contextlib
import sys
import time
import traceback


class Skip(Exception):
	"""Why a case cannot run here, said aloud."""


def cases_of(names, wanted):
	found = [(name[5:].replace('_', ' '), function) for name, function in names.items()
		if name.startswith('test_') and callable(function)]
	return [(title, function) for title, function in found
		if not wanted or any(part.replace('_', ' ') in title for part in wanted)]


def run_case(function):
	"""(passed, directive, diagnosis)."""
	try:
		with contextlib.redirect_stdout(sys.stderr):
			function()
	except Skip as skip:
		return True, f' # SKIP {skip}', ''
	except (Exception, SystemExit):  # a case must not end the run
		return False, '', traceback.format_exc()
	return True, '', ''


def run(names, wanted, out):
	cases = cases_of(names, wanted)
	print(f'1..{len(cases)}', file=out, flush=True)
	failed = 0
	for number, (title, function) in enumerate(cases, 1):
		began = time.monotonic()
		passed, directive, diagnosis = run_case(function)
		failed += not passed
		print(f'{"ok" if passed else "not ok"} {number} - {title}{directive}', file=out)
		for line in diagnosis.splitlines():
			print(f'# {line}', file=out)
		print(f'# took {time.monotonic() - began:.2f} s', file=out, flush=True)
	return 1 if failed or not cases else 0


def main(names):
	sys.exit(run(names, sys.argv[1:], sys.stdout))

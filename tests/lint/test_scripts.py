"""The checks themselves: one that lets everything pass is worse than none."""
import importlib.machinery
import importlib.util
import contextlib
import io
import json
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests/system'))
import tap  # noqa: E402


def load(path):
	name = pathlib.Path(path).stem.replace('-', '_')
	loader = importlib.machinery.SourceFileLoader(name, str(ROOT / path))
	module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
	loader.exec_module(module)
	return module


style = load('scripts/check-style')
prefix = load('scripts/check-export-prefix')
summary = load('scripts/lib/summary.py')


def faults(text):
	out = io.StringIO()
	with contextlib.redirect_stdout(out):
		count = style.check('x.c', text)
	assert count == out.getvalue().count('x.c:')
	return out.getvalue()


def body(lines):
	return 'int f(void)\n{\n' + '\tx++;\n' * (lines - 2) + '}\n'


def test_a_function_may_have_70_lines_and_not_71():
	assert faults(body(70)) == ''
	assert 'x.c:2: a function of 71 lines' in faults(body(71))


def test_a_long_table_is_no_function():
	assert faults('static const int t[] = {\n' + '\t1,\n' * 80 + '};\n') == ''


def test_a_line_may_have_100_columns_and_a_tab_is_eight():
	assert faults('\t' + 'x' * 92 + '\n') == ''
	assert '101 columns' in faults('\t' + 'x' * 93 + '\n')


def test_a_forbidden_call_is_named_and_its_name_in_a_comment_or_string_is_not():
	assert 'strcpy: no bound' in faults('\tstrcpy(a, b);\n')
	assert faults('/* strcpy(a, b) */\n\tf("strcpy(a)"); safe_strcpy(a);\n') == ''


def test_a_line_comment_is_refused_and_a_url_in_a_comment_is_not():
	assert 'use /* */' in faults('x; // why\n')
	assert faults('/* https://example.org */ f("//", \'/\');\n') == ''


def test_indentation_by_blanks_is_refused():
	assert 'indent with tabs' in faults('        x;\n')


def test_a_name_must_say_its_file_or_the_header_that_its_file_stands_behind():
	with tempfile.TemporaryDirectory() as directory:
		root = pathlib.Path(directory)
		for path in ('core/ledger.h', 'core/http_head.h', 'core/http.h'):
			(root / path).parent.mkdir(exist_ok=True)
			(root / path).touch()

		def fits(source, name):
			return prefix.fits(name, prefix.prefixes(root, pathlib.PurePath(source)))

		assert fits('core/ledger.c', 'ledger_admit') and not fits('core/ledger.c', 'ledgers')
		assert fits('core/ledger_admit.c', 'ledger_hold')
		assert fits('core/http_head.c', 'http_head_next')
		assert not fits('core/http_head.c', 'http_chunk_next'), 'it has a header of its own'
		assert fits('services/kms/handlers.c', 'kms_handlers')
		assert not fits('core/merkle.c', 'kms_handlers')


def add_up(*logs, failed=()):
	total = summary.Sum()
	with tempfile.TemporaryDirectory() as directory:
		for number, log in enumerate(logs):
			tapped = isinstance(log, str)
			path = pathlib.Path(directory) / f'{number}.{"tap" if tapped else "json"}'
			path.write_text(log if tapped else ''.join(json.dumps(one) + '\n' for one in log))
			total.add_file(str(path))
	total.failed += failed
	out = io.StringIO()
	with contextlib.redirect_stdout(out):
		status = total.report()
	return status, out.getvalue().splitlines()


def record(result, stdout='', name='t', stderr=''):
	return {'name': name, 'result': result, 'stdout': stdout, 'stderr': stderr}


def test_cases_of_a_tap_program_and_other_programs_add_up():
	assert add_up([record('OK', '1..2\nok 1 - a\nok 2 - b\n')], [record('OK', 'any talk')]) == (
		0, ['3 passed, 0 failed'])


def test_a_failed_case_is_named_and_counted_once():
	status, lines = add_up([record('FAIL', '1..2\nok 1 - a\nnot ok 2 - b\n')])
	assert (status, lines) == (1, ['failed: t: b', '1 passed, 1 failed'])


def test_a_program_that_died_after_good_cases_counts_as_a_failure():
	status, lines = add_up([record('ERROR', '1..2\nok 1 - a\n')])
	assert status == 1 and lines[-1] == '1 passed, 1 failed'
	status, lines = add_up([record('TIMEOUT', '1..1\nok 1 - a\n')])
	assert (status, lines) == (1, ['failed: t: timeout', '1 passed, 1 failed'])


def test_a_skip_is_said_aloud_and_is_neither():
	status, lines = add_up([record('OK', '1..2\nok 1 - a\nok 2 - b # SKIP no spin\n'),
		record('SKIP', 'mandoc is not installed\n', 'man')])
	assert (status, lines) == (0, ['skipped: t: b (no spin)',
		'skipped: man (mandoc is not installed)', '1 passed, 0 failed'])


def test_a_build_that_failed_counts_and_nothing_run_is_no_success():
	assert add_up('1..1\nok 1 - a\n', failed=['build: no']) == (1,
		['failed: build: no', '1 passed, 1 failed'])
	assert add_up()[0] == 1


if __name__ == '__main__':
	tap.main(globals())

"""The checks themselves: one that lets everything pass is worse than none."""
import importlib.machinery
import importlib.util
import contextlib
import io
import json
import pathlib
import re
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests/system'))
sys.path.insert(0, str(ROOT / 'scripts/lib'))
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
yaml_subset = load('scripts/lib/yaml_subset.py')
openapi = load('scripts/lib/openapi.py')
check_openapi = load('scripts/check-openapi')


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


def test_the_part_of_yaml_that_is_read():
	text = """
# a comment
a: 1
'b c': [x, 'y, z', {k: -2, l: []}]
t/p; q=1:
  - plain text
  - k: true
    l: null
  - {}
long: |
  one: two

    # three

last: 'it''s'
"""
	assert yaml_subset.load(text) == {'a': 1, 'b c': ['x', 'y, z', {'k': -2, 'l': []}],
		't/p; q=1': ['plain text', {'k': True, 'l': None}, {}],
		'long': 'one: two\n\n  # three\n', 'last': "it's"}


def test_what_would_be_guessed_is_refused_with_its_line():
	for text in ('a: b: c', 'a: "x"', 'a: &x 1', 'a: *x', 'a: >\n  x', 'a:', 'a: 1\na: 2', 'a: x # y',
			'a: [x', 'a: [x] y', 'a: {x}', 'a:\n  b: 1\n c: 2', 'a:\n- x', '\ta: 1', 'a: 1\n  b: 2',
			'--- a', 'x'):
		try:
			assert False, (text, yaml_subset.load(text))
		except yaml_subset.YamlError as error:
			assert str(error).startswith('line '), error


def judged(value, schema):
	document = openapi.Document(ROOT)
	try:
		document.check(value, schema)
	except openapi.Invalid as fault:
		return str(fault)
	return ''


def test_a_schema_lets_pass_what_it_describes_and_nothing_else():
	amount = {'$ref': '#/components/schemas/Amount'}
	closed = {'type': 'object', 'additionalProperties': False, 'required': ['a'],
		'properties': {'a': {'type': ['integer', 'null'], 'minimum': 1, 'maximum': 3}, 'b': amount}}
	for value in ({'a': 1}, {'a': None, 'b': '17'}):
		assert judged(value, closed) == '', value
	for value, word in (([], 'object'), ({}, "['a']"), ({'a': 0}, '$.a'), ({'a': 4}, '$.a'),
			({'a': True}, '$.a'), ({'a': '1'}, '$.a'), ({'a': 1, 'c': 1}, "['c']"),
			({'a': 1, 'b': '017'}, '$.b')):
		assert word in judged(value, closed), (value, judged(value, closed))
	for value, schema in (('x', {'enum': ['y']}), ('2026-01-01', {'format': 'date-time'}),
			(1 << 63, {'format': 'int64'}), ([1, 'x'], {'items': {'type': 'integer'}}),
			([], {'minItems': 1}), ('xx', {'maxLength': 1}), ('17', {'oneOf': [amount, amount]}),
			('x', {'oneOf': [amount]}), ('x', {'allOf': [amount]}), ('x', {'type': 'null'})):
		assert judged(value, schema) != '', (value, schema)
	assert 'no rule for not' in judged(1, {'not': {}})  # nothing passes unread


def faults_when(change):
	check = check_openapi.Check(ROOT)
	change(check.document.value)
	check.found = check.document.operations()
	return '\n'.join(check.all())


def test_a_document_that_is_not_the_code_is_told_so():
	def transfer(document):
		return document['paths']['/v1/transfer']['post']

	def schema(document, name):
		return document['components']['schemas'][name]

	assert faults_when(lambda document: None) == ''
	for change, fault in (
			(lambda d: d['paths'].pop('/roots'), 'GET /roots is not in the document'),
			(lambda d: d['paths'].update({'/x': {'get': transfer(d)}}), '/x is not in common/routes.h'),
			(lambda d: transfer(d).update(tags=['wallet', 'admin']), 'its tags'),
			(lambda d: d['paths']['/metrics']['get'].pop('servers'), 'its servers'),
			(lambda d: d['paths']['/roots']['get'].update(parameters=[]), 'in its query'),
			(lambda d: d['paths']['/v1/events']['get']['parameters'].pop(1), 'in its query'),
			(lambda d: transfer(d).pop('parameters'), 'Idempotency-Key'),
			(lambda d: transfer(d).pop('requestBody'), 'it has a body'),
			(lambda d: schema(d, 'TransferRequest')['properties'].pop('memo'), 'its body has'),
			(lambda d: schema(d, 'HoldRequest')['required'].append('memo'), 'its body needs'),
			(lambda d: schema(d, 'Draft')['required'].pop(), 'its body needs'),
			(lambda d: schema(d, 'BurnRequest').pop('additionalProperties'), 'its body is closed'),
			(lambda d: transfer(d)['responses'].pop('422'), '422 is missing'),
			(lambda d: transfer(d)['responses'].update({'418': transfer(d)['responses']['400']}), '418'),
			(lambda d: transfer(d)['responses'].update(
				{'400': {'$ref': '#/components/responses/Refused'}}), 'it is refused as ApiError'),
			(lambda d: d['components']['responses']['Later'].pop('headers'), 'Retry-After'),
			(lambda d: schema(d, 'ApiReason')['enum'].remove('quota'), 'ApiReason'),
			(lambda d: schema(d, 'RejectReason')['enum'].reverse(), 'RejectReason'),
			(lambda d: d['info'].update(version='9.9.9'), 'its version'),
			(lambda d: d['components']['responses']['Receipt']['content']['application/json']
				['example'].pop('seq'), 'its example'),
			(lambda d: d['components']['responses']['ApiUnauthorized']['content']['application/json']
				['example'].update(retryable=True), 'retryable'),
			(lambda d: d['components']['responses']['Later']['content']['application/json']
				.pop('example'), 'has no example')):
		assert fault in faults_when(change), (fault, faults_when(change))


# --- what says a fact a second time, because another tool reads it there --------------------


def test_the_packages_are_built_of_what_the_checkout_is_built_of():
	rows = [line.split() for line in (ROOT / 'scripts/packages.txt').read_text().splitlines()]
	wanted = {row[1] for row in rows if row[0] == 'build' and row[1].endswith('-dev')}
	control = (ROOT / 'debian/control').read_text().split('\n\n')[0]
	named = {line.split()[0].rstrip(',') for line in control.splitlines() if line.startswith(' ')}
	assert wanted - {'libc6-dev'} == {one for one in named if one.endswith('-dev')}, wanted ^ named


def test_the_packages_have_the_version_of_the_build():
	version = re.search(r"^  version: '([^']+)'", (ROOT / 'meson.build').read_text(), re.MULTILINE)[1]
	changelog = (ROOT / 'debian/changelog').read_text()
	assert changelog.startswith(f'macronode ({version}-'), changelog[:60]


def test_the_package_of_the_library_lists_what_its_header_declares():
	header = re.sub(r'/\*.*?\*/', '', (ROOT / 'client/macronode.h').read_text(), flags=re.DOTALL)
	header = re.sub(r'\btypedef [^;]*;', '', header)
	declared = set(re.findall(r'\b(mn_[a-z_]+)\(', header))
	symbols = (ROOT / 'debian/libmacronode0.symbols').read_text()
	listed = set(re.findall(r'^ (mn_[a-z_]+)@', symbols, re.MULTILINE))
	assert len(declared) > 20 and declared == listed, declared ^ listed


if __name__ == '__main__':
	tap.main(globals())

#!/usr/bin/env python3
"""docs/contracts.md says what became of each name of the contracts: what it names is there. And a
refusal in the log names its rule."""
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import test_watching as watching  # noqa: E402

ROOT = watching.ROOT
tap = watching.tap
CONTRACTS = ROOT / 'docs/contracts.md'
ROW = re.compile(r'^\| (.+?) \| (.+?) \| ?(.*?) ?\|$')
# What the log says when something is refused or put off; a reason, a key or our own sentence is the rule.
REFUSALS = ('AUTH_FAILED', 'CHECKPOINT_REFUSED', 'CONFIG_REFUSED', 'CONNECTIONS_FULL', 'INTENT_REFUSED', 'LISTENER_FAILED',
	'OTEL_REFUSED', 'RATE_LIMITED', 'REQUEST_REFUSED', 'RUN_FAILED', 'RUN_POSTPONED', 'RUN_QUARANTINED', 'SAFE_MODE_ENTERED', 'TLS_FAILED',
	'TLS_REFUSED', 'UDS_DENIED')
RULE = {'CHECKPOINT_REFUSED': 'fault', 'CONNECTIONS_FULL': 'key', 'UDS_DENIED': 'key|text', 'OTEL_REFUSED': 'status', 'RATE_LIMITED': 'key',
	'CONFIG_REFUSED': 'text', 'LISTENER_FAILED': 'text', 'SAFE_MODE_ENTERED': 'text', 'TLS_FAILED': 'text', 'TLS_REFUSED': 'text'}


def sections(text):
	"""Heading -> rows of the table below it: name, what says it here, why."""
	found = {}
	for part in text.split('\n## ')[1:]:
		heading, *lines = part.split('\n')
		found[heading] = [ROW.match(line).groups() for line in lines if line.startswith('| ')][1:]
	return found


def fields():
	"""Those that a line has always, and those that somebody writes."""
	always = re.findall(r'\\"(\w+)\\":', (ROOT / 'supervisor/log_render.c').read_text())
	sources = ''.join(path.read_text() for folder in ('common', 'services', 'supervisor') for path in (ROOT / folder).rglob('*.c'))
	written = ' '.join(re.findall(r'struct log_fields(?:\)| \w+ =)\s*\{(.*?)\}\)?;', sources, re.DOTALL))
	members = re.findall(r'F\(\d+, [A-Z]+, (\w+)\)', (ROOT / 'common/log.h').read_text())
	return set(always) | {one for one in members if re.search(rf'\.{one} = ', written) or f'fields.{one} = ' in sources}


def names():
	"""Heading -> what the code knows of that kind."""
	series = watching.series()
	log = (ROOT / 'common/log.h').read_text()
	readiness = (ROOT / 'docs/openapi/macronode.yaml').read_text().split('\n    Readiness:\n')[1]
	readiness = re.split(r'\n    \w', readiness)[0]
	return {
		'Metrics': set(series) | {re.sub('_bucket$', '', one) for one in series} | {
			'process_uptime_seconds', 'build_info'},
		'Log fields': fields(),
		'Log events': set(re.findall(r'E\(\d+, [A-Z_]+, (\w+),', log)),
		'Readiness keys': set(re.findall(r'^        (\w+):$', readiness, re.MULTILINE)),
		'Alerts': {rule['alert'] for rule in watching.rules()},
		'Dashboard': {panel['title'] for panel in json.loads(watching.DASHBOARD.read_text())['panels'] if panel['type'] != 'row'},
		'Spans': set(re.findall(r'S\(\d+, [A-Z_]+, "([^"]+)"', (ROOT / 'common/trace.h').read_text())),
	}


def faults_of(heading, row, known):
	name, here, why = row
	own, anywhere = known[heading], set().union(*known.values())
	if here == 'none':
		if not why:
			yield f'{name}: not here, and no word why'
		return
	if here == 'same':
		here = name
	said = re.findall(r'`([^`]+)`', here)
	if not said or re.sub(r'`[^`]+`|, ', '', here):
		yield f'{name}: {here} is neither "same" nor "none" nor names'
	for one in said:
		bare = one.split('{')[0]
		if bare not in (own if here == name else anywhere):
			yield f'{name}: there is no {bare}'
		elif '{' in one:
			series = {**watching.series()}
			series.setdefault(bare, series.get(bare + '_bucket'))
			yield from (f'{name}: {fault}' for fault in watching.faults_of(one, series))


def test_each_name_is_the_codes():
	known, tables = names(), sections(CONTRACTS.read_text())
	assert set(known) == set(tables), set(known) ^ set(tables)
	for heading, rows in tables.items():
		assert len(known[heading]) > 9 and len(rows) > 9, heading
		said = [row[0] for row in rows]
		assert len(set(said)) == len(said), f'{heading}: {[one for one in said if said.count(one) > 1]}'
	faults = [f'{heading}: {fault}' for heading, rows in tables.items() for row in rows for fault in faults_of(heading, row, known)]
	assert not faults, '\n'.join(faults)


def test_a_name_that_is_not_the_codes_is_found():
	known = names()
	for heading, row, fault in (
			('Metrics', ('`drops_total`', 'same', ''), 'there is no drops_total'),
			('Metrics', ('`drops_total`', 'none', ''), 'no word why'),
			('Metrics', ('`drops_total`', '`queue_depth{q="play"}`', ''), 'no q=play'),
			('Metrics', ('`drops_total`', 'similar', ''), 'neither'),
			('Readiness keys', ('`bus_ok`', 'same', ''), 'there is no bus_ok'),
			('Alerts', ('PQDowngradeSpike', '`MacronodeDowngrades`', ''), 'there is no MacronodeDowngrades')):
		assert fault in ' '.join(faults_of(heading, row, known)), (row, list(faults_of(heading, row, known)))


def calls(source):
	"""Event and text of each line that is written to the log; an event may be a choice of two."""
	for match in re.finditer(r'\b(?:log_event|report_run)\(', source):
		text = source[match.end():source.index(';', match.end())]
		for event in re.findall(r'\bLOG_(\w+)', text.split('struct log_fields')[0]):
			yield event, text


def test_a_refusal_in_the_log_names_its_rule():
	seen, faults = set(), []
	for path in sorted(one for folder in ('common', 'services', 'supervisor') for one in (ROOT / folder).rglob('*.c')):
		for event, text in calls(path.read_text()):
			if event in REFUSALS:
				seen.add(event)
				if not re.search(rf"\.({RULE.get(event, 'reason')}) = ", text):
					faults.append(f'{path.relative_to(ROOT)}: {event} does not say by which rule')
	assert not faults, '\n'.join(faults)
	assert seen == set(REFUSALS), set(REFUSALS) ^ seen


if __name__ == '__main__':
	tap.main(globals())

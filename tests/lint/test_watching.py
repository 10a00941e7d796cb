#!/usr/bin/env python3
"""Alerts and dashboard: each series and label in them is one of the code's, each alert fires when it
should and stays still when it should, and says what to do."""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests/system'))
sys.path.insert(0, str(ROOT / 'scripts/lib'))
import tap  # noqa: E402
import yaml_subset  # noqa: E402

ALERTS = ROOT / 'etc/prometheus/alerts.yml'
DASHBOARD = ROOT / 'etc/grafana/macronode.json'
RUNBOOK = ROOT / 'docs/runbook.md'
WORDS = set('and avg avg_over_time bool by changes clamp_max deriv resets group_left histogram_quantile ignoring increase '
	'irate label_replace max max_over_time min min_over_time offset on or rate sum time topk unless without'.split())
TARGET = {'instance', 'job', 'le'}  # labels that Prometheus gives, and those of buckets


def series():
	"""Name -> label -> its values, None where they are many. From docs/metrics.md, which a test
	holds to common/metrics.h; and what stands there in prose."""
	found = {'up': {}, 'process_uptime_seconds': {},
		'build_info': {'version': None, 'git_sha': None, 'toolchain': None}}
	for name, kind in re.findall(r'^\| `(\w+)` \| ([^|]+) \|', (ROOT / 'docs/metrics.md').read_text(), re.MULTILINE):
		labels = {}
		for label, values in re.findall(r'; `(\w+)`(?:: ([^;]+))?', kind):
			labels[label] = set(values.split(', ')) if values else None
		for suffix in ('_bucket', '_sum', '_count') if kind.startswith('histogram') else ('',):
			found[name + suffix] = labels
	assert len(found) > 60, found
	return found


def faults_of(expression, known):
	"""What the code has no series, label or value for."""
	for name, matchers in re.findall(r'(\w+)\{([^}]*)\}', expression):
		for label, operator, value in re.findall(r'(\w+)(=~|!~|!=|=)"([^"]*)"', matchers):
			values = known.get(name, {}).get(label)
			if label not in known.get(name, {}) and label not in TARGET:
				yield f'{name} has no label {label}'
			elif values is not None and not value.startswith('$'):
				yield from (f'{name} has no {label}={one}' for one in value.split('|') if one not in values)
	labels = {label for one in known.values() for label in one} | TARGET
	bare = re.sub(r'\{[^}]*\}|"[^"]*"|\[[^\]]*\]', '', expression)
	for group in re.findall(r'\b(?:by|on|ignoring|without) ?\(([^)]*)\)', bare):
		yield from (f'no series has the label {one}' for one in re.split(r', *', group) if one not in labels)
	bare = re.sub(r'\b(by|on|ignoring|without) ?\([^)]*\)', '', bare)
	for name in re.findall(r'(?<![\w.$])[a-z_]\w*', bare):
		if name not in known and name not in WORDS and not re.fullmatch(r'\d+[smhd]', name):
			yield f'there is no series {name}'


def rules():
	return [rule for group in yaml_subset.load(ALERTS.read_text())['groups'] for rule in group['rules']]


def expressions():
	for rule in rules():
		yield rule['alert'], rule['expr']
	board = json.loads(DASHBOARD.read_text())
	for one in board['annotations']['list']:
		yield one['name'], one['expr']
	for panel in board['panels']:
		for target in panel.get('targets', []):
			yield panel['title'], target['expr'].replace('$__rate_interval', '5m')


def test_a_series_label_or_value_that_is_not_the_codes_is_found():
	known = series()
	for expression, fault in (('ledger_safemode > 0', 'ledger_safemode'), ('queue_depth{queue="commit"}', 'label queue'),
			('queue_depth{q=~"commit|play"}', 'q=play'), ('sum by (tenant) (queue_depth)', 'tenant'),
			('rate(ledger_commit_latency_seconds[5m])', 'no series ledger_commit_latency_seconds')):
		assert fault in ' '.join(faults_of(expression, known)), (expression, list(faults_of(expression, known)))
	assert not list(faults_of('sum by (instance, q) (rate(queue_depth{q="commit",instance="a"}[5m])) > 1e3', known))


def test_each_expression_is_about_series_that_there_are():
	known = series()
	faults = [f'{where}: {fault}' for where, one in expressions() for fault in faults_of(one, known)]
	assert not faults, '\n'.join(faults)


def test_each_alert_leads_to_what_to_do():
	headings = {line[3:].lower() for line in RUNBOOK.read_text().splitlines() if line.startswith('## Macronode')}
	wanted = set()
	for rule in rules():
		assert rule['labels']['severity'] in ('page', 'ticket'), rule
		file, anchor = rule['annotations']['runbook'].split('#')
		assert file == RUNBOOK.name and rule['alert'].lower().startswith(anchor), rule
		wanted.add(anchor)
	assert wanted == headings, wanted ^ headings


def test_the_dashboard_is_one():
	board = json.loads(DASHBOARD.read_text())
	assert board['uid'] == 'macronode' and isinstance(board['version'], int), board.keys()
	taken, ids = {}, set()
	for panel in board['panels']:
		place = panel['gridPos']
		assert panel['title'] and panel['id'] not in ids, panel
		ids.add(panel['id'])
		for cell in ((x, y) for x in range(place['x'], place['x'] + place['w']) for y in range(place['y'], place['y'] + place['h'])):
			assert cell[0] < 24 and cell not in taken, f"{panel['title']} lies on {taken.get(cell)}"
			taken[cell] = panel['title']
		if panel['type'] != 'row':
			assert panel['targets'] and panel['datasource']['uid'] == '${datasource}', panel


def test_promtool_takes_the_expressions_of_the_dashboard():
	"""As rules, because that is where it parses them."""
	if shutil.which('promtool') is None:
		raise tap.Skip('promtool is not installed (Debian: prometheus)')
	rows = [{'record': 'a:b', 'expr': one, 'labels': {'number': str(number)}} for number, (_, one) in enumerate(expressions())]
	with tempfile.TemporaryDirectory() as directory:
		path = pathlib.Path(directory) / 'rules.yml'
		path.write_text(json.dumps({'groups': [{'name': 'g', 'rules': rows}]}))
		done = subprocess.run(['promtool', 'check', 'rules', '--lint=none', str(path)], capture_output=True, text=True,
			timeout=60)
		assert done.returncode == 0 and len(rows) > 90, done


# --- rules, by Prometheus' own hand -------------------------------------------------------------

GOOD, BAD, AT = 0, 1, 40  # columns of CASES; minutes after which is looked
LATE = {'MacronodeFrozen': 125}  # those that wait longer
COMMIT, BATCH = 'ledger_commit_latency_seconds_bucket', 'committer_batch_latency_seconds_bucket'
POST = 'request_latency_seconds_bucket{service="ingress",route="/v1/transfer",method="POST"'


def up(by):
	return f'0+{by}x60'


def flat(value):
	return f'{value}x60'


def requests(status, by):
	return f'http_requests_total{{service="ingress",route="/v1/transfer",method="POST",status="{status}"}}', up(by)


def rewards(status, by):
	return f'http_requests_total{{service="ingress",route="/rewarder/runs",method="GET",status="{status}"}}', up(by)


def within(bucket, *bounds):
	"""Buckets: bound, observations a minute up to it."""
	return [(f'{bucket},le="{bound}"}}' if '{' in bucket else f'{bucket}{{le="{bound}"}}', up(count))
		for bound, count in bounds]


# Alert -> (series of a day on which it stays still, of one on which it fires). One minute a step.
CASES = {
	'MacronodeDown': ([('up{job="macronode"}', flat(1))], [('up{job="macronode"}', flat(0))]),
	'MacronodeNotReady': ([('ready_state{state="true"}', flat(1)), ('ready_state{state="false"}', flat(0))],
		[('ready_state{state="true"}', flat(0)), ('ready_state{state="false"}', flat(1))]),
	'MacronodeDegraded': ([('readyz_state{service="kms"}', flat(2))], [('readyz_state{service="kms"}', flat(1)), ('readyz_state{service="rewarder"}', flat(0))]),
	'MacronodeRestarts': ([('service_restarts_total{service="ingress"}', '0x30 1x30')],
		[('service_restarts_total{service="ingress"}', up(1)), ('service_restarts_total{service="kms"}', up(1))]),
	'MacronodeAccusation': ([('accusations_total{service="ingress"}', flat(0))],
		[('accusations_total{service="ingress"}', '0x37 1x30')]),
	'MacronodeKeysHang': ([('io_timeouts_total{op="kms"}', flat(3)), ('io_timeouts_total{op="read"}', up(9))],
		[('io_timeouts_total{op="kms"}', up(1))]),
	'MacronodeConfigRefused': ([('config_last_reload_successful', flat(1)), ('config_apply_total{status="failed"}', up(1))],
		[('config_last_reload_successful', '1x35 0x30')]),
	'MacronodeLogIncomplete': ([('log_dropped_total{service="ingress"}', flat(7))],
		[('log_dropped_total{service="ingress"}', up(1))]),
	'MacronodeTracesLost': ([('otel_spans_total{result="sent"}', up(9)), ('otel_spans_total{result="dropped"}', flat(3)),
		('traces_dropped_total', flat(4))], [('otel_spans_total{result="dropped"}', up(1))]),
	'MacronodeMemory': ([(f'process_resident_memory_bytes{{service="{one}"}}', flat(1 << 30)) for one in ('kms', 'wallet')],
		[(f'process_resident_memory_bytes{{service="{one}"}}', flat((1 << 30) + 1)) for one in ('kms', 'wallet')]),
	'MacronodeCommitterBusy': ([('process_cpu_seconds_total{service="committer"}', up(40)),
		('process_cpu_seconds_total{service="sequencer"}', up(59))],
		[('process_cpu_seconds_total{service="committer"}', up(45))]),
	'MacronodeSafeMode': ([('ledger_safe_mode', flat(0))], [('ledger_safe_mode', flat(2))]),
	'MacronodeSeqGap': ([('ledger_seq_gap_detected_total', flat(0))], [('ledger_seq_gap_detected_total', '0x38 1x30')]),
	'MacronodeSyncFailed': ([('wal_fsync_fail_total', flat(1))], [('wal_fsync_fail_total', '0x38 1x30')]),
	'MacronodeDiskFull': ([('disk_pressure', flat(0))], [('disk_pressure', flat(1))]),
	'MacronodeCommitSlow': (within(COMMIT, (0.08, 96), (0.15, 100), ('+Inf', 100)),
		within(COMMIT, (0.08, 90), (0.15, 100), ('+Inf', 100))),
	'MacronodeCommitTooSlow': (within(COMMIT, (0.08, 96), (0.15, 100), ('+Inf', 100)),
		within(COMMIT, (0.08, 96), (0.15, 98), (0.3, 100), ('+Inf', 100))),
	'MacronodeDiskSlow': (within(BATCH, (0.08, 96), (0.15, 100), ('+Inf', 100)),
		within(BATCH, (0.08, 90), (0.15, 100), ('+Inf', 100))),
	'MacronodeBacklog': ([('ledger_backlog_gauge', flat(5000))], [('ledger_backlog_gauge', '100x36 5000x30')]),
	'MacronodeRootsBehind': ([('ledger_commits_total', up(9)), ('ledger_roots_published_total', up(9))],
		[('ledger_commits_total', up(9)), ('ledger_roots_published_total', flat(9))]),
	'MacronodeNotSigned': ([('ledger_tree_size', up(5)), ('ledger_checkpoint_size', '0 0+5x60')],
		[('ledger_tree_size', up(5)), ('ledger_checkpoint_size', flat(5))]),
	'MacronodeDedupeFull': ([('ledger_dedupe_entries', flat(13_000_000))], [('ledger_dedupe_entries', flat(14_000_000))]),
	'MacronodeStateFull': ([('ledger_claims', flat(3_000_000)), ('ledger_counters', flat(3_000_000))],
		[('ledger_claims', flat(1)), ('ledger_counters', flat(3_500_000))]),
	'MacronodeFreezeChanged': ([('governance_freezes{scope="account"}', '0x38 1x30'), ('governance_freezes{scope="global"}', flat(1))],
		[('governance_freezes{scope="global"}', '0x35 1x30')]),
	'MacronodeFrozen': ([('governance_freezes{scope="account"}', '1x200'), ('governance_freezes{scope="asset"}', flat(1))],
		[('governance_freezes{scope="asset"}', '1x200')]),
	'MacronodeIntegrity': ([('integrity_fail_total', flat(2))], [('integrity_fail_total', '0x38 1x30')]),
	'MacronodeObjectsUnwritable': ([('objects_unwritable', flat(0))], [('objects_unwritable', flat(1))]),
	'MacronodeErrors': ([requests(200, 9999), requests(503, 9), requests(500, 1)], [requests(200, 900), requests(500, 2)]),
	'MacronodeComeBackLater': ([requests(200, 990), requests(429, 5), requests(503, 4)],
		[requests(200, 900), requests(429, 5), requests(503, 8)]),
	'MacronodeWritesSlow': (within(POST, (0.1, 96), ('+Inf', 100)), within(POST, (0.1, 90), (0.25, 100), ('+Inf', 100))),
	'MacronodeWritesSlowFor15m': (within(POST, (0.1, 96), ('+Inf', 100)),
		within(POST, (0.1, 90), (0.25, 100), ('+Inf', 100))),
	'MacronodeQueueFull': ([('queue_depth{q="ingress"}', flat(79)), ('queue_capacity{q="ingress"}', flat(100)),
		('queue_depth{q="commit"}', flat(2)), ('queue_capacity{q="commit"}', flat(2))],
		[('queue_depth{q="preval"}', flat(81)), ('queue_capacity{q="preval"}', flat(100))]),
	'MacronodeBusy': ([('busy_rejections_total{q="ingress"}', up(2900))],
		[('busy_rejections_total{q="ingress"}', up(2900)), ('busy_rejections_total{q="commit"}', up(200))]),
	'MacronodeAuthFailures': ([('auth_failures_total{peer="http"}', up(9))],
		[('auth_failures_total{peer="http"}', up(9)), ('auth_failures_total{peer="uds"}', up(3))]),
	'MacronodeHandshakes': ([('tls_handshake_failures_total', up(19))], [('tls_handshake_failures_total', up(21))]),
	'MacronodeNotSigning': ([('tls_handshakes_total{result="signer"}', flat(3)), ('tls_handshakes_total{result="full"}', up(9))],
		[('tls_handshakes_total{result="signer"}', up(1))]),
	# the clock of promtool begins at 0
	'MacronodeCertificateEnds': ([('tls_certificate_expiry_timestamp_seconds', flat(22 * 86400))],
		[('tls_certificate_expiry_timestamp_seconds', flat(20 * 86400))]),
	'MacronodeCertificateEndsSoon': ([('tls_certificate_expiry_timestamp_seconds', flat(22 * 86400))],
		[('tls_certificate_expiry_timestamp_seconds', flat(6 * 86400))]),
	'MacronodeTokensRefused': ([('rejected_total{reason="cap_invalid"}', up(9))],
		[('rejected_total{reason="cap_invalid"}', up(11))]),
	'MacronodeUnknownKind': ([('rejected_total{reason="unknown_kind"}', flat(9))],
		[('rejected_total{reason="unknown_kind"}', up(1))]),
	'MacronodeQuotas': ([('quota_exhaustions_total', up(99))], [('quota_exhaustions_total', up(101))]),
	'MacronodeNonceConflicts': ([('wallet_nonce_conflicts_total', up(9))], [('wallet_nonce_conflicts_total', up(11))]),
	'MacronodeRewardInvariant': ([('reward_invariant_fail_total{kind="overflow"}', flat(1))],
		[('reward_invariant_fail_total{kind="overflow"}', '0x38 1x30')]),
	'MacronodeRewardQuarantine': ([('quarantine_total{kind="overflow"}', flat(1))],
		[('quarantine_total{kind="overflow"}', '0x38 1x30')]),
	'MacronodeRewardAudits': ([('reward_audits_missing', '0x35 1x5 0x20')], [('reward_audits_missing', '0x25 1x35')]),
	'MacronodeRewardPolicies': ([('reward_policies_needed', flat(921))], [('reward_policies_needed', flat(922))]),
	'MacronodeRewardPostponed': ([('ledger_intents_total{result="error"}', flat(1)), ('ledger_intents_total{result="accepted"}', up(9))],
		[('ledger_intents_total{result="error"}', '0x38 1x30')]),
	'MacronodeRewardNotPaid': ([('ledger_egress_errors_total', flat(9))], [('ledger_egress_errors_total', up(2))]),
	'MacronodeRewardDegraded': ([('readyz_degraded{cause="dep_outage"}', '0x30 1x30'),
		('readyz_degraded{cause="rewards_frozen"}', flat(1))], [('readyz_degraded{cause="dep_outage"}', flat(1))]),
	'MacronodeRewardBrownout': ([('readyz_degraded{cause="ledger_degraded"}', '1x30 0x30')],
		[('readyz_degraded{cause="ledger_degraded"}', '0x35 1x30')]),
	'MacronodeRewardPaySlow': (within('ledger_emit_latency_seconds_bucket', (0.25, 99.5), ('+Inf', 100)),
		within('ledger_emit_latency_seconds_bucket', (0.25, 98), (0.5, 100), ('+Inf', 100))),
	'MacronodeRewardTooSlow': (within('reward_compute_latency_seconds_bucket', (0.5, 94.9), (1, 96), ('+Inf', 96)),
		within('reward_compute_latency_seconds_bucket', (0.5, 50), (1, 90), (2, 100), ('+Inf', 100))),
	'MacronodeRewardBurn': ([rewards(200, 99999), rewards(500, 40), rewards(503, 90)],
		[rewards(200, 9999), rewards(500, 25)]),
	'MacronodeRewardBurnFor1d': ([rewards(200, 99999), rewards(500, 40)], [rewards(200, 99999), rewards(500, 70)]),
	'MacronodeRewardRepeats': ([('ledger_intents_total{result="accepted"}', up(9)), ('ledger_intents_total{result="dup"}', '0x39 4x9')],
		[('ledger_intents_total{result="accepted"}', up(9)), ('ledger_intents_total{result="dup"}', up(1))]),
	'MacronodeRewardCaps': ([('reward_rejects_total{reason="cost_cap"}', up(2900)), ('reward_rejects_total{reason="schema"}', up(9999))],
		[('reward_rejects_total{reason="cost_cap"}', up(3100))]),
	'MacronodeRewardBombs': ([('reward_rejects_total{reason="oversize"}', flat(9))],
		[('reward_rejects_total{reason="decompress_cap"}', up(1))]),
	'MacronodeRewardSlow': (within('reward_compute_latency_seconds_bucket', (0.5, 96), ('+Inf', 100)),
		within('reward_compute_latency_seconds_bucket', (0.5, 90), (1, 100), ('+Inf', 100))),
	'MacronodeRewardConflict': ([('reward_runs_conflict_total', flat(1))], [('reward_runs_conflict_total', '0x35 1x30')]),
	'MacronodeStaleReads': ([('wallet_stale_reads_total', flat(9))], [('wallet_stale_reads_total', up(1))]),
}
ALSO = {  # what is the matter enough for both
	'MacronodeWritesSlow': {'MacronodeWritesSlowFor15m'},
	'MacronodeWritesSlowFor15m': {'MacronodeWritesSlow'},
	'MacronodeRewardTooSlow': {'MacronodeRewardSlow'},
	'MacronodeRewardBurn': {'MacronodeRewardBurnFor1d', 'MacronodeErrors'},
	'MacronodeCertificateEndsSoon': {'MacronodeCertificateEnds'},
}


def on_node(sample):
	name, values = sample
	label = 'instance="node-1"'
	return {'series': f'{name[:-1]},{label}}}' if name.endswith('}') else f'{name}{{{label}}}', 'values': values}


def judged(samples, minutes, firing):
	ask = {'expr': 'group by (alertname) (ALERTS{alertstate="firing"})', 'eval_time': f'{minutes}m',
		'exp_samples': [{'labels': f'{{alertname="{name}"}}', 'value': 1} for name in sorted(firing)]}
	return {'interval': '1m', 'input_series': [on_node(one) for one in samples], 'promql_expr_test': [ask]}


def promtool(*tests):
	if shutil.which('promtool') is None:
		raise tap.Skip('promtool is not installed (Debian: prometheus)')
	with tempfile.TemporaryDirectory() as directory:
		path = pathlib.Path(directory) / 'tests.yml'
		path.write_text(json.dumps({'rule_files': [str(ALERTS)], 'evaluation_interval': '1m', 'tests': tests}))
		return subprocess.run(['promtool', 'test', 'rules', str(path)], capture_output=True, text=True, timeout=120)


def test_promtool_takes_the_rules():
	if shutil.which('promtool') is None:
		raise tap.Skip('promtool is not installed (Debian: prometheus)')
	done = subprocess.run(['promtool', 'check', 'rules', str(ALERTS)], capture_output=True, text=True, timeout=60)
	assert done.returncode == 0 and f'{len(CASES)} rules found' in done.stdout, done


def test_each_alert_fires_when_it_should_and_no_other_does():
	assert set(CASES) == {rule['alert'] for rule in rules()}
	done = promtool(*[judged(case[BAD], LATE.get(name, AT), {name} | ALSO.get(name, set())) for name, case in CASES.items()])
	assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_stays_still_below_its_bound():
	done = promtool(*[judged(case[GOOD], AT, set()) for case in CASES.values()])
	assert done.returncode == 0, done.stdout + done.stderr


def test_an_alert_waits_as_long_as_it_says():
	waits = {rule['alert']: int(rule['for'][:-1]) for rule in rules() if 'for' in rule}
	assert waits['MacronodeDown'] == 2
	sick = CASES['MacronodeDown'][BAD]
	done = promtool(judged(sick, waits['MacronodeDown'] - 1, set()), judged(sick, waits['MacronodeDown'], {'MacronodeDown'}))
	assert done.returncode == 0, done.stdout + done.stderr


if __name__ == '__main__':
	tap.main(globals())

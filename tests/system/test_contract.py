"""Sentences of spec/ledger.md sections 1.5, 5, 6 and 7 and of spec/node.md sections 1.2, 6 and 7
that only a whole node can keep: what every answer carries, and what is there from boot."""
import datetime
import json
import re
import shutil
import subprocess
import uuid

import tap
from harness import Node, entry, eventually

SERIES = {  # name: the values of its one label, from the first scrape on
	'ledger_commits_total': None,
	'ledger_roots_published_total': None,
	'ledger_seq_gap_detected_total': None,
	'ledger_safe_mode': None,
	'ledger_backlog_gauge': None,
	'wal_fsync_fail_total': None,
	'disk_pressure': None,
	'tls_handshake_failures_total': None,
	'uds_denied_total': None,
	'pq_downgrade_detected_total': None,
	'queue_depth': ('q', {'ingress', 'preval', 'commit', 'work', 'results', 'intents'}),
	'queue_capacity': ('q', {'ingress', 'preval', 'commit', 'work', 'results', 'intents'}),
	'busy_rejections_total': ('q', {'ingress', 'commit', 'work'}),
	'rejected_total': ('reason', {'unauth', 'cap_invalid', 'unknown_kind', 'policy_denied',
		'busy', 'too_large', 'timeout', 'internal', 'decompress'}),
	'auth_failures_total': ('peer', {'http', 'uds', 'mtls'}),
	'pq_policy_mode': ('mode', {'off', 'hybrid', 'pq-only'}),
	'pq_handshake_failures_total': ('reason', {'no_common_algo', 'policy_refused', 'internal'}),
	'ready_state': ('state', {'true', 'false'}),
	'io_timeouts_total': ('op', {'read', 'write', 'kms', 'ledger', 'handshake'}),
}
COMMIT_BOUNDS = ['0.005', '0.01', '0.02', '0.04', '0.08', '0.15', '0.3', '0.6', '+Inf']
BOUNDS = {
	'ledger_commit_latency_seconds': COMMIT_BOUNDS,
	'committer_batch_latency_seconds': COMMIT_BOUNDS,
	'sequencer_batch_size': [str(1 << power) for power in range(11)] + ['+Inf'],
}
shared = {}


def node():
	if 'node' not in shared:
		shared['node'] = Node().start()
		shared['first'] = shared['node'].metrics()
		shared['token'] = shared['node'].mint()
	return shared['node']


def token():
	node()
	return shared['token']


def series_of(samples, name):
	return [dict(labels) for one, labels in samples if one == name]


def test_every_series_is_there_from_boot():
	node()
	for name, label in SERIES.items():
		found = series_of(shared['first'], name)
		if label is None:
			assert found == [{}], (name, found)
		else:
			assert {one[label[0]] for one in found} == label[1], (name, found)
			assert all(len(one) == 1 for one in found), (name, found)


def test_latencies_of_commits_have_the_bounds_of_the_contract():
	node()
	for name, bounds in BOUNDS.items():
		found = [one['le'] for one in series_of(shared['first'], f'{name}_bucket')]
		assert found == bounds, (name, found)


def test_the_exposition_passes_promtool():
	if shutil.which('promtool') is None:
		raise tap.Skip('promtool is not installed')
	text = node().http('GET', '/metrics', plane='admin').body
	done = subprocess.run(['promtool', 'check', 'metrics'], input=text, capture_output=True)
	# the names that the contracts fix against the rules of Prometheus
	wrong = [line for line in (done.stdout + done.stderr).decode().splitlines()
		if line.split(' ')[0] not in ('ledger_backlog_gauge', 'reward_cost_estimate_ms')]
	assert wrong == [], wrong


def test_version_names_the_build_as_the_command_does():
	answer = node().http('GET', '/version').json()
	told = json.loads(node().cli('version', '--json').stdout)
	assert {name: answer[name] for name in told} == told, (answer, told)
	assert answer['service'] == 'macronode' and answer['semver'] == answer['version'], answer
	assert answer['api']['http'] == 'v1' and answer['api']['openapi'], answer
	assert answer['pq_mode'] == 'off', answer
	datetime.datetime.fromisoformat(answer['build_ts'])
	for feature in ('zk', 'arti', 'amnesia'):
		assert answer['features'][feature] is False, answer


def test_health_is_the_same_on_both_planes():
	for plane in ('api', 'admin'):
		response = node().http('GET', '/healthz', plane=plane)
		assert response.status == 200, response
		assert response.json()['checks'] == {'event_loop': 'ok', 'clock': 'ok'}, response
		ready = node().http('GET', '/readyz', plane=plane).json()
		assert ready['ready'] is True and ready['degraded'] is False, ready
		assert ready['kms_ready'] and ready['policy_ready'] and ready['backpressure_ok'], ready
		assert ready['committer_lag_ms'] >= 0 and ready['pq_mode'] == 'off', ready
		assert ready['missing'] == [] and ready['deps']['storage'] == 'ok', ready
		assert not {'reason', 'retry_after'} & set(ready), ready


def test_every_answer_carries_what_the_contract_names():
	batch = {'batch': [entry('Mint', 'a', 1)]}
	for response in (
		node().http('GET', '/healthz'),
		node().http('GET', '/roots'),
		node().http('GET', '/nowhere'),
		node().http('POST', '/ingest', batch),
		node().http('POST', '/ingest', batch, token=token()),
	):
		assert response.headers['content-type'] == 'application/json; charset=utf-8', response
		assert response.headers['cache-control'] == 'no-store', response
		uuid.UUID(response.headers['x-corr-id'])
		assert response.headers['x-request-id'] == response.headers['x-corr-id'], response
		assert ('www-authenticate' in response.headers) == (response.status == 401), response
	problem = node().http('GET', '/nowhere', plane='admin')
	assert problem.headers['content-type'] == 'application/problem+json', problem
	assert problem.json()['status'] == 404 and problem.json()['error']['code'] == 'NotFound'
	wrong = node().http('GET', '/ingest')
	assert wrong.status == 405 and wrong.headers['allow'] == 'POST, OPTIONS', wrong


def test_the_root_is_told_wherever_the_ledger_was_asked():
	node().ingest([entry('Mint', 'a', 1)], token())
	root = node().http('GET', '/roots').json()['roots'][-1]['root']
	for status, told, request, held in (
		(400, root, b'{', token()),
		(400, root, b'{"batch":[]}', token()),
		(400, root, b'{"batch":[{}],"extra":1}', token()),
		(400, root, b'{"batch":[{}]}', token()),
		(401, None, b'{"batch":[{}]}', None),
		(413, None, b' ' * 1048577, token()),
		(413, None, b'{"batch":[' + b'{},' * 1024 + b'{}]}', token()),
	):
		response = node().http('POST', '/ingest', request, {'Content-Type': 'application/json'},
			token=held)
		body = response.json()
		assert (response.status, body['new_root']) == (status, told), response
		assert body['accepted'] is False and body['seq_start'] is body['seq_end'] is None, body
		assert body['reasons'][0]['idx'] == 0, body


def test_a_refusal_is_found_in_the_log_by_its_correlation_id():
	for body, status, reason in (
		({'batch': 1}, 400, 'unknown_kind'),
		({'batch': [entry('Burn', 'nobody', 1, capability_ref='x')]}, 403, 'cap_invalid'),
	):
		corr_id = str(uuid.uuid4())
		response = node().http('POST', '/ingest', body, {'X-Corr-ID': corr_id}, token=token())
		assert response.status == status, response
		assert response.headers['x-corr-id'] == corr_id, response

		def joined():
			records = node().log()
			mine = [one for one in records if one.get('corr_id') == corr_id]
			return [one for one in records for other in mine
				if one.get('ticket') == other.get('ticket') and one.get('reason') == reason]
		record = eventually(joined, 'a record with the ticket and the reason')[0]
		assert record['lvl'] == record['level'] == 'WARN' and record['route'] == '/ingest', record
		assert re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z', record['ts']), record


def test_each_refusal_is_counted_once():
	def rejected():
		return sum(value for (name, _), value in node().metrics().items()
			if name == 'rejected_total')
	authorised = {'Authorization': f'Bearer {token()}'}
	mistakes = (
		('GET', '/nowhere', None, {}, 'api'),
		('GET', '/nowhere', None, {}, 'admin'),
		('GET', '/roots?since=-1', None, {}, 'api'),
		('GET', '/entries/1', None, {}, 'api'),
		('GET', '/entries/999999', None, authorised, 'api'),
		('POST', '/ingest', {'batch': []}, {}, 'api'),
		('POST', '/ingest', {'batch': []}, authorised, 'api'),
		('POST', '/ingest', {'batch': [entry('Burn', 'a', 1, capability_ref='x')]}, authorised,
			'api'),
		('POST', '/ingest', b'{' * 1048577, {'Content-Type': 'application/json'}, 'api'),
	)
	for method, target, body, headers, plane in mistakes:
		before = rejected()
		response = node().http(method, target, body, headers, plane)
		assert response.status >= 400, response
		assert rejected() == before + 1, (method, target, rejected() - before)


if __name__ == '__main__':
	try:
		tap.main(globals())
	finally:
		if 'node' in shared:
			shared['node'].stop()
			shared['node'].remove()

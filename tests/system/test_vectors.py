"""The golden vectors of spec/ledger.md section 16.1, and what stands in no file: a busy node.

A vector is a list of steps on an empty ledger, each a request and what is expected of it. What
a file cannot know is filled in: `ts` counts from now, and `capability_ref` is that of the
token, which has every action unless the step names some. `again` repeats an earlier step's
request byte for byte.
"""
import json
import pathlib
import re
import signal
import time

import tap
import wire
from harness import Node, eventually, nodes

VECTORS = pathlib.Path(__file__).resolve().parents[1] / 'vectors'
ROOT = re.compile(r'[0-9a-f]{64}')


def fill_in(request, token, now_ms):
	for one in request['batch']:
		one['ts'] += now_ms
		one['capability_ref'] = nodes.capability_ref(token)
	return json.dumps(request).encode()


def commits(node):
	"""Of entries: an idle node commits parts of its state as well, which ledger_commits_total counts."""
	return len(node.http('GET', '/roots?since=0').json()['roots'])


def check(node, expected, response, before, roots):
	body = response.json()
	assert response.status == expected['status'], response
	for member in ('accepted', 'seq_start', 'seq_end', 'reasons'):
		assert body[member] == expected[member], (member, body)
	assert set(body) == {'accepted', 'seq_start', 'seq_end', 'new_root', 'reasons'}, body
	assert ROOT.fullmatch(body['new_root']), body
	# an answer may overtake archive, who is told of each commit
	eventually(lambda: commits(node) - before == expected['commits'], 'its commits')
	if 'same_root_as' in expected:
		assert body['new_root'] == roots[expected['same_root_as']], body
	return body['new_root']


def run(node, name):
	now_ms = int(time.time() * 1000)
	tokens = {None: node.mint()}
	sent, roots = [], []
	for step in json.loads((VECTORS / f'{name}.json').read_text())['steps']:
		actions = step.get('actions')
		if actions not in tokens:
			tokens[actions] = node.mint(actions)
		sent.append(sent[step['again']] if 'again' in step
			else fill_in(step['request'], tokens[actions], now_ms))
		before = commits(node)
		response = node.http('POST', '/ingest', sent[-1], {'Content-Type': 'application/json'},
			token=tokens[actions])
		roots.append(check(node, step['expect'], response, before, roots))
	return tokens[None], roots


def test_happy_and_its_replay():
	with Node() as node:
		_, roots = run(node, 'happy')
		eventually(lambda: node.metric('ledger_commit_latency_seconds_count') >= 1, 'a latency')
		listed = node.http('GET', '/roots').json()
		assert [one['root'] for one in listed['roots']] == roots[:1], listed
		assert listed['next'] == 3, listed


def test_unknown_field():
	with Node() as node:
		run(node, 'unknown_field')
		assert node.metric('rejected_total', reason='unknown_kind') == 1


def test_malformed_nonce():
	with Node() as node:
		run(node, 'malformed_nonce')
		assert node.metric('rejected_total', reason='unknown_kind') == 3


def test_reversible():
	with Node() as node:
		token, _ = run(node, 'reversible')
		reverse = node.http('GET', '/entries/3', token=token).json()
		assert reverse['original_id'].endswith('9a41') and reverse['original_seq'] == 2, reverse
		assert reverse['amount'] == '100', reverse
		assert node.metric('rejected_total', reason='cap_invalid') == 1
		node.stop()
		node.cli('verify')


def test_busy():
	"""More reads than all prevalidators take are on their way while these stand still."""
	with Node({'node': {'ping_timeout': '60s'}}) as node:
		token = node.mint()
		held = node.workers('prevalidator')
		for pid, start in held.items():
			nodes.signal_process(pid, start, signal.SIGSTOP)
		connections = [node.open_http() for _ in range(len(held) * 48)]
		for connection in connections:
			connection.send(wire.request('GET', '/entries/1', None,
				{'Authorization': f'Bearer {token}'}) * 16)
		eventually(lambda: node.metric('busy_rejections_total', q='ingress'), 'busy')
		busy = node.metric('busy_rejections_total', q='ingress')
		response = node.http('POST', '/ingest', {'batch': []}, token=token)
		for pid, start in held.items():
			nodes.signal_process(pid, start, signal.SIGCONT)
		assert response.status == 429 and int(response.headers['retry-after']) >= 1, response
		assert response.json() == {'accepted': False, 'seq_start': None, 'seq_end': None,
			'new_root': None, 'reasons': [{'idx': 0, 'reason': 'busy', 'details': 'busy'}]}
		assert node.metric('busy_rejections_total', q='ingress') >= busy + 1
		statuses = [connection.response().status for connection in connections
			for _ in range(16)]
		assert set(statuses) == {404, 429}, set(statuses)
		assert node.metric('rejected_total', reason='busy') == statuses.count(429) + 1
		eventually(lambda: node.metric('queue_depth', q='ingress') == 0, 'nothing to wait')


if __name__ == '__main__':
	tap.main(globals())

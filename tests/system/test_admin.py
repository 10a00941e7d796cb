"""The admin plane: status, reload, shutdown, recovery, events and schemas, each as it is asked for with
a token, and each way in which it is refused."""
import contextlib
import json
import os
import re
import signal
import struct
import threading
import uuid

import fd3
import tap
import wire
from faults import FaultyNode
from harness import Node, entry, eventually, nodes
from reloading import change

ADMIN_ASK = 0x0190
ADMIN_KIND = 10  # core/audit.h
READS = ('/api/v1/status', '/recovery', '/events')
ACTS = ('/api/v1/reload', '/api/v1/shutdown')
ACTIONS = {'/api/v1/status': 'admin.status', '/recovery': 'admin.status', '/events': 'admin.status',
	'/api/v1/reload': 'admin.reload', '/api/v1/shutdown': 'admin.shutdown'}
MOVING = ('uptime_s', 'lag_ms', 'queues', 'log')  # of status, from one question to the next
shared = {}


def node():
	if 'node' not in shared:
		shared['node'] = Node().start()
	return shared['node']


def token(node, *actions, **more):
	"""Of these actions alone."""
	words = ['cap', 'mint', '--ttl', '1h', '--action', ','.join(actions)]
	for name, value in more.items():
		words += [f'--{name}', value]
	return node.cli(*words).stdout.strip()


def ask(node, path, token=None, body=None, **headers):
	method = 'POST' if path in ACTS else 'GET'
	return node.http(method, path, body, {key.replace('_', '-'): value for key, value in headers.items()},
		plane='admin', token=token)


def refused(response, status, words=''):
	"""It is a problem document (RFC 9457) of that status, and says these words."""
	assert response.status == status, response
	assert response.headers['content-type'] == 'application/problem+json', response
	problem = response.json()
	assert set(problem) == {'type', 'title', 'status', 'detail', 'instance', 'error'}, problem
	assert problem['status'] == status and problem['type'] == 'about:blank' and problem['title'], problem
	assert problem['instance'] == response.headers['x-corr-id'] == problem['error']['corr_id'], problem
	assert words in problem['detail'], problem
	assert (response.headers.get('www-authenticate') == 'Bearer') == (status == 401), response
	assert ('retry-after' in response.headers) == (status in (429, 503)), response
	return problem


def still(value):
	"""A status without what moves by itself."""
	if isinstance(value, dict):
		return {key: still(one) for key, one in value.items() if key not in MOVING}
	return [still(one) for one in value] if isinstance(value, list) else value


# --- what is asked for -------------------------------------------------------------------------


def test_status_is_what_the_command_says():
	one = node()
	allowed = token(one, 'admin.status')
	response = ask(one, '/api/v1/status', allowed)
	assert response.status == 200 and response.headers['content-type'].startswith('application/json'), response
	told = json.loads(one.cli('status', '--json').stdout)
	assert still(response.json()) == still(told), (response.json(), told)
	assert response.json()['ready'] is True
	roles = {(child['role'], child['instance']) for child in response.json()['processes']}
	assert ('prevalidator', 0) in roles and ('prevalidator', 16) in roles, roles
	head = one.http('HEAD', '/api/v1/status', plane='admin', token=allowed)
	assert head.status == 200 and head.body == b'', head


def test_recovery_says_that_there_is_nothing_to_recover():
	told = ask(node(), '/recovery', token(node(), 'admin.status')).json()
	assert told['safe_mode'] is False and told['cause'] == '' and told['store_suspect'] is False, told
	assert told['next'] == [] and told['explained']['needed'] is False, told
	assert told['explained']['failing_seq'] is None, told
	assert told['explained']['on_disk']['height'] == told['height'], told


def test_recovery_is_told_without_a_committer():
	with Node({'node': {'restart_min': '60s', 'restart_max': '60s', 'restart_cap': '60s'}}) as one:
		allowed = token(one, 'admin.status')
		one.replace_worker('committer')
		one.signal_worker('committer')  # who is replaced only in a minute
		eventually(lambda: not one.workers('committer'), 'nobody')
		told = eventually(lambda: (answer := ask(one, '/recovery', allowed)).status == 200 and answer.json(),
			'an answer')
		assert told['explained'] is None and told['next'], told
		assert {'reason', 'next'} == set(told['next'][0]), told


def test_shutdown_is_accepted_and_the_node_leaves_in_order():
	with Node() as one:
		corr_id = str(uuid.uuid4())
		response = ask(one, '/api/v1/shutdown', token(one, 'admin.shutdown'), {'reason': 'moving house'},
			X_Corr_ID=corr_id)
		assert response.status == 202 and response.json() == {'draining': True}, response
		assert one.child.wait(60) == 0
		lines = [line for line in one.log() if line['event'] == 'admin_asked']
		assert len(lines) == 1 and lines[0]['corr_id'] == corr_id, lines
		assert lines[0]['op'] == 'shutdown' and lines[0]['reason'] == 'moving house', lines
		assert lines[0]['status'] == 202 and lines[0]['capability_ref'] and 'outcome' not in lines[0], lines
		one.child = None
		one.start()
		(record,) = audited(one)
		assert record == {'actor': f'capability {lines[0]["capability_ref"]}', 'kid': 1, 'outcome': 'accepted',
			'instance': f'macronode@{os.uname().nodename}', 'reason': 'moving house', 'request_id': corr_id,
			'type': 'admin.shutdown'}, record
		one.cli('stop')
		assert one.child.wait(60) == 0
		one.child = None
		one.start()
		assert audited(one)[1]['actor'] == f'uid {os.geteuid()}', audited(one)


def test_a_shutdown_without_a_body_will_do():
	with Node() as one:
		allowed = token(one, 'admin.shutdown')
		with one.open_http('admin') as connection:
			connection.send(f'POST /api/v1/shutdown HTTP/1.1\r\nHost: localhost\r\n'
				f'Authorization: Bearer {allowed}\r\nConnection: close\r\n\r\n'.encode())
			assert connection.response().status == 202
		assert one.child.wait(60) == 0
		one.child = None


@contextlib.contextmanager
def load(node, writer):
	"""Four clients that mint for alice as long as this lasts; yields what they were answered: (status, seq)."""
	stopped, answers = threading.Event(), []

	def write():
		while not stopped.is_set():
			try:
				response = node.ingest([entry('Mint', 'alice', 1)], writer)
			except (OSError, wire.Closed):
				continue
			answers.append((response.status, response.json()['seq_end']))

	writers = [threading.Thread(target=write) for _ in range(4)]
	for thread in writers:
		thread.start()
	try:
		eventually(lambda: len(answers) > 50, 'writes')
		yield answers
	finally:
		stopped.set()
		for thread in writers:
			thread.join()


def test_shutdown_under_load_loses_nothing():
	with Node() as one:
		writer = one.mint()
		with load(one, writer) as answers:
			assert ask(one, '/api/v1/shutdown', token(one, 'admin.shutdown')).status == 202
			assert one.child.wait(60) == 0
		acknowledged = [seq for status, seq in answers if status == 200]
		one.child = None
		one.start()
		assert [record['type'] for record in audited(one)] == ['admin.shutdown']
		told = one.http('GET', '/v1/balance?account=alice&asset=ron', token=writer).json()
		assert int(told['amount_minor']) >= len(acknowledged), (told, len(acknowledged))
		assert max(acknowledged) <= json.loads(one.cli('status', '--json').stdout)['ledger']['seq']
		one.environment['MACRONODE_TOKEN'] = writer
		assert one.cli('verify').returncode == 0


def test_a_reload_is_answered_when_it_is_over():
	with Node() as one:
		allowed, watch = token(one, 'admin.reload'), Watch(one, token(one, 'admin.status'))
		corr_id = str(uuid.uuid4())
		change(one, limits={'rps': 900}, concurrency={'ingress_workers': 2})
		response = ask(one, '/api/v1/reload', allowed, {'reason': 'more clients'}, X_Corr_ID=corr_id)
		assert response.status == 200, response
		told = response.json()
		assert told['applied'] and told['generation'] == 2 and told['refusal'] == '', told
		assert told['changed'] == [{'from': '0', 'key': 'limits.rps', 'to': '900'}], told
		assert [key['key'] for key in told['needs_restart']] == ['concurrency.ingress_workers'], told
		event = watch.until('macronode.config.updated')
		assert event['version'] == 2 and event['changed'] == ['limits.rps'] and event['refusal'] == '', event
		assert event['needs_restart'] == ['concurrency.ingress_workers'] and event['actor'] == told['actor'], event
		watch.close()
		config = json.loads(one.cli('status', '--json').stdout)['config']
		assert config['last_reload']['actor'] == told['actor'], config
		(record,) = eventually(lambda: audited(one), 'the record')
		assert record['type'] == 'admin.reload' and record['request_id'] == corr_id, record
		assert record['outcome'] == 'applied' and record['actor'] == told['actor'], record
		(line,) = [line for line in one.log() if line['event'] == 'admin_asked']
		assert 'outcome' not in line, 'nothing was deferred: the ledger takes its records'


def test_what_cannot_be_reloaded_is_said_and_nothing_changes():
	with Node() as one:
		allowed = token(one, 'admin.reload')
		good = one.profile.config.read_text()
		for broken, words in (('[limits', ''), (good.replace('rps = 0', 'rps = -1'), 'limits.rps'),
				(good.replace('rps = 0', 'rsp = 1'), 'did you mean limits.rps?')):
			one.profile.config.write_text(broken)
			response = eventually(lambda: in_time(ask(one, '/api/v1/reload', allowed)), 'it to be time')
			refused(response, 422, words)
		one.profile.config.write_text(good)
		response = eventually(lambda: in_time(ask(one, '/api/v1/reload', allowed)), 'it to be time')
		assert response.status == 200 and response.json()['changed'] == [], response
		assert response.json()['generation'] > 1, response
		outcomes = eventually(lambda: len(audited(one)) == 4 and audited(one), 'the records')
		assert [record['outcome'] for record in outcomes] == ['refused'] * 3 + ['applied'], outcomes


def test_a_reload_that_failed_for_no_fault_of_the_file_may_be_tried_again():
	with Node({'node': {'ping_timeout': '1m'}}) as one:
		allowed = token(one, 'admin.reload')
		silent = one.signal_worker('wallet', signal.SIGSTOP)
		try:
			refused(ask(one, '/api/v1/reload', allowed), 503, 'wallet 0 did not answer')
		finally:
			os.kill(silent, signal.SIGCONT)
		assert ask(one, '/api/v1/reload', allowed).status == 200


def in_time(response):
	"""None: at most one a second."""
	if response.status == 429:
		refused(response, 429, 'a second')
		return None
	return response


def test_at_most_one_reload_a_second():
	with Node() as one:
		allowed = token(one, 'admin.reload')
		def one_too_many():
			with contextlib.ExitStack() as stack:
				streams = [stack.enter_context(one.open_http('admin')) for _ in range(4)]
				for stream in streams:  # at once: one after the other may be one a second
					stream.send(wire.request('POST', '/api/v1/reload', headers={'Authorization': f'Bearer {allowed}',
						'Content-Length': '0'}))
				return next((told for told in [stream.response() for stream in streams] if told.status == 429), None)
		refused(eventually(one_too_many, 'one too many'), 429, 'a second')
		eventually(lambda: in_time(ask(one, '/api/v1/reload', allowed)), 'a second later')


def test_reloads_under_load_fail_no_write():
	with Node() as one:
		allowed, writer = token(one, 'admin.reload'), one.mint()
		with load(one, writer) as answers:
			for rps in range(100000, 100005):
				change(one, limits={'rps': rps})
				response = eventually(lambda: in_time(ask(one, '/api/v1/reload', allowed)), 'it to be time')
				assert response.status == 200, response
				assert response.json()['changed'][0]['to'] == str(rps), response
		assert {status for status, _ in answers} == {200}, {status for status, _ in answers}


def test_what_is_done_in_safe_mode_is_recorded_later():
	with FaultyNode() as one:
		allowed, writer = token(one, 'admin.reload'), one.mint()
		assert one.ingest([entry('Mint', 'a', 1)], writer).status == 200
		one.fail('fdatasync', count=1)
		assert one.ingest([entry('Mint', 'a', 1)], writer).status == 503
		recovery = token(one, 'admin.status')
		told = eventually(lambda: (answer := ask(one, '/recovery', recovery)).status == 200 and answer.json()['explained']
			and answer.json()['explained']['may_acknowledge'] and answer.json(), 'what to do')
		assert told['safe_mode'] and 'sync_failed' in told['cause'] and told['next'], told
		assert ask(one, '/api/v1/reload', allowed).status == 200
		assert one.logged('admin_asked')['outcome'] == 'audit=deferred'
		there = told['explained']['on_disk']
		one.cli('recover', '--ack', f'{there["height"]}:{there["root"]}')
		one.wait_ready()
		(record,) = eventually(lambda: audited(one), 'the record')
		assert record['type'] == 'admin.reload' and record['outcome'] == 'applied', record


def audited(node):
	"""The audit records of administration, oldest first."""
	node.environment['MACRONODE_TOKEN'] = node.mint()
	lines = [json.loads(line) for line in node.cli('audit', 'export').stdout.splitlines()]
	return [json.loads(one['bytes']) for one in lines if one.get('kind') == ADMIN_KIND]


# --- refused -----------------------------------------------------------------------------------


def test_nothing_is_done_without_a_token():
	one = node()
	for path in (*READS, *ACTS):
		eventually(lambda path=path: ask(one, path).status == 401 and refused(ask(one, path), 401, 'token'),
			f'a 401 of {path}')
		refused(ask(one, path, 'nonsense'), 401)
	assert one.http('GET', '/readyz', plane='admin').status == 200


def test_a_token_of_another_action_is_not_enough():
	one = node()
	every = ('admin.status', 'admin.reload', 'admin.shutdown', 'ledger.ingest', 'audit.read')
	for path in (*READS, *ACTS):
		others = token(one, *(action for action in every if action != ACTIONS[path]))
		refused(ask(one, path, others), 403, 'action')
	refused(ask(one, '/api/v1/status', token(one, 'admin.status', account='alice')), 403, 'account')
	for caveat in (('--method', 'POST'), ('--path', '/recovery')):
		narrow = one.cli('cap', 'attenuate', *caveat, stdin=token(one, 'admin.status')).stdout.strip()
		refused(ask(one, '/api/v1/status', narrow), 403)
	assert ask(one, '/recovery', narrow).status == 200
	assert one.http('GET', '/readyz', plane='admin').status == 200


def test_a_revoked_token_is_refused():
	one = node()
	allowed = token(one, 'admin.status')
	assert ask(one, '/api/v1/status', allowed).status == 200
	one.cli('cap', 'revoke', nodes.capability_ref(allowed))
	refused(ask(one, '/api/v1/status', allowed), 403, 'revoked')


def test_what_is_no_request_of_them():
	one = node()
	status, reload = token(one, 'admin.status'), token(one, 'admin.reload')
	for path in (*READS, *ACTS):
		for method in ('DELETE', 'PUT', 'GET' if path in ACTS else 'POST'):
			response = one.http(method, path, plane='admin', token=status)
			refused(response, 405)
			assert ('POST' if path in ACTS else 'GET') in response.headers['allow'], response
	refused(ask(one, '/api/v1/status?all=1', status), 400, 'query')
	refused(one.http('POST', '/api/v1/reload?all=1', plane='admin', token=reload), 400, 'query')
	refused(ask(one, '/api/v1/reload', reload, b'{}'), 415)
	refused(ask(one, '/api/v1/reload', reload, b'{}', Content_Type='text/plain'), 415)
	for body, words in ((b'{', 'JSON'), (b'[]', ''), (b'{"reason":7}', 'reason'), (b'{"reason":""}', 'reason'),
			(b'{"why":"x"}', ''), (b'{"reason":"%s"}' % (b'x' * 513), 'reason')):
		refused(ask(one, '/api/v1/reload', reload, body, Content_Type='application/json'), 400, words)
	refused(ask(one, '/api/v1/reload', reload, {'reason': 'x' * 5000}), 413)
	refused(ask(one, '/events', status, Last_Event_ID='yesterday'), 400, 'Last-Event-ID')
	refused(ask(one, '/nowhere', status), 404)
	refused(ask(one, '/ingest', status), 404)
	refused(ask(one, '/api/v1/shutdown', status, Origin='http://elsewhere'), 403)
	assert one.http('GET', '/readyz', plane='admin').status == 200


def test_the_api_plane_has_none_of_it():
	one = node()
	allowed = one.mint()
	for path in (*READS, *ACTS):
		for plane in ('api', 'uds'):
			method = 'POST' if path in ACTS else 'GET'
			assert one.http(method, path, plane=plane, token=allowed).status == 404, (path, plane)


def test_too_many_questions_are_told_to_come_again():
	one = node()
	allowed = token(one, 'admin.status')
	ask_it = wire.request('GET', '/api/v1/status', headers={'Authorization': f'Bearer {allowed}'})

	def late():
		with one.open_http('admin') as connection:
			connection.send(60 * ask_it)  # at once: one after the other may be few a second
			responses = [connection.response() for _ in range(60)]
		return [response for response in responses if response.status != 200]
	refusals = eventually(late, 'too many')
	assert {response.status for response in refusals} == {429}, refusals
	refused(refusals[0], 429, 'questions')
	eventually(lambda: ask(one, '/api/v1/status', allowed).status == 200, 'a second later')


def test_without_kms_it_says_so():
	with Node({'node': {'restart_min': '60s', 'restart_max': '60s', 'restart_cap': '60s'}}) as one:
		allowed = token(one, 'admin.status')
		assert ask(one, '/api/v1/status', allowed).status == 200
		one.replace_worker('kms')
		one.signal_worker('kms')  # who is replaced only in a minute
		eventually(lambda: not one.workers('kms'), 'nobody')
		refused(ask(one, '/api/v1/status', allowed), 503)
		assert one.http('GET', '/metrics', plane='admin').status == 200


def test_without_its_prevalidator_the_rest_of_the_plane_answers():
	with Node() as one:
		allowed = token(one, 'admin.status')
		pid = one.worker('admin-check')
		one.signal_worker('admin-check')
		assert one.http('GET', '/healthz', plane='admin').status == 200
		eventually(lambda: pid not in one.workers('admin-check') and ask(one, '/api/v1/status', allowed).status == 200,
			'another one')
		assert re.search(r'  admin-check 16 \(pid [0-9]+\)  signal 9', one.cli('status', check=False).stdout), 'in status'
		assert one.ingest([entry('Mint', 'a', 1)], one.mint()).status == 200


# --- captured ----------------------------------------------------------------------------------


def admin_ask(act, generation, grant, corr_id=b'', reason=b''):
	parts = b''.join(struct.pack('<I', len(one)) + one for one in (corr_id, reason, grant))
	return struct.pack('<BIQ', act, generation, 2**62) + parts


def grant_of(generation, actions=0xffffffff):
	"""As core/grant.h has it, for everything, and with a tag that nobody made."""
	head = struct.pack('<BBBBB', 2, 0, 0, 0, 0) + struct.pack('<III', generation, 1, 0) + bytes(16)
	head += struct.pack('<QQ', 0, 2**62) + bytes(16) + struct.pack('<II', 1, actions) + bytes([255, 0])
	head += bytes([255]) * 16 + struct.pack('<QQQ', 2**62, 0, 2**63) + bytes([7]) + b'default'
	return head + bytes(32)


def test_a_captured_prevalidator_cannot_stop_the_node():
	for act in range(5):
		with Node() as one:
			old = one.worker('admin-check')
			generation = fd3.generation(one, 'admin', one.worker('admin'))
			kms = fd3.generation(one, 'kms', one.worker('kms'))
			with fd3.Fd3(old) as captured:
				captured.say(ADMIN_ASK, admin_ask(act, generation, grant_of(kms)), flags=wire.REQ, corr_id=7)
				eventually(lambda: old not in one.workers('admin-check') and one.workers('admin-check'), 'its end')
			deaths = json.loads(one.cli('status', '--json', check=False).stdout)['deaths']
			assert [death['pid'] for death in deaths] == [old] and 'ADMIN_ASK that is DENIED' in deaths[0]['cause'], deaths
			one.wait_ready()
			assert one.ingest([entry('Mint', 'a', 1)], one.mint()).status == 200


def test_a_prevalidator_of_the_api_may_not_ask_at_all():
	with Node() as one:
		old = one.worker('prevalidator')
		with fd3.Fd3(old) as captured:
			captured.say(ADMIN_ASK, admin_ask(4, 1, b'x' * 200), flags=wire.REQ, corr_id=7)
			eventually(lambda: old not in one.workers('prevalidator') and one.workers('prevalidator'), 'its end')
		deaths = json.loads(one.cli('status', '--json', check=False).stdout)['deaths']
		assert 'NOT_ROUTED' in deaths[0]['cause'], deaths
		one.wait_ready()


# --- events ------------------------------------------------------------------------------------


class Watch:
	"""GET /events, one event after the other."""

	def __init__(self, node, token, after=None):
		self.stream = node.open_http('admin')
		headers = {'Authorization': f'Bearer {token}'}
		if after is not None:
			headers['Last-Event-ID'] = str(after)
		self.stream.send(wire.request('GET', '/events', headers=headers))
		self.head = self.stream.take_until(b'\r\n\r\n').decode().lower()
		self.last_id = after
		assert self.head.startswith('http/1.1 200') and 'text/event-stream' in self.head, self.head

	def next(self):
		"""(topic, data) of the next event."""
		while True:
			fields = dict(line.partition(': ')[::2] for line in self.stream.take_until(b'\n\n').decode().splitlines())
			if 'id' in fields:
				self.last_id = int(fields['id'])
			if 'data' in fields:
				return fields['event'], json.loads(fields['data'])

	def until(self, topic, **members):
		"""The next event of that topic with these members."""
		while True:
			found, data = self.next()
			if found == topic and all(data[name] == value for name, value in members.items()):
				return data

	def close(self):
		self.stream.socket.close()


def test_deaths_restarts_and_readiness_are_told():
	with Node() as one:
		watch = Watch(one, token(one, 'admin.status'))
		pid = one.signal_worker('archive')
		died = watch.until('macronode.service.crashed')
		assert died['service'] == 'archive' and died['pid'] == pid and 'KILL' in died['cause'], died
		assert watch.until('macronode.service.restarted')['service'] == 'archive'
		watch.until('macronode.health', service='macronode', ok=True)
		old = one.signal_worker('kms')  # whom the stream asks about its token
		assert watch.until('macronode.service.crashed')['pid'] == old
		watch.until('macronode.health', service='kms', ok=True)
		watch.close()


def test_a_stream_is_resumed_after_admin_was_killed():
	with Node() as one:
		allowed = token(one, 'admin.status')
		watch = Watch(one, allowed)
		one.signal_worker('wallet')
		watch.until('macronode.service.restarted', service='wallet')
		seen, old = watch.last_id, one.signal_worker('admin')
		eventually(lambda: old not in one.workers('admin') and one.workers('admin'), 'another admin')
		watch = eventually(lambda: try_watch(one, allowed, after=seen), 'its stream')
		told = []
		while not told or told[-1] != ('macronode.service.restarted', 'admin'):
			topic, data = watch.next()
			assert topic != 'macronode.lagged', data
			assert watch.last_id == seen + len(told) + 1, (watch.last_id, seen, told)
			told.append((topic, data.get('service')))
		assert ('macronode.service.crashed', 'admin') in told, told
		watch.close()


def test_events_of_another_life_and_of_no_life():
	with Node() as one:
		allowed = token(one, 'admin.status')
		for after in (1, 2**62):
			watch = Watch(one, allowed, after=after)
			assert watch.next() == ('macronode.lagged', {'missed': None})
			topic, data = watch.next()
			assert topic == 'macronode.health' and data['ts_ms'] > 0, (topic, data)
			watch.close()
		before = watch.last_id
		one.restart()
		watch = Watch(one, allowed, after=before)
		assert watch.next() == ('macronode.lagged', {'missed': None})
		watch.next()
		assert watch.last_id > before, (watch.last_id, before)
		watch.close()


def test_the_end_of_the_node_is_told_and_ends_the_stream():
	with Node() as one:
		watch = Watch(one, token(one, 'admin.status'))
		one.child.send_signal(signal.SIGTERM)
		assert watch.until('macronode.draining') ['reason'] == 'terminated'
		try:
			while True:
				watch.next()
		except (wire.Closed, OSError):
			pass
		assert one.child.wait(60) == 0
		one.child = None


def test_a_revoked_token_ends_the_stream():
	one = node()
	allowed = token(one, 'admin.status')
	watch = Watch(one, allowed)
	one.cli('cap', 'revoke', nodes.capability_ref(allowed))
	try:
		while True:
			watch.next()
	except (wire.Closed, OSError):
		pass
	refused(ask(one, '/events', allowed), 403, 'revoked')


def test_streams_are_bounded_and_a_slow_one_costs_nobody_else():
	one = node()
	allowed = token(one, 'admin.status')
	watches = []
	for _ in range(32):
		watches.append(eventually(lambda: try_watch(one, allowed), 'room'))
	refused(ask(one, '/events', allowed), 429)
	assert one.http('GET', '/readyz', plane='admin').status == 200
	for watch in watches:
		watch.close()
	eventually(lambda: try_watch(one, allowed), 'room again').close()


def try_watch(node, token, after=None):
	"""None: it was told to come again."""
	try:
		return Watch(node, token, after)
	except AssertionError as fault:
		if ' 429 ' in str(fault) or ' 503 ' in str(fault):
			return None
		raise


# --- schemas -----------------------------------------------------------------------------------


def test_schemas_are_listed_and_served_with_a_tag():
	one = node()
	for plane in ('admin', 'api'):
		listed = one.http('GET', '/schemas', plane=plane)
		urls = [schema['url'] for schema in listed.json()['schemas']]
		assert '/schemas/ingest-request.json' in urls and '/schemas/wallet-policy.json' in urls, urls
		names = [url.removeprefix('/schemas/').removesuffix('.json') for url in urls]
		assert names == sorted(names) and all(schema['version'] for schema in listed.json()['schemas'])
		for url in urls:
			response = one.http('GET', url, plane=plane)
			schema, tag = response.json(), response.headers['etag']
			assert schema['$schema'].endswith('2020-12/schema') and schema['type'] == 'object', schema
			for name in re.findall(r'"\$ref":"(.*?)"', response.body.decode()):
				assert name.removeprefix('#/$defs/') in schema['$defs'], (url, name)
			again = one.http('GET', url, headers={'If-None-Match': tag}, plane=plane)
			assert again.status == 304 and again.body == b'' and again.headers['etag'] == tag, again
		assert one.http('GET', url, headers={'If-None-Match': '"other"'}, plane=plane).status == 200
		assert one.http('HEAD', url, plane=plane).headers['etag'] == tag
	refused(one.http('GET', '/schemas/nothing.json', plane='admin'), 404, 'schema')
	assert one.http('GET', '/schemas/nothing.json').status == 404


def test_the_end():
	if 'node' in shared:
		assert shared['node'].stop() == 0
		shared.pop('node').remove()


if __name__ == '__main__':
	tap.main(globals())

"""Every way to be refused under /rewarder, over TCP, the UNIX socket and OAP/1: the whole error, by
name, and that nothing was paid."""
import concurrent.futures
import contextlib
import gzip
import json
import re
import shutil
import signal
import tempfile

import tap
from harness import eventually, nodes
from refusals import size_of
from reward_node import EXAMPLES, Payer, macronode, ways

HEX = '8a7efab2d047db37f228e34c7d7eb809d1929a701773322bf96e6fea47593817'
GOOD = {'inputs_cid': f'b3:{HEX}', 'policy_id': 'rev42', 'policy_hash': f'b3:{HEX}'}
DAY = '2026-10-01'
BODY_BYTES_MAX = 1 << 20

# By hand, from spec/rewarder.md section 4 and docs/decisions.md: reason: code, status.
REASONS = {
	**{reason: ('BAD_REQUEST', 400) for reason in ('schema', 'decompress_cap', 'stale', 'cost_cap',
		'policy_invalid', 'policy_unknown', 'inputs_not_found', 'inputs_mismatch', 'epoch_not_closed',
		'method', 'media_type', 'http')},
	'oversize': ('BAD_REQUEST', 413),
	'unauth': ('UNAUTHENTICATED', 401),
	'scope': ('UNAUTHORIZED', 403), 'caveat': ('UNAUTHORIZED', 403),
	'route': ('NOT_FOUND', 404), 'not_found': ('NOT_FOUND', 404),
	'commitment': ('CONFLICT', 409), 'policy': ('CONFLICT', 409),
	'invariant': ('QUARANTINED', 409),
	'quota': ('RATE_LIMITED', 429), 'backpressure': ('RATE_LIMITED', 429),
	**{reason: ('DEPENDENCY_UNAVAILABLE', 503) for reason in ('dep_outage', 'draining', 'cap_timeout')},
	'internal': ('INTERNAL', 500),
}
seen = set()
RUN_MEMBERS = ['status', 'reason', 'details', 'run_key', 'commitment']
shared = {}


def payer():
	"""One for all cases that leave it in order."""
	if 'payer' not in shared:
		shared['payer'] = Payer()
	return shared['payer']


def check(way, answer, reason, status=None):
	"""The whole error, as the contract has it; returns it."""
	code, usual_status = REASONS[reason]
	status = status or usual_status
	seen.add(reason)
	told = json.loads(answer.body)
	where = (way.name, answer)
	assert list(told) in (['error'], ['error', *RUN_MEMBERS]), where
	error = told['error']
	assert list(error) == ['code', 'message', 'corr_id', 'details'], where
	assert (error['code'], error['details']['reason']) == (code, reason), where
	assert error['corr_id'] == answer.corr_id, where
	assert len(error['message'].split()) > 1, where
	if way.is_http:
		assert answer.status == status, where
		assert answer.headers['content-type'] == 'application/json; charset=utf-8', where
		assert answer.headers['cache-control'] == 'no-store', where
		assert ('www-authenticate' in answer.headers) == (status == 401), where
		assert ('allow' in answer.headers) == (status == 405), where
		assert ('retry-after' in answer.headers) == (status in (429, 503)), where
	return told


@contextlib.contextmanager
def nothing_paid(one):
	before = size_of(one.node)
	yield
	assert size_of(one.node) == before, f'{size_of(one.node) - before} entries came of refusals'


def refused(reason, what, token, of='', body=None, one=None, alike=True, **more):
	"""Over each way; the message is the same over all of them, if they are alike."""
	one = one or payer()
	said = set()
	with nothing_paid(one):
		for way in ways(one.node):
			told = check(way, way.ask(what, token, of, body, **more), reason)
			said.add(told['error']['message'])
	assert len(said) == 1 or not alike, said
	return told


# --- forms ------------------------------------------------------------------------------------


def without(member):
	return {name: value for name, value in GOOD.items() if name != member}


def test_a_request_is_a_closed_object():
	token = payer().runner()
	for member in GOOD:
		refused('schema', 'compute', token, DAY, without(member))
	for more in ({'oops': 1}, {'': {'a': [1]}}, {'tenant': 'acme'}, {'Notes': 'x'}, {'epoch': DAY},
			{'idempotency_key': 'x'}):
		refused('schema', 'compute', token, DAY, {**GOOD, **more})
	for member in ('inputs_cid', 'policy_hash'):
		for value in ('', HEX, f'b3:{HEX[:-1]}', f'b3:{HEX}0', f'b3:{HEX.upper()}', f'sha256:{HEX}', 5, None,
				True, [], {}):
			refused('schema', 'compute', token, DAY, {**GOOD, member: value})
	for value in ('', 'a b', 'a/b', 'x' * 129, '\u00e9', 5, None, [], {}):
		refused('schema', 'compute', token, DAY, {**GOOD, 'policy_id': value})
	for value in (0, 1, 'true', None, [], {}):
		refused('schema', 'compute', token, DAY, {**GOOD, 'dry_run': value})
	for value in ('x' * 1025, '\U0001f600' * 1025, 5, None, []):
		refused('schema', 'compute', token, DAY, {**GOOD, 'notes': value})


def test_a_body_is_json_and_nothing_else():
	text = json.dumps({**GOOD, 'epoch_id': DAY}).encode()
	for body in (b'', b' ', b'{', b'[]', b'"x"', b'5', b'null', text[:-1], text + b'x', text + b'{}',
			b'[' + text + b']', text[:-1] + b',}', b'\xef\xbb\xbf' + text, text[:-1] + b',"x":' + b'[' * 100 +
			b']' * 100 + b'}', text[:-1] + b',"notes":"\xff"}', text[:-1] + b',"policy_id":"rev42"}'):
		refused('schema', 'compute', payer().runner(), DAY, body, alike=False)


def test_an_epoch_is_a_time_that_there_is():
	for epoch in ('demo', '2026-1-1', '2026-02-29', '2026-13-01', '2026-10-32', '2026-10-01T24:00Z',
			'2026-10-01T00:00', '2026-10-01T00:00:00Z', '20261001'):
		refused('schema', 'compute', payer().runner(), epoch, GOOD)
		refused('schema', 'epoch', payer().inspector(), epoch)
		refused('schema', 'manifest', payer().inspector(), epoch)


def test_queries_name_what_there_is():
	for query in ('after=x', 'held=false', 'held=', 'limit=5', 'held=true&held=true', 'x'):
		refused('schema', 'runs', payer().inspector(), query=query)
	refused('schema', 'policy', payer().inspector(), 'x' * 129)


# --- HTTP alone -------------------------------------------------------------------------------


def test_http_is_refused_in_the_same_form():
	one = payer()
	token = one.runner()
	for way in ways(one.node)[:2]:
		for kind in (None, 'text/plain', 'application/json; charset=latin-1', 'application/jsonx'):
			check(way, way.ask('compute', token, DAY, GOOD, {'Content-Type': kind}), 'media_type', 415)
		for coding in ('zstd', 'br', 'gzip, gzip', 'deflate'):
			check(way, way.ask('compute', token, DAY, GOOD, {'Content-Encoding': coding}), 'media_type', 415)
		for body in (b'nonsense', gzip.compress(b'{}') + b'x', gzip.compress(b'{}')[:-1],
				gzip.compress(b' ' * 100000)):
			check(way, way.ask('compute', token, DAY, body, {'Content-Encoding': 'gzip'}), 'decompress_cap')
		for body, declared in ((b'', BODY_BYTES_MAX + 1), (gzip.compress(b' ' * 100), BODY_BYTES_MAX + 1)):
			check(way, way.ask('compute', token, DAY, body, {'Content-Length': str(declared)}), 'oversize')
		check(way, way.ask('compute', token, DAY, GOOD, query='x=1'), 'schema')
		for wait in ('0', '5001', '-1', 'x', '', '1.5'):
			check(way, way.ask('compute', token, DAY, GOOD, {'X-Request-Deadline-Ms': wait}), 'schema')
		check(way, way.ask('epoch', one.inspector(), f'{DAY}/x'), 'route')
		check(way, way.ask('epoch', one.inspector(), f'{DAY}//x'), 'http', 400)
		for method, path in (('GET', f'/rewarder/epochs/{DAY}/compute'), ('POST', f'/rewarder/epochs/{DAY}'),
				('DELETE', '/rewarder/policy/x'), ('PUT', '/rewarder/runs')):
			with one.node.open_http(way.plane) as stream:
				response = stream.request(method, path, b'' if method != 'GET' else None)
			assert response.status == 405 and response.json()['error']['details']['reason'] == 'method', response
			seen.add('method')
			assert 'allow' in response.headers, response


def test_a_policy_has_a_bound_of_its_own():
	refused('oversize', 'policy_put', payer().runner(), body=b' ' * 65537)


# --- who may ----------------------------------------------------------------------------------


def test_without_a_good_token_nothing_is_told():
	one = payer()
	for what in ('compute', 'release', 'policy_put', 'epoch', 'manifest', 'runs', 'policy'):
		of = 'rev42' if what == 'policy' else DAY if what not in ('runs', 'policy_put') else ''
		body = GOOD if what in ('compute', 'release', 'policy_put') else None
		for way in ways(one.node):
			check(way, way.ask(what, None, of, body), 'unauth')
	with nothing_paid(one):
		for token in ('nonsense', one.runner()[:-4], one.runner() + 'AAAA'):
			for way in ways(one.node)[1:]:  # over TCP guesses are slowed down
				check(way, way.ask('compute', token, DAY, GOOD), 'unauth')


def test_a_token_allows_what_it_says():
	one = payer()
	runner, inspector = one.runner(), one.inspector()
	for what in ('epoch', 'manifest', 'runs'):
		refused('scope', what, runner, DAY if what != 'runs' else '')
	refused('scope', 'policy', runner, 'rev42')
	refused('scope', 'compute', inspector, DAY, GOOD)
	refused('scope', 'policy_put', inspector, body=GOOD)
	refused('scope', 'release', runner, DAY, {'reason': 'x'})
	other = one.token('--action', 'wallet.*,audit.read', '--tenant', 'acme', '--ttl', '1h')
	refused('scope', 'compute', other, DAY, GOOD)


def test_a_token_names_one_tenant():
	one = payer()
	none = one.token('--action', 'rewarder.*', '--ttl', '1h')
	two = one.token('--action', 'rewarder.*', '--ttl', '1h', '--tenant', 'acme,globex')
	own = one.node.cli('cap', 'attenuate', '--tenant', 'acme', stdin=none).stdout.strip()
	other = one.node.cli('cap', 'attenuate', '--tenant', 'globex', stdin=one.runner()).stdout.strip()
	for token in (none, two, own, other):
		refused('caveat', 'compute', token, DAY, GOOD)
	for token in (none, two, own):
		for what in ('epoch', 'manifest', 'runs'):
			refused('caveat', what, token, DAY if what != 'runs' else '')


def test_caveats_hold_for_this_request():
	one = payer()
	for words in (('--epoch', '2026-10-02'), ('--method', 'GET'), ('--path', f'/rewarder/epochs/{DAY}'),
			('--max-bytes', '10'), ('--exp', '2020-01-01T00:00:00Z'), ('--nbf', '2099-01-01T00:00:00Z')):
		token = one.node.cli('cap', 'attenuate', *words, stdin=one.runner()).stdout.strip()
		refused('caveat', 'compute', token, DAY, GOOD, alike=False)  # over OAP there is no method
	refused('caveat', 'runs', one.inspector('acme', '--epoch', DAY))


def test_an_epoch_is_released_over_the_local_socket_alone():
	one = payer()
	token = one.token('--action', 'rewarder.quarantine', '--tenant', 'acme', '--ttl', '1h')
	tcp, unix, oap = ways(one.node)
	check(tcp, tcp.ask('release', token, DAY, {'reason': 'x'}), 'caveat')
	for way in (unix, oap):
		for body in ({}, {'reason': ''}, {'reason': 'x' * 513}, {'reason': 5}, {'reason': 'x', 'force': True}):
			check(way, way.ask('release', token, DAY, body), 'schema')
		check(way, way.ask('release', token, '2001-01-01', {'reason': 'x'}), 'not_found')


# --- what the rewarder finds ------------------------------------------------------------------


def test_what_is_not_there():
	one = payer()
	for what in ('epoch', 'manifest'):
		refused('not_found', what, one.inspector(), '2001-01-01')
	refused('not_found', 'policy', one.inspector(), 'nobody')
	refused('policy_unknown', 'compute', one.runner(), DAY, {**GOOD, 'policy_id': 'nobody'})


def test_a_policy_is_one_that_somebody_trusted_signed():
	one = payer()
	stranger = one.directory / 'stranger.key'
	macronode('policy', 'keygen', '--kid', 'stranger', stranger)
	forger = one.directory / 'forger.key'
	macronode('policy', 'keygen', '--kid', 'gov-1', forger)
	documents = [one.policy(key, id='not-ours').read_bytes() for key in (stranger, forger)]
	documents.append((EXAMPLES / 'reward-policy.json').read_bytes())  # unsigned
	signed = json.loads(one.policy(id='not-ours').read_text())
	signed['body']['caps']['actor_cap'] = '3501u'  # changed behind the signature
	documents.append(json.dumps(signed).encode())
	documents += [b'{}', b'[]', b'{', b'{"id":1}']
	for document in documents:
		refused('policy_invalid', 'policy_put', one.runner(), body=document)
	refused('not_found', 'policy', one.inspector(), 'not-ours')


def test_a_policy_is_never_another():
	one = payer()
	first = one.policy(id='fixed')
	one.put(first)
	one.put(first)  # the same is no change
	refused('policy', 'policy_put', one.runner(), body=one.policy(id='fixed', version='2.0.0').read_bytes())
	told = ways(one.node)[0].ask('policy', one.inspector(), 'fixed')
	assert json.loads(told.body)['version'] == '1.0.0', told


def settled():
	"""An epoch that was paid; the request for it."""
	if 'settled' not in shared:
		one = payer()
		policy = one.policy()
		one.put(policy)
		one.fill(12000)
		request = one.seal(policy, DAY)
		answer = ways(one.node)[0].ask('compute', one.runner(), DAY, request)
		assert answer.status == 200, answer
		result = json.loads(answer.body)
		assert result['ledger'] == {**result['ledger'], 'emitted': True, 'result': 'accepted'}, result
		shared['settled'] = (policy, request)
	return shared['settled']


def test_inputs_and_policy_are_those_that_are_named():
	one = payer()
	_, request = settled()
	day = '2026-10-02'
	refused('stale', 'compute', one.runner(), day, {**request, 'policy_hash': f'b3:{HEX}'})
	refused('inputs_not_found', 'compute', one.runner(), day, {**request, 'inputs_cid': f'b3:{HEX}'})


def test_an_epoch_has_ended():
	one = payer()
	policy, _ = settled()
	day = '2099-01-01'
	request = one.seal(policy, day, window='2099-01-01T00:00:00Z/2099-01-02T00:00:00Z')
	refused('epoch_not_closed', 'compute', one.runner(), day, request)


def test_an_epoch_is_paid_from_one_triple():
	one = payer()
	policy, request = settled()
	other = one.seal(policy, DAY, rows=['alice,music,1,1,1', 'bob,news,2,2,2'])
	assert other['inputs_cid'] != request['inputs_cid']
	refused('commitment', 'compute', one.runner(), DAY, other)
	with nothing_paid(one):
		for way in ways(one.node):  # the same again is no conflict
			result = json.loads(way.ask('compute', one.runner(), DAY, request).body)
			assert result['ledger']['result'] == 'dup', (way.name, result)


def test_a_run_that_costs_too_much_is_not_begun():
	with Payer(rewarder={'max_epoch_cost_ms': 1}) as one:
		policy = one.policy()
		one.put(policy)
		refused('cost_cap', 'compute', one.runner(), DAY, one.seal(policy, DAY), one)


def test_sealed_inputs_of_another_tenant_are_quarantined():
	"""They are what they are named by, and say another tenant: evidence, not a slip."""
	one = payer()
	_, request = settled()
	token = one.runner('globex')
	nothing = {**request, 'inputs_cid': f'b3:{HEX}'}
	refused('inputs_not_found', 'compute', token, '2026-10-03', nothing)
	for _ in range(2):
		told = refused('invariant', 'compute', token, DAY, request)
		assert (told['status'], told['reason']) == ('quarantined', 'schema'), told
	latched = refused('invariant', 'compute', token, '2026-10-02', request)
	assert latched['error']['details'].get('hint') == 'release_required', latched
	refused('invariant', 'compute', token, '2026-10-03', nothing)  # one that failed before, too
	(run,) = json.loads(ways(one.node)[0].ask('runs', one.inspector('globex'), query='held=true').body)['runs']
	assert run['epoch_id'] == DAY, run


def test_what_is_another_tenants_is_not_there():
	one = payer()
	settled()
	for what in ('epoch', 'manifest'):
		refused('not_found', what, one.inspector('nobody'), DAY)
	for way in ways(one.node):
		assert json.loads(way.ask('runs', one.inspector('nobody')).body)['runs'] == [], way.name


# --- what the node cannot, or not now ---------------------------------------------------------


def test_bytes_that_are_not_those_of_their_name():
	one = payer()
	policy, _ = settled()
	request = one.seal(policy, '2026-10-05', rows=['alice,music,9,9,9'])
	path = one.node.profile.data / 'objects' / request['inputs_cid'][3:]
	path.write_bytes(path.read_bytes()[:-1] + b'!')
	refused('inputs_mismatch', 'compute', one.runner(), '2026-10-05', request)


def test_an_input_has_a_bound():
	with Payer(rewarder={'max_snapshot_bytes': '1MiB'}) as one:
		policy = one.policy()
		one.put(policy)
		request = one.seal(policy, DAY, rows=[f'actor{number:06},music,1,1,1' for number in range(14000)])
		with nothing_paid(one):
			for way in ways(one.node):
				check(way, way.ask('compute', one.runner(), DAY, request), 'oversize', 400)


def test_more_requests_a_second_than_are_allowed():
	with Payer(limits={'rps': 2}) as one:
		def over(way):
			answers = [way.ask('epoch', one.inspector(), DAY) for _ in range(60)]
			return next((one for one in answers if b'"quota"' in one.body), None)
		for way in ways(one.node):
			check(way, eventually(lambda way=way: over(way), 'too many'), 'quota')


def test_more_runs_than_may_wait():
	with Payer(node={'ping_timeout': '60s'}) as one:
		policy = one.policy()
		one.put(policy)
		request = one.seal(policy, DAY)
		one.node.signal_worker('compute', signal.SIGSTOP)
		tcp = ways(one.node)[0]
		for number in range(600):  # 512 may wait, and one is with each calculator
			answer = tcp.ask('compute', one.runner(), f'{DAY}T{number // 60:02}:{number % 60:02}Z', request,
				{'X-Request-Deadline-Ms': '1'})
			if answer.status != 202:
				break
		assert number >= 512, (number, answer)
		for way in ways(one.node):
			check(way, way.ask('compute', one.runner(), f'{DAY}T23:59Z', request), 'backpressure')
		assert one.node.metric('busy_rejections_total', q='work') >= 3
		eventually(lambda: one.node.metric('queue_depth', q='work') >= 512, 'they are counted')
		one.node.signal_worker('compute', signal.SIGCONT)


def test_a_disk_that_is_full_for_artefacts():
	free = shutil.disk_usage(tempfile.gettempdir()).free  # a start needs the reserve, an epoch twice
	with Payer(engine={'disk_reserve': f'{int(free * 0.75) >> 20}MiB'}) as one:
		refused('dep_outage', 'policy_put', one.runner(), body=one.policy().read_bytes(), one=one)


def test_a_token_that_cannot_be_checked_in_time():
	with Payer(node={'ping_timeout': '60s'}, kms={'timeout': '1s'}) as one:
		tokens = [one.runner('acme', '--epoch', f'2026-11-0{number}') for number in range(1, 4)]
		one.node.signal_worker('kms', signal.SIGSTOP)
		try:
			for way, token in zip(ways(one.node), tokens):
				told = check(way, way.ask('compute', token, DAY, GOOD), 'cap_timeout')
				assert told['error']['details']['cap_timeout'] is True, told
		finally:
			one.node.signal_worker('kms', signal.SIGCONT)


def test_a_run_whose_calculator_dies():
	# of its CPU time, as far as anybody can tell: it is not given to another one
	with Payer(node={'ping_timeout': '60s'}, rewarder={'max_epoch_cost_ms': 10}) as one:
		policy = one.policy()
		one.put(policy)
		for number, way in enumerate(ways(one.node)):
			epoch = f'2026-10-1{number}'
			request = one.seal(policy, epoch)
			one.node.signal_worker('compute', signal.SIGSTOP)
			with concurrent.futures.ThreadPoolExecutor(1) as pool:
				asked = pool.submit(way.ask, 'compute', one.runner(), epoch, request)
				eventually(lambda: one.node.metric('queue_depth', q='work') == 1, 'it waits')
				killed = one.node.signal_worker('compute')
				check(way, asked.result(), 'internal')
			eventually(lambda: killed not in one.node.workers('compute') and one.node.workers('compute'), 'another')
			one.node.wait_rewarder()
			(run,) = [run for run in json.loads(way.ask('runs', one.inspector()).body)['runs']
				if run['epoch_id'] == epoch]
			assert run['state'] == 'failed', run


def test_a_node_that_ends_takes_nothing_new():
	# the edge ends as soon as the last request has: that one waits for as long as the others take
	with Payer(node={'ping_timeout': '60s', 'drain_timeout': '4m'},
			limits={'req_timeout': '15s'}, concurrency={'ingress_workers': 1}) as one, contextlib.ExitStack() as stack:
		policy = one.policy()
		one.put(policy)
		request = one.seal(policy, DAY)
		streams = [(way, stack.enter_context(way.open())) for way in ways(one.node)]
		stopped = one.node.signal_worker('compute', signal.SIGSTOP)
		start = one.node.workers('compute')[stopped]
		pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(1))
		waits = pool.submit(ways(one.node)[0].ask, 'compute', one.runner(), DAY, request)
		eventually(lambda: one.node.metric('queue_depth', q='work') == 1, 'there is something to wait for')
		probe = stack.enter_context(one.node.open_http())
		one.node.wait_accepted()
		one.node.child.terminate()
		one.node.wait_draining(probe)
		for way, stream in streams:
			check(way, way.ask('compute', one.runner(), DAY, request, stream=stream), 'draining')
		nodes.signal_process(stopped, start, signal.SIGCONT)
		answer = waits.result()  # of the ledger, which goes on: nobody funded the pool
		assert answer.status == 202 and b'"reason":"insufficient"' in answer.body, answer


# --- all of them ------------------------------------------------------------------------------


def test_each_reason_was_brought_about():
	table = (nodes.CHECKOUT / 'common/reward_reasons.h').read_text()
	names = set(re.findall(r'R\([A-Z_]+, "([a-z_]+)"', table))
	assert len(names) > 20, names
	assert names == set(REASONS), names ^ set(REASONS)
	assert names == seen, names - seen


if __name__ == '__main__':
	try:
		tap.main(globals())
	finally:
		if 'payer' in shared:
			shared['payer'].node.stop()
			shared['payer'].node.remove()

"""Sealed inputs that a node must not pay by: whatever is wrong with them, by name, with the kind of
quarantine or the refusal, and not a unit is moved. What is quarantined can be verified by everybody."""
import concurrent.futures
import datetime
import json
import struct
import subprocess

import harness
import tap
import wire
from harness import BUILD, eventually
from reward_node import EXAMPLES, OverHttp, Payer
from test_reward_refusals import check, nothing_paid, refused
from test_rewarder import settled

OBJ_PUT = 0x0009
AMOUNT_MAX = 2**127 - 1
EMISSION = 20000  # of an epoch, by the policy of the example
shared = {}


def payer():
	"""One that a quarantine does not hold; its policy, and days that nobody asked for yet."""
	if 'payer' not in shared:
		one = shared['payer'] = Payer(rewarder={'invariant_latch': 'run'})
		one.signed = one.policy()
		one.fill(EMISSION)
		first = datetime.date(2025, 1, 1)
		one.days = ((first + datetime.timedelta(days)).isoformat() for days in range(600))
	return shared['payer']


def ask(one, what, day, body=None):
	token = one.runner() if what == 'compute' else one.inspector()
	return OverHttp(one.node, 'api').ask(what, token, day, body)


def set_to(**members):
	return lambda document: {**document, **members}


def without(name):
	return lambda document: {member: value for member, value in document.items() if member != name}


def row(**members):
	"""The first row is changed; None takes a member away."""
	def change(document):
		first = {**document['rows'][0], **members}
		first = {name: value for name, value in first.items() if value is not None}
		return {**document, 'rows': [first, *document['rows'][1:]]}
	return change


def text(change):
	return lambda document: change(json.dumps(document)).encode()


# --- quarantined ------------------------------------------------------------------------------


def numbers_that_are_none():
	"""kind: what is done to the documents."""
	yield 'negative', {'accounting': row(counts={'views': '-1'})}
	yield 'negative', {'accounting': row(counts={'nobody-weighs-it': '-1'})}
	yield 'negative', {'ledger': set_to(pool_total_minor='-1')}
	yield 'overflow', {'accounting': row(counts={'views': str(10**40)})}
	yield 'overflow', {'accounting': row(counts={'views': str(2**63)})}
	yield 'overflow', {'ledger': set_to(pool_total_minor=str(AMOUNT_MAX + 1))}
	yield 'overflow', {'ledger': set_to(pool_total_minor='9' * 128)}
	yield 'conservation', {'ledger': set_to(pool_total_minor=str(EMISSION + 1))}
	yield 'conservation', {'bundle': set_to(epoch_index=48)}  # halved once
	yield 'conservation', {'bundle': set_to(epoch_index=2**53 - 1)}  # of nothing


def documents_that_are_malformed():
	for change in (set_to(actors=2), set_to(actors=-1), set_to(events=2), set_to(events=-1), set_to(events='1'),
			set_to(rows={}), set_to(rows=[[]]), set_to(rows=[]), set_to(more=1), set_to(v=2), set_to(kind='x'),
			set_to(tenant='globex'), set_to(epoch_id='2001-01-01'), without('rows'), without('actors'),
			row(actor='sys:issuance'), row(actor='a b'), row(actor=''), row(actor='a' * 129), row(actor=None),
			row(category='Music'), row(category=None), row(counts=[]), row(counts={'views': 1}),
			row(counts={'views': '01'}), row(counts={'views': '1.0'}), row(counts={'views': ''}), row(more=1),
			# Deep, doubled, cut, not ended, not text, and nothing.
			text(lambda it: '[' * 100000), text(lambda it: it[:-1] + ',"more":' + '[' * 100000),
			text(lambda it: it.replace('"views": "1"', '"views": "1", "views": "1"')),
			text(lambda it: it.replace('"category"', '"actor": "bob", "category"')),
			text(lambda it: it[:-1]), text(lambda it: it + it), text(lambda it: '\ufeff' + it),
			text(lambda it: it.replace('alice', '\\u0000')), lambda document: b'', lambda document: bytes(1000),
			lambda document: json.dumps(document).encode().replace(b'alice', b'\xff\xfe')):
		yield {'accounting': change}
	for change in (set_to(asset='eur'), set_to(tenant='globex'), set_to(epoch_id='2001-01-01'), set_to(seq=-1),
			set_to(root='AB' * 32), set_to(pool_account='sys:reward_pool:globex:ron'),
			set_to(pool_account='alice'), set_to(pool_total_minor=1), set_to(pool_total_minor='007'),
			set_to(pool_total_minor=''), without('seq'), set_to(more=1), text(lambda it: it[:-1]),
			text(lambda it: '[' * 4000), lambda document: b''):
		yield {'ledger': change}
	for change in (set_to(asset='eur'), set_to(tenant='globex'), set_to(epoch_id='2001-01-01'), set_to(more=1),
			set_to(epoch_index=-1), set_to(epoch_index='0'), set_to(policy_cid='b3:' + '0' * 64),
			set_to(accounting_cid='b3:' + 'A' * 64), set_to(ledger_cid=5), without('window'),
			set_to(window={'start': '2026-10-02T00:00:00Z', 'end': '2026-10-01T00:00:00Z'}),
			set_to(window={'start': '2026-10-01T00:00:00Z', 'end': '2026-10-01T00:00:30Z'}),
			text(lambda it: it[:-1]), text(lambda it: '[' * 4000), lambda document: b''):
		yield {'bundle': change}


def quarantined(kind, changes):
	"""Asked for twice, it is told alike, and neither computed nor paid; its manifest is evidence."""
	one = payer()
	day = next(one.days)
	request, directory = one.seal_by_hand(one.signed, day, **changes)
	before = {name: one.node.metric(name, kind=kind) for name in ('quarantine_total',
		'reward_invariant_fail_total')}
	with nothing_paid(one):
		way = OverHttp(one.node, 'api')
		told = [check(way, ask(one, 'compute', day, request), 'invariant') for _ in range(2)]
	where = (kind, changes, directory.name, told)
	for each in told:
		assert (each['status'], each['reason'], each['error']['details']['kind']) == ('quarantined', kind,
			kind), where
		assert {**each, 'error': None} == {**told[0], 'error': None}, where
	assert one.node.metric('quarantine_total', kind=kind) == before['quarantine_total'] + 1, where
	assert one.node.metric('reward_invariant_fail_total', kind=kind) == \
		before['reward_invariant_fail_total'] + (kind != 'schema'), where
	assert json.loads(ask(one, 'epoch', day).body)['status'] == 'quarantined', where
	verify(ask(one, 'manifest', day).body, directory, f'is quarantined ({kind})')
	return day, request


def verify(manifest, directory, says):
	"""By the implementation that shares nothing with the node."""
	path = directory / 'run.json'
	path.write_bytes(manifest)
	done = subprocess.run([BUILD / 'client/rewardverify', path, directory], capture_output=True, text=True,
		timeout=60, env=harness.clean_environment())
	assert done.returncode == 0 and says in done.stdout, (directory, done)


def test_numbers_out_of_bounds_have_a_kind_of_their_own():
	for kind, changes in numbers_that_are_none():
		quarantined(kind, changes)


def test_whatever_is_malformed_is_quarantined_as_schema():
	for changes in documents_that_are_malformed():
		quarantined('schema', changes)


def test_each_quarantine_is_in_the_log_with_its_reason():
	one = payer()
	quarantined('negative', {'accounting': row(counts={'views': '-1'})})
	eventually(lambda: [line for line in one.node.log() if line.get('event') == 'invariant_fail'
		and 'negative' in json.dumps(line)], 'the log to say so')


# --- refused: it was not sealed ----------------------------------------------------------------


def test_what_is_named_must_be_there():
	one = payer()
	for name in ('accounting_cid', 'ledger_cid'):
		day = next(one.days)
		request, _ = one.seal_by_hand(one.signed, day, bundle=set_to(**{name: 'b3:' + '0' * 64}))
		told = refused('inputs_not_found', 'compute', one.runner(), day, request, one)
		assert told['error']['message'].startswith(f'{name}: '), told
		assert ask(one, 'epoch', day).status == 404, day  # nothing is left of it


def test_a_byte_that_was_changed_on_the_disk_pays_nobody():
	one = payer()
	objects = one.node.profile.data / 'objects'
	for name in ('bundle', 'accounting', 'ledger'):
		day = next(one.days)
		request, directory = one.seal_by_hand(one.signed, day)
		bundle = json.loads((directory / 'bundle.json').read_text())
		cid = request['inputs_cid'] if name == 'bundle' else bundle[f'{name}_cid']
		path = objects / cid[3:]
		good = path.read_bytes()
		path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
		told = refused('inputs_mismatch', 'compute', one.runner(), day, request, one)
		assert told['error']['message'].startswith('inputs_cid: ' if name == 'bundle' else f'{name}_cid: '), told
		path.write_bytes(good)
		assert json.loads(ask(one, 'compute', day, {**request, 'dry_run': True}).body)['status'] == 'ok', name


def put_file(one, path):
	secret = one.directory / 'token'
	secret.write_text(one.all)
	return one.node.cli('object', 'put', str(path), '--token-file', str(secret)).stdout.strip()


def test_inputs_have_a_bound_each():
	with Payer(objects={'max_object_bytes': '128MiB'}) as one:
		spaces = one.directory / 'spaces'
		with open(spaces, 'wb') as file:
			for _ in range(65):
				file.write(b' ' * (1 << 20))
		policy, cid, way = one.policy(), put_file(one, spaces), OverHttp(one.node, 'api')
		for name in ('accounting_cid', 'ledger_cid'):
			request, _ = one.seal_by_hand(policy, '2026-10-01', bundle=set_to(**{name: cid}))
			told = check(way, ask(one, 'compute', '2026-10-01', request), 'oversize', 400)
			assert told['error']['message'].startswith(f'{name}: '), told
		told = check(way, ask(one, 'compute', '2026-10-01', {**request, 'inputs_cid': cid}), 'oversize', 400)
		assert told['error']['message'].startswith('inputs_cid: '), told


def test_an_object_of_a_gib_is_not_even_read():
	one = payer()
	token = one.all.encode()
	head = struct.pack('<H', len(token)) + token + struct.pack('<QH', 1 << 30, 0)
	with one.node.open_oap() as stream:
		stream.send_frame(OBJ_PUT, head + b' ', wire.REQ | wire.CONT, 7)
		frame = stream.frame()
	assert frame.verb == OBJ_PUT and b'FrameTooLarge' in frame.payload, frame
	response = one.node.http('POST', '/put', b'', {'Content-Length': str(1 << 30)}, token=one.all)
	assert response.status == 413, response


# --- policies ----------------------------------------------------------------------------------


def test_weights_are_one_together():
	one = payer()
	for weights in ({'views': 0.2, 'likes': 0.3}, {'views': 0.5, 'likes': 0.500000001}, {'views': 1, 'likes': 1},
			{'views': 1.5, 'likes': -0.5}, {'views': 1, 'likes': 0}, {}, {'Views': 1}, {'views': '1'},
			{'views': 0.1234567891, 'likes': 0.8765432109}):
		refused('policy_invalid', 'policy_put', one.runner(), body=signed_by_nobody(weights), one=one)
	text = signed_by_nobody({'views': 1}).replace(b'{"views": 1}', b'{"views": 0.5, "views": 0.5}')
	refused('policy_invalid', 'policy_put', one.runner(), body=text, one=one)
	refused('policy_invalid', 'policy_put', one.runner(), body=b'[' * 60000, one=one)


def signed_by_nobody(weights):
	document = json.loads((EXAMPLES / 'reward-policy.json').read_text())
	document['body']['weights'] = weights
	return json.dumps({**document, 'id': 'unbalanced'}).encode()


# --- not wrong at all --------------------------------------------------------------------------


def test_rows_and_members_in_any_order_and_twice_are_the_same_epoch():
	"""A row is never one too many (docs/decisions.md), and white space is nobody's business."""
	one = payer()
	rows = [('alice', {'views': 5, 'likes': 2}), ('bob', {'likes': 3}), ('alice', {'comments': 4}),
		('bob', {'likes': 3})]

	def turned(document):
		return json.dumps({name: document[name] for name in reversed(document)}, indent=3).encode()
	amounts = []
	for given, changes in ((rows, {}), (rows[::-1], {}), (rows, {'accounting': turned, 'ledger': turned,
			'bundle': turned})):
		day = next(one.days)
		request, directory = one.seal_by_hand(one.signed, day, rows=given, **changes)
		answer = ask(one, 'compute', day, {**request, 'dry_run': True})
		result = json.loads(answer.body)
		assert (answer.status, result['status']) == (200, 'ok'), answer
		done = subprocess.run([BUILD / 'cli/macronode', 'reward', 'compute', '--offline', directory, '-o',
			directory / 'run.json'], timeout=60, capture_output=True, text=True,
			env=harness.clean_environment())
		assert done.returncode == 0, done
		manifest = json.loads((directory / 'run.json').read_text())
		assert manifest['commitment'] == result['commitment'], (manifest, result)
		amounts.append([(each['actor'], each['amount_minor']) for each in manifest['allocations']])
	assert amounts[0] and amounts[0] == amounts[1] == amounts[2], amounts


def test_any_number_of_calculators_writes_the_same_bytes():
	"""Sixteen epochs at once, so that all of them are at work."""
	days = [f'2026-10-{day:02}' for day in range(1, 17)]
	manifests = []
	for workers in (1, 4):
		with Payer(concurrency={'compute_workers': workers}) as one:
			policy = one.policy()
			one.fill(len(days) * EMISSION)
			requests = [one.seal_by_hand(policy, day, pool=EMISSION, rows=[(f'actor{number}', {'views':
				number * 7919 % 97, 'likes': number % 5}) for number in range(2000)])[0] for day in days]
			eventually(lambda one=one, workers=workers: len(one.node.workers('compute')) == workers, 'all of them')
			with concurrent.futures.ThreadPoolExecutor(len(days)) as pool:
				told = list(pool.map(lambda it, one=one: settled(one, *it), zip(days, requests)))
			assert all(result['ledger']['emitted'] for result in told), told
			manifests.append([ask(one, 'manifest', day).body for day in days])
	assert manifests[0] == manifests[1] and all(b'"status":"ok"' in one for one in manifests[0])


def test_nothing_to_pay_is_no_fault():
	one = payer()
	for given in ({'rows': ()}, {'pool': 0}):
		day = next(one.days)
		request, directory = one.seal_by_hand(one.signed, day, **given)
		with nothing_paid(one):
			result = json.loads(ask(one, 'compute', day, request).body)
		assert result['status'] == 'ok' and result['ledger'] == {**result['ledger'], 'emitted': False,
			'result': 'none'}, result
		verify(ask(one, 'manifest', day).body, directory, 'good: ')


# --- what was settled --------------------------------------------------------------------------


def test_a_rewarder_that_lost_its_memory_pays_no_epoch_otherwise():
	"""The ledger knows what was settled: another triple is quarantined, the same one is told so."""
	with Payer() as one:
		policy = one.policy()
		one.put(policy)
		one.fill(12000)
		request = one.seal(policy, '2026-10-01')
		result = json.loads(ask(one, 'compute', '2026-10-01', request).body)
		assert result['ledger']['result'] == 'accepted', result
		other = one.seal(policy, '2026-10-01', rows=['alice,music,1,1,1', 'mallory,news,2,2,2'])
		for first in (other, request):
			one.node.stop()
			for path in (one.node.profile.data / 'artifacts').glob('registry*'):
				path.unlink()
			one.node.start()
			one.node.wait_rewarder()
			with nothing_paid(one):
				answer = ask(one, 'compute', '2026-10-01', first)
			if first is request:
				assert json.loads(answer.body)['ledger'] == {**result['ledger'], 'result': 'dup'}, answer
			else:
				told = check(OverHttp(one.node, 'api'), answer, 'invariant')
				assert told['reason'] == 'idempotency', told
				assert one.node.metric('quarantine_total', kind='idempotency') == 1


if __name__ == '__main__':
	try:
		tap.main(globals())
	finally:
		if 'payer' in shared:
			shared['payer'].__exit__(None)

"""What a node answers is what docs/openapi/macronode.yaml says: status, headers, media type and
body, for each operation done and for each way in which it is refused. At the end, everything that the
document promises was seen, but for what no test can bring about."""
import json
import pathlib
import re
import signal
import sys
import uuid

import tap
import wire
from harness import Node, entry, eventually, nodes
from reloading import change
from reward_node import Payer

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'scripts/lib'))
import openapi  # noqa: E402

DOCUMENT = openapi.Document(ROOT)
OPERATIONS = {one['operationId']: (method, path, one)
	for (method, path), one in DOCUMENT.operations().items()}
BY_HTTP = {405, 408, 414, 417, 421, 431, 501, 505}  # what `default` stands for
UNSEEN = {
	'500': 'a fault of the node, of which none is known',
	'404 of history': 'a token that ends on its way from one check to the next',
	'503 of readiness': 'a node that is down for long enough to be asked',
}
HELLO = 'b3:d74981efa70a0c880b8d8c1985d075dbcbf679b99a5f9914e5aaf96b831a9e24'
ADMIN = [name for name, (_, _, one) in OPERATIONS.items() if one['tags'][1:] == ['admin'] and one['security']]
REWARDS = [name for name, (_, path, _) in OPERATIONS.items() if path.startswith('/rewarder/')]
DAY = '2026-10-01'
REWARDER = {'enabled': True, 'trust_keys': ['gov-1+060503d3+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4']}
WALLET = ('issue', 'transfer', 'burn', 'hold', 'capture', 'release')
BODY_MAX = 1 << 20
ADMIN_WINDOW = 64  # requests of admin at its prevalidator (proto/verbs.h)
seen = set()  # (operationId, status)


# --- an answer is judged -----------------------------------------------------------------------


def media_of(text):
	return text.partition(';')[0].strip().lower()


def judge_body(response, media, content):
	if media in ('application/json', 'application/problem+json'):
		DOCUMENT.check(json.loads(response.body), content['schema'])
	elif media == 'application/x-ndjson':
		for number, line in enumerate(response.body.decode().splitlines(), 1):
			DOCUMENT.check(json.loads(line), content['schema'], f'line {number}')
	else:
		DOCUMENT.check(response.body.decode('latin-1'), content['schema'])


def judge_headers(response, told):
	for name, header in told.get('headers', {}).items():
		header, value = DOCUMENT.follow(header), response.headers.get(name.lower())
		assert value is not None or not header.get('required'), f'no {name}'
		if value is not None:
			number = header['schema']['type'] == 'integer'
			DOCUMENT.check(int(value) if number else value, header['schema'], name)
	for name in ('x-corr-id', 'x-request-id'):
		assert response.headers.get(name), f'no {name}'


def judge(name, response):
	"""AssertionError or Invalid, unless the document describes this answer of the operation."""
	responses, status = DOCUMENT.responses(OPERATIONS[name][2]), str(response.status)
	told = responses.get(status)
	if told is None:
		assert response.status in BY_HTTP, f'{name}: {status} is not described: {response}'
		told = responses['default']
	try:
		contents = {media_of(media): one for media, one in told.get('content', {}).items()}
		judge_headers(response, told)
		if contents:
			media = media_of(response.headers['content-type'])
			content = contents.get(media, contents.get('*/*'))
			assert content, f'{media} is none of {sorted(contents)}'
			judge_body(response, media, content)
		else:
			assert response.body == b'' and 'content-type' not in response.headers
	except (AssertionError, openapi.Invalid, KeyError, ValueError) as fault:
		raise AssertionError(f'{name} {status}: {fault!r}: {response}') from None
	seen.add((name, status if status in responses else 'default'))
	return response


# --- a request of an operation -----------------------------------------------------------------


class Client:
	def __init__(self, node):
		self.node = node
		self.all = node.mint()
		self.none = node.cli('cap', 'mint', '--action', 'gov.propose', '--ttl', '1h').stdout.strip()
		self.reward = node.cli('cap', 'mint', '--action', 'rewarder.*', '--tenant', 'acme', '--ttl',
			'1h').stdout.strip()
		self.nonces = {}

	def token(self, name):
		return self.reward if name in REWARDS else self.all if needs_token(name) else None

	def target(self, name, path=(), query=''):
		template, values = OPERATIONS[name][1], list(path)
		return re.sub(r'\{\w+\}', lambda _: str(values.pop(0)), template) + (query and f'?{query}')

	def send(self, name, status, path=(), query='', body=None, token=None, plane=None, **headers):
		"""Judged by the document, and of that status."""
		plane = plane or plane_of(name)
		method = headers.pop('method', OPERATIONS[name][0])
		if name in WALLET:
			headers.setdefault('Idempotency_Key', uuid.uuid4().hex)
		headers = {key.replace('_', '-'): value for key, value in headers.items()}
		if name == 'releaseEpoch':
			plane = 'uds'
		response = judge(name, self.node.http(method, self.target(name, path, query), body,
			headers=headers, token=token, plane=plane))
		assert response.status == status, (name, status, response)
		if status in (200, 202) and isinstance(body, dict):  # what is taken is what is described, too
			content = OPERATIONS[name][2]['requestBody']['content']
			DOCUMENT.check(body, content['application/json']['schema'])
		return response

	def guess(self, name, *words, **more):
		"""Without a good token, once the guesses of the last second are forgotten."""
		def heard():
			try:
				return self.send(name, 401, *words, **more)
			except AssertionError as fault:
				if f"('{name}', 401, 429 " in str(fault):
					return None
				raise
		return eventually(heard, f'a 401 of {name}')

	def wallet(self, name, amount, path=(), status=200, **members):
		"""An operation of alice, with the nonce that is next; what it answers."""
		lane = 'issue' if name == 'issue' else 'debit'
		nonce = self.nonces.get(lane, 1)
		body = {'asset': 'ron', 'amount_minor': str(amount), 'nonce': nonce, **members}
		if name != 'issue':
			body.setdefault('from', 'alice')
		if name in ('issue', 'transfer', 'capture'):
			body.setdefault('to', 'alice' if name == 'issue' else 'bob')
		response = self.send(name, status, path, body=body, token=self.all)
		self.nonces[lane] = nonce + (status == 200)
		return response


shared = {}


def client():
	"""Of one node, that has one of everything."""
	if 'client' not in shared:
		shared['payer'] = Payer(node={'ping_timeout': '60s'})
		shared['node'] = shared['payer'].node
		shared['node'].wait_rewarder()
		shared['client'] = Client(shared['node'])
	return shared['client']


def held():
	"""The txid of a hold with much left."""
	if 'held' not in shared:
		client().wallet('issue', 100000)
		shared['held'] = client().wallet('hold', 1000).json()['txid']
	return shared['held']


def some_path(name):
	"""Values for the path of an operation, of what is there."""
	if name in REWARDS:
		return [] if '{' not in OPERATIONS[name][1] else ['nobody' if 'policy_id' in OPERATIONS[name][1] else DAY]
	return {'entry': [1], 'getObject': [HELLO], 'proofOfEntry': [1], 'tile': ['0/000.p/1'], 'history': ['alice']}.get(
		name, [held()] if '{txid}' in OPERATIONS[name][1] else [])


def some_query(name):
	return {'balance': 'account=alice&asset=ron', 'history': 'asset=ron', 'proofOfEntry': 'size=1',
		'proofOfConsistency': 'from=1&to=1'}.get(name, '')


def needs_token(name):
	return bool(OPERATIONS[name][2]['security']) and {} not in OPERATIONS[name][2]['security']


def plane_of(name):
	return 'admin' if name in ADMIN else 'api'


def answered_by(role):
	"""Operations that go further than the edge, or do not."""
	return [name for name, (_, _, one) in OPERATIONS.items() if ('429' in one['responses']) == role]


# --- done --------------------------------------------------------------------------------------


def test_what_is_done_is_answered_as_described():
	one = client()
	txid = held()
	one.wallet('transfer', 5, memo='for you')
	one.wallet('burn', 1)
	one.wallet('hold', 3, expires_ts=4102444800000)
	one.wallet('capture', 5, [txid])
	one.wallet('release', 5, [txid])
	mint = [entry('Mint', 'acct_123', 50, capability_ref=nodes.capability_ref(one.all))]
	for more in ({'mode': 'atomic'}, {'dry_run': True}, {'idem_id': 'again'}):
		one.send('ingest', 200, body={'batch': mint, **more}, token=one.all)
	poor = entry('Transfer', 'nobody', 1, counter_account='b',
		capability_ref=nodes.capability_ref(one.all))
	one.send('ingest', 207, body={'batch': [*mint, poor]}, token=one.all)


def test_what_is_read_is_as_described():
	one = client()
	txid = held()
	one.send('roots', 200, query='since=0&limit=3')
	size = one.node.http('GET', '/roots?since=0').json()['roots'][-1]['seq']
	for seq in range(1, size + 1):  # of each kind that there is by now
		one.send('entry', 200, [seq], token=one.all)
	one.send('checkpoint', 200)
	one.send('tile', 200, ['0/000.p/1'])
	one.send('tile', 200, ['entries/000.p/1'], token=one.all)
	one.send('proofOfEntry', 200, [1], query=f'size={size}')
	one.send('proofOfConsistency', 200, query=f'from=1&to={size}')
	one.send('balance', 200, query='account=alice&asset=ron', token=one.all)
	one.send('balance', 200, query='account=alice&asset=ron&at=1', token=one.all)
	one.send('receipt', 200, [txid], token=one.all)
	one.send('history', 200, ['alice'], query='asset=ron&limit=200', token=one.all)
	one.send('history', 200, ['alice'], query='asset=ron&limit=1&before=3', token=one.all)
	one.send('events', 200, query='after=0&limit=200', token=one.all)
	one.send('events', 200, token=one.all, Last_Event_ID='1')


def test_objects_are_as_described():
	one = client()
	token = one.all
	for _ in range(2):
		one.send('putObject', 201, body=b'hello world', token=token, Content_Type='text/plain')
	one.send('putObject', 409, body=b'hello world', token=token, Content_Type='text/html')
	one.send('getObject', 200, [HELLO], token=token)
	one.send('getObject', 206, [HELLO], token=token, Range='bytes=2-4')
	one.send('getObject', 304, [HELLO], token=token, If_None_Match=f'"{HELLO}"')
	one.send('getObject', 416, [HELLO], token=token, Range='bytes=11-')
	one.send('getObject', 404, [HELLO[:-1] + '0'], token=token)
	stored = one.node.profile.data / 'objects' / HELLO[3:]
	stored.write_bytes(b'hello_world')
	one.send('getObject', 502, [HELLO], token=token)
	one.send('putObject', 201, body=b'hello world', token=token, Content_Type='text/plain')


def recorded(one, epoch):
	"""A quarantine that is not in the audit log yet cannot be released: it is 503 until then."""
	response = one.node.http('POST', one.target('releaseEpoch', [epoch]), {'reason': 'it was a test'},
		token=one.reward, plane='uds')
	return judge('releaseEpoch', response).status != 503


def test_epochs_are_as_described():
	one, payer = client(), (client(), shared['payer'])[1]
	policy = payer.policy()
	document = json.loads(policy.read_text())
	one.send('putRewardPolicy', 200, body=document, token=one.reward)
	other = json.loads(payer.policy(version='2.0.0').read_text())
	one.send('putRewardPolicy', 409, body=other, token=one.reward)
	one.send('showRewardPolicy', 200, [document['id']], token=one.reward)
	payer.fill(30000)
	request = payer.seal(policy, DAY)
	pid = one.node.worker('compute')
	nodes.signal_process(pid, one.node.workers()[pid], signal.SIGSTOP)
	try:
		one.send('computeEpoch', 202, [DAY], body=request, token=one.reward, X_Request_Deadline_Ms='50')
	finally:
		nodes.signal_process(pid, one.node.workers()[pid], signal.SIGCONT)
	for _ in range(2):
		one.send('computeEpoch', 200, [DAY], body=request, token=one.reward)
	one.send('computeEpoch', 200, ['2026-10-02'], body={**payer.seal(policy, '2026-10-02'), 'dry_run': True,
		'notes': 'only to see'}, token=one.reward)
	one.send('computeEpoch', 409, [DAY], body=payer.seal(policy, DAY, pool=11000), token=one.reward)
	one.send('showEpoch', 200, [DAY], token=one.reward)
	one.send('showManifest', 200, [DAY], token=one.reward)
	for name, of in (('showEpoch', DAY), ('showManifest', DAY), ('showRewardPolicy', document['id'])):
		one.send(name, 304, [of], token=one.reward, If_None_Match='*')
	one.send('computeEpoch', 409, ['2026-10-03'], body=request, token=one.reward)  # of another epoch
	one.send('listRuns', 200, token=one.reward)
	one.send('listRuns', 200, query=f'after={DAY}&held=true', token=one.reward)
	eventually(lambda: recorded(one, '2026-10-03'), 'the quarantine to be recorded')
	one.send('releaseEpoch', 200, ['2026-10-03'], body={'reason': 'it was a test'}, token=one.reward)
	for name in ('showEpoch', 'showManifest'):
		one.send(name, 404, ['2001-01-01'], token=one.reward)
	one.send('releaseEpoch', 404, ['2001-01-01'], body={'reason': 'nothing'}, token=one.reward)
	one.send('showRewardPolicy', 404, ['nobody'], token=one.reward)


def test_proofs_by_a_signed_checkpoint_are_as_described():
	one = client()
	txid = held()
	one.node.restart()  # an orderly stop signs what there is
	one.nonces['debit'] = one.nonces.get('debit', 1)
	response = one.send('proofOfEntry', 200, [1])
	assert media_of(response.headers['content-type']) == 'text/plain', response
	one.send('proofOfEntry', 200, [1], token=one.all)
	one.send('receiptProof', 200, [txid], token=one.all)


def test_the_node_is_told_on_its_planes():
	one = client()
	for name in ('health', 'readiness', 'version', 'metrics', 'openapi', 'computeSchema', 'schemas'):
		for plane in {'metrics': ['admin'], 'openapi': ['api'], 'computeSchema': ['api']}.get(name,
				['api', 'admin']):
			one.send(name, 200, plane=plane)
			one.send(name, 421, plane=plane, Host='elsewhere')
			one.send(name, 405, plane=plane, method='DELETE')
	one.send('metrics', 200, plane='admin', Accept='application/openmetrics-text')
	for plane in ('api', 'admin'):
		schema = one.send('schema', 200, ['receipt'], plane=plane)
		listed = one.send('schemas', 200, plane=plane)
		for name, path, tag in (('schema', ['receipt'], schema.headers['etag']), ('schemas', [], listed.headers['etag'])):
			one.send(name, 304, path, plane=plane, If_None_Match=tag)
		one.send('schema', 404, ['nothing'], plane=plane)
		one.send('schema', 421, ['receipt'], plane=plane, Host='elsewhere')
		one.send('schema', 405, ['receipt'], plane=plane, method='DELETE')


def watch(node, token, seconds=60):
	"""An open stream of events, and as much of its answer as came so far."""
	stream = wire.Http(node.connect('admin', seconds))
	stream.send(wire.request('GET', '/events', headers={'Authorization': f'Bearer {token}'}))
	head = stream.take_until(b'\r\n\r\n').decode('latin-1')
	status_line, *lines = head[:-4].split('\r\n')
	headers = {name.lower(): value.strip() for name, _, value in (line.partition(':') for line in lines)}
	status = int(status_line.split(' ')[1])
	body = stream.take_until(b'\n\n') if status == 200 else stream.take(int(headers['content-length']))
	return stream, judge('nodeEvents', wire.Response(status, headers, body))


def too_much_for_admin(node, one):
	"""As long as its prevalidator stands still, more than that may have in hand is refused at once."""
	((pid, start),) = node.workers('admin-check').items()
	nodes.signal_process(pid, start, signal.SIGSTOP)
	streams = [node.open_http('admin') for _ in range(ADMIN_WINDOW // 2)]
	try:
		for stream in streams:
			stream.send(4 * wire.request('GET', '/recovery', headers={'Authorization': f'Bearer {one.all}'}))
		eventually(lambda: node.metric('queue_depth', q='ingress') >= ADMIN_WINDOW, 'no room')
		for name in ADMIN:
			assert judge(name, node.http(OPERATIONS[name][0], OPERATIONS[name][1], plane='admin',
				token=one.all)).status == 429, name
	finally:
		nodes.signal_process(pid, start, signal.SIGCONT)
		for stream in streams:
			stream.socket.close()
	node.wait_ready()


def in_time(one, name, status):
	"""Once it is time again: at most one a second is taken."""
	def sent():
		response = judge(name, one.node.http('POST', OPERATIONS[name][1], {'reason': 'a test'}, plane='admin',
			token=one.all))
		return response.status != 429 and response
	response = eventually(sent, f'{name} to be taken')
	assert response.status == status, response


def test_administration_is_as_described():
	with Node({'node': {'ping_timeout': '60s'}}) as node:
		one = Client(node)
		one.send('status', 200, token=one.all)
		one.send('recovery', 200, token=one.all)
		streams = []
		eventually(lambda: streams.append(watch(node, one.all)) or streams[-1][1].status == 429, 'no room')
		for stream, _ in streams:
			stream.socket.close()
		too_much_for_admin(node, one)
		change(node, limits={'rps': 100000})
		in_time(one, 'reload', 200)
		node.profile.config.write_text('[limits')
		in_time(one, 'reload', 422)
		in_time(one, 'shutdown', 202)
		node.child.wait(60)
		node.child = None


# --- refused -----------------------------------------------------------------------------------


def test_without_a_token_and_without_authority():
	one = client()
	for name in filter(needs_token, OPERATIONS):
		path, query = some_path(name), some_query(name)
		body = {} if OPERATIONS[name][0] == 'POST' else None
		if name in WALLET:
			body = DOCUMENT.examples(OPERATIONS[name][2]['requestBody']['content']['application/json'])[0]
		one.guess(name, path, query, body)
		if name == 'ingest':
			body = {'batch': [entry('Mint', 'a', 1, capability_ref=nodes.capability_ref(one.none))]}
		one.send(name, 403, path, query, body, token=one.none)
	for name, path in (('tile', ['entries/000.p/1']), ('proofOfEntry', [1])):
		one.guess(name, path, token='nonsense')
	one.send('tile', 403, ['entries/000.p/1'], token=one.none)
	posts = one.node.cli('cap', 'attenuate', '--method', 'POST', stdin=one.all).stdout.strip()
	one.send('proofOfEntry', 403, [1], token=posts)  # else it is told, without the entry


def test_what_is_no_request_of_an_operation():
	one = client()
	held()
	for name in answered_by(True):
		method, token = OPERATIONS[name][0], one.token(name)
		if name == 'putObject':  # whose body may be anything
			one.send(name, 400, body=b'x', token=token, Content_Type='text')
			one.send(name, 415, body=b'x', token=token, Content_Type='multipart/mixed')
			one.send(name, 413, body=b' ' * (BODY_MAX + 1), token=token)
		elif method == 'POST':
			one.send(name, 400, some_path(name), body={'nonsense': 1}, token=token)
			one.send(name, 400, some_path(name), body=b'{', token=token,
				Content_Type='application/json')
			one.send(name, 415, some_path(name), body=b'{}', token=token, Content_Type='text/plain')
			one.send(name, 413, some_path(name), body=b'', token=token,
				Content_Type='application/json', Content_Length=str(BODY_MAX + 1))
		else:
			one.send(name, 400, some_path(name), 'nonsense=1', token=token)
		if method == 'POST':
			one.send(name, 400, some_path(name), 'nonsense=1', body={}, token=token)
		one.send(name, 405, some_path(name), method='DELETE')
		one.send(name, 421, some_path(name), Host='elsewhere', token=token)


def test_what_is_not_there():
	one = client()
	held()
	none = 'tx_01JFA7Z2A7YQ4QW3EJ7N3N6D1X'
	one.send('entry', 404, [999999], token=one.all)
	one.send('tile', 404, ['0/999'])
	one.send('proofOfEntry', 404, [999999])
	one.send('proofOfConsistency', 404, query='from=1&to=999999')
	one.send('balance', 404, query='account=alice&asset=ron&at=999999', token=one.all)
	one.send('receipt', 404, [none], token=one.all)
	one.send('receiptProof', 404, [none], token=one.all)
	one.send('events', 404, query='after=999999', token=one.all)
	one.wallet('capture', 1, [none], status=404)
	one.wallet('release', 1, [none], status=404)


def test_what_the_wallet_cannot_do():
	one = client()
	held()
	for name in WALLET:
		path = some_path(name)
		asked = dict(to='alice') if name == 'issue' else {}
		far = {'nonce': one.nonces['issue' if name == 'issue' else 'debit'] + 5}
		one.wallet(name, 1, path, status=409, **{**asked, **far})
		key = uuid.uuid4().hex
		body = {'asset': 'ron', 'amount_minor': '1', **asked}
		body |= {} if name == 'issue' else {'from': 'alice'}
		body |= {'to': 'bob'} if name in ('transfer', 'capture') else {}
		lane = 'issue' if name == 'issue' else 'debit'
		body['nonce'] = one.nonces[lane]
		one.send(name, 200, path, body=body, token=one.all, Idempotency_Key=key)
		one.nonces[lane] += 1
		again = one.send(name, 200, path, body=body, token=one.all, Idempotency_Key=key)
		assert again.headers['idempotency-replayed'] == 'true', again
		one.send(name, 422, path, body={**body, 'amount_minor': '2'}, token=one.all,
			Idempotency_Key=key)
	one.wallet('transfer', 10**9, status=409)
	one.send('issue', 403, body={'to': 'alice', 'asset': 'never-approved', 'amount_minor': '1',
		'nonce': one.nonces['issue']}, token=one.all)


def test_examples_of_requests_are_understood():
	one = client()
	held()
	for name, (method, _, operation) in OPERATIONS.items():
		if method != 'POST' or name in ('putObject', *ADMIN):
			continue
		for example in DOCUMENT.examples(operation['requestBody']['content']['application/json']):
			response = judge(name, one.node.http(method, one.target(name, some_path(name)), example,
				token=one.token(name), headers={'Idempotency-Key': uuid.uuid4().hex}))
			if name in REWARDS:  # of a policy and inputs that are not there
				assert response.status in (400, 403, 409), (name, response)
				continue
			refusals = (403, 404, 409) if '{' in OPERATIONS[name][1] else (403, 409)
			assert response.status == 200 or response.status in refusals, (name, response)


# --- not now -----------------------------------------------------------------------------------


def test_too_much_at_once():
	with Node({'limits': {'rps': 1}, 'rewarder': REWARDER}) as node:
		node.wait_rewarder()
		one = Client(node)
		for name in [name for name in answered_by(True) if name not in ADMIN]:
			method = OPERATIONS[name][0]
			target = one.target(name, [7] * OPERATIONS[name][1].count('{'))
			for _ in range(200):  # a bucket is as deep as its rate, and somebody may have filled it
				response = node.http(method, target, {} if method == 'POST' else None, token=one.all)
				if response.status == 429:
					break
			assert judge(name, response).status == 429, response


def test_what_was_under_way_when_a_worker_died():
	"""All are in the hands of one worker that stands still, and then is gone."""
	with Node({'rewarder': REWARDER, 'node': {'ping_timeout': '60s'}}) as node:
		node.wait_rewarder()
		one = Client(node)
		worker = node.worker('prevalidator')
		checkers = {**node.workers('prevalidator'), **node.workers('admin-check')}
		for pid, start in checkers.items():
			nodes.signal_process(pid, start, signal.SIGSTOP)
		waiting = []
		for name in answered_by(True):
			stream = node.open_http(plane_of(name))
			body = json.dumps({}).encode() if OPERATIONS[name][0] == 'POST' else None
			stream.send(wire.request(OPERATIONS[name][0],
				one.target(name, [7] * OPERATIONS[name][1].count('{')), body,
				{'Authorization': f'Bearer {one.all}', 'Content-Type': 'application/json',
					'Idempotency-Key': 'a'} if body else {'Authorization': f'Bearer {one.all}'}))
			waiting.append((name, stream))
		eventually(lambda: node.metric('queue_depth', q='ingress') >= len(waiting), 'all of them to be in its hands')
		assert worker in node.workers('prevalidator')
		for pid, start in checkers.items():
			nodes.signal_process(pid, start, signal.SIGKILL)
		for name, stream in waiting:
			with stream:
				assert judge(name, stream.response()).status == 503, name


def test_a_ledger_whose_trees_others_cannot_check():
	with Node({'engine': {'hash': 'blake3'}}) as node:
		one = Client(node)
		issued = one.wallet('issue', 5).json()
		one.send('checkpoint', 501)
		one.send('tile', 501, ['0/000.p/1'])
		one.send('proofOfEntry', 501, [1])
		one.send('receiptProof', 501, [issued['txid']], token=one.all)
		for name in REWARDS:  # which this node does not pay
			body = {} if OPERATIONS[name][0] == 'POST' else None
			one.send(name, 404, some_path(name), body=body, token=one.reward)


# --- all of it ---------------------------------------------------------------------------------


def test_all_that_is_promised_was_seen():
	"""The last one, after all of the others."""
	shared.pop('node').__exit__(None, None, None)
	promised = {(name, status) for name, (_, _, one) in OPERATIONS.items()
		for status in one['responses']}
	unseen = sorted(f'{status} of {name}' for name, status in promised - seen
		if status not in UNSEEN and f'{status} of {name}' not in UNSEEN)
	assert not unseen, unseen


if __name__ == '__main__':
	if len(sys.argv) > 1:  # some of the cases alone
		del test_all_that_is_promised_was_seen
	tap.main(globals())

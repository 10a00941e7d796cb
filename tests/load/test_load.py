"""The load client against a node of our own making: what it must count, and send again.

The last case has a real one, so that what both sides believe of /v1 is the same.
"""
import base64
import collections
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'system'))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'crash'))
import harness  # noqa: E402
import ledger_check  # noqa: E402
import receipt_check  # noqa: E402
import tap  # noqa: E402
import wire  # noqa: E402

LOAD = pathlib.Path(os.environ['MACRONODE_BUILD']) / 'tests/load/load'
CAPABILITY = bytes(range(16))
ROOT = 'ab' * 32


def token():
	"""The shape of a macaroon v2 of ours, as far as its identifier."""
	identifier = bytes([1]) + bytes(4) + CAPABILITY + bytes(24)
	raw = bytes([2, 1, 1, ord('x'), 2, len(identifier)]) + identifier + bytes([0])
	return base64.urlsafe_b64encode(raw).decode().rstrip('=')


class FakeNode:
	"""Answers each request on a socket with what `answer(self, stream, request)` sends."""

	def __init__(self, stream, answer):
		self.stream = stream
		self.answer = answer
		self.bodies = []
		self.seq = 0
		self.lock = threading.Lock()
		self.listener = socket.create_server(('127.0.0.1', 0))
		self.address = '127.0.0.1:%d' % self.listener.getsockname()[1]

	def __enter__(self):
		threading.Thread(target=self.accept, daemon=True).start()
		return self

	def __exit__(self, *_):
		self.listener.close()

	def accept(self):
		while True:
			try:
				connected, _ = self.listener.accept()
			except OSError:
				return
			threading.Thread(target=self.serve, args=[connected], daemon=True).start()

	def serve(self, connected):
		with self.stream(connected) as stream:
			try:
				while self.answer(self, stream):
					pass
			except (OSError, wire.Closed):
				pass

	def commit(self, count):
		with self.lock:
			first = self.seq + 1
			self.seq += count
			return {'accepted': True, 'seq_start': first, 'seq_end': self.seq,
				'new_root': ROOT, 'reasons': []}


def read_request(node, http):
	head = http.take_until(b'\r\n\r\n').decode()
	count = int(head.lower().split('content-length: ')[1].split('\r\n')[0])
	body = http.take(count)
	with node.lock:
		node.bodies.append(body)
	return head, json.loads(body)


def respond(http, status, body, *fields):
	text = json.dumps(body, separators=(',', ':')).encode()
	lines = [f'HTTP/1.1 {status} X', f'Content-Length: {len(text)}', *fields]
	http.send('\r\n'.join(lines).encode() + b'\r\n\r\n' + text)


def load(*words, bearer=None):
	done = subprocess.run([LOAD, *map(str, words)], text=True, capture_output=True, timeout=60,
		env={'TOKEN': bearer or token()})
	assert done.returncode == 0, done
	return json.loads(done.stdout)


def test_every_entry_is_what_the_checker_computes():
	def answer(node, http):
		head, body = read_request(node, http)
		assert f'Authorization: Bearer {token()}\r\n' in head
		respond(http, 200, node.commit(len(body['batch'])))
		return True

	for mode, kind in (('ingest', 'Transfer'), ('mint', 'Mint')):
		with FakeNode(wire.Http, answer) as node:
			told = load(mode, '--to', node.address, '--entries', 3, '--total', 30,
				'--accounts', 7, '--seed', 5, '--connections', 2)
		assert (told['requests'], told['entries'], told['statuses']) == (10, 30, {'200': 10})
		entries = [one for body in node.bodies for one in json.loads(body)['batch']]
		assert len(entries) == 30
		for one in entries:
			seed, number = ledger_check.nonce_parts(base64.b64decode(one['nonce']))
			wanted = ledger_check.sent_entry(mode, seed, number, 7)
			assert seed == 5 and one['kind'] == kind and one['v'] == 1
			assert (one['id'], one['account'], int(one['amount'])) == (
				wanted.id, wanted.account, wanted.amount)
			assert one.get('counter_account', '') == wanted.counter_account != one['account']
			assert one['capability_ref'] == CAPABILITY.hex()
		assert len({one['nonce'] for one in entries}) == len({one['id'] for one in entries}) == 30


def test_a_request_without_an_answer_or_with_a_later_is_sent_again_as_it_was():
	seen = collections.Counter()

	def answer(node, http):
		_, body = read_request(node, http)
		nonce = body['batch'][0]['nonce']
		with node.lock:
			seen[nonce] += 1
			turn = seen[nonce]
		if turn == 1:
			return False
		if turn == 2:
			respond(http, 503, {}, 'Connection: close')
			return False
		if turn == 3:
			respond(http, 429, {})
		else:
			respond(http, 200, node.commit(2))
		return True

	with tempfile.TemporaryDirectory() as directory, FakeNode(wire.Http, answer) as node:
		acks = pathlib.Path(directory) / 'acks'
		told = load('ingest', '--to', node.address, '--entries', 2, '--total', 6, '--connections', 3,
			'--backoff-ms', 20, '--acks', acks)
		lines = [line.split() for line in acks.read_text().splitlines()]
	assert told['requests'] == 3 and told['retries'] == 9 and told['lost'] == 3
	assert told['statuses'] == {'200': 3, '429': 3, '503': 3}
	assert len(node.bodies) == 12 and len(set(node.bodies)) == 3
	assert sorted(line[0] for line in lines) == ['0', '2', '4']
	assert sorted((line[3], line[4]) for line in lines) == [('1', '2'), ('3', '4'), ('5', '6')]
	assert all(line[1] == '2' and line[5] == ROOT and line[6] == '4' for line in lines)


def test_what_is_refused_or_never_answered_is_counted_and_not_acknowledged():
	def refuse(node, http):
		read_request(node, http)
		respond(http, 403, {'accepted': False})
		return True

	def be_silent(node, http):
		read_request(node, http)
		return True

	with FakeNode(wire.Http, refuse) as node:
		told = load('ingest', '--to', node.address, '--total', 4)
	assert (told['requests'], told['refused'], told['abandoned']) == (0, 4, 0)
	with FakeNode(wire.Http, be_silent) as node:
		told = load('ingest', '--to', node.address, '--total', 1, '--timeout-ms', 50,
			'--retry-ms', 200, '--backoff-ms', 10)
	assert told['requests'] == 0 and told['abandoned'] == 1 and told['timeouts'] >= 2


def test_a_reply_with_another_correlation_id_is_wrong():
	def answer(node, oap):
		frame = oap.frame()
		with node.lock:
			node.seq += 1
			turn = node.seq
		corr_id = frame.corr_id ^ (turn % 5 == 0)
		verb = frame.verb if turn % 7 == 0 else 2
		payload = b'{"ready":false,"echoed":%s}' % (b'false' if turn % 11 == 0 else b'true')
		oap.send(wire.encode_frame(wire.Frame(wire.RESP | wire.END, 0, corr_id, verb, payload)))
		return True

	with FakeNode(wire.Oap, answer) as node:
		told = load('ping', '--to', node.address, '--total', 35, '--backoff-ms', 1)
	assert (told['wrong'], told['errors'], told['requests']) == (7, 7, 21)


# --- /v1 ------------------------------------------------------------------------------------


def read_operation(node, http):
	"""(form, members), of a balance the account alone."""
	head = http.take_until(b'\r\n\r\n').decode()
	method, target, _ = head.split('\r\n')[0].split()
	assert f'\r\nAuthorization: Bearer {token()}\r\n' in head, head
	if method == 'GET':
		account, asset = target.removeprefix('/v1/balance?account=').split('&asset=')
		assert asset == 'ron'
		operation = 'balance', {'account': account}
	else:
		members = json.loads(http.take(int(head.split('Content-Length: ')[1].split('\r\n')[0])))
		members['idem'] = head.split('Idempotency-Key: ')[1].split('\r\n')[0]
		operation = target.removeprefix('/v1/'), members
	with node.lock:
		node.bodies.append(operation)
		node.seq += 1
	return operation


def answer_of(node, form, members):
	if form == 'balance':
		return {**members, 'asset': 'ron', 'amount_minor': '5', 'held_minor': '0',
			'as_of': '2026-11-26T00:00:00Z', 'as_of_seq': 7, 'stale_ms': 0}
	amount = int(members['amount_minor'])
	receipt = {'txid': 'tx_' + f'{node.seq:026}', 'op': form, **members,
		'ts': '2026-11-26T00:00:00Z', 'receipt_hash': 'b3:' + ROOT, 'seq': node.seq,
		'balance_before': '1000', 'balance_after': str(1000 + amount * (1 if form == 'issue' else -1))}
	return {name: receipt[name] for name in receipt_check.MEMBERS if name in receipt}


def operations_of(mode, accounts, connections, total, change=None):
	"""(what the client said of itself, what it sent, its journal)"""
	def answer(node, http):
		form, members = read_operation(node, http)
		body = answer_of(node, form, members)
		respond(http, 200, change(body) if change else body)
		return True

	with tempfile.TemporaryDirectory() as directory, FakeNode(wire.Http, answer) as node:
		acks = pathlib.Path(directory) / 'acks'
		told = load(mode, '--to', node.address, '--total', total, '--accounts', accounts,
			'--connections', connections, '--seed', 5, '--acks', acks)
		return told, node.bodies, receipt_check.read_acks(acks)


def test_every_operation_is_what_the_checker_computes():
	for mode in ('transfer', 'mixed'):
		told, sent, acks = operations_of(mode, accounts=11, connections=3, total=600)
		writes = {members['idem']: (form, members) for form, members in sent if form != 'balance'}
		assert (told['requests'], told['entries'], told['statuses']) == (600, 600, {'200': 600})
		assert len(writes) == len(acks)
		for ack in acks:
			wanted = receipt_check.sent_request(ack.form, 5, ack.number, 11, 3)
			form, members = writes[wanted['idem']]
			assert {'op': form, **members} == wanted


def test_the_mixed_profile_is_that_of_the_contract():
	_, sent, _ = operations_of('mixed', accounts=8, connections=4, total=2000)
	shares = collections.Counter(form for form, _ in sent)
	assert sum(shares.values()) == 2000
	for form, share in (('balance', 1400), ('transfer', 400), ('issue', 100), ('burn', 100)):
		assert abs(shares[form] - share) <= 4 * 20, shares  # a connection may be in any of its turns
	told, sent, acks = operations_of('balance', accounts=8, connections=4, total=100)
	assert told['requests'] == 100 and not acks
	assert len({members['account'] for _, members in sent}) == 8


def test_nonces_of_an_account_rise_one_by_one_on_one_connection():
	lasts = collections.Counter()
	_, sent, _ = operations_of('mixed', accounts=10, connections=4, total=1200)
	for form, members in sent:
		if form == 'balance':
			continue
		lane = members['to'] if form == 'issue' else members['from'], form == 'issue'
		lasts[lane] += 1
		assert members['nonce'] == lasts[lane], (lane, members)
	assert len(lasts) == 16 and max(lasts.values()) > 10  # 8 accounts: two to each connection


def test_an_answer_about_something_else_is_refused():
	def other(**members):
		return lambda body: {**body, **members}

	for change in (other(nonce=77), other(to='acct_9999999'), other(balance_after='1000'),
			other(more=1), other(amount_minor='100'), other(idem='x')):
		told, _, acks = operations_of('transfer', 8, 1, 3, change)
		assert (told['requests'], told['refused'], acks) == (0, 3, []), told
	for change in (other(account='acct_9999999'), other(asset='eur'), other(amount_minor='-')):
		told, _, _ = operations_of('balance', 8, 1, 3, change)
		assert (told['requests'], told['refused']) == (0, 3), told


def test_what_is_called_retryable_is_sent_again_and_what_is_not_is_refused():
	seen = collections.Counter()

	def answer(node, http):
		form, members = read_operation(node, http)
		with node.lock:
			seen[members['idem']] += 1
			turn = seen[members['idem']]
		if turn < 3:
			respond(http, 409, {'code': 'IN_PROGRESS', 'retryable': True})
		elif members['nonce'] == 2:
			respond(http, 409, {'code': 'INSUFFICIENT_FUNDS', 'retryable': False})
		else:
			respond(http, 200, answer_of(node, form, members), 'Idempotency-Replayed: true')
		return True

	with FakeNode(wire.Http, answer) as node:
		told = load('transfer', '--to', node.address, '--total', 4, '--accounts', 2, '--backoff-ms', 10)
	assert told['statuses'] == {'200': 2, '409': 10}, told
	assert (told['requests'], told['replayed'], told['refused'], told['retries']) == (2, 2, 2, 8), told


def test_what_cannot_be_paid_with_is_said_at_once():
	for words, bearer, why in (
			(['--accounts', 4, '--connections', 5], token(), 'an account of its own'),
			([], '', 'needs a token'), ([], 'x' * 20000, 'too long')):
		done = subprocess.run([LOAD, 'transfer', '--to', '127.0.0.1:1', *map(str, words)], text=True,
			capture_output=True, timeout=60, env={'TOKEN': bearer})
		assert done.returncode == 2 and why in done.stderr, done


def test_a_real_node_hears_and_says_what_is_expected():
	accounts = 64
	with harness.Node() as node:
		bearer, to = node.mint(), node.profile.api_address
		funded = load('mint', '--to', to, '--total', accounts, '--accounts', accounts, '--entries', 64,
			bearer=bearer)
		assert funded['entries'] == accounts, funded
		journals = []
		for turn in ('first', 'again'):
			acks = node.directory / turn
			told = load('mixed', '--to', to, '--total', 2000, '--accounts', accounts, '--connections', 5,
				'--seed', 3, '--acks', acks, bearer=bearer)
			assert (told['requests'], told['refused'], told['wrong']) == (2000, 0, 0), told
			journals.append(set(acks.read_text().splitlines()))
		# How far each connection came before 2000 were sent is not the same; the receipts are.
		assert 500 < told['replayed'] == len(journals[0] & journals[1]), (told, journals)
		node.stop()
		assert node.cli('verify').returncode == 0
		assert receipt_check.check_store(node.profile.data / 'store',
			[(3, accounts, 5, node.directory / turn) for turn in ('first', 'again')]) == len(
			journals[0] | journals[1])


if __name__ == '__main__':
	tap.main(globals())

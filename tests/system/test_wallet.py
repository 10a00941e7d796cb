"""Money under /v1: what is said, that it is said again byte for byte, and that it moves once. How it is
refused stands in test_wallet_refusals.py and test_wallet_trouble.py."""
import collections
import contextlib
import json
import pathlib
import shutil
import sqlite3
import subprocess
import tempfile
import threading

import tap
import wire
from harness import Node, eventually, nodes
from test_clock import DAY_MS, Clock

MEMBERS = ['txid', 'op', 'from', 'to', 'hold', 'asset', 'amount_minor', 'expires_ts', 'nonce', 'idem',
	'ts', 'receipt_hash', 'seq', 'balance_before', 'balance_after']
ISSUE, TRANSFER, BURN, HOLD, CAPTURE, RELEASE = range(0x20, 0x26)


def request_of(path, key, body, token):
	headers = {'Content-Type': 'application/json', 'Authorization': f'Bearer {token}'}
	if key is not None:
		headers['Idempotency-Key'] = key
	return ('POST', path, json.dumps(body).encode() if isinstance(body, dict) else body, headers)


class Wallet:
	"""Requests of one token, each on a connection of its own."""

	def __init__(self, node, token=None):
		self.node = node
		self.token = token or node.mint()

	def post(self, path, key, body):
		method, target, data, headers = request_of(path, key, body, self.token)
		return self.node.http(method, target, data, headers)

	def issue(self, key, to, amount, nonce, **more):
		return self.post('/v1/issue', key, {'to': to, 'asset': 'ron', 'amount_minor': str(amount),
			'nonce': nonce, **more})

	def transfer(self, key, source, to, amount, nonce, **more):
		return self.post('/v1/transfer', key, {'from': source, 'to': to, 'asset': 'ron',
			'amount_minor': str(amount), 'nonce': nonce, **more})

	def take(self, path, key, source, amount, nonce, **more):
		return self.post(path, key, {'from': source, 'asset': 'ron', 'amount_minor': str(amount),
			'nonce': nonce, **more})


def done(response, replayed=False):
	assert response.status == 200, response
	assert response.headers.get('idempotency-replayed') == ('true' if replayed else None), response
	return response.json()


def refused(response, status, code, reason, retryable=False):
	assert response.status == status, response
	error = response.json()
	assert list(error) == ['code', 'http', 'message', 'retryable', 'corr_id', 'details'], error
	assert (error['code'], error['details']['reason']) == (code, reason), error
	assert error['http'] == status and error['retryable'] is retryable, error
	assert error['corr_id'] == response.headers['x-corr-id'], response
	assert ('retry-after' in response.headers) == (status in (429, 503) or code == 'IN_PROGRESS')
	return error


def receipts_of(node):
	"""{seq: receipt} of the store, by sqlite3 alone."""
	store = sqlite3.connect(f'file:{node.profile.data}/store/ledger.db?mode=ro', uri=True)
	try:
		return {seq: bytes(receipt) for seq, receipt in store.execute(
			'SELECT seq, receipt FROM entries WHERE receipt IS NOT NULL ORDER BY seq')}
	finally:
		store.close()


# --- what is said ---------------------------------------------------------------------------


def test_each_operation_has_a_receipt():
	with Node() as node:
		wallet = Wallet(node)
		issued = done(wallet.issue('i1', 'alice', 1000, 1))
		assert issued['op'] == 'issue' and 'from' not in issued and issued['balance_after'] == '1000'
		moved = done(wallet.transfer('t1', 'alice', 'bob', 100, 1, memo='for the tea'))
		assert (moved['balance_before'], moved['balance_after']) == ('1000', '900'), moved
		burnt = done(wallet.take('/v1/burn', 'b1', 'alice', 50, 2))
		assert burnt['op'] == 'burn' and 'to' not in burnt and burnt['balance_after'] == '850'
		held = done(wallet.take('/v1/holds', 'h1', 'alice', 300, 3))
		assert held['balance_after'] == '550', held
		hold = held['txid']
		paid = done(wallet.post(f'/v1/holds/{hold}/capture', 'c1', {'from': 'alice', 'to': 'bob',
			'asset': 'ron', 'amount_minor': '120', 'nonce': 4}))
		assert paid['hold'] == hold and paid['balance_after'] == '550', paid
		freed = done(wallet.take(f'/v1/holds/{hold}/release', 'r1', 'alice', 180, 5))
		assert freed['balance_after'] == '730', freed
		for seq, receipt in enumerate((issued, moved, burnt, held, paid, freed), 1):
			assert receipt['seq'] == seq
			assert list(receipt) == [name for name in MEMBERS if name in receipt], receipt
		balance = node.http('GET', '/v1/balance?account=alice&asset=ron', token=wallet.token).json()
		assert balance['amount_minor'] == '730', balance
		assert node.cli('verify', '--offline').returncode == 0
		assert node.metric('wallet_requests_total', op='capture') == 1
		assert node.metric('wallet_inflight') == 0


def test_the_hash_of_a_receipt_is_blake3_of_its_canonical_json():
	if shutil.which('b3sum') is None:
		raise tap.Skip('b3sum is not installed')
	with Node() as node:
		wallet = Wallet(node)
		hold = done(wallet.issue('i1', 'alice', 1000, 1)) and done(
			wallet.take('/v1/holds', 'h1', 'alice', 10, 1, expires_ts=1 << 45))
		for receipt in (hold, done(wallet.transfer('t1', 'alice', 'bob', 5, 2))):
			wanted = receipt['receipt_hash']
			hashed = {name: value for name, value in receipt.items() if name not in
				('receipt_hash', 'seq', 'balance_before', 'balance_after')}
			text = json.dumps(hashed, sort_keys=True, separators=(',', ':'))
			told = subprocess.run(['b3sum', '--no-names'], input=text.encode(), capture_output=True,
				check=True).stdout.decode().strip()
			assert wanted == f'b3:{told}', (wanted, text)
			token = wallet.token
			entry = node.http('GET', f'/entries/{receipt["seq"]}', token=token).json()
			assert f'b3:{entry["receipt_hash"]}' == wanted and entry['source'] == 'v1', entry


# --- again, and the same --------------------------------------------------------------------


def test_a_key_stands_for_one_wish():
	with Node() as node:
		wallet = Wallet(node)
		first = wallet.issue('k', 'alice', 1000, 1)
		done(first)
		again = wallet.post('/v1/issue', 'k',
			b' {"nonce":1, "asset":"ron","amount_minor":"1000",\n"to":"alice"}')
		done(again, replayed=True)
		assert again.body == first.body
		refused(wallet.issue('k', 'alice', 1001, 1), 422, 'IDEM_MISMATCH', 'idem_mismatch')
		refused(wallet.issue('k', 'alice', 1000, 2), 422, 'IDEM_MISMATCH', 'idem_mismatch')
		done(wallet.issue('k', 'bob', 5, 1))  # another principal's
		assert node.metric('wallet_idem_replays_total') == 1
		assert node.metric('wallet_conflicts_total') == 2


def test_replays_are_the_same_bytes_after_restarts():
	with Node() as node:
		wallet = Wallet(node)
		first = [wallet.issue('i', 'alice', 10, 1), wallet.transfer('t', 'alice', 'bob', 3, 1)]

		def settled(ask):
			"""What it comes to, once whoever died is back."""
			return eventually(lambda: (lambda one: one.status != 503 and one)(ask()), 'the node to be back')

		def replay():
			for one, again in zip(first, (settled(lambda: wallet.issue('i', 'alice', 10, 1)),
					settled(lambda: wallet.transfer('t', 'alice', 'bob', 3, 1)))):
				done(again, replayed=True)
				assert again.body == one.body and again.headers['content-length'] == one.headers['content-length']
		replay()
		for role in ('wallet', 'archive', 'sequencer', 'committer', 'prevalidator', 'ingress', 'kms'):
			node.signal_worker(role)
			replay()
			node.wait_ready()
			replay()
		node.restart()
		replay()
		node.kill_all()
		node.start()
		replay()
		assert list(receipts_of(node).values()) == [one.body for one in first]


def test_a_key_is_forgotten_in_time_and_money_is_not():
	with tempfile.TemporaryDirectory(prefix='macronode-clock-') as directory:
		pathlib.Path(directory).chmod(0o755)
		clock = Clock(directory)
		with Node({'wallet': {'idempotency_ttl': '1h'}},
				environment={'MACRONODE_TEST_CLOCK': str(clock.path)}) as node:
			wallet = Wallet(node)
			first = wallet.issue('k', 'alice', 10, 1)
			refused(wallet.issue('k', 'alice', 11, 2), 422, 'IDEM_MISMATCH', 'idem_mismatch')
			clock.move_to(3599 * 1000)
			refused(wallet.issue('k', 'alice', 11, 2), 422, 'IDEM_MISMATCH', 'idem_mismatch')
			clock.move_to(3700 * 1000)
			again = wallet.issue('k', 'alice', 10, 1)
			done(again, replayed=True)
			assert again.body == first.body
			clock.move_to(2 * 3700 * 1000)
			done(wallet.issue('k', 'alice', 11, 2))  # the name is free for another wish
			clock.move_to(0)
			later = done(wallet.issue('l', 'alice', 1, 3))
			assert later['txid'] > first.json()['txid'] and later['ts'] > first.json()['ts'], later
			node.restart()  # with a clock that is behind what is on disk
			last = done(wallet.issue('m', 'alice', 1, 4))
			assert last['txid'] > later['txid'] and last['ts'] >= later['ts'], (later, last)


def test_forgotten_keys_make_room_and_replay_all_the_same():
	with Node({'wallet': {'idem_capacity': 1024}}) as node:
		wallet = Wallet(node)
		first = wallet.issue('first', 'alice', 10, 1)
		with node.open_http() as connection:
			for number in range(2, 1100):
				body = {'to': 'alice', 'asset': 'ron', 'amount_minor': '1', 'nonce': number}
				answer = connection.request(*request_of('/v1/issue', f'k{number}', body, wallet.token))
				assert answer.status == 200, answer
		again = wallet.issue('first', 'alice', 10, 1)
		done(again, replayed=True)
		assert again.body == first.body
		refused(wallet.issue('k2', 'alice', 7, 2), 409, 'NONCE_CONFLICT', 'nonce_used')
		refused(wallet.issue('k1099', 'alice', 7, 1099), 422, 'IDEM_MISMATCH', 'idem_mismatch')


def test_of_two_at_once_with_one_nonce_one_is_done():
	with Node() as node:
		wallet = Wallet(node)
		done(wallet.issue('i', 'alice', 100, 1))
		answers = []
		for nonce in range(1, 11):
			threads = [threading.Thread(target=lambda number=number: answers.append(
				wallet.transfer(f'k{nonce}-{number}', 'alice', f'bob{number}', 1, nonce)))
				for number in range(4)]
			for thread in threads:
				thread.start()
			for thread in threads:
				thread.join()
		counts = collections.Counter(one.status for one in answers)
		assert counts == {200: 10, 409: 30}, counts
		assert {one.json()['code'] for one in answers if one.status == 409} == {'NONCE_CONFLICT'}
		balance = node.http('GET', '/v1/balance?account=alice&asset=ron', token=wallet.token).json()
		assert balance['amount_minor'] == '90', balance


# --- limits ---------------------------------------------------------------------------------


def test_limits_bound_what_is_new_and_no_repeat():
	limits = {'max_amount_per_op': '100', 'daily_ceiling': '150', 'max_account_total': '1000'}
	with Node({'wallet': limits}) as node:
		wallet = Wallet(node)
		for nonce in range(1, 6):
			done(wallet.issue(f'i{nonce}', 'alice', 100, nonce))
		refused(wallet.issue('i', 'alice', 101, 6), 403, 'LIMITS_EXCEEDED', 'per_op_max')
		first = wallet.transfer('t1', 'alice', 'bob', 100, 1)
		refused(wallet.transfer('t2', 'alice', 'bob', 51, 2), 403, 'LIMITS_EXCEEDED', 'daily_ceiling')
		done(wallet.take('/v1/holds', 'h', 'alice', 50, 2))  # counts when it is made
		refused(wallet.take('/v1/burn', 'b', 'alice', 1, 3), 403, 'LIMITS_EXCEEDED', 'daily_ceiling')
		again = wallet.transfer('t1', 'alice', 'bob', 100, 1)
		done(again, replayed=True)
		assert again.body == first.body
		for nonce in range(1, 10):
			done(wallet.issue(f'b{nonce}', 'bob', 100, nonce))
		refused(wallet.issue('b', 'bob', 1, 10), 403, 'LIMITS_EXCEEDED', 'account_total')
		node.restart()  # counted on disk
		refused(wallet.take('/v1/burn', 'b', 'alice', 1, 3), 403, 'LIMITS_EXCEEDED', 'daily_ceiling')
		node.stop()
		assert node.cli('verify', '--offline').returncode == 0


def test_a_day_begins_anew_at_midnight_utc():
	with tempfile.TemporaryDirectory(prefix='macronode-clock-') as directory:
		pathlib.Path(directory).chmod(0o755)
		clock = Clock(directory)
		with Node({'wallet': {'max_amount_per_op': '100', 'daily_ceiling': '100'}},
				environment={'MACRONODE_TEST_CLOCK': str(clock.path)}) as node:
			clock.move_to(DAY_MS // 2 - clock.now_ms() % DAY_MS)
			words = ('cap', 'mint', '--action', nodes.ACTIONS, '--ttl', '240h')
			wallet = Wallet(node, node.cli(*words).stdout.strip())
			done(wallet.issue('i1', 'alice', 100, 1))
			done(wallet.issue('i2', 'alice', 100, 2))
			done(wallet.transfer('t1', 'alice', 'bob', 100, 1))
			refused(wallet.transfer('t2', 'alice', 'bob', 1, 2), 403, 'LIMITS_EXCEEDED', 'daily_ceiling')
			clock.move_to(clock.skew_ms + DAY_MS)
			done(wallet.transfer('t2', 'alice', 'bob', 100, 2))


# --- other ways in --------------------------------------------------------------------------


def test_oap_says_the_same():
	with Node() as node:
		wallet = Wallet(node)

		def call(connection, verb, body):
			payload = wire.write_payload(wallet.token, json.dumps(body).encode())
			connection.send_frame(verb, payload, corr_id=7)
			events = []
			while True:
				frame = connection.frame()
				if frame.flags & wire.EVENT:
					events.append(json.loads(frame.payload))
					continue
				assert frame.verb == verb and frame.corr_id == 7, frame
				return json.loads(frame.payload), events
		with node.open_oap() as connection:
			base = {'asset': 'ron', 'amount_minor': '10'}
			issued, events = call(connection, ISSUE, {**base, 'to': 'alice', 'nonce': 1, 'idempotency_key': 'i'})
			assert issued['seq'] == 1 and events == [], (issued, events)
			again, events = call(connection, ISSUE, {**base, 'to': 'alice', 'nonce': 1, 'idempotency_key': 'i'})
			assert again == issued and events == [{'replayed': True}], (again, events)
			held, _ = call(connection, HOLD, {**base, 'from': 'alice', 'nonce': 1, 'idempotency_key': 'h'})
			paid, _ = call(connection, CAPTURE, {'asset': 'ron', 'amount_minor': '4', 'from': 'alice', 'to': 'bob',
				'nonce': 2, 'idempotency_key': 'c', 'hold': held['txid']})
			assert paid['hold'] == held['txid'], paid
			error, _ = call(connection, BURN, {**base, 'from': 'alice', 'nonce': 3, 'idempotency_key': 'b'})
			assert error['code'] == 'INSUFFICIENT_FUNDS' and error['corr_id'] == '7', error
			error, _ = call(connection, TRANSFER, {**base, 'from': 'alice', 'to': 'bob', 'nonce': 3})
			assert error['details']['reason'] == 'idem_key_missing', error
			freed, _ = call(connection, RELEASE, {'asset': 'ron', 'amount_minor': '6', 'from': 'alice', 'nonce': 3,
				'idempotency_key': 'r', 'hold': held['txid']})
			assert freed['balance_after'] == '6', freed
		# and HTTP replays what came over OAP
		replay = wallet.issue('i', 'alice', 10, 1)
		done(replay, replayed=True)
		assert replay.json() == issued


def test_the_command_moves_money_and_says_how_to_repeat_it():
	with Node() as node:
		node.environment['MACRONODE_TOKEN'] = node.mint()
		issued = node.cli('wallet', 'issue', '--to', 'alice', '--amount', '100')
		assert 'issue 100 ron' in issued.stdout and '--nonce 1 --idempotency-key' in issued.stderr, issued
		words = ('wallet', 'transfer', '--from', 'alice', '--to', 'bob', '--amount', '30')
		moved = node.cli(*words, '--json')
		receipt = json.loads(moved.stdout)
		assert receipt['nonce'] == 1 and receipt['balance_after'] == '70', receipt
		again = node.cli(*words, '--nonce', '1', '--idempotency-key', receipt['idem'], '--json')
		assert again.stdout == moved.stdout and again.stderr == '', again
		assert 'done before' in node.cli(*words, '--nonce', '1', '--idempotency-key', receipt['idem']).stdout
		held = json.loads(node.cli('wallet', 'hold', '--from', 'alice', '--amount', '50', '--json').stdout)
		node.cli('wallet', 'capture', held['txid'], '--from', 'alice', '--to', 'bob', '--amount', '20')
		node.cli('wallet', 'release', held['txid'], '--from', 'alice', '--amount', '30')
		node.cli('wallet', 'burn', '--from', 'alice', '--amount', '50')
		poor = node.cli('wallet', 'burn', '--from', 'alice', '--amount', '1', check=False)
		assert poor.returncode == 1 and 'INSUFFICIENT_FUNDS' in poor.stderr, poor
		for bad in (('wallet', 'burn'), ('wallet', 'issue', '--to', 'a', '--amount', '1', '--nonce', '0'),
				('wallet', 'capture', '--from', 'a', '--to', 'b', '--amount', '1')):
			assert node.cli(*bad, check=False).returncode == 2, bad


def test_no_log_line_names_an_account():
	with Node({'log': {'level': 'debug'}}) as node:
		wallet = Wallet(node)
		done(wallet.issue('key-1', 'canary-account', 10, 1))
		refused(wallet.take('/v1/burn', 'key-2', 'canary-account', 11, 1), 409, 'INSUFFICIENT_FUNDS',
			'insufficient_funds')
		node.stop()
		text = node.log_text()
		assert 'canary' not in text and wallet.token not in text
		accepted = [line for line in node.log() if line['event'] == 'operation_accepted']
		assert [(line['op'], line['idem'], line['nonce']) for line in accepted] == [('issue', 'key-1', 1)], accepted
		lost = [line for line in node.log() if line['event'] == 'operation_refused']
		assert [(line['op'], line['reason']) for line in lost] == [('burn', 'insufficient_funds')], lost


# --- crashes --------------------------------------------------------------------------------


class Client(threading.Thread):
	"""Transfers of one account, each repeated with its key and nonce until it is answered."""

	def __init__(self, wallet, number, stop):
		super().__init__()
		self.wallet, self.number, self.stop = wallet, number, stop
		self.acknowledged, self.fault, self.retries = [], None, 0
		self.pause = threading.Event()

	def run(self):
		try:
			nonce = 0
			while not self.stop.is_set():
				nonce += 1
				self.until_done(nonce)
		except Exception as error:  # told by the test
			self.fault = error

	def until_done(self, nonce):
		key = f'c{self.number}-{nonce}'
		while True:
			with contextlib.suppress(OSError, wire.Closed):
				answer = self.wallet.transfer(key, f'acct{self.number}', 'shop', 1 + nonce % 7, nonce)
				if answer.status == 200:
					self.acknowledged.append((key, nonce, answer.body))
					return
				error = answer.json()
				if not error['retryable'] or error['code'] == 'NONCE_CONFLICT':
					raise AssertionError(f'{key}: {error}')
			self.retries += 1
			self.pause.wait(0.02)  # as a client that backs off; nothing sets it


def test_whoever_dies_each_wish_is_done_once():
	with Node() as node:
		wallet = Wallet(node)
		for number in range(6):
			done(wallet.issue(f'i{number}', f'acct{number}', 10**9, 1))
		stop = threading.Event()
		clients = [Client(wallet, number, stop) for number in range(6)]
		for client in clients:
			client.start()
		try:
			for role in ('wallet', 'sequencer', 'prevalidator', 'committer', 'ingress', 'archive', 'kms') * 2:
				before = sum(len(client.acknowledged) for client in clients)
				node.signal_worker(role)
				eventually(lambda: any(client.fault for client in clients) or
					sum(len(client.acknowledged) for client in clients) >= before + 12,
					f'work after the death of {role}')
				node.wait_ready()
		finally:
			stop.set()
			for client in clients:
				client.join()
		faults = [client.fault for client in clients if client.fault]
		assert not faults, faults
		node.stop()
		check_store(node, clients)
		assert sum(client.retries for client in clients) > 0, 'nobody noticed a death'
		assert node.cli('verify', '--offline').returncode == 0


def check_store(node, clients):
	"""sqlite3 alone: each key and nonce at most once, and every 200 is there."""
	stored = collections.defaultdict(list)
	for seq, receipt in receipts_of(node).items():
		parsed = json.loads(receipt)
		assert parsed['seq'] == seq, parsed
		stored[parsed['idem']].append(receipt)
	assert all(len(receipts) == 1 for receipts in stored.values()), 'a key was committed twice'
	lanes = collections.defaultdict(list)
	for receipts in stored.values():
		parsed = json.loads(receipts[0])
		lanes[parsed['op'] == 'issue', parsed.get('from', parsed.get('to'))].append(parsed['nonce'])
	for lane, nonces in lanes.items():
		assert sorted(nonces) == list(range(1, len(nonces) + 1)), (lane, sorted(nonces)[-5:])
	total = 0
	for client in clients:
		total += len(client.acknowledged)
		for key, nonce, body in client.acknowledged:
			assert stored[key] == [body], (key, nonce, body, stored[key])
	# what was committed and not acknowledged is at most what was under way at the end
	assert total <= len(stored) - len(clients) <= total + len(clients), (total, len(stored))


if __name__ == '__main__':
	tap.main(globals())

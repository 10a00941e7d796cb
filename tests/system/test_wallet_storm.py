"""Money under /v1 in a storm: clients over TCP, the UNIX socket and OAP/1 each pay, hold and issue, ask
again with the same nonce and key until they know the end, while workers and once the whole node are
killed. Afterwards what they were told is all that there is, byte for byte, and nothing else."""
import itertools
import json
import random
import signal
import threading
import time

import tap
import wire
from harness import Node, eventually, nodes
from test_wallet import BURN, CAPTURE, HOLD, ISSUE, RELEASE, TRANSFER, receipts_of

SEED = 20261126
CLIENTS = 8
WISHES = 400  # of all clients together, at least
STORM_SECONDS = 6  # and at least so long, with
PAUSE_SECONDS = 0.2  # between two deaths, on the average
PATIENCE_SECONDS = 120
READ_AGAIN = 400  # receipts that are read one by one; all are compared with the store
KILLED = ('wallet', 'sequencer', 'committer', 'archive', 'prevalidator', 'kms', 'ingress')
SETTINGS = {'node': {'restart_min': '1ms', 'restart_max': '20ms', 'restart_cap': '20ms'}}
ACCOUNTS = [f'client-{number}' for number in range(CLIENTS)]
VERBS = {'issue': ISSUE, 'transfer': TRANSFER, 'burn': BURN, 'hold': HOLD, 'capture': CAPTURE,
	'release': RELEASE}
PATHS = {'issue': '/v1/issue', 'transfer': '/v1/transfer', 'burn': '/v1/burn', 'hold': '/v1/holds',
	'capture': '/v1/holds/{hold}/capture', 'release': '/v1/holds/{hold}/release'}


# --- ways in: (status, body) of one request ---------------------------------------------------


def over_http(plane):
	def send(node, token, op, key, body):
		hold = body.get('hold')
		members = {name: value for name, value in body.items() if name != 'hold'}
		headers = {'Authorization': f'Bearer {token}', 'Content-Type': 'application/json',
			'Idempotency-Key': key, 'Connection': 'close'}
		with wire.Http(node.connect(plane)) as connection:
			got = connection.request('POST', PATHS[op].format(hold=hold), json.dumps(members).encode(), headers)
			return got.status, got.body
	return send


def over_oap(node, token, op, key, body):
	payload = wire.write_payload(token, json.dumps({**body, 'idempotency_key': key}).encode())
	with node.open_oap() as connection:
		connection.send_frame(VERBS[op], payload, corr_id=7)
		frame = connection.frame()
		while frame.flags & wire.EVENT:  # "replayed" goes before its answer
			frame = connection.frame()
		answer = json.loads(frame.payload)
		return answer.get('http', 200), frame.payload


WAYS = (over_http('api'), over_http('uds'), over_oap)


# --- clients ----------------------------------------------------------------------------------


class Client(threading.Thread):
	"""One account that is its own, and one that it shares with a neighbour: there nonces collide."""

	def __init__(self, storm, number):
		super().__init__()
		self.storm = storm
		self.account = ACCOUNTS[number]
		self.shared = f'shared-{number // 2}'
		self.rng = random.Random(SEED * 100 + number)
		self.asset = 'gold'  # nobody gives it away: what we have of it is known exactly
		self.own = 0
		self.nonces = {}  # lane -> last that is known to be used
		self.keys = itertools.count()
		self.holds = []  # (txid, account, remainder)
		self.told = {}  # key -> receipt bytes
		self.refused = {}  # key -> reason
		self.beside = []  # (key, receipt bytes) that a request sent beside was told
		self.kinds = {}
		self.failure = None

	def run(self):
		try:
			while not self.storm.is_over():
				self.wish()
				self.storm.count()
		except BaseException as failure:  # told by the test, with its trace
			self.failure = failure

	def note(self, kind):
		self.kinds[kind] = self.kinds.get(kind, 0) + 1

	def wish(self):
		op = self.rng.choice(('issue', 'issue', 'transfer', 'transfer', 'transfer', 'burn', 'hold', 'capture',
			'release', 'balance'))
		account = self.account if self.rng.random() < 0.7 else self.shared
		amount = self.rng.randint(1, 40) + (60 if op == 'issue' else 0)
		if op == 'balance':
			self.read_own()
		elif op == 'issue' and self.rng.random() < 0.3:
			if self.do('issue', self.account, {'to': self.account}, amount, self.asset):
				self.own += amount
			self.read_own()
		elif op == 'issue':
			self.do(op, account, {'to': account}, amount)
		elif op == 'transfer':
			to = self.rng.choice([name for name in ACCOUNTS if name != account])
			self.do(op, account, {'from': account, 'to': to}, amount)
		elif op in ('burn', 'hold'):
			receipt = self.do(op, account, {'from': account}, amount)
			if receipt and op == 'hold':
				self.holds.append((receipt['txid'], account))
		elif self.holds:
			hold, account = self.rng.choice(self.holds)
			body = {'from': account, 'hold': hold}
			if op == 'capture':
				body['to'] = self.rng.choice([name for name in ACCOUNTS if name != account])
			self.do(op, account, body, self.rng.randint(1, 20))

	def do(self, op, account, body, amount, asset='ron'):
		"""Asks until it knows the end; the receipt, or None when it was refused."""
		lane = ('issue' if op == 'issue' else 'debit', account)
		nonce = self.nonces.get(lane, 0) + 1
		key = f'{self.name}-{next(self.keys)}'
		wish = {**body, 'asset': asset, 'amount_minor': str(amount), 'nonce': nonce}
		if self.rng.random() < 0.1:
			self.send_beside(op, key, wish)
		receipt, reason = self.pursue(op, key, wish, lane)
		if receipt is None:
			self.refused[key] = reason
			self.note(reason)
			return None
		self.nonces[lane] = nonce
		if self.rng.random() < 0.1:
			self.abuse(op, key, wish)
		return receipt

	def pursue(self, op, key, wish, lane):
		deadline = time.monotonic() + PATIENCE_SECONDS
		while time.monotonic() < deadline:
			try:
				status, body = self.send(op, key, wish)
			except (OSError, wire.Closed):
				self.note('lost')
				time.sleep(0.01)
				continue
			answer = json.loads(body)
			if status == 200:
				self.take(key, body)
				return answer, None
			assert status != 500, (key, wish, answer)
			reason = answer['details']['reason']
			self.note(reason)
			if reason in ('nonce_used', 'nonce_gap'):
				# of the shared account somebody else was first; of our own nobody is
				assert lane[1] == self.shared, (key, wish, answer)
				self.nonces[lane] = answer['details']['last']
				return None, reason
			if not answer['retryable']:
				return None, reason
			time.sleep(0.01)
		raise AssertionError(f'{key}: no end in {PATIENCE_SECONDS} s')

	def send(self, op, key, wish):
		return self.rng.choice(WAYS)(self.storm.node, self.storm.token, op, key, wish)

	def send_beside(self, op, key, wish):
		"""The same request twice at once; whatever this one hears is looked at, too."""
		way = self.rng.choice(WAYS)

		def ask():
			try:
				status, body = way(self.storm.node, self.storm.token, op, key, wish)
			except (OSError, wire.Closed):
				return
			if status == 200:
				self.beside.append((key, body))
		thread = threading.Thread(target=ask)
		self.storm.besides.append(thread)
		thread.start()
		self.note('twice at once')

	def take(self, key, body):
		assert self.told.setdefault(key, body) == body, (key, self.told[key], body)

	def abuse(self, op, key, wish):
		"""The key again: the same wish is told the same, another one is never done."""
		try:
			status, body = self.send(op, key, wish)
			if status == 200:
				self.take(key, body)
				self.note('replayed')
			else:
				assert json.loads(body)['retryable'], (key, body)
			other = {**wish, 'amount_minor': str(int(wish['amount_minor']) + 1)}
			status, body = self.send(op, key, other)
			assert status != 200, (key, other, body)
			self.note('other wish: ' + json.loads(body)['details']['reason'])
		except (OSError, wire.Closed):
			self.note('lost')

	def read_own(self):
		"""Who wrote reads what he wrote, or nothing at all."""
		try:
			got = self.storm.node.http('GET', f'/v1/balance?account={self.account}&asset={self.asset}',
				token=self.storm.token)
		except (OSError, wire.Closed):
			self.note('lost')
			return
		if got.status == 200:
			assert got.json()['amount_minor'] == str(self.own), (self.own, got)
			self.note('balance')
		else:
			assert got.status in (429, 503), got


# --- the storm ----------------------------------------------------------------------------------


class Storm:
	def __init__(self, node):
		self.node = node
		self.token = node.mint()
		self.rng = random.Random(SEED)
		self.lock = threading.Lock()
		self.done = 0
		self.ended = False
		self.besides = []
		self.killed = {}

	def count(self):
		with self.lock:
			self.done += 1

	def is_over(self):
		return self.ended

	def kill_one(self):
		role = self.rng.choice(KILLED)
		running = sorted(self.node.workers(role).items())
		if running:
			pid, start = self.rng.choice(running)
			if nodes.signal_process(pid, start, signal.SIGKILL):
				self.killed[role] = self.killed.get(role, 0) + 1

	def rage(self, until):
		while not until():
			time.sleep(self.rng.expovariate(1 / PAUSE_SECONDS))
			self.kill_one()

	def run(self):
		clients = [Client(self, number) for number in range(CLIENTS)]
		for client in clients:
			client.start()
		try:
			middle = time.monotonic() + STORM_SECONDS / 2
			self.rage(lambda: time.monotonic() > middle and self.done >= WISHES / 2)
			self.node.kill_all()
			self.node.start()
			end = time.monotonic() + STORM_SECONDS / 2
			limit = time.monotonic() + PATIENCE_SECONDS
			self.rage(lambda: time.monotonic() > limit or set(self.killed) == set(KILLED) and
				time.monotonic() > end and self.done >= WISHES)
		finally:
			self.ended = True
			for client in clients:
				client.join()
		for thread in self.besides:
			thread.join()
		eventually(self.node.is_ready, 'whoever died last to be back')
		for client in clients:
			if client.failure is not None:
				raise client.failure
		return clients


# --- the morning ----------------------------------------------------------------------------------


class Model:
	"""What the receipts say that was done, in the order of their seq."""

	def __init__(self):
		self.available, self.held, self.holds = {}, {}, {}
		self.nonces = {}

	def move(self, table, account, asset, amount):
		table[account, asset] = table.get((account, asset), 0) + amount
		assert table[account, asset] >= 0, (account, asset)

	def apply(self, receipt):
		op, asset, amount = receipt['op'], receipt['asset'], int(receipt['amount_minor'])
		source, to = receipt.get('from'), receipt.get('to')
		principal = to if op == 'issue' else source
		lane = ('issue' if op == 'issue' else 'debit', principal)
		assert receipt['nonce'] == self.nonces.get(lane, 0) + 1, receipt
		self.nonces[lane] = receipt['nonce']
		assert int(receipt['balance_before']) == self.available.get((principal, asset), 0), receipt
		if op in ('transfer', 'burn', 'hold'):
			self.move(self.available, source, asset, -amount)
		if op in ('capture', 'release'):
			self.holds[receipt['hold']] -= amount
			assert self.holds[receipt['hold']] >= 0, receipt
			self.move(self.held, source, asset, -amount)
		if op in ('issue', 'transfer', 'capture'):
			self.move(self.available, to, asset, amount)
		if op == 'release':
			self.move(self.available, source, asset, amount)
		if op == 'hold':
			self.move(self.held, source, asset, amount)
			self.holds[receipt['txid']] = amount
		assert int(receipt['balance_after']) == self.available[principal, asset], receipt


def get(storm, target):
	return storm.node.http('GET', target, token=storm.token)


def history_of(storm, account, asset):
	"""{seq: (available, held)}"""
	rows, before = {}, ''
	while True:
		page = get(storm, f'/v1/accounts/{account}/history?asset={asset}&limit=200{before}').json()
		for item in page['items']:
			rows[item['seq']] = item
		if not page.get('next'):
			return rows
		before = f'&before={page["next"]}'


def check_reads(storm, told, model):
	for body in storm.rng.sample(sorted(told.values()), min(len(told), READ_AGAIN)):
		got = get(storm, f'/v1/tx/{json.loads(body)["txid"]}')
		assert got.status == 200 and got.body == body, (got, body)
	for (account, asset), amount in model.available.items():
		got = eventually(lambda: (lambda one: one.status == 200 and one)(
			get(storm, f'/v1/balance?account={account}&asset={asset}')), 'a balance').json()
		assert int(got['amount_minor']) == amount, (account, asset, amount, got)
		rows = history_of(storm, account, asset)
		receipts = [json.loads(body) for body in told.values()]
		touched = {receipt['seq'] for receipt in receipts if receipt['asset'] == asset and
			account in (receipt.get('from'), receipt.get('to'))}
		assert set(rows) == touched, (account, asset, sorted(set(rows) ^ touched))


def check_all(storm, clients):
	told, refused = {}, {}
	for client in clients:
		told.update(client.told)
		refused.update(client.refused)
		for key, body in client.beside:
			assert key not in client.refused, (key, client.refused.get(key), body)
			assert client.told[key] == body, (key, client.told[key], body)
	stored = receipts_of(storm.node)
	by_key = {json.loads(body)['idem']: body for body in stored.values()}
	assert len(by_key) == len(stored)
	assert not set(by_key) & set(refused), {key: refused[key] for key in set(by_key) & set(refused)}
	assert by_key == told, set(by_key) ^ set(told)
	model = Model()
	for seq in sorted(stored):
		receipt = json.loads(stored[seq])
		assert receipt['seq'] == seq
		model.apply(receipt)
	check_reads(storm, told, model)
	return told


def kinds_of(clients):
	sums = {}
	for client in clients:
		for kind, count in client.kinds.items():
			sums[kind] = sums.get(kind, 0) + count
	return sums


def test_a_storm_loses_nothing_and_makes_nothing():
	with Node(SETTINGS) as node:
		storm = Storm(node)
		clients = storm.run()
		node.wait_ready()
		told = check_all(storm, clients)
		kinds = kinds_of(clients)
		print(f'{len(told)} done, killed {storm.killed}, {kinds}')
		for kind in ('lost', 'outcome_unknown', 'replayed', 'other wish: idem_mismatch', 'balance',
				'insufficient_funds', 'twice at once'):
			assert kinds.get(kind, 0) > 0, (kind, kinds)
		node.stop()
		assert node.cli('verify', '--offline').returncode == 0


if __name__ == '__main__':
	tap.main(globals())

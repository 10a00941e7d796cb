"""A node under everything at once, for long: transfers, entries, reads, objects, epochs, traces to a
collector, HUPs; workers that die, then a stretch of peace in which nothing may grow.

What was acknowledged is there, to the unit; descriptors are as many as before; memory has grown by
what the new entries need and no more. MACRONODE_SOAK_SECONDS (600) and MACRONODE_SEED choose.
"""
import hashlib
import json
import os
import pathlib
import random
import signal
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / name) for name in ('system', 'chaos')]
import chaos  # noqa: E402
import harness  # noqa: E402
import reward_node  # noqa: E402
import tap  # noqa: E402
import wire  # noqa: E402
from collector import Collector  # noqa: E402
from harness import entry, nodes  # noqa: E402

SECONDS = int(os.environ.get('MACRONODE_SOAK_SECONDS', '600'))
SEED = int(os.environ.get('MACRONODE_SEED', '1'))
PAYERS = 3
FUNDS = 10 ** 12
PAUSE_SECONDS = 0.01     # of each client between two requests: load, and no benchmark
EPOCH_SECONDS = 10
HUP_SECONDS = 5
KILL_PAUSE_SECONDS = 0.5
# In peace: buffers that grow once, and what exactly once costs an entry in memory.
GROWTH_KIB_MAX = 1536
GROWTH_BYTES_PER_ENTRY = 400
CACHES_KIB = {'committer': 16384, 'archive': 16384}  # of SQLite, which a new process fills
OBJECTS_OPEN = 8
HISTORY_ROUTES = ('/v1/accounts/{}/history?asset=ron&limit=5', '/v1/balance?account={}&asset=ron')
PUBLIC_ROUTES = ('/roots?since=0', '/tlog/checkpoint', '/version', '/readyz')


class Client(threading.Thread):
	"""A thread that asks until it is told to stop; what it could not do is an error of the test."""

	def __init__(self, node, token, seed):
		super().__init__(daemon=True)
		self.node, self.token = node, token
		self.rng = random.Random(seed)
		self.ending = threading.Event()
		self.connection = None
		self.error = None
		self.count = 0

	def run(self):
		try:
			while not self.ending.is_set():
				self.step()
				self.count += 1
				self.ending.wait(PAUSE_SECONDS)
		except Exception as error:  # judged in the main thread
			self.error = error
		finally:
			self.drop()

	def drop(self):
		if self.connection is not None:
			self.connection.socket.close()
			self.connection = None

	def request(self, method, target, body=None, headers=None, plane='api'):
		"""The answer; None when it was lost on the way, or is to be asked for again."""
		headers = {'Authorization': f'Bearer {self.token}', **(headers or {})}
		if body is not None and not isinstance(body, bytes):
			body = json.dumps(body).encode()
			headers.setdefault('Content-Type', 'application/json')
		try:
			if self.connection is None:
				self.connection = self.node.open_http(plane)
			response = self.connection.request(method, target, body, headers)
		except (OSError, wire.Closed):
			self.drop()
			return None
		if response.headers.get('connection') == 'close':
			self.drop()
		return None if response.status in (429, 503) else response

	def surely(self, *words, **more):
		"""The same request until it has an answer."""
		deadline = time.monotonic() + 120
		while time.monotonic() < deadline:
			response = self.request(*words, **more)
			if response is not None:
				return response
			time.sleep(0.02)
		raise AssertionError(f'{words}: no answer for 120 s')


class Payer(Client):
	"""Pays along its own lane. It knows to the unit what it has."""

	def __init__(self, node, token, number):
		super().__init__(node, token, SEED * 100 + number)
		self.account = f'payer{number}'
		self.nonce = self.paid = 0

	def step(self):
		self.nonce += 1
		amount = self.rng.randint(1, 9)
		response = self.surely('POST', '/v1/transfer', {'from': self.account, 'to': f'shop{amount}',
			'asset': 'ron', 'amount_minor': str(amount), 'nonce': self.nonce},
			{'Idempotency-Key': f'{self.account}-{self.nonce}'})
		assert response.status == 200, response
		self.paid += amount


class Minter(Client):
	"""Mints by entries, some of them twice."""

	def __init__(self, node, token):
		super().__init__(node, token, SEED * 100 + 50)
		self.ref = nodes.capability_ref(token)
		self.minted = 0
		self.last = None

	def step(self):
		if self.last is None or self.rng.random() > 0.1:
			self.last = [entry('Mint', 'minted', self.rng.randint(1, 9), capability_ref=self.ref)
				for _ in range(self.rng.randint(1, 8))]
			self.minted += sum(int(one['amount']) for one in self.last)
		response = self.surely('POST', '/ingest', {'batch': self.last})
		assert response.status == 200, response


class Reader(Client):
	def step(self):
		if self.rng.random() < 0.5:
			target = self.rng.choice(HISTORY_ROUTES).format(f'shop{self.rng.randint(1, 9)}')
		else:
			target = self.rng.choice(PUBLIC_ROUTES)
		response = self.request('GET', target)
		assert response is None or response.status in (200, 404), (target, response)


class Keeper(Client):
	"""Objects: some are put again and again, and come back as they were."""

	def step(self):
		data = hashlib.sha256(str(self.rng.randint(0, 200)).encode()).digest() * 300
		response = self.request('POST', '/put', data, {'Content-Type': 'application/octet-stream'})
		if response is None:
			return
		assert response.status in (200, 201), response
		address = json.loads(response.body)['id']
		got = self.request('GET', f'/o/{address}')
		assert got is None or (got.status == 200 and got.body == data), got
		self.ending.wait(0.1)


class Scraper(Client):
	def step(self):
		response = self.request('GET', '/metrics', plane='admin')
		assert response is None or response.status == 200, response
		self.ending.wait(0.5)


class Epochs(Client):
	"""Pays an epoch every now and then, each its own."""

	def __init__(self, payer, policy):
		super().__init__(payer.node, payer.all, 0)
		self.payer, self.policy = payer, policy
		self.paid = 0

	def step(self):
		epoch = f'2026-10-{self.count % 28 + 1:02}'
		body = self.seal(epoch)
		response = self.surely('POST', f'/rewarder/epochs/{epoch}/compute', body,
			{'Authorization': f'Bearer {self.payer.runner()}'})
		assert response.status in (200, 202, 409), response
		self.paid += response.status == 200
		self.ending.wait(EPOCH_SECONDS)


	def seal(self, epoch):
		"""The command puts the inputs into a node that may be about to be whole again."""
		deadline = time.monotonic() + 120
		while True:
			try:
				return self.payer.seal(self.policy, epoch)
			except AssertionError:
				if time.monotonic() > deadline or self.ending.is_set():
					raise
				self.ending.wait(0.2)


class Hups(Client):
	def step(self):
		self.node.child.send_signal(signal.SIGHUP)
		self.ending.wait(HUP_SECONDS)


def look(clients):
	for client in clients:
		if client.error is not None:
			raise AssertionError(f'{type(client).__name__}: {client.error!r}') from client.error
		assert client.is_alive(), client


def peace(clients, seconds):
	end = time.monotonic() + seconds
	while time.monotonic() < end:
		look(clients)
		time.sleep(min(1.0, max(0.0, end - time.monotonic())))


def war(node, clients, seconds, rng):
	"""Workers die one after the other, each role alike."""
	end = time.monotonic() + seconds
	killed = 0
	while time.monotonic() < end:
		look(clients)
		found = chaos.workers(node)
		if found:
			_, pid, start = rng.choice(found)
			killed += nodes.signal_process(pid, start, signal.SIGKILL)
		time.sleep(rng.expovariate(1 / KILL_PAUSE_SECONDS))
	node.wait_ready()
	node.wait_rewarder()
	return killed


def memory(node):
	"""{(role, pid): KiB of its own} of the supervisor and all workers."""
	held = {('supervisor', node.child.pid): chaos.own_kib(node.child.pid)}
	for role, pid, _ in chaos.workers(node):
		held[role, pid] = chaos.own_kib(pid)
	return held


def check_growth(before, after, entries):
	assert set(before) == set(after), f'somebody died in peace: {set(before) ^ set(after)}'
	allowed = GROWTH_KIB_MAX + entries * GROWTH_BYTES_PER_ENTRY // 1024
	grown = {role: after[role, pid] - kib for (role, pid), kib in before.items()}
	print(f'grown by KiB with {entries} entries: {grown}')
	for role, kib in grown.items():
		assert kib <= allowed + CACHES_KIB.get(role, 0), f'{role} has grown by {kib} KiB, not {allowed} at most: {grown}'


def size_of(node):
	return node.metric('ledger_tree_size')


def balance(node, token, account):
	response = node.http('GET', f'/v1/balance?account={account}&asset=ron', token=token)
	return int(json.loads(response.body)['amount_minor'])


def load_of(payer, policy):
	node, token = payer.node, payer.all
	payers = [Payer(node, token, number) for number in range(PAYERS)]
	minter, epochs = Minter(node, token), Epochs(payer, policy)
	others = [Reader(node, token, SEED * 100 + 60), Keeper(node, token, SEED * 100 + 70),
		Scraper(node, token, 0), Hups(node, token, 0)]
	return payers, minter, epochs, [*payers, minter, epochs, *others]


def end_all(clients):
	for client in clients:
		client.ending.set()
	for client in clients:
		client.join(180)
		assert not client.is_alive(), f'{type(client).__name__} does not end'
		if client.error is not None:
			raise client.error


def fds_as_before(node, before):
	"""Archive keeps the last objects that were read open."""
	def more():
		now, then = dict(chaos.fds_at_rest(node)), dict(before)
		return {role: count - then[role] for role, count in now.items()
			if count > then[role] + (OBJECTS_OPEN if role == 'archive' else 0)}
	harness.eventually(lambda: not more(), f'no more descriptors than before: {before}, {more()}')


def test_everything_at_once_for_long_loses_nothing_and_does_not_grow():
	rng = random.Random(SEED)
	with Collector() as collector, reward_node.Payer(node={**chaos.SETTINGS['node'],
			'ping_timeout': '5s'}, otel={'endpoint': collector.url, 'sample_ratio': 0.02}) as payer:
		node = payer.node
		policy = payer.policy()
		payer.put(policy)
		payer.fill(10 ** 9)
		for number in range(PAYERS):
			assert node.ingest([entry('Mint', f'payer{number}', FUNDS)], payer.all).status == 200
		harness.eventually(lambda: node.workers('otel'), 'the exporter')
		fds = chaos.fds_at_rest(node)
		payers, minter, epochs, clients = load_of(payer, policy)
		for client in clients:
			client.start()
		print(f'seed {SEED}, {SECONDS} s')
		killed = war(node, clients, SECONDS * 0.35, rng)
		peace(clients, SECONDS * 0.15)  # all have seen a bit of everything
		held, size = memory(node), size_of(node)
		peace(clients, SECONDS * 0.35)
		check_growth(held, memory(node), int(size_of(node) - size))
		killed += war(node, clients, SECONDS * 0.15, rng)
		end_all(clients)
		node.wait_ready()
		print(f'{killed} killed; requests {[(type(one).__name__, one.count) for one in clients]}; '
			f'{epochs.paid} epochs paid; {len(collector.spans())} spans; fds {fds}')
		assert collector.spans() and not collector.errors, collector.errors
		for one in payers:
			assert balance(node, payer.all, one.account) == FUNDS - one.paid, one.account
		assert balance(node, payer.all, 'minted') == minter.minted
		fds_as_before(node, fds)
		assert node.cli('verify', '--token-file', str(payer.directory / 'token')).returncode == 0
		assert node.stop() == 0


if __name__ == '__main__':
	tap.main(globals())

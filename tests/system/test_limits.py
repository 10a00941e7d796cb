"""Limits at the edges of a whole node, tried from outside: rates of peers, users and tenants, bounds of
connections, clients that are slow on purpose, and a flood through which the control plane answers and
a client that behaves loses nothing."""
import json
import pathlib
import socket
import threading
import time

import flood
import tap
import wire
from harness import Node, entry, eventually, nodes
from reloading import change, reload

FLOOD_CONNECTIONS = 5000
INGEST, ROOTS = 0x0010, 0x0011
HEAD = 'Host: localhost\r\n'


def connect_from(node, source):
	host, _, port = node.profile.api_address.rpartition(':')
	return wire.Http(socket.create_connection((host, int(port)), 60, (source, 0)), 60)


def ask_from(node, source, target='/roots'):
	with connect_from(node, source) as one:
		return one.request('GET', target)


def until_refused(ask, most=2000):
	"""How many were let in before; the refusal."""
	for let_in in range(most):
		answer = ask()
		if answer.status == 429:
			return let_in, answer
	raise AssertionError(f'{most} requests, and none was refused')


# --- rates ------------------------------------------------------------------------------------


def test_rates_come_and_go_with_a_reload():
	with Node() as node:
		with connect_from(node, '127.0.0.1') as one:
			plain = one.request('GET', '/roots')
			assert plain.status == 200 and 'x-ratelimit-limit' not in plain.headers, plain
			change(node, limits={'peer_rps': 2, 'peer_burst': 20})
			reload(node)
			told = one.request('GET', '/roots')
			assert told.headers['x-ratelimit-limit'] == '2', told
			assert int(told.headers['x-ratelimit-remaining']) <= 19, told
			let_in, refused = until_refused(lambda: one.request('GET', '/roots'))
			assert let_in >= 18, let_in
			assert refused.headers['retry-after'] == '1', refused
			assert refused.headers['x-ratelimit-remaining'] == '0', refused
			assert 9 <= int(refused.headers['x-ratelimit-reset']) <= 10, refused
			assert ask_from(node, '127.0.0.2').status == 200  # its neighbour
			assert one.request('GET', '/healthz').status == 200
			change(node, limits={'peer_rps': 0})
			reload(node)
			for _ in range(50):
				assert one.request('GET', '/roots').status == 200
		assert node.metric('rate_limited_total', limit='peer') >= 1
		node.logged('rate_limited', peer='127.0.0.1', key='limits.peer_rps')


def test_a_user_of_the_local_socket_has_a_rate_of_its_own():
	with Node({'limits': {'uid_rps': 1, 'peer_burst': 5}}) as node:
		with node.open_oap() as one:
			for _ in range(1000):
				body = json.loads(one.call(ROOTS, b'since=0')[0])
				if 'error' in body:
					break
		assert body['error']['code'] == 'Busy' and body['retry_after'] == 1, body
		assert body['rate_limit'] == {'limit': 1, 'remaining': 0, 'reset': 5}, body
		for _ in range(20):
			assert node.http('GET', '/roots').status == 200


def test_one_tenant_leaves_the_others_alone():
	actions = ('--action', 'ledger.ingest,gov.mint,wallet.*,audit.read', '--ttl', '1h')
	with Node({'limits': {'tenant_rps_max': 1, 'tenant_burst': 10},
			'concurrency': {'prevalidators': 1}}) as node:
		acme, too, zeta = (node.cli('cap', 'mint', *actions, '--tenant', tenant).stdout.strip()
			for tenant in ('acme', 'acme', 'zeta'))
		balance = '/v1/balance?account=alice&asset=ron'
		let_in, refused = until_refused(lambda: node.http('GET', balance, token=acme))
		assert let_in >= 10, let_in
		body = refused.json()
		assert body['code'] == 'BUSY' and body['details']['reason'] == 'rate_limited', body
		assert refused.headers['retry-after'] == '1' and refused.headers['x-ratelimit-limit'] == '1', refused
		assert refused.headers['x-ratelimit-remaining'] == '0', refused
		until_refused(lambda: node.http('GET', balance, token=too), most=10)  # one bucket for both
		assert node.http('GET', balance, token=zeta).status == 200
		_, busy = until_refused(lambda: node.ingest([entry('Mint', 'alice', 1)], acme), most=10)
		assert busy.json()['reasons'][0] == {'idx': 0, 'reason': 'busy', 'details': 'tenant_rate'}, busy
		_, plain = until_refused(lambda: node.http('GET', '/entries/1', token=acme), most=10)
		assert plain.json()['error']['code'] == 'QuotaExceeded', plain
		assert node.metric('rate_limited_total', limit='tenant') >= 4
		node.logged('rate_limited', tenant='acme', key='limits.tenant_rps_max')


def test_who_guesses_tokens_is_slowed_down_and_his_neighbour_is_not():
	with Node() as node:
		token = node.mint()
		guess = wire.request('GET', '/entries/1', headers={'Authorization': f'Bearer {"x" * 40}'})
		statuses = set()

		def is_slowed_down():
			with node.open_http() as one:
				one.send(100 * guess)  # at once: one after the other may be few a second
				statuses.update(one.response().status for _ in range(100))
			return 429 in statuses
		eventually(is_slowed_down, 'one guess too many')
		assert statuses == {401, 429}, statuses
		assert node.http('GET', '/entries/1', token=token).status == 404
		assert node.metric('rate_limited_total', limit='auth') >= 1


def test_a_flood_of_bad_tokens_is_a_few_lines_and_each_of_them_is_counted():
	count = 200
	with Node() as node:
		for number in range(count):  # of a network each: who guesses alone is slowed down
			with connect_from(node, f'127.0.1.{1 + number}') as one:
				assert one.request('GET', '/entries/1', headers={'Authorization': 'Bearer nonsense'}).status == 401
		assert node.metric('auth_failures_total', peer='http') == count
		node.stop()
		lines = node.log()
		for event in ('auth_failed', 'request_answered'):
			whole = [line for line in lines if line['event'] == event]
			others = [line for line in lines if line.get('event_of') == event]
			assert whole and whole[0]['status'] == 401, whole[:1]
			assert others and all(line['event'] == 'log_repeated' for line in others), others
			assert len(whole) + sum(line['count'] for line in others) == count, (len(whole), others)


# --- connections ------------------------------------------------------------------------------


def test_one_address_cannot_have_every_connection():
	with Node({'limits': {'peer_conns': 20}}) as node:
		mine = [connect_from(node, '127.0.0.1') for _ in range(20)]
		for one in mine:
			assert one.request('GET', '/healthz').status == 200
		with connect_from(node, '127.0.0.1') as late:
			assert late.response().status == 429
			assert late.is_closed_by_peer()
		assert ask_from(node, '127.0.0.2').status == 200
		for one in mine:  # nobody lost his own
			assert one.request('GET', '/healthz').status == 200
		mine.pop().socket.close()
		eventually(lambda: ask_from(node, '127.0.0.1').status == 200, 'room again')
		for one in mine:
			one.socket.close()
		node.logged('peer_full', peer='127.0.0.1', key='limits.peer_conns')
		assert node.metric('connections_refused_total', reason='peer') >= 1


def test_the_local_socket_answers_when_tcp_is_full():
	with Node({'api': {'max_conns': 30}}) as node:
		with flood.Flood(node.profile.api_address, 40, kinds=('idle',)) as held:
			held.open()
			eventually(lambda: node.metric('connections', service='ingress') >= 30, 'it is full')
			token = node.mint()
			for _ in range(10):
				with node.open_http('uds') as one:
					assert one.request('GET', '/healthz').status == 200
			assert node.http('GET', '/healthz', plane='admin').status == 200
			assert node.cli('ledger', 'roots').returncode == 0, token
		eventually(lambda: node.http('GET', '/healthz').status == 200, 'room again')


def test_without_descriptors_accepting_pauses_and_goes_on():
	with Node(wrapper=('prlimit', '--nofile=300:300')) as node:
		limits = pathlib.Path(f'/proc/{node.worker("ingress")}/limits').read_text()
		most = next(line.split()[3] for line in limits.splitlines() if line.startswith('Max open files'))
		if int(most) > 300:
			raise tap.Skip('the node may raise its hard limit here')
		node.logged('files_few')  # at the start
		with node.open_http() as known, flood.Flood(node.profile.api_address, 400, kinds=('idle',)) as held:
			assert known.request('GET', '/healthz').status == 200
			held.open()
			eventually(lambda: node.metric('connections_refused_total', reason='files') > 0,
				'it was counted')
			assert known.request('GET', '/healthz').status == 200
		assert node.http('GET', '/healthz').status == 200  # it waited, and was not turned away


# --- slow on purpose --------------------------------------------------------------------------


def drip(stream, head, drop):
	"""Says `head`, then a byte again and again, until the node has had enough; all that it says. Without
	a deadline of the whole this would go on for ever."""
	stream.send(head)
	stream.socket.settimeout(0.01)
	until = time.monotonic() + 60
	said = b''
	while time.monotonic() < until:
		try:
			stream.send(drop)
			data = stream.socket.recv(65536)
			if not data:
				return said
			said += data
		except TimeoutError:
			continue
		except (ConnectionResetError, BrokenPipeError):
			return said
	raise AssertionError('it goes on for a minute')


def test_who_drips_is_ended_wherever_he_is():
	write = f'POST /ingest HTTP/1.1\r\n{HEAD}Content-Type: application/json\r\n'.encode()
	rows = (
		('a head', b'GET /roots HTTP/1.1\r\nX: ', b'x'),
		('a second head', wire.request('GET', '/healthz') + b'GET /roots HTTP/1.1\r\nX: ', b'x'),
		('a body', write + b'Content-Length: 9000\r\n\r\n', b' '),
		('a chunked body', write + b'Transfer-Encoding: chunked\r\n\r\n', b'1\r\n \r\n'),
		('chunk by chunk size', write + b'Transfer-Encoding: chunked\r\n\r\n10', b''),
	)
	with Node({'api': {'read_timeout': '300ms'}}) as node:
		for what, head, drop in rows:
			with node.open_http() as one:
				assert b'HTTP/1.1 408 ' in drip(one, head, drop), what
		with node.open_oap() as one:
			drip(one, wire.encode_frame(wire.Frame(wire.REQ, 0, 7, INGEST, bytes(9000)))[:40], b'\x00')
		eventually(lambda: node.metric('io_timeouts_total', op='read') >= len(rows), 'each to be counted')
		assert node.http('GET', '/healthz').status == 200


def test_a_reader_that_does_not_read_is_let_go():
	ask = wire.request('GET', '/openapi.json')
	with Node({'api': {'write_timeout': '300ms'}}) as node:
		with node.open_http() as deaf:
			deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
			deaf.socket.settimeout(0.05)
			until = time.monotonic() + 60
			try:
				while time.monotonic() < until:
					try:
						deaf.socket.send(ask)
					except TimeoutError:
						pass
				raise AssertionError('it may send for a minute and take nothing')
			except (ConnectionResetError, BrokenPipeError):
				pass
		eventually(lambda: node.metric('io_timeouts_total', op='write') >= 1, 'it to be counted')
		assert node.http('GET', '/openapi.json').status == 200


def test_a_pipeline_longer_than_the_node_holds_is_answered_in_order():
	count = 500
	with Node() as node, node.open_http() as one:
		sender = threading.Thread(target=lambda: one.send(b''.join(
			wire.request('GET', f'/roots?since={number}') for number in range(count))))
		sender.start()
		for number in range(count):
			answer = one.response()
			assert answer.status == 200, answer
			assert answer.json()['next'] >= 0, (number, answer)
		sender.join()


def test_half_a_connection_is_answered_and_ended():
	with Node() as node:
		with node.open_http() as one:
			one.send(wire.request('GET', '/roots'))
			one.socket.shutdown(socket.SHUT_WR)
			assert one.response().status == 200
			assert one.is_closed_by_peer()
		with node.open_http() as one:
			one.send(b'GET /roots HTTP/1.1\r\nHo')
			one.socket.shutdown(socket.SHUT_WR)
			assert one.is_closed_by_peer()


# --- a flood ----------------------------------------------------------------------------------


class Probes(threading.Thread):
	"""Asks the control plane for as long as it may; what did not answer 200."""

	def __init__(self, node):
		super().__init__()
		self.node = node
		self.ended = threading.Event()
		self.count = 0
		self.bad = []

	def run(self):
		while not self.ended.is_set():
			for target in ('/healthz', '/readyz', '/metrics', '/version'):
				self.look(target, lambda target=target: self.node.http('GET', target, plane='admin').status)
			self.look('uds', self.ask_uds)

	def ask_uds(self):
		with self.node.open_http('uds') as one:
			return one.request('GET', '/healthz').status

	def look(self, what, ask):
		try:
			status = ask()
		except (OSError, wire.Closed) as error:
			status = repr(error)
		self.count += 1
		if status != 200:
			self.bad.append((what, status))

	def finish(self):
		self.ended.set()
		self.join()
		assert self.count > 0 and not self.bad, (self.count, self.bad[:5])


def test_through_a_flood_the_control_plane_answers_and_no_write_is_lost():
	if not flood.files_for(FLOOD_CONNECTIONS):
		raise tap.Skip(f'needs {FLOOD_CONNECTIONS} open files')
	writes = 40
	with Node({'api': {'max_conns': FLOOD_CONNECTIONS + 100}}) as node:
		token = node.mint()
		held = flood.Flood(node.profile.api_address, FLOOD_CONNECTIONS)
		with held, node.open_http() as mine:
			probes = Probes(node)
			probes.start()
			headers = {'Authorization': f'Bearer {token}', 'Content-Type': 'application/json'}
			ref = nodes.capability_ref(token)
			accepted = 0
			for number in range(writes):
				held.open(at_most=FLOOD_CONNECTIONS // 25)
				held.turn()
				body = {'batch': [entry('Mint', f'flooded-{number}', 1, capability_ref=ref)]}
				answer = mine.request('POST', '/ingest', json.dumps(body).encode(), headers)
				while answer.status == 429:  # and so it is repeated, as the answer says
					held.turn()
					answer = mine.request('POST', '/ingest', json.dumps(body).encode(), headers)
				assert answer.status == 200, answer
				accepted += 1
			assert held.opened >= FLOOD_CONNECTIONS, held.opened
			probes.finish()
		assert accepted == writes
		for number in range(writes):
			balance = node.http('GET', f'/v1/balance?account=flooded-{number}&asset=ron', token=token)
			assert balance.json()['amount_minor'] == '1', (number, balance)
		eventually(lambda: node.metric('connections', service='ingress') < 10, 'all of them are gone')
		deaths = [line for line in node.log() if line['event'] == 'worker_died']
		assert not deaths, deaths


if __name__ == '__main__':
	tap.main(globals())

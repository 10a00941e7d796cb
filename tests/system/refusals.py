"""How a client of /v1 is refused: what each refusal is (spec/wallet.md section 4), how it is asked
for over TCP, over the UNIX socket and as OAP/1, and what has to hold for every one of them."""
import collections
import contextlib
import itertools
import json
import sqlite3

import wire

# reason: code, status, may the same request succeed later. By hand, from the contract: the code's
# own table is held to it.
REASONS = {
	**{reason: ('BAD_REQUEST', 400, False) for reason in (
		'schema', 'unknown_field', 'account_format', 'asset_format', 'amount_format', 'nonce_format',
		'expires_ts', 'memo', 'txid_format', 'idem_key_missing', 'idem_key_format', 'self_transfer',
		'method', 'media_type', 'http', 'decompress_ratio', 'decompress_error')},
	'body_too_large': ('LIMITS_EXCEEDED', 413, False),
	**{reason: ('UNAUTHORIZED', 401, False) for reason in ('token', 'token_time', 'revoked')},
	**{reason: ('FORBIDDEN', 403, False) for reason in (
		'scope', 'sys_account', 'policy', 'issuance_not_approved')},
	**{reason: ('LIMITS_EXCEEDED', 403, False) for reason in (
		'token_ceiling', 'per_op_max', 'daily_ceiling', 'account_total', 'supply', 'issuance_cap', 'quota')},
	**{reason: ('NOT_FOUND', 404, False) for reason in ('route', 'hold_not_found', 'not_found')},
	**{reason: ('INSUFFICIENT_FUNDS', 409, False) for reason in (
		'insufficient_funds', 'hold_closed', 'hold_expired')},
	'nonce_used': ('NONCE_CONFLICT', 409, False),
	'nonce_gap': ('NONCE_CONFLICT', 409, True),
	'idem_mismatch': ('IDEM_MISMATCH', 422, False),
	'in_progress': ('IN_PROGRESS', 409, True),
	**{reason: ('BUSY', 429, True) for reason in (
		'queue_full', 'rate_limited', 'auth_failures', 'capacity')},
	**{reason: ('RETRY_LATER', 503, True) for reason in (
		'not_ready', 'draining', 'frozen', 'safe_mode', 'disk_full', 'ledger_down', 'not_signed_yet')},
	**{reason: ('UPSTREAM_UNAVAILABLE', 503, True) for reason in ('timeout', 'outcome_unknown')},
	'internal': ('INTERNAL_ERROR', 500, False),
}

# What only HTTP can be told.
HTTP_ALONE = {'route', 'method', 'media_type', 'http', 'decompress_ratio', 'decompress_error'}
TCP_ALONE = {'auth_failures'}  # a client of the local socket is known by its uid

OPERATIONS = {
	'issue': (0x20, '/v1/issue'), 'transfer': (0x21, '/v1/transfer'), 'burn': (0x22, '/v1/burn'),
	'hold': (0x23, '/v1/holds'), 'capture': (0x24, '/v1/holds/{}/capture'),
	'release': (0x25, '/v1/holds/{}/release'),
}
READS = {
	'balance': (0x18, '/v1/balance?{}'), 'tx': (0x26, '/v1/tx/{}'),
	'history': (0x27, '/v1/accounts/{}/history?{}'), 'events': (0x28, '/v1/events?{}'),
}
TXID = 'tx_01JFA7Z2A7YQ4QW3EJ7N3N6D1X'  # of nothing

GOOD = {
	'issue': {'to': 'alice', 'asset': 'ron', 'amount_minor': '1', 'nonce': 2},
	'transfer': {'from': 'alice', 'to': 'bob', 'asset': 'ron', 'amount_minor': '1', 'nonce': 1},
	'burn': {'from': 'alice', 'asset': 'ron', 'amount_minor': '1', 'nonce': 1},
	'hold': {'from': 'alice', 'asset': 'ron', 'amount_minor': '1', 'nonce': 1},
	'capture': {'from': 'alice', 'to': 'bob', 'asset': 'ron', 'amount_minor': '1', 'nonce': 1},
	'release': {'from': 'alice', 'asset': 'ron', 'amount_minor': '1', 'nonce': 1},
}
EVERY_READ = [('balance', 'account=alice&asset=ron'), ('tx', TXID), ('tx', f'{TXID}/proof'),
	('history', 'alice?asset=ron'), ('events', 'after=0')]

Answer = collections.namedtuple('Answer', 'status body headers corr_id')  # headers: None over OAP/1


class Raw(str):
	"""A value that stands in the JSON as it is written here."""


def text_of(members):
	return '{' + ','.join(f'{json.dumps(name)}:{value if isinstance(value, Raw) else json.dumps(value)}'
		for name, value in members.items()) + '}'


# --- the three ways in ------------------------------------------------------------------------


class OverHttp:
	def __init__(self, node, plane):
		self.node, self.plane = node, plane
		self.name = 'UNIX' if plane == 'uds' else 'TCP'
		self.is_http = True

	def open(self):
		return self.node.open_http(self.plane)

	def send(self, stream, method, target, token, body=None, headers=None):
		fields = {'Content-Type': 'application/json'} if method == 'POST' else {}
		if token:
			fields['Authorization'] = f'Bearer {token}'
		fields.update(headers or {})
		stream.send(wire.request(method, target, body,
			{name: value for name, value in fields.items() if value is not None}))

	def receive(self, stream):
		response = stream.response()
		return Answer(response.status, response.body, response.headers, response.headers['x-corr-id'])

	def ask(self, *words, **more):
		with self.open() as stream:
			self.send(stream, *words, **more)
			return self.receive(stream)

	def send_operation(self, stream, op, token, key, body, hold=TXID):
		"""`body`: members, or a function that makes bytes of their text."""
		text = body if isinstance(body, bytes) else text_of(body).encode()
		self.send(stream, 'POST', OPERATIONS[op][1].format(hold), token, text,
			{'Idempotency-Key': key})

	def send_read(self, stream, what, token, text):
		if what == 'history':
			account, _, query = text.partition('?')
			target = READS[what][1].format(account, query)
		else:
			target = READS[what][1].format(text)
		self.send(stream, 'GET', target, token)


class OverOap:
	name = 'OAP/1'
	is_http = False

	def __init__(self, node):
		self.node = node
		self.numbers = itertools.count(1)

	def open(self):
		return self.node.open_oap()

	def receive(self, stream):
		joined = b''
		while True:
			frame = stream.frame()
			if frame.flags & wire.EVENT:
				continue
			joined += frame.payload
			if not frame.flags & wire.CONT:
				break
		try:
			status = json.loads(joined).get('http', 200)
		except ValueError:
			status = 200  # of events, lines
		return Answer(status, joined, None, str(frame.corr_id))

	def send_operation(self, stream, op, token, key, body, hold=TXID):
		if not isinstance(body, bytes):
			beside = {} if key is None else {'idempotency_key': key}
			if op in ('capture', 'release'):
				beside['hold'] = hold
			body = text_of({**beside, **body}).encode()
		stream.send_frame(OPERATIONS[op][0], wire.write_payload(token or '', body),
			corr_id=next(self.numbers))

	def send_read(self, stream, what, token, text):
		stream.send_frame(READS[what][0], wire.write_payload(token or '', text.encode()),
			corr_id=next(self.numbers))


def transports_of(node):
	return OverHttp(node, 'api'), OverHttp(node, 'uds'), OverOap(node)


# --- what has to hold for each ----------------------------------------------------------------


class Refusals:
	"""Asks, and judges what comes back; remembers which reasons came, and over what."""

	def __init__(self):
		self.reached = collections.defaultdict(set)

	def check_ways(self, reasons):
		"""Each of them came over whatever it can come over."""
		for reason in reasons:
			wanted = {'TCP'} if reason in TCP_ALONE else {'TCP', 'UNIX'} if reason in HTTP_ALONE else {
				'TCP', 'UNIX', 'OAP/1'}
			assert self.reached[reason] >= wanted, (reason, self.reached[reason])

	def operation(self, transport, *words, **more):
		with transport.open() as stream:
			transport.send_operation(stream, *words, **more)
			return transport.receive(stream)

	def done(self, transport, *words, **more):
		answer = self.operation(transport, *words, **more)
		assert answer.status == 200, (transport.name, answer)
		return json.loads(answer.body)

	def read(self, transport, *words):
		with transport.open() as stream:
			transport.send_read(stream, *words)
			return transport.receive(stream)

	def check(self, transport, answer, reason, status=None):
		"""The whole error, as the contract has it; returns it."""
		code, usual_status, retryable = REASONS[reason]
		status = status or usual_status
		error = json.loads(answer.body)
		where = (transport.name, answer)
		assert list(error) == ['code', 'http', 'message', 'retryable', 'corr_id', 'details'], where
		assert (error['code'], error['details'].get('reason')) == (code, reason), where
		assert error['http'] == answer.status == status and error['retryable'] is retryable, where
		assert error['corr_id'] == answer.corr_id, where
		comes_again = status in (429, 503) or code == 'IN_PROGRESS'
		told = set() if transport.is_http or not comes_again else {'retry_after'}
		told |= {'rate_limit'} if told and reason == 'rate_limited' else set()
		assert set(error['details']) - {'last', 'expected'} == {'reason'} | told, where
		assert len(error['message'].split()) > 1, where
		if transport.is_http:
			fields = answer.headers
			assert fields['content-type'] == 'application/json; charset=utf-8', where
			assert ('retry-after' in fields) == comes_again, where
			assert not comes_again or int(fields['retry-after']) > 0, where
			assert ('www-authenticate' in fields) == (status == 401), where
			assert ('allow' in fields) == (status == 405), where
			assert 'idempotency-replayed' not in fields, where
		self.reached[reason].add(transport.name)
		return error


def size_of(one):
	"""Entries in the store, by sqlite3 alone."""
	with contextlib.closing(sqlite3.connect(f'file:{one.profile.data}/store/ledger.db?mode=ro',
			uri=True)) as store:
		return store.execute('SELECT COUNT(*) FROM entries').fetchone()[0]


@contextlib.contextmanager
def nothing_booked(one):
	before = size_of(one)
	yield
	assert size_of(one) == before, f'{size_of(one) - before} entries came of refusals'


def minted(one, *words):
	return one.cli('cap', 'mint', *words).stdout.strip()

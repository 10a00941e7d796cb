"""What is read under /v1, against a model that knows nothing but what was sent and answered. How
it is refused stands in test_wallet_refusals.py."""
import base64
import contextlib
import hashlib
import json
import time


import tap
import wire
from harness import Node, entry, eventually, nodes

TX, HISTORY, EVENTS, BALANCE = 0x26, 0x27, 0x28, 0x18
shared = {}


class Model:
	"""Each account's balance behind each of its entries: {account: [(seq, available, held)]}."""

	def __init__(self):
		self.now = {}
		self.past = {}
		self.kinds = {}
		self.receipts = {}

	def move(self, seq, kind, receipt, *changes):
		self.kinds[seq] = kind
		if receipt is not None:
			self.receipts[seq] = receipt
		for account, available, held in changes:
			had = self.now.get(account, (0, 0))
			self.now[account] = (had[0] + available, had[1] + held)
			self.past.setdefault(account, []).append((seq, *self.now[account]))


class Wallet:
	def __init__(self, node, token):
		self.node, self.token, self.model = node, token, Model()
		self.nonces = {}

	def post(self, path, lane, **body):
		nonce = self.nonces[lane] = self.nonces.get(lane, 0) + 1
		response = self.node.http('POST', path, {'asset': 'ron', 'nonce': nonce, **body},
			{'Idempotency-Key': f'{lane[0]}-{lane[1]}-{nonce}'}, token=self.token)
		assert response.status == 200, response
		return response.json()['seq'], response.body, response.json()

	def issue(self, to, amount):
		seq, raw, receipt = self.post('/v1/issue', ('issue', to), to=to, amount_minor=str(amount))
		self.model.move(seq, 'Mint', raw, (to, amount, 0))
		return receipt

	def transfer(self, source, to, amount):
		seq, raw, receipt = self.post('/v1/transfer', ('debit', source), **{'from': source}, to=to,
			amount_minor=str(amount))
		self.model.move(seq, 'Transfer', raw, (source, -amount, 0), (to, amount, 0))
		return receipt

	def burn(self, source, amount):
		seq, raw, receipt = self.post('/v1/burn', ('debit', source), **{'from': source},
			amount_minor=str(amount))
		self.model.move(seq, 'Burn', raw, (source, -amount, 0))
		return receipt

	def hold(self, source, amount):
		seq, raw, receipt = self.post('/v1/holds', ('debit', source), **{'from': source},
			amount_minor=str(amount))
		self.model.move(seq, 'Hold', raw, (source, -amount, amount))
		return receipt

	def capture(self, hold, source, to, amount):
		seq, raw, receipt = self.post(f'/v1/holds/{hold}/capture', ('debit', source), **{'from': source},
			to=to, amount_minor=str(amount))
		self.model.move(seq, 'Transfer', raw, (source, 0, -amount), (to, amount, 0))
		return receipt

	def release(self, hold, source, amount):
		seq, raw, receipt = self.post(f'/v1/holds/{hold}/release', ('debit', source),
			**{'from': source}, amount_minor=str(amount))
		self.model.move(seq, 'Reverse', raw, (source, amount, -amount))
		return receipt

	def group(self, *legs):
		"""Debits and credits of one request, in this order."""
		now = int(time.time() * 1000)
		made = [entry('Debit' if change < 0 else 'Credit', account, abs(change), ts=now + i)
			for i, (account, change) in enumerate(legs)]
		answer = self.node.ingest(made, self.token)
		assert answer.status == 200, answer
		for i, (account, change) in enumerate(legs):
			self.model.move(answer.json()['seq_start'] + i, made[i]['kind'], None, (account, change, 0))

	def get(self, target, token=None, headers=None):
		return self.node.http('GET', target, headers=headers, token=token or self.token)


def fill(wallet):
	wallet.issue('alice', 10**19)
	wallet.issue('bob', 500)
	wallet.transfer('alice', 'bob', 7)
	hold = wallet.hold('alice', 80)['txid']
	wallet.capture(hold, 'alice', 'carol', 30)
	wallet.release(hold, 'alice', 50)
	wallet.burn('bob', 6)
	wallet.group(('bob', -501), ('bob', 2), ('dave', 499))
	for i in range(70):
		wallet.transfer('alice', f'many_{i % 7}', i + 1)
	wallet.transfer('many_1', 'bob', 1)


def wallet():
	if 'wallet' not in shared:
		node = Node().start()
		made = Wallet(node, node.mint())
		fill(made)
		shared['wallet'] = made
	return shared['wallet']


def narrowed(*caveats):
	one = wallet()
	return one.node.cli('cap', 'attenuate', *(word for caveat in caveats for word in ('--caveat', caveat)),
		stdin=one.token).stdout.strip()


# --- balances ---------------------------------------------------------------------------------


BALANCE_MEMBERS = ['account', 'asset', 'amount_minor', 'held_minor', 'as_of', 'as_of_seq', 'stale_ms']


def test_a_balance_now_has_the_members_of_one_in_the_past():
	one = wallet()
	size = max(one.model.kinds)
	for account, (available, held) in one.model.now.items():
		response = one.get(f'/v1/balance?account={account}&asset=ron')
		assert response.status == 200 and response.headers['cache-control'] == 'no-store', response
		body = response.json()
		assert list(body) == BALANCE_MEMBERS, body
		assert (body['amount_minor'], body['held_minor']) == (str(available), str(held)), (account, body)
		assert body['as_of_seq'] == size, body
		past = one.get(f'/v1/balance?account={account}&asset=ron&at={size}').json()
		assert list(past) == BALANCE_MEMBERS, past
		same = ('account', 'asset', 'amount_minor', 'held_minor', 'as_of_seq')
		assert [past[name] for name in same] == [body[name] for name in same], (past, body)
		assert body['account'] == account and body['asset'] == 'ron' and body['stale_ms'] >= 0, body
		assert time.strptime(body['as_of'], '%Y-%m-%dT%H:%M:%SZ')
	assert one.get('/v1/balance?account=nobody&asset=ron').json()['amount_minor'] == '0'
	assert one.get('/v1/balance?account=alice&asset=eur').json()['amount_minor'] == '0'


def test_who_writes_reads_what_he_wrote():
	one = wallet()
	for _ in range(30):
		for account in ('alice', 'bob'):
			body = one.get(f'/v1/balance?account={account}&asset=ron').json()
			assert body['amount_minor'] == str(one.model.now[account][0]), (account, body)
		one.transfer('alice', 'bob', 3)


def test_a_balance_of_the_past_and_one_of_my_own():
	one = wallet()
	assert one.get('/v1/balance?account=bob&asset=ron', narrowed('account=bob')).status == 200
	past = one.get('/v1/balance?account=alice&asset=ron&at=1').json()
	assert past['amount_minor'] == str(10**19) and past['as_of_seq'] == 1, past


def test_balances_go_on_while_the_ledger_is_away():
	with Node({'wallet': {'staleness_window': '100ms'}, 'node': {'ping_timeout': '60s'},
			'limits': {'req_timeout': '3s'}}) as node:
		one = Wallet(node, node.mint())
		one.issue('alice', 41)
		known, unknown = '/v1/balance?account=alice&asset=ron', '/v1/balance?account=bob&asset=ron'
		assert one.get(known).json()['amount_minor'] == '41'
		node.signal_worker('sequencer', 19)
		try:
			body = eventually(lambda: one.get(known).json(), 'a stale balance')
			assert body['amount_minor'] == '41', body
			body = eventually(lambda: (lambda told: told['stale_ms'] > 1000 and told)(one.get(known).json()),
				'its true age')
			assert body['amount_minor'] == '41', body
			response = one.get(unknown)
			assert response.status == 503 and response.json()['retryable'] is True, response
			assert 'retry-after' in response.headers, response
		finally:
			node.signal_worker('sequencer', 18)
		assert eventually(lambda: one.get(unknown).status == 200, 'the ledger is back')
		assert node.metric('wallet_stale_reads_total') > 0


# --- receipts -----------------------------------------------------------------------------------


def test_receipts_are_those_that_were_told():
	one = wallet()
	for raw in one.model.receipts.values():
		txid = json.loads(raw)['txid']
		assert one.get(f'/v1/tx/{txid}').body == raw
	with one.node.open_oap() as client:
		payload, _ = client.call(TX, wire.write_payload(one.token, txid.encode()))
		assert payload == raw
	visible = json.loads(one.model.receipts[3])['txid']
	assert one.get(f'/v1/tx/{visible}', narrowed('account=bob')).status == 200  # who got it


def test_a_proof_shows_the_receipt_in_the_signed_tree():
	one = wallet()
	receipt = json.loads(one.model.receipts[3])
	text = eventually(lambda: (lambda told: told.status == 200 and told.body.decode())(
		one.get(f'/v1/tx/{receipt["txid"]}/proof')), 'a signed tree')
	lines = text.split('\n')
	assert lines[0] == 'c2sp.org/tlog-proof@v1', lines
	leaf = base64.b64decode(next(line for line in lines if line.startswith('extra '))[6:])
	assert leaf[-32:].hex() == receipt['receipt_hash'][3:], receipt
	assert f'index {receipt["seq"] - 1}' in lines
	node = hashlib.sha256(b'\0' + leaf).digest()
	entry_leaf = base64.b64decode(one.get(f'/entries/{receipt["seq"]}').json().get('leaf', '') or
		base64.b64encode(leaf))
	assert hashlib.sha256(b'\0' + entry_leaf).digest() == node
	with one.node.open_oap() as client:
		payload, _ = client.call(TX, wire.write_payload(one.token, f'{receipt["txid"]}/proof'.encode()))
		assert payload.decode().split('\n')[0] == lines[0]
	# of his own alone, without audit.read
	assert one.get(f'/v1/tx/{receipt["txid"]}/proof',
		narrowed('action=wallet.read', 'account=bob')).status == 200


# --- history ------------------------------------------------------------------------------------


def pages(one, account, limit, token=None):
	items, before = [], ''
	while True:
		page = one.get(f'/v1/accounts/{account}/history?asset=ron&limit={limit}{before}', token).json()
		assert page['account'] == account and page['asset'] == 'ron', page
		assert len(page['items']) <= limit
		items += page['items']
		if page['next'] is None:
			return items
		assert page['next'] == items[-1]['seq'], page
		before = f'&before={page["next"]}'


def check_history(one, account, items):
	past = one.model.past[account]
	assert [item['seq'] for item in items] == [seq for seq, _, _ in reversed(past)], (account, items)
	before = [(0, 0, 0), *past]
	for item, (seq, available, held), (_, had, had_held) in zip(items, reversed(past), reversed(before[:-1])):
		assert item['kind'] == one.model.kinds[seq], item
		assert (item['balance_minor'], item['held_minor']) == (str(available), str(held)), (account, item)
		assert item['change_minor'] == str(available - had), item
		assert item['held_change_minor'] == str(held - had_held), item
		if seq in one.model.receipts:
			receipt = json.loads(one.model.receipts[seq])
			assert item['txid'] == receipt['txid'] and item['amount_minor'] == receipt['amount_minor']
			parties = {receipt.get('from'), receipt.get('to')}
			assert item.get('counterparty') in parties - {account} | {None}, (item, receipt)
		else:
			assert 'txid' not in item, item


def test_histories_are_what_happened_in_pages_of_any_size():
	one = wallet()
	for account in one.model.past:
		for limit in (1, 7, 50, 200):
			check_history(one, account, pages(one, account, limit))
	usual = one.get('/v1/accounts/alice/history?asset=ron').json()
	assert len(usual['items']) == 50
	middle = one.model.past['alice'][20][0]
	page = one.get(f'/v1/accounts/alice/history?asset=ron&before={middle + 1}&limit=1').json()
	assert page['items'][0]['seq'] == middle
	assert one.get('/v1/accounts/nobody/history?asset=ron').json() == {
		'account': 'nobody', 'asset': 'ron', 'items': [], 'next': None}
	with one.node.open_oap() as client:
		payload, _ = client.call(HISTORY, wire.write_payload(one.token, b'alice?asset=ron&limit=2'))
		assert [item['seq'] for item in json.loads(payload)['items']] == [
			item['seq'] for item in usual['items'][:2]]


# --- events -------------------------------------------------------------------------------------


def event_page(one, query, token=None):
	response = one.get('/v1/events' + query, token)
	assert response.status == 200, response
	assert response.headers['content-type'] == 'application/x-ndjson', response
	*lines, last = [json.loads(line) for line in response.body.splitlines()]
	assert list(last) == ['next', 'size'], last
	return lines, last


def check_event(one, event, visible=None):
	seq = event['seq']
	assert event['kind'] == one.model.kinds[seq], event
	wanted = {}
	for account, past in one.model.past.items():
		for at, available, held in past:
			if at == seq and (visible is None or account in visible):
				wanted[account] = (str(available), str(held))
	told = {balance['account']: (balance['amount_minor'], balance['held_minor'])
		for balance in event['balances']}
	assert told == wanted, (event, wanted)


def all_events(one, limit, token=None, after=0):
	events = []
	while True:
		lines, last = event_page(one, f'?after={after}&limit={limit}', token)
		events += lines
		after = last['next']
		if after == last['size']:
			return events


def test_events_are_all_that_happened_with_balances_as_of_each():
	one = wallet()
	last = max(one.model.kinds)
	for limit in (1, 13, 200):
		events = all_events(one, limit)
		assert [event['seq'] for event in events] == list(range(1, last + 1))
		for event in events:
			check_event(one, event)
	for after in (5, 30, last - 1):  # from anywhere, whatever was asked before
		events = all_events(one, 20, after=after)
		assert [event['seq'] for event in events] == list(range(after + 1, last + 1))
		for event in events:
			check_event(one, event)


def test_a_token_sees_its_own_events_alone():
	one = wallet()
	token = narrowed('account=bob')
	events = all_events(one, 5, token)
	assert [event['seq'] for event in events] == [seq for seq, _, _ in one.model.past['bob']]
	for event in events:
		check_event(one, event, {'bob'})
	assert all_events(one, 50, narrowed('account=nobody')) == []


def test_a_request_waits_for_what_comes():
	one = wallet()
	last = max(one.model.kinds)
	with one.node.open_http() as client:
		client.send(wire.request('GET', f'/v1/events?after={last}', headers={
			'Authorization': f'Bearer {one.token}'}))
		one.transfer('alice', 'bob', 1)
		lines = [json.loads(line) for line in client.response().body.splitlines()]
	assert lines[0]['seq'] == last + 1 and lines[-1]['next'] == last + 1, lines
	check_event(one, lines[0])
	lines, end = event_page(one, f'?after={last + 1}')  # nothing comes: told so after a while
	assert lines == [] and end == {'next': last + 1, 'size': last + 1}
	with one.node.open_oap() as client:
		payload, _ = client.call(EVENTS, wire.write_payload(one.token, f'after={last}'.encode()))
		assert json.loads(payload.splitlines()[0])['seq'] == last + 1


class Subscriber:
	"""Server-sent events, one at a time."""

	def __init__(self, one, after=None, token=None):
		self.stream = one.node.open_http()
		headers = {'Authorization': f'Bearer {token or one.token}', 'Accept': 'text/event-stream'}
		if after is not None:
			headers['Last-Event-ID'] = str(after)
		self.stream.send(wire.request('GET', '/v1/events', headers=headers))
		self.head = self.stream.take_until(b'\r\n\r\n').decode()
		self.last_id = after or 0

	def next(self):
		while True:
			data = None
			for line in self.stream.take_until(b'\n\n').decode().splitlines():
				name, _, value = line.partition(': ')
				if name == 'id':
					self.last_id = int(value)
				elif name == 'data':
					data = json.loads(value)
			if data is not None:
				assert data['seq'] == self.last_id
				return data

	def close(self):
		self.stream.socket.close()


def test_a_stream_goes_on_where_the_client_was():
	one = wallet()
	subscriber = Subscriber(one)
	assert subscriber.head.startswith('HTTP/1.1 200'), subscriber.head
	assert 'content-type: text/event-stream' in subscriber.head.lower(), subscriber.head
	for seq in range(1, 40):
		event = subscriber.next()
		assert event['seq'] == seq
		check_event(one, event)
	subscriber.close()
	subscriber = Subscriber(one, after=39)
	for seq in range(40, max(one.model.kinds) + 1):
		assert subscriber.next()['seq'] == seq
	one.transfer('alice', 'carol', 5)
	event = subscriber.next()
	assert event['seq'] == max(one.model.kinds)
	check_event(one, event)
	subscriber.close()


def test_a_stream_survives_archive_and_is_resumed_after_ingress():
	one = wallet()
	subscriber = Subscriber(one, after=max(one.model.kinds))
	first = max(one.model.kinds) + 1
	got = []
	for turn in range(6):
		one.transfer('alice', f'kill_{turn}', turn + 1)
		if turn == 1:
			one.node.signal_worker('archive')
		if turn == 3:
			old = one.node.worker('ingress')
			one.node.signal_worker('ingress')
			eventually(lambda: [pid for pid in one.node.workers('ingress') if pid != old], 'a new ingress')
		while len(got) <= turn:
			try:
				event = subscriber.next()
			except (wire.Closed, OSError):
				subscriber = eventually(lambda: resume(one, subscriber), 'a new connection')
				continue
			check_event(one, event)
			got.append(event['seq'])
		eventually(lambda: one.node.http('GET', '/readyz', plane='admin').status == 200, 'ready again')
	assert got == list(range(first, first + 6)), got
	subscriber.close()


def resume(one, before):
	with contextlib.suppress(wire.Closed, OSError):
		made = Subscriber(one, after=before.last_id)
		return made if made.head.startswith('HTTP/1.1 200') else None
	return None


def test_a_revoked_token_ends_its_stream():
	one = wallet()
	token = one.node.mint()
	subscriber = Subscriber(one, after=max(one.model.kinds), token=token)
	one.node.cli('cap', 'revoke', nodes.capability_ref(token))
	one.transfer('alice', 'bob', 1)
	assert subscriber.stream.read_to_end() is not None
	subscriber.close()


if __name__ == '__main__':
	try:
		tap.main(globals())
	finally:
		if 'wallet' in shared:
			shared['wallet'].node.stop()
			shared['wallet'].node.remove()

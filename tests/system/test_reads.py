"""What anyone can read and check: tiles, bundles, proofs, exports, balances, against hashlib and a
model of the money that knows nothing but the exported entries."""
import base64
import hashlib
import json
import mmap
import os
import signal
import struct
import time
import urllib.parse

import tap
from harness import Node, entry, eventually, nodes

CHECKPOINT, TILE, PROOF, EXPORT, BALANCE = 0x0014, 0x0015, 0x0016, 0x0017, 0x0018
KINDS = ['', 'Credit', 'Debit', 'Transfer', 'Mint', 'Burn', 'Hold', 'Reverse']
EFFECTS = ['', 'transfer', 'mint', 'burn', 'hold_release', 'capture', 'group_debit', 'group_credit']
ENTRIES_MIN = 700  # two full tiles, and a bundle of more than 64 KiB
INDEX_COPY_BYTES = 48  # of the header of SQLite's index of the log, which stands there twice
shared = {}


def transfer(sender, receiver, amount, **members):
	return entry('Transfer', sender, amount, counter_account=receiver, **members)


def accepted(one, minted, *entries):
	response = one.ingest(list(entries), minted)
	assert response.status == 200, response
	return response.json()


def fill(one, minted):
	"""Every kind of entry, and accounts with long names."""
	accepted(one, minted, entry('Mint', 'alice', 10**30), entry('Mint', 'bob', 500))
	accepted(one, minted, entry('Mint', 'alice', 77, asset='eur'))
	hold = entry('Hold', 'alice', 80)
	accepted(one, minted, hold)
	accepted(one, minted, transfer('alice', 'carol', 30, original_id=hold['id']))
	accepted(one, minted, entry('Reverse', 'alice', 20, original_id=hold['id']))
	sent = transfer('alice', 'bob', 10)
	accepted(one, minted, sent)
	accepted(one, minted, entry('Reverse', 'alice', 4, original_id=sent['id']))
	accepted(one, minted, entry('Burn', 'bob', 6))
	now = int(time.time() * 1000)
	accepted(one, minted, entry('Debit', 'alice', 6, ts=now), entry('Credit', 'bob', 4, ts=now + 1),
		entry('Credit', 'carol', 2, ts=now + 2))
	for i in range(4):
		names = [f'{"x" * 100}{i}_{j}' for j in range(200)]
		accepted(one, minted, *(transfer('alice', name, j + 1) for j, name in enumerate(names)))


def node():
	if 'node' not in shared:
		shared['node'] = Node().start()
		shared['token'] = shared['node'].mint()
		fill(shared['node'], shared['token'])
		shared['leaves'] = export_entries()
		assert len(shared['leaves']) >= ENTRIES_MIN
	return shared['node']


def token():
	node()
	return shared['token']


def leaves():
	node()
	return shared['leaves']


def narrowed(*options):
	done = node().cli('cap', 'mint', '--action', 'audit.read', '--ttl', '1h', '--node',
		origin(), *options)
	return done.stdout.strip()


def origin():
	return export_head()['origin']


# --- the OAP verbs that have no route ----------------------------------------------------------


def oap(verb, text, with_token=None):
	one = node()
	minted = (shared['token'] if with_token is None else with_token).encode()
	payload = struct.pack('<H', len(minted)) + minted + text.encode()
	with one.open_oap() as client:
		return client.call(verb, payload)[0]


def export(what, after=0):
	return oap(EXPORT, f'what={what}&after={after}')


def export_head():
	return json.loads(export('head'))


def take_records(page):
	while page:
		kind, count = struct.unpack_from('<BI', page)
		yield kind, page[5:5 + count]
		page = page[5 + count:]


def export_entries():
	"""The leaf bytes of all entries, page by page."""
	found = []
	while page := export('entries', len(found)):
		for kind, body in take_records(page):
			assert kind == 1, kind
			(count,) = struct.unpack_from('<H', body, 33)
			found.append(body[35:35 + count])
	return found


# --- RFC 6962, as it stands there --------------------------------------------------------------


def leaf_hash(data):
	return hashlib.sha256(b'\0' + data).digest()


def node_hash(left, right):
	return hashlib.sha256(b'\1' + left + right).digest()


def split_of(count):
	return 1 << (count - 1).bit_length() - 1


def tree_root(hashes):
	if not hashes:
		return hashlib.sha256(b'').digest()
	if len(hashes) == 1:
		return hashes[0]
	split = split_of(len(hashes))
	return node_hash(tree_root(hashes[:split]), tree_root(hashes[split:]))


def inclusion(index, hashes):
	"""PATH of section 2.1.1."""
	if len(hashes) == 1:
		return []
	split = split_of(len(hashes))
	if index < split:
		return inclusion(index, hashes[:split]) + [tree_root(hashes[split:])]
	return inclusion(index - split, hashes[split:]) + [tree_root(hashes[:split])]


def subproof(old, hashes, whole):
	"""SUBPROOF of section 2.1.2."""
	if old == len(hashes):
		return [] if whole else [tree_root(hashes)]
	split = split_of(len(hashes))
	if old <= split:
		return subproof(old, hashes[:split], whole) + [tree_root(hashes[split:])]
	return subproof(old - split, hashes[split:], False) + [tree_root(hashes[:split])]


def leaf_hashes():
	return [leaf_hash(one) for one in leaves()]


# --- the money, from the leaves alone ----------------------------------------------------------


def decode(leaf):
	"""What the model needs of docs/formats.md's leaf."""
	at = 0

	def take(form):
		nonlocal at
		value, = struct.unpack_from('<' + form, leaf, at)
		at += struct.calcsize('<' + form)
		return value

	def text():
		return take(f'{take("B")}s').decode()

	found = {}
	take('H')
	found['seq'], _, _ = take('Q'), take('16s'), take('Q')
	found['kind'], _ = KINDS[take('B')], take('B')
	found['account'], found['asset'] = text(), text()
	low, high = take('Q'), take('Q')
	found['amount'] = high << 64 | low
	take('16s'), take('I'), text()
	found['counter'], _, _ = text(), take('16s'), take('Q')
	found['effect'] = EFFECTS[take('B')]
	take('Q'), take('32s')
	found['group_first'], found['group_count'] = take('Q'), take('I')
	return found


def changes(one):
	"""[(account, what it has more, what it holds more)]"""
	amount, account, counter = one['amount'], one['account'], one['counter']
	kind = (one['kind'], one['effect'])
	issuance = 'sys:issuance'
	return {
		('Credit', ''): [(account, amount, 0)],
		('Debit', ''): [(account, -amount, 0)],
		('Transfer', ''): [(account, -amount, 0), (counter, amount, 0)],
		('Transfer', 'capture'): [(account, 0, -amount), (counter, amount, 0)],
		('Mint', ''): [(account, amount, 0), (issuance, amount, 0)],
		('Burn', ''): [(account, -amount, 0), (issuance, -amount, 0)],
		('Hold', ''): [(account, -amount, amount)],
		('Reverse', 'transfer'): [(account, amount, 0), (counter, -amount, 0)],
		('Reverse', 'hold_release'): [(account, amount, -amount)],
	}[kind]


def history():
	"""[{(account, asset): (available, held)} after so many entries]; a group counts as a whole."""
	states, now = [{}], {}
	for one in map(decode, leaves()):
		now = dict(now)
		for account, available, held in changes(one):
			before = now.get((account, one['asset']), (0, 0))
			now[account, one['asset']] = (before[0] + available, before[1] + held)
		states.append(now)
	for one in map(decode, leaves()):
		if one['group_count'] and one['seq'] < one['group_first'] + one['group_count'] - 1:
			states[one['seq']] = states[one['group_first'] - 1]
	return states


# --- cases -------------------------------------------------------------------------------------


def get(target, **options):
	return node().http('GET', target, **options)


def tile_name(index, width=256):
	digits = f'{index:03d}'
	groups = [digits[max(0, at - 3):at] for at in range(len(digits), 0, -3)][::-1]
	name = '/'.join([*('x' + group.zfill(3) for group in groups[:-1]), groups[-1]])
	return name if width == 256 else f'{name}.p/{width}'


def test_the_exported_entries_make_the_root_that_the_node_tells():
	head = export_head()
	assert head['size'] == len(leaves()) and head['hash'] == 'sha256', head
	assert tree_root(leaf_hashes()).hex() == head['root']
	assert node().http('GET', f'/roots?since={head["size"] - 1}').json()['roots'][0]['root'] == \
		head['root']


def test_commits_follow_one_another():
	at, last, before = 0, 0, hashlib.sha256(b'').digest()
	while page := export('commits', last):
		assert len(page) % 96 == 0
		for at in range(0, len(page), 96):
			first, last_of, root, prev = struct.unpack_from('<QQ32s32s', page, at)
			assert first == last + 1 and prev == before, (first, last)
			last, before = last_of, root
	assert before.hex() == export_head()['root']


def test_tiles_are_those_of_the_entries():
	hashes = leaf_hashes()
	count = len(hashes)
	for index in range(count // 256):
		response = get(f'/tlog/tile/0/{tile_name(index)}')
		assert response.status == 200
		assert response.body == b''.join(hashes[256 * index:256 * index + 256])
		assert response.headers['content-type'] == 'application/octet-stream'
		assert response.headers['cache-control'] == 'public, max-age=31536000, immutable'
	full, rest = divmod(count, 256)
	for width in (1, rest):
		assert get(f'/tlog/tile/0/{tile_name(full, width)}').body == \
			b''.join(hashes[256 * full:256 * full + width])
	roots = [tree_root(hashes[256 * i:256 * i + 256]) for i in range(full)]
	assert get(f'/tlog/tile/1/000.p/{full}').body == b''.join(roots)
	assert oap(TILE, f'1/000.p/{full}', with_token='') == b''.join(roots)


def test_bundles_hold_the_entries_and_are_for_auditors():
	for index in range(len(leaves()) // 256):
		response = get(f'/tlog/tile/entries/{tile_name(index)}', token=token())
		assert response.status == 200
		assert response.headers['cache-control'] == 'private, max-age=31536000, immutable'
		wanted = b''.join(struct.pack('>H', len(one)) + one
			for one in leaves()[256 * index:256 * index + 256])
		assert response.body == wanted
		assert oap(TILE, f'entries/{tile_name(index)}') == wanted
		head = node().http('HEAD', f'/tlog/tile/entries/{tile_name(index)}', token=token())
		assert head.status == 200 and head.headers['content-length'] == str(len(wanted)), head
	assert len(wanted) > 65536, 'no bundle was pulled in pieces'
	assert get('/tlog/tile/entries/000').status == 401
	assert get('/tlog/tile/entries/000', token=narrowed('--account', 'alice')).status == 403
	assert get('/tlog/tile/entries/000', token=node().mint('wallet.read')).status == 403
	path = narrowed('--path', '/tlog/tile/entries/000')
	assert get('/tlog/tile/entries/000', token=path).status == 200
	assert get('/tlog/tile/entries/001', token=path).status == 403


def test_tiles_that_are_not_there_are_not_found():
	count = len(leaves())
	full, rest = divmod(count, 256)
	names = [f'0/{tile_name(full, rest + 1)}', f'0/{tile_name(full)}', f'0/{tile_name(full + 1, 1)}',
		f'1/000.p/{full + 1}', '1/000', '2/000.p/1', '7/000.p/1', '0/x999/x999/999', '8/000', '63/000']
	forms = ['0/000.p/256', '0/000.p/0', '0/000.p/01', '0/000.p/', '0/000.p', '0/00', '0/0000', '00/000',
		'0/x000/000', '-1/000', '0/abc', '0', '0/', 'entry/000', '0/000.p/999', '0/000/', '+0/000']
	for name in names + forms:
		response = get(f'/tlog/tile/{name}')
		assert response.status == 404 and 'error' in response.json(), (name, response)
		bundle = name.replace('0/', 'entries/', 1)
		assert get(f'/tlog/tile/{bundle}', token=token()).status == 404, bundle
	assert get('/tlog/tile/0/%30%30%30').status == 400  # nothing is normalised
	assert get('/tlog/tile/0//000').status == 400
	assert get('/tlog/tile/0/000?width=256').status == 400
	assert node().http('POST', '/tlog/tile/0/000').status == 405
	assert node().http('OPTIONS', '/tlog/tile/0/000').headers['allow'] == 'GET, HEAD, OPTIONS'


def test_proofs_of_entries_are_those_of_the_rfc():
	hashes = leaf_hashes()
	count = len(hashes)
	for seq, size in ((1, 1), (1, 2), (2, 3), (256, 256), (256, 257), (257, count), (count, count),
			(1, count), (count // 2, count - 1)):
		proof = get(f'/proofs/entries/{seq}?size={size}').json()
		assert proof == {
			'seq': seq, 'size': size, 'root': tree_root(hashes[:size]).hex(),
			'leaf_hash': hashes[seq - 1].hex(),
			'hashes': [one.hex() for one in inclusion(seq - 1, hashes[:size])],
		}, proof
		assert json.loads(oap(PROOF, f'entries/{seq}?size={size}', with_token='')) == proof


def test_proofs_of_consistency_are_those_of_the_rfc():
	hashes = leaf_hashes()
	count = len(hashes)
	for old, new in ((0, 0), (0, count), (1, 2), (3, 7), (255, 256), (256, 512), (257, count),
			(count - 1, count), (count, count)):
		proof = get(f'/proofs/consistency?from={old}&to={new}').json()
		assert proof == {
			'from': old, 'to': new, 'from_root': tree_root(hashes[:old]).hex(),
			'to_root': tree_root(hashes[:new]).hex(),
			'hashes': [one.hex() for one in subproof(old, hashes[:new], True)] if old else [],
		}, proof
	assert get(f'/proofs/consistency?from={count}').json()['to'] == count


def test_proofs_that_cannot_be_are_refused():
	count = len(leaves())
	for target, status, message in (
			('entries/0', 400, 'seq'), ('entries/-1', 400, 'seq'), ('entries/x', 400, 'seq'),
			('entries/007', 400, 'seq'), ('entries/9223372036854775808', 400, 'seq'),
			('entries/0?size=5', 400, 'seq'), ('entries/5?size=4', 400, 'size'),
			('entries/5?size=0', 400, 'size'), ('entries/5?size=', 400, 'size'),
			('entries/5?tree=5', 400, 'unknown_field'), ('entries/5?size=5&size=5', 400, 'query'),
			(f'entries/{count + 1}', 404, 'no such thing'),
			(f'entries/{count + 1}?size={count + 1}', 404, 'no such thing'),
			(f'entries/1?size={count + 1}', 404, 'no such thing'),
			('consistency', 400, 'missing_field'), ('consistency?to=5', 400, 'missing_field'),
			('consistency?from=6&to=5', 400, 'from'), ('consistency?from=x', 400, 'from'),
			('consistency?from=1&to=-5', 400, 'to'),
			(f'consistency?from=1&to={count + 1}', 404, 'no such thing'),
			(f'consistency?from={count + 1}', 404, 'no such thing')):
		response = get(f'/proofs/{target}')
		assert response.status == status, (target, response)
		assert message in response.json()['error']['message'], (target, response)
	assert get('/proofs/entries/1', token='nonsense').status in (401, 403)


def test_the_newest_checkpoint_is_shown_once_it_is_signed():
	def signed():
		response = get('/tlog/checkpoint')
		if response.status == 503:
			assert response.json()['error']['message'] == 'not_signed_yet', response
			assert int(response.headers['retry-after']) >= 1
			return None
		return int(response.body.split(b'\n')[1]) > 0 and response
	response = eventually(signed, 'a checkpoint over entries')
	lines = response.body.decode().split('\n')
	assert response.headers['content-type'] == 'text/plain; charset=utf-8'
	assert response.headers['cache-control'] == 'no-cache'
	size = int(lines[1])
	assert lines[0] == origin()
	assert base64.b64decode(lines[2]) == tree_root(leaf_hashes()[:size])
	with node().open_oap() as client:
		assert client.call(CHECKPOINT)[0].startswith(f'{lines[0]}\n'.encode())
	for options, extra in (({}, False), ({'token': token()}, True),
			({'token': narrowed('--account', 'nobody')}, False)):
		text = get('/proofs/entries/1', **options).body.decode()
		assert text.startswith('c2sp.org/tlog-proof@v1\n'), text
		assert ('\nextra ' in text) == extra, text
		assert '\nindex 0\n' in text and lines[0] in text
		if extra:
			assert base64.b64decode(text.split('\nextra ')[1].split('\n')[0]) == leaves()[0]


def balance(account, asset='ron', at=None, **options):
	query = {'account': account, 'asset': asset, **({} if at is None else {'at': at})}
	return get(f'/v1/balance?{urllib.parse.urlencode(query, safe=":")}',
		**{'token': token(), **options})


def test_balances_are_those_of_the_model_at_every_seq():
	states = history()
	for account, asset in (('alice', 'ron'), ('bob', 'ron'), ('carol', 'ron'), ('alice', 'eur'),
			('sys:issuance', 'ron'), ('nobody', 'ron'), ('alice', 'usd')):
		for at in [*range(0, 20), 100, 300, 512, len(states) - 1]:
			told = balance(account, asset, at).json()
			available, held = states[at].get((account, asset), (0, 0))
			wanted = {'account': account, 'asset': asset, 'amount_minor': str(available),
				'held_minor': str(held), 'stale_ms': 0}
			assert {name: told[name] for name in wanted} == wanted, (at, told)
			assert told['as_of_seq'] <= at and states[told['as_of_seq']] == states[at], told
		told = balance(account, asset).json()
		assert told['amount_minor'] == str(states[-1].get((account, asset), (0, 0))[0]), told


def test_a_balance_follows_what_was_answered():
	for _ in range(20):
		accepted(node(), token(), transfer('bob', 'dave', 1))
		before = int(balance('dave').json()['amount_minor'])
		done = accepted(node(), token(), transfer('bob', 'dave', 1))
		told = balance('dave', 'ron', done['seq_end']).json()
		assert told['as_of_seq'] == done['seq_end'], told
		wanted = told['amount_minor']
		assert int(wanted) in (before + 1, before + 2), (before, told)
		# the newest is seen within wallet.staleness_window
		eventually(lambda: balance('dave').json()['amount_minor'] == wanted, 'the newest balance')
	shared['leaves'] = export_entries()


def test_who_may_see_a_balance():
	assert balance('alice', token=None).status == 401
	assert balance('alice', token=node().mint('wallet.read')).status == 200
	assert balance('alice', token=node().mint('ledger.ingest')).status == 403
	assert balance('alice', token=narrowed('--account', 'alice')).status == 200
	assert balance('bob', token=narrowed('--account', 'alice')).status == 403
	assert balance('alice', token=narrowed('--asset', 'eur')).status == 403


def test_questions_about_balances_that_are_none():
	for query, status, message in (
			('', 400, 'asset='), ('account=alice', 400, 'asset='),
			('asset=ron', 400, 'an account'), ('account=&asset=ron', 400, 'account'),
			('account=a%20b&asset=ron', 400, 'account'), ('account=alice&asset=RON', 400, 'asset'),
			('account=alice&asset=ron&at=-1', 400, 'at'), ('account=alice&asset=ron&at=x', 400, 'at'),
			('account=alice&asset=ron&height=1', 400, 'parameter'),
			('account=alice&account=bob&asset=ron', 400, 'query'),
			(f'account={"a" * 129}&asset=ron', 400, 'account'),
			('account=alice&asset=ron&at=999999', 404, 'no such thing')):
		response = get(f'/v1/balance?{query}', token=token())
		assert response.status == status, (query, response)
		assert message in response.json()['message'], (query, response)


def test_the_command_shows_balances():
	one = node()
	one.environment['MACRONODE_TOKEN'] = token()
	available, held = history()[-1]['alice', 'ron']
	last = str(len(history()) - 1)
	told = json.loads(one.cli('ledger', 'balance', 'alice', '--at', last, '--json').stdout)
	assert told['amount_minor'] == str(available) and told['held_minor'] == str(held), told
	assert held == 30, held
	now = one.cli('ledger', 'balance', 'alice').stdout
	assert now.startswith(f'{available} ron, and {held} held (as of seq '), now
	text = one.cli('ledger', 'balance', 'alice', '--at', last).stdout
	assert text.startswith(f'{available} ron, and {held} held (as of seq '), text
	assert one.cli('ledger', 'balance', 'alice', '--asset', 'eur', '--at', '2').stdout.startswith(
		'0 eur (as of seq 2, ')
	assert one.cli('ledger', 'balance', 'a&b', check=False).returncode == 2
	assert one.cli('ledger', 'balance', 'alice', '--at', '1x', check=False).returncode == 2
	assert one.cli('ledger', 'balance', 'alice', '--at', '999999', check=False).returncode == 1


def test_exports_are_for_auditors_and_end():
	for what in ('entries', 'commits', 'controls', 'audits', 'counters'):
		assert export(what, 10**9) == b'', what
	assert b'unknown_field' in oap(EXPORT, 'what=entries&since=1')
	assert b'"what"' in oap(EXPORT, 'what=accounts')
	assert b'AuthFailed' in oap(EXPORT, 'what=head', with_token=node().mint('wallet.read'))
	assert b'AuthFailed' in oap(EXPORT, 'what=head', with_token=narrowed('--account', 'alice'))
	assert b'AuthFailed' in oap(EXPORT, 'what=head', with_token='')
	assert get('/export').status == 404


def test_a_freeze_is_exported_with_its_audit_record():
	node().cli('gov', 'freeze', '--account', 'frozen', '--reason', 'a test')
	page, last = export('controls'), 0
	number, kind, count = struct.unpack_from('<QBI', page)
	assert (number, kind) == (1, 6) and b'frozen' in page[13:13 + count]
	found = b''
	while page := export('audits', last):
		found += page
		while page:
			last, kind, count = struct.unpack_from('<QBI', page)
			assert kind == 7, kind
			page = page[13 + count:]
	assert b'"act":"freeze"' in found


def test_a_refusal_is_counted_and_logged_once():
	one = node()
	before = one.metric('http_requests_total', route='/tlog/tile/{path...}', status='404')
	rejected = one.metric('rejected_total', reason='unknown_kind')
	corr_id = f'{os.urandom(4).hex()}-0000-4000-8000-000000000000'
	assert get('/tlog/tile/0/x999/999', headers={'X-Corr-ID': corr_id}).status == 404
	assert one.metric('http_requests_total', route='/tlog/tile/{path...}', status='404') == before + 1
	assert one.metric('rejected_total', reason='unknown_kind') == rejected + 1
	eventually(lambda: sum(corr_id in line and 'request_refused' in line
		for line in one.log_text().splitlines()) == 1, 'one line of the refusal')


def test_with_blake3_the_log_is_not_one_of_c2sp():
	with Node({'engine': {'hash': 'blake3'}}) as other:
		minted = other.mint()
		accepted(other, minted, entry('Mint', 'alice', 5))
		for target in ('/tlog/checkpoint', '/tlog/tile/0/000.p/1', '/tlog/tile/entries/000.p/1',
				'/proofs/entries/1'):
			response = other.http('GET', target, token=minted)
			assert response.status == 501, (target, response)
		assert other.http('GET', '/proofs/entries/1?size=1').json()['hashes'] == []


def test_an_index_of_the_log_that_is_half_written_is_read_later():
	"""SQLite keeps its header twice, and whoever writes it changes one after the other."""
	with Node() as one:
		minted = one.mint()
		accepted(one, minted, entry('Mint', 'alice', 5))
		pid = one.signal_worker('committer', signal.SIGSTOP)
		start = one.workers('committer')[pid]
		try:
			with open(one.profile.data / 'store/ledger.db-shm', 'r+b') as file, \
					mmap.mmap(file.fileno(), 4096) as index:
				index[INDEX_COPY_BYTES] ^= 1
				got = one.http('GET', '/entries/1', token=minted)
				index[INDEX_COPY_BYTES] ^= 1
		finally:
			nodes.signal_process(pid, start, signal.SIGCONT)
		assert got.status == 503 and got.headers['retry-after'], got
		assert one.http('GET', '/entries/1', token=minted).status == 200
		assert not [line for line in one.log() if line['event'] == 'store_failed']


def test_reads_come_back_after_archive_died():
	one = node()
	one.signal_worker('archive')
	eventually(lambda: get('/tlog/tile/0/000').status == 200, 'archive to serve again')
	eventually(lambda: balance('alice').status == 200, 'balances to be told again')


if __name__ == '__main__':
	try:
		tap.main(globals())
	finally:
		if 'node' in shared:
			shared['node'].stop()
			shared['node'].remove()

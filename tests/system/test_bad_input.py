"""Bad input of every kind against a real node: the documented answer, a counter that moved, a log line
that names it without any secret, and no worker died. What concerns single entries and JSON stands
in test_ledger.py, every byte of HTTP and OAP/1 in tests/worker/."""
import base64
import contextlib
import hashlib
import hmac
import json
import os
import pathlib
import sqlite3
import struct
import subprocess
import tempfile

import tap
import wire
from harness import Node, entry, eventually, fill_disk, nodes, small_disk

READ_TIMEOUT = '1s'
DISK_BYTES = 48 << 20
shared = {}


def node():
	"""One node for all cases that leave it in order; a silent client is given up soon."""
	if 'node' not in shared:
		shared['node'] = Node({'api': {'read_timeout': READ_TIMEOUT}}).start()
		shared['token'] = shared['node'].mint()
	return shared['node']


def token():
	node()
	return shared['token']


@contextlib.contextmanager
def noticed(reason, text, event='request_refused'):
	"""What happens inside is counted under its reason, and there is a log line with that text."""
	one = node()
	count = one.metric('rejected_total', reason=reason)
	lines = len(one.log())
	yield
	eventually(lambda: one.metric('rejected_total', reason=reason) > count, f'{reason} to rise')

	def line():
		return [record for record in one.log()[lines:] if record['event'] == event
			and text in record.get('text', '')]
	assert eventually(line, f'{event} with {text!r}')[0]['service'] in ('ingress', 'prevalidator')


# --- HTTP ---------------------------------------------------------------------------------


GOOD = b'GET /roots HTTP/1.1\r\nHost: localhost\r\n'
HTTP_ROWS = (
	(b'nonsense\r\n\r\n', 400, 'the request line'),
	(b'GET /%61 HTTP/1.1\r\nHost: localhost\r\n\r\n', 400, ''),
	(b'GET /roots HTTP/1.1\r\n\r\n', 400, 'Host'),
	(b'GET /roots HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n', 421, ''),
	(b'GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n', 404, ''),
	(b'DELETE /roots HTTP/1.1\r\nHost: localhost\r\n\r\n', 405, ''),
	(b'BREW /roots HTTP/1.1\r\nHost: localhost\r\n\r\n', 501, ''),
	(b'GET /roots HTTP/1.0\r\n\r\n', 505, 'HTTP/1.1'),
	(GOOD + b'Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n', 400, ''),
	(GOOD + b' folded: x\r\n\r\n', 400, ''),
	(GOOD + b'X: ' + b'x' * 70000 + b'\r\n\r\n', 431, ''),
)


def test_a_row_of_each_kind_of_the_http_table_is_answered_and_named():
	for sent, status, text in HTTP_ROWS:
		with noticed(reason_of(status), text):
			with node().open_http() as client:
				client.send(sent)
				answer = client.response()
		assert answer.status == status, (sent[:60], answer)


def reason_of(status):
	"""As services/edge counts what it refuses by a status alone."""
	return {413: 'too_large', 414: 'too_large', 431: 'too_large'}.get(status, 'unknown_kind')


def test_a_malformed_entry_and_malformed_json_are_named():
	with noticed('unknown_kind', 'amount'):
		assert node().ingest([entry('Mint', 'a', '01')], token()).status == 400
	with noticed('unknown_kind', 'malformed'):
		assert node().http('POST', '/ingest', b'{"batch":[', {'Content-Type': 'application/json'},
			token=token()).status == 400


def test_a_head_that_drips_in_is_a_408_and_holds_up_nobody():
	with node().open_http() as slow:
		with noticed('timeout', ''):
			slow.send(b'GET /roots HTTP/1.1\r\nHo')
			assert node().http('GET', '/roots').status == 200
			answer = slow.read_to_end()
	assert answer.startswith(b'HTTP/1.1 408 '), answer


def test_a_body_that_drips_in_is_a_408():
	with node().open_http() as slow, noticed('timeout', ''):
		slow.send(wire.request('POST', '/ingest', None, {'Content-Type': 'application/json',
			'Authorization': f'Bearer {token()}', 'Content-Length': '100'}) + b'{"batch"')
		answer = slow.read_to_end()
	assert answer.startswith(b'HTTP/1.1 408 '), answer


# --- OAP/1 over the local socket ----------------------------------------------------------


def frame(length=wire.FRAME_LEN_MIN, version=1, flags=wire.REQ, tenant=0, verb=0x0001):
	return struct.pack('<IBH16sQH', length, version, flags, tenant.to_bytes(16, 'little'), 7, verb)


def test_each_bad_frame_is_named_and_ends_the_connection():
	rows = (
		(frame(version=2), 'BadVersion', 'only version 1'),
		(frame(length=28), 'BadRequest', 'at least its header'),
		(frame(length=(1 << 20) + 1), 'FrameTooLarge', 'at most 1 MiB'),
		(frame(verb=0x0999), 'NotImplemented', 'no such verb'),
		(frame(verb=0x0220), 'NotImplemented', 'no such verb'),
		(frame(flags=wire.REQ | wire.COMP), 'NotImplemented', 'compressed'),
		(frame(flags=wire.RESP), 'BadRequest', 'with the flag REQ'),
		(frame(tenant=1), 'BadRequest', 'no tenants'),
		(b'\x80\xff\xff\xff' * 20, 'FrameTooLarge', 'at most 1 MiB'),
	)
	for sent, code, text in rows:
		with node().open_oap() as client, noticed('unknown_kind', text):
			client.send(sent)
			answer = client.frame()
			assert client.is_closed_by_peer(), code
		assert json.loads(answer.payload)['error']['code'] == code, answer


def test_a_frame_with_an_unknown_flag_is_dropped_and_the_next_one_answered():
	with node().open_oap() as client, noticed('unknown_kind', 'unknown flags'):
		client.send(frame(flags=wire.REQ | 64))
		client.send(frame())
		assert client.frame().verb == 0x0002


def test_half_a_frame_and_a_lone_byte_are_given_up():
	for sent in (frame()[:20], b'\xff'):
		with node().open_oap() as client, noticed('timeout', 'half a frame'):
			client.send(sent)
			assert client.is_closed_by_peer(), sent


# --- tokens -------------------------------------------------------------------------------


def with_caveat(text, caveat):
	"""The token narrowed by hand: macaroon v2, chained with HMAC-SHA256."""
	raw = base64.urlsafe_b64decode(text + '=' * (-len(text) % 4))
	assert raw[-35:-32] == b'\0\6\x20', 'the end of the caveats, then the signature'
	signature = hmac.new(raw[-32:], caveat, hashlib.sha256).digest()
	raw = raw[:-35] + bytes([2, len(caveat)]) + caveat + b'\0' + b'\0\6\x20' + signature
	return base64.urlsafe_b64encode(raw).decode().rstrip('=')


def of_another_node():
	with Node() as other:
		return other.mint()


def expired():
	done = node().cli('cap', 'mint', '--action', 'ledger.ingest,gov.mint', '--ttl', '1s')
	text = done.stdout.strip()

	def refused():
		return node().ingest([entry('Mint', 'a', 1)], text).status == 403
	eventually(refused, 'its end')
	return text


def test_tokens_that_do_not_hold_are_named_by_why_and_never_shown():
	rows = (
		(token()[:-4], 401, 'the token'),
		(token()[:60] + ('A' if token()[60] != 'A' else 'B') + token()[61:], 403, 'signature'),
		(of_another_node(), 403, 'another node'),
		(expired(), 403, 'expired'),
		(with_caveat(token(), b'colour=blue'), 403, 'no caveat of this name'),
		('x' * 9000, 401, 'too long'),
	)
	body = {'batch': [{**entry('Mint', 'a', 1), 'capability_ref': nodes.capability_ref(token())}]}
	failures = node().metric('auth_failures_total')
	for text, status, why in rows:
		with noticed('cap_invalid', why, 'auth_failed'):
			answer = node().http('POST', '/ingest', body, token=text)
		assert answer.status == status, (why, answer)
	assert node().metric('auth_failures_total') >= failures + len(rows)
	log = node().log_text()
	for text, _, _ in rows:
		assert text[-40:] not in log and text[:40] not in log


def test_an_entry_that_a_caveat_forbids_is_named():
	narrow = with_caveat(token(), b'account=nobody*')
	with noticed('cap_invalid', 'caveat'):
		assert node().ingest([entry('Mint', 'a', 1)], narrow).status == 403


# --- configuration ------------------------------------------------------------------------


def test_a_node_says_line_and_column_of_what_it_does_not_understand():
	rows = (
		('[node]\nrestart_mn = "1s"\n', ':2:1: ', 'did you mean node.restart_min?'),
		('[limits]\nrps = "many"\n', ':2:7: ', 'rps'),
		('[limits]\nrps = 1\nrps = 2\n', ':3:1: ', 'rps'),
		('[limits\n', ':1:8: ', ''),
	)
	with tempfile.TemporaryDirectory() as name:
		path = pathlib.Path(name) / 'macronode.toml'
		for text, place, what in rows:
			path.write_text(text)
			done = subprocess.run([*nodes.command(node().build, node().profile)[:1], 'run',
				'--config', str(path)], capture_output=True, text=True, timeout=60)
			said = done.stdout + done.stderr
			assert done.returncode == 3 and f'{path}{place}' in said and what in said, done


# --- the disk and the store ---------------------------------------------------------------


def expect_reads(one, token, accounts, txid, size):
	"""All that a client can ask of a ledger of `size` entries; {account: units}: nobody asked for them yet."""
	def get(target, status=200):
		answer = one.http('GET', target, token=token)
		assert answer.status == status, (target, answer)
		return answer.json() if status == 200 else answer
	for account, units in accounts.items():
		target = f'/v1/balance?account={account}&asset=ron'
		eventually(lambda: one.http('GET', target, token=token).status == 200, f'the balance of {account}')
		told = get(target)
		assert told['amount_minor'] == str(units) and told['as_of_seq'] == size, told
		told = get(f'{target}&at=1')
		assert told['as_of_seq'] <= 1, told
		page = get(f'/v1/accounts/{account}/history?asset=ron')
		assert account in str(page) or not units, page
	assert get(f'/proofs/entries/1?size={size}')['size'] == size
	assert eventually(lambda: one.http('GET', f'/v1/tx/{txid}/proof', token=token).status == 200, 'its proof')
	assert get(f'/v1/tx/{txid}')['txid'] == txid
	assert get('/roots')['next'] == size + 1
	get('/entries/1')


def test_a_full_disk_refuses_writes_serves_reads_and_heals_by_itself():
	with small_disk(Node({'engine': {'disk_reserve': '8MiB'}}), DISK_BYTES) as one:
		minted = one.mint()
		one.environment['MACRONODE_TOKEN'] = minted
		kept = entry('Mint', 'kept', 5)
		before = one.ingest([kept], minted).json()
		assert one.ingest([entry('Mint', f'user-{i}', 10 + i) for i in range(5)], minted).json()['accepted']
		issue = {'to': 'alice', 'asset': 'ron', 'amount_minor': '7', 'nonce': 1}
		done = one.http('POST', '/v1/issue', issue, {'Idempotency-Key': 'k'}, token=minted)
		assert done.status == 200, done
		txid = done.json()['txid']
		eventually(lambda: one.http('GET', f'/v1/tx/{txid}/proof', token=minted).status == 200, 'a signed tree')
		seqs, taken = [7], [5]
		fill_disk(one.profile.data / 'full')

		def refusal():
			"""None for as long as what is known of the free space is older than the file."""
			answer = one.ingest([entry('Mint', 'kept', 1)], minted)
			if answer.status == 200:
				seqs.append(answer.json()['seq_end'])
				taken.append(1)
				return None
			assert answer.status == 503 and answer.headers['retry-after'], answer
			return answer.json()['reasons'][0]['details']
		assert eventually(refusal, 'a refusal') == 'disk_full'
		eventually(lambda: one.metric('disk_pressure') == 1
			and one.metric('ledger_safe_mode') == 1, 'the gauges')
		assert refusal() == 'disk_full'
		answer = one.http('POST', '/v1/issue', {**issue, 'nonce': 2}, {'Idempotency-Key': 'l'}, token=minted)
		assert answer.status == 503 and answer.json()['details']['reason'] == 'disk_full', answer
		expect_reads(one, minted, {'kept': sum(taken), 'alice': 7, 'user-1': 11, 'user-2': 12, 'nobody': 0},
			txid, seqs[-1])
		ready = one.http('GET', '/readyz', plane='admin')
		assert ready.status == 503, ready
		assert ready.json()['reason'].count('disk_full') == 1, ready.json()
		one.signal_worker('wallet')
		eventually(lambda: one.metric('service_restarts_total') == 1, 'another wallet')
		expect_reads(one, minted, {'user-3': 13, 'kept': sum(taken)}, txid, seqs[-1])
		(one.profile.data / 'full').unlink()
		eventually(lambda: one.ingest([entry('Mint', 'kept', 1)], minted).status == 200, 'room')
		taken.append(1)
		answer = one.ingest([kept], minted)
		assert answer.status == 200 and answer.json()['seq_start'] == before['seq_start'], (answer, before)
		eventually(lambda: one.metric('disk_pressure') == 0
			and one.metric('ledger_safe_mode') == 0, 'the gauges at rest')
		expect_reads(one, minted, {'kept': sum(taken), 'user-4': 14}, txid, seqs[-1] + 1)
		assert one.metric('service_restarts_total') == 1
		one.logged('disk_pressure')
		one.logged('disk_relieved')
		assert one.cli('verify').returncode == 0


def set_schema_version(one, version):
	path = one.profile.data / 'store/ledger.db'
	with contextlib.closing(sqlite3.connect(path)) as store, store:
		store.execute('PRAGMA wal_checkpoint(TRUNCATE)')
		store.execute('UPDATE meta SET version = ?', (version,))
	for kept in path.parent.iterdir():  # sqlite3 as root may have made files
		os.chown(kept, path.parent.stat().st_uid, path.parent.stat().st_gid)


def test_a_store_of_a_newer_schema_is_left_alone():
	with Node() as one:
		minted = one.mint()
		assert one.ingest([entry('Mint', 'a', 1)], minted).status == 200
		one.stop()
		set_schema_version(one, 2)
		before = hashlib.sha256((one.profile.data / 'store/ledger.db').read_bytes()).digest()
		one.start(wait=False)
		eventually(lambda: 'has schema version 2' in one.log_text(), 'its refusal')
		answer = eventually(lambda: one.http('GET', '/readyz', plane='admin'), 'an answer')
		assert answer.status == 503, answer
		assert one.cli('verify', '--offline', check=False).returncode == 3
		one.stop()
		after = hashlib.sha256((one.profile.data / 'store/ledger.db').read_bytes()).digest()
		assert after == before, 'the store was touched'
		set_schema_version(one, 1)
		one.start()
		assert one.ingest([entry('Mint', 'a', 1)], minted).status == 200


def test_a_database_that_is_no_ledger_is_left_alone():
	with Node() as one:
		one.stop()
		path = one.profile.data / 'store/ledger.db'
		owner = path.stat()
		path.write_bytes(b'not a database' * 1000)
		os.chown(path, owner.st_uid, owner.st_gid)
		one.start(wait=False)
		eventually(lambda: 'store_failed' in one.log_text() or 'start_failed' in one.log_text(),
			'its refusal')
		one.stop()
		assert path.read_bytes() == b'not a database' * 1000


def test_zz_the_shared_node_is_as_it_was_and_no_worker_died():
	assert node().metric('service_restarts_total') == 0, node().cli('status', check=False).stdout
	assert node().metric('accusations_total') == 0
	node().environment['MACRONODE_TOKEN'] = token()
	assert node().cli('verify').returncode == 0
	assert node().ingest([entry('Mint', 'a', 1)], token()).status == 200
	one = shared.pop('node')
	assert one.stop() == 0
	one.remove()


if __name__ == '__main__':
	try:
		tap.main(globals())
	finally:
		if 'node' in shared:
			shared['node'].stop()
			shared['node'].remove()

"""Bodies packed with gzip against a real node: one whole member within its bounds is as good as the
plain body, under /ingest and /v1 alike, and everything else is refused without being read."""
import gzip
import json
import os
import random
import zlib

import tap
import wire
from harness import Node, entry, eventually, nodes

BODY_BYTES_MAX = 1 << 20
shared = {}


def node():
	if 'node' not in shared:
		shared['node'] = Node().start()
		shared['token'] = shared['node'].mint()
	return shared['node']


def token():
	node()
	return shared['token']


def post(packed, target='/ingest', encoding='gzip', key=None, by=None, headers=()):
	return node().http('POST', target, packed, {'Content-Type': 'application/json',
		'Content-Encoding': encoding, **({'Idempotency-Key': key} if key else {}), **dict(headers)},
		token=by or token())


def ingest_body(count=1):
	ref = nodes.capability_ref(token())
	return json.dumps({'batch': [entry('Mint', 'packed', 1, capability_ref=ref)
		for _ in range(count)]}).encode()


def issue_body(nonce, to='issued'):
	return json.dumps({'to': to, 'asset': 'ron', 'amount_minor': '5', 'nonce': nonce}).encode()


def refused(answer, status, reason):
	"""Under /ingest a reason's details, under /v1 those of an ApiError."""
	body = answer.json()
	assert answer.status == status, answer
	if 'code' in body:
		assert body['details']['reason'] == reason, body
	else:
		assert [one['details'] for one in body['reasons']] == [reason], body


def test_a_packed_batch_is_as_good_as_a_plain_one():
	answer = post(gzip.compress(ingest_body(3)))
	assert answer.status == 200 and answer.json()['accepted'], answer
	body = ingest_body()
	first, again = post(gzip.compress(body)), node().http('POST', '/ingest', body,
		{'Content-Type': 'application/json'}, token=token())
	assert first.json()['seq_start'] == again.json()['seq_start'], (first, again)


def test_a_packed_operation_replays_a_plain_one():
	body = issue_body(1)
	plain = post(body, '/v1/issue', 'identity', 'k-1')
	assert plain.status == 200, plain
	packed = post(gzip.compress(body), '/v1/issue', 'gzip', 'k-1')
	assert packed.status == 200 and packed.body == plain.body, packed
	assert packed.headers['idempotency-replayed'] == 'true', packed


def test_a_large_body_is_unpacked_after_its_last_piece():
	noise = random.Random(7)
	body = ingest_body()[:-1] + b' ' + b''.join(
		b'\t\n\r '[noise.randrange(4):][:1] for _ in range(200_000)) + b'}'
	packed = gzip.compress(body)
	assert len(packed) > 16384 and len(body) < 10 * len(packed)
	assert post(packed).status == 200
	with node().open_http() as connection: # and in chunks
		connection.send(wire.request('POST', '/ingest', None, {'Content-Type': 'application/json',
			'Authorization': f'Bearer {token()}', 'Content-Encoding': 'gzip',
			'Transfer-Encoding': 'chunked'}))
		connection.send(b''.join(b'%x\r\n%s\r\n' % (len(part), part) for part in
			(packed[i:i + 5000] for i in range(0, len(packed), 5000))) + b'0\r\n\r\n')
		assert connection.response().status == 200


def test_a_bomb_of_zeros_is_refused_and_counted():
	before = node().metric('rejected_total', reason='decompress')
	bomb = gzip.compress(bytes(64 << 20))
	assert len(bomb) < 100_000
	refused(post(bomb), 400, 'decompress_ratio')
	refused(post(bomb, '/v1/issue', key='bomb'), 400, 'decompress_ratio')
	eventually(lambda: node().metric('rejected_total', reason='decompress') >= before + 2,
		'both to be counted')


def test_a_bomb_within_a_member_is_not_unpacked_twice():
	inner = gzip.compress(bytes(1 << 20))
	outer = gzip.compress(inner, 0)
	refused(post(outer), 400, 'malformed')


def test_what_grows_over_the_bound_of_a_body_is_a_413():
	noise = random.Random(8)
	body = ingest_body()[:-1] + bytes(noise.choices(b'\t\n\r ', k=BODY_BYTES_MAX)) + b'}'
	packed = gzip.compress(body)
	assert BODY_BYTES_MAX // 10 < len(packed) < BODY_BYTES_MAX
	assert post(packed).status == 413
	answer = post(packed, '/v1/issue', key='large')
	assert answer.status == 413 and answer.json()['code'] == 'LIMITS_EXCEEDED', answer


def test_cut_at_every_byte_it_is_refused():
	packed = gzip.compress(issue_body(2))
	for cut in range(len(packed)):
		refused(post(packed[:cut], '/v1/issue', key='k-2'), 400, 'decompress_error')
	refused(post(gzip.compress(ingest_body())[:-1]), 400, 'decompress_error')
	assert post(packed, '/v1/issue', key='k-2').status == 200


def test_trailing_bytes_a_second_member_and_a_wrong_checksum_are_refused():
	packed = gzip.compress(issue_body(3))
	wrong = bytearray(packed)
	wrong[-8] ^= 1
	short = bytearray(packed)
	short[-4] ^= 1
	for body in (packed + b'x', packed + b'\0', packed + packed, packed + gzip.compress(b''),
			bytes(wrong), bytes(short), zlib.compress(issue_body(3)), issue_body(3), b''):
		refused(post(body, '/v1/issue', key='k-3'), 400, 'decompress_error')
	assert post(packed, '/v1/issue', key='k-3').status == 200


def test_a_member_of_nothing_is_an_empty_body():
	refused(post(gzip.compress(b'')), 400, 'malformed')
	refused(post(gzip.compress(b''), '/v1/issue', key='k-e'), 400, 'schema')


def test_other_codings_are_a_415():
	for coding in ('br', 'deflate', 'x-gzip', 'zstd', 'gzip, gzip', 'identity, gzip'):
		assert post(gzip.compress(issue_body(9)), '/v1/issue', coding, 'k-9').status == 415, coding
	answer = node().http('GET', '/roots', headers={'Content-Encoding': 'gzip'})
	assert answer.status == 415, answer


def test_a_caveat_on_the_size_of_bodies_is_about_what_comes_out():
	body = issue_body(4)
	packed = gzip.compress(body + b' ' * 400)
	assert len(packed) < 300
	small = node().cli('cap', 'attenuate', '--caveat', 'max-bytes=300', stdin=token())
	answer = post(packed, '/v1/issue', key='k-4', by=small.stdout.strip())
	assert answer.status == 403 and answer.json()['details']['reason'] == 'scope', answer
	assert post(packed, '/v1/issue', key='k-4').status == 200


def test_without_a_token_nothing_is_unpacked():
	answer = node().http('POST', '/v1/issue', os.urandom(100), {'Content-Type': 'application/json',
		'Content-Encoding': 'gzip', 'Idempotency-Key': 'k'})
	assert answer.status == 401, answer


if __name__ == '__main__':
	try:
		tap.main(globals())
	finally:
		if 'node' in shared:
			shared['node'].stop()
			shared['node'].remove()

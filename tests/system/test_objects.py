"""Content objects over HTTP, OAP/1 and the command, against b3sum."""
import concurrent.futures
import hashlib
import os
import pathlib
import random
import struct
import subprocess

import tap
import wire
from harness import Node, eventually

OBJ_GET, OBJ_DATA, OBJ_PUT, OBJ_ACK = 0x0007, 0x0008, 0x0009, 0x000A
HELLO = 'b3:d74981efa70a0c880b8d8c1985d075dbcbf679b99a5f9914e5aaf96b831a9e24'
VECTORS = pathlib.Path(__file__).resolve().parents[1] / 'vectors'
CHUNK = 65536
shared = {}


def address(data):
	done = subprocess.run(['b3sum', '--no-names'], input=data, capture_output=True, check=True)
	return 'b3:' + done.stdout.decode().strip()


def some(count, seed):
	return random.Random(seed).randbytes(count)


def node():
	if 'node' not in shared:
		shared['node'] = Node().start()
		shared['token'] = shared['node'].environment['MACRONODE_TOKEN'] = shared['node'].mint()
	return shared['node'], shared['token']


def put(one, token, data, content_type='application/x-test', **headers):
	named = {'Content-Type': content_type} if content_type else {}
	return one.http('POST', '/put', data, {**named, **headers}, token=token)


def get(one, token, where, method='GET', **headers):
	return one.http(method, f'/o/{where}', headers={k.replace('_', '-'): v for k, v in headers.items()},
		token=token)


def files(one):
	return sorted(path.name for path in (one.profile.data / 'objects').iterdir())


def code(response):
	return response.json()['error']['code']


# --- HTTP ---------------------------------------------------------------------------------------


def test_hello_world_is_the_vector():
	one, token = node()
	data = (VECTORS / 'hello_world.bytes').read_bytes()
	for _ in range(2):  # putting it again is the same
		response = put(one, token, data, None)
		assert response.status == 201, response
		assert response.json() == {'id': HELLO, 'size': 11, 'chunks': 1}, response
	response = get(one, token, HELLO)
	assert (response.status, response.body) == (200, data), response
	assert response.headers['etag'] == f'"{HELLO}"'
	assert response.headers['content-type'] == 'application/octet-stream'
	assert response.headers['x-content-type-options'] == 'nosniff'
	assert response.headers['accept-ranges'] == 'bytes'
	stored = one.profile.data / 'objects' / HELLO[3:]
	assert stored.read_bytes() == data
	manifest = stored.with_suffix('.cbor').read_bytes()
	assert manifest[:-32] == (VECTORS / 'hello_world.manifest.cbor').read_bytes()
	assert f'b3:{manifest[-32:].hex()}' == address(manifest[:-32])


def test_objects_of_every_size_come_back():
	one, token = node()
	for size in (0, 1, 16384, 16385, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 300000, 1 << 20):
		data = some(size, size)
		response = put(one, token, data)
		assert response.status == 201, response
		assert response.json() == {'id': address(data), 'size': size,
			'chunks': -(-size // CHUNK)}, response
		got = get(one, token, address(data))
		assert got.status == 200 and got.body == data, (size, got.headers)
		assert got.headers['content-type'] == 'application/x-test'
		assert get(one, token, f'{address(data)}@{size}').body == data
		assert get(one, token, f'{address(data)}@{size + 1}').status == 404


def test_a_body_may_be_chunked_and_wait_to_be_let_in():
	one, token = node()
	data = some(200000, 'chunked')
	fields = {'Transfer-Encoding': 'chunked', 'Content-Type': 'a/b', 'Authorization': f'Bearer {token}'}
	with one.open_http() as http:
		http.send(wire.request('POST', '/put', headers=fields))
		for at in range(0, len(data), 7000):
			piece = data[at:at + 7000]
			http.send(b'%x\r\n' % len(piece) + piece + b'\r\n')
		http.send(b'0\r\n\r\n')
		assert http.response().json()['id'] == address(data)
		fields = {'Expect': '100-continue', 'Content-Type': 'a/b', 'Authorization': f'Bearer {token}',
			'Content-Length': str(len(data))}
		http.send(wire.request('POST', '/put', headers=fields))
		assert http.response().status == 100
		http.send(data)
		assert http.response().json()['id'] == address(data)


def test_a_client_that_ends_its_half_is_answered():
	one, token = node()
	data = some(900000, 'half')
	with one.open_http() as http:
		http.send(wire.request('POST', '/put', data,
			{'Content-Type': 'a/b', 'Authorization': f'Bearer {token}'}))
		http.socket.shutdown(1)
		assert http.response().json()['id'] == address(data)


def test_head_has_the_fields_of_get():
	one, token = node()
	data = some(100000, 'head')
	put(one, token, data, 'text/csv; header=present')
	varying = ('date', 'x-corr-id', 'x-request-id')
	heads = [{name: value for name, value in get(one, token, address(data), method).headers.items()
		if name not in varying} for method in ('GET', 'HEAD')]
	assert heads[0] == heads[1], heads
	assert heads[0]['content-length'] == '100000'
	assert heads[0]['content-type'] == 'text/csv; header=present'


def test_a_part_is_had():
	one, token = node()
	data = some(3 * CHUNK + 100, 'part')
	put(one, token, data)
	where = address(data)
	size = len(data)
	good = {
		'bytes=0-0': (0, 1), 'bytes=-1': (size - 1, size), 'bytes=5-': (5, size),
		f'bytes={CHUNK - 1}-{CHUNK}': (CHUNK - 1, CHUNK + 1), 'bytes=100-99999999': (100, size),
		f'bytes={2 * CHUNK}-{3 * CHUNK - 1}': (2 * CHUNK, 3 * CHUNK), 'bytes=-99999999': (0, size),
	}
	for text, (first, end) in good.items():
		response = get(one, token, where, Range=text)
		assert response.status == 206, (text, response.headers)
		assert response.headers['content-range'] == f'bytes {first}-{end - 1}/{size}', text
		assert response.body == data[first:end], text
		assert get(one, token, where, Range=text, If_Range=f'"{where}"').status == 206
		whole = get(one, token, where, Range=text, If_Range='"b3:other"')
		assert whole.status == 200 and whole.body == data
	for text in (f'bytes={size}-', 'bytes=-0', 'bytes=9-8', 'bytes=x', 'bytes='):
		response = get(one, token, where, Range=text)
		assert response.status == 416, (text, response)
		assert response.headers['content-range'] == f'bytes */{size}', text
	for text in ('bytes=0-1,5-6', 'lines=1-2'):
		response = get(one, token, where, Range=text)
		assert response.status == 200 and response.body == data, text


def test_what_a_client_has_is_not_sent_again():
	one, token = node()
	put(one, token, b'hello world', None)
	for tag, status in ((f'"{HELLO}"', 304), (f'W/"{HELLO}"', 304), (f'"x", "{HELLO}"', 304),
			('*', 304), ('"b3:x"', 200), (HELLO, 200)):
		for method in ('GET', 'HEAD'):
			response = get(one, token, HELLO, method, If_None_Match=tag)
			assert response.status == status, (tag, method, response)
			assert response.headers['etag'] == f'"{HELLO}"'
			assert 'immutable' in response.headers['cache-control']
	missing = HELLO[:-1] + '0'
	assert get(one, token, missing, If_None_Match=f'"{missing}"').status == 404
	with one.open_http() as http:  # the connection lives on behind a 304
		fields = {'Authorization': f'Bearer {token}'}
		assert http.request('GET', f'/o/{HELLO}', headers={**fields, 'If-None-Match': '*'}).status == 304
		assert http.request('GET', f'/o/{HELLO}', headers=fields).body == b'hello world'


def test_refusals():
	one, token = node()
	put(one, token, b'hello world', None)
	reader = one.mint('object.get')
	writer = one.mint('object.put')
	rows = [
		(put(one, None, b'x'), 401, 'InvalidCapability'),
		(put(one, reader, b'x'), 403, 'InvalidCapability'),
		(get(one, writer, HELLO), 403, 'InvalidCapability'),
		(get(one, None, HELLO), 401, 'InvalidCapability'),
		(get(one, token, HELLO.upper()), 400, 'BadRequest'),
		(get(one, token, HELLO + '@011'), 400, 'BadRequest'),
		(get(one, token, HELLO + '?x=1'), 400, 'BadRequest'),
		(get(one, token, HELLO[:-1] + '0'), 404, 'NotFound'),
		(put(one, token, b'x', 'multipart/form-data; boundary=x'), 415, 'UnsupportedMediaType'),
		(put(one, token, b'x', 'text'), 400, 'BadRequest'),
		(put(one, token, b'x', **{'Content-Encoding': 'gzip'}), 415, 'UnsupportedMediaType'),
		(put(one, token, bytes((1 << 20) + 1)), 413, 'FrameTooLarge'),
		(put(one, token, b'hello world', 'text/html'), 409, 'Conflict'),
		(one.http('DELETE', f'/o/{HELLO}', token=token), 405, 'MethodNotAllowed'),
		(one.http('GET', '/put', token=token), 405, 'MethodNotAllowed'),
	]
	for at, (response, status, name) in enumerate(rows):
		assert (response.status, code(response)) == (status, name), (at, response)
	assert get(one, reader, HELLO).status == 200
	assert put(one, writer, b'hello world', None).status == 201


def test_a_token_bounds_the_bytes():
	one, _ = node()
	done = one.cli('cap', 'mint', '--caveat', 'action=object.put', '--caveat', 'max-bytes=100000',
		'--caveat', 'ttl=600')
	token = done.stdout.strip()
	assert put(one, token, bytes(100000)).status == 201
	assert put(one, token, bytes(100001)).status == 403
	assert put_oap(one, token, bytes(100001))[0] == OBJ_PUT


# --- OAP/1 --------------------------------------------------------------------------------------


def put_head(token, size, content_type=b''):
	token = token.encode()
	return struct.pack('<H', len(token)) + token + struct.pack('<QH', size, len(content_type)) + content_type


def put_oap(one, token, data, content_type=b'', piece=CHUNK, size=None):
	"""(verb of the answer, its JSON)."""
	with one.open_oap() as oap:
		pieces = [data[at:at + piece] for at in range(0, len(data), piece)] or [b'']
		for at, one_piece in enumerate(pieces):
			head = put_head(token, len(data) if size is None else size, content_type) if at == 0 else b''
			last = at == len(pieces) - 1
			try:
				oap.send_frame(OBJ_PUT, head + one_piece, wire.REQ | (wire.END if last else wire.CONT), 7)
			except (BrokenPipeError, ConnectionResetError):
				break
		frame = oap.frame()
		assert frame.flags == wire.RESP | wire.END and frame.corr_id == 7, frame
		return frame.verb, frame.payload


def get_oap(one, token, where):
	with one.open_oap() as oap:
		oap.send_frame(OBJ_GET, wire.write_payload(token, where.encode()), corr_id=9)
		first, data = oap.frame(), b''
		while True:
			frame = oap.frame() if first.flags & wire.EVENT else first
			data += frame.payload
			if frame.flags & wire.END:
				return first, frame.verb, data


def test_an_object_goes_over_the_local_socket():
	one, token = node()
	for size, piece in ((0, CHUNK), (5, CHUNK), (CHUNK, CHUNK), (CHUNK, 1000), (700001, 65535),
			(700002, CHUNK), (900000, 1 << 20)):
		data = some(size, f'oap{size}')
		verb, answer = put_oap(one, token, data, b'application/x-test', piece)
		assert verb == OBJ_ACK, answer
		assert answer.decode() == (f'{{"id":"{address(data)}","size":{size},'
			f'"chunks":{-(-size // CHUNK)},"accepted":true}}')
		first, verb, got = get_oap(one, token, address(data))
		assert (first.verb, first.flags) == (OBJ_DATA, wire.EVENT)
		assert first.payload.decode() == f'{{"size":{size},"content_type":"application/x-test"}}'
		assert (verb, got) == (OBJ_DATA, data)


def test_frames_that_do_not_go_on_are_refused():
	one, token = node()
	before = files(one)
	data = some(3 * CHUNK, 'frames')
	head = put_head(token, len(data))
	cont, end = wire.REQ | wire.CONT, wire.REQ | wire.END
	rows = [
		# frames behind the first: flags, corr_id, verb, payload
		([(cont, 7, OBJ_PUT, head + data[:CHUNK]), (cont, 8, OBJ_PUT, data[:CHUNK])], b'BadRequest'),
		([(cont, 7, OBJ_PUT, head + data[:CHUNK]), (cont, 7, OBJ_GET, data[:CHUNK])], b'BadRequest'),
		([(cont, 7, OBJ_PUT, head + data[:CHUNK]), (cont, 7, OBJ_PUT, data[:CHUNK + 1])], b'ChunkTooLarge'),
		([(cont, 7, OBJ_PUT, head + data[:CHUNK]), (end, 7, OBJ_PUT, data[:CHUNK])], b'BadRequest'),
		([(cont, 7, OBJ_PUT, head + data[:CHUNK]), (cont, 7, OBJ_PUT, data[:CHUNK]),
			(cont, 7, OBJ_PUT, data[:CHUNK])], b'BadRequest'),
		([(cont, 7, OBJ_PUT, head + data[:CHUNK]), (cont, 7, OBJ_PUT, b'')], b'BadRequest'),
		([(cont, 7, OBJ_PUT, head + data[:CHUNK + 1])], b'ChunkTooLarge'),
		([(end, 7, OBJ_PUT, head + data[:CHUNK])], b'BadRequest'),
		([(cont, 7, OBJ_PUT, put_head(token, 1 << 40))], b'BadRequest'),
		([(end, 7, OBJ_PUT, put_head(token, 0)[:-1])], b'BadRequest'),
		([(end, 7, OBJ_PUT, put_head(token, 1, b'x' * 128) + b'x')], b'BadRequest'),
		([(end, 7, OBJ_PUT, put_head(token, 1, b'text') + b'x')], b'BadRequest'),
		([(cont, 7, OBJ_PUT, put_head('no token', len(data)) + data[:CHUNK])], b'AuthFailed'),
	]
	for at, (frames, name) in enumerate(rows):
		with one.open_oap() as oap:
			for flags, corr_id, verb, payload in frames:
				oap.send_frame(verb, payload, flags, corr_id)
			frame = oap.frame()
			assert frame.verb == OBJ_PUT and b'"code":"' + name + b'"' in frame.payload, (at, frame)
	eventually(lambda: files(one) == before, 'nothing is left of them')


def test_who_hangs_up_leaves_nothing():
	one, token = node()
	before = files(one)
	data = some(20 * CHUNK, 'interrupted')
	with one.open_oap() as oap:
		oap.send_frame(OBJ_PUT, put_head(token, len(data)) + data[:CHUNK], wire.REQ | wire.CONT)
		for at in range(1, 10):
			oap.send_frame(OBJ_PUT, data[at * CHUNK:(at + 1) * CHUNK], wire.REQ | wire.CONT)
		eventually(lambda: len(files(one)) == len(before) + 1, 'it has begun')
	eventually(lambda: files(one) == before, 'nothing is left of it')
	assert get(one, token, address(data)).status == 404
	with one.open_http() as http:
		http.send(wire.request('POST', '/put', headers={'Content-Length': '500000',
			'Content-Type': 'a/b', 'Authorization': f'Bearer {token}'}) + data[:300000])
		eventually(lambda: len(files(one)) == len(before) + 1, 'it has begun')
	eventually(lambda: files(one) == before, 'nothing is left of it')


def test_64_mib_go_both_ways():
	one, token = node()
	path = one.directory / 'big'
	with open(path, 'wb') as file:
		for at in range(64):
			file.write(some(1 << 20, at))
	environment = {**one.environment, 'MACRONODE_TOKEN': token}
	one.environment = environment
	done = one.cli('object', 'put', str(path), '--content-type', 'application/x-big')
	where = 'b3:' + subprocess.run(['b3sum', '--no-names', path], capture_output=True,
		check=True).stdout.decode().strip()
	assert done.stdout.strip() == where, done
	done = one.cli('object', 'get', where, '-o', str(path) + '.back')
	assert done.stdout.startswith('good: 67108864 bytes'), done
	digests = [hashlib.sha256(open(name, 'rb').read()).digest() for name in (path, str(path) + '.back')]
	assert digests[0] == digests[1]
	response = get(one, token, where)
	assert response.status == 200 and hashlib.sha256(response.body).digest() == digests[0]
	tail = get(one, token, where, Range='bytes=-1000')
	assert tail.body == response.body[-1000:]
	with open(path, 'ab') as file:
		file.write(b'x')
	done = one.cli('object', 'put', str(path), check=False)
	assert done.returncode == 1 and 'FrameTooLarge' in done.stderr, done
	done = one.cli('object', 'get', HELLO[:-1] + '0', '-o', str(path) + '.none', check=False)
	assert done.returncode == 1 and 'NotFound' in done.stderr, done
	assert not os.path.exists(str(path) + '.none') and not os.path.exists(str(path) + '.none.part')


def test_a_reader_that_stands_still_holds_up_nobody():
	one, token = node()
	data = some(1 << 20, 'slow')
	put(one, token, data)
	readers = []
	for _ in range(20):
		oap = one.open_oap()
		oap.send_frame(OBJ_GET, wire.write_payload(token, address(data).encode()))
		readers.append(oap)
	assert get(one, token, address(data)).body == data
	assert one.http('GET', '/roots').status == 200
	for oap in readers:
		oap.socket.close()


# --- damage, quota, crashes ---------------------------------------------------------------------


def test_damage_is_never_served():
	one, token = node()
	data = some(5 * CHUNK, 'damage')
	where = address(data)
	put(one, token, data)
	path = one.profile.data / 'objects' / where[3:]
	before = one.metric('integrity_fail_total')
	with open(path, 'r+b') as file:
		file.seek(10)
		file.write(bytes([data[10] ^ 1]))
	response = get(one, token, where)
	assert (response.status, code(response)) == (502, 'IntegrityFail'), response
	assert one.metric('integrity_fail_total') == before + 1
	part = get(one, token, where, Range=f'bytes={CHUNK}-')  # the other chunks are sound
	assert part.status == 206 and part.body == data[CHUNK:]
	done = one.cli('object', 'get', where, check=False)
	assert done.returncode == 1 and 'IntegrityFail' in done.stderr, done
	with open(path, 'r+b') as file:
		file.seek(10)
		file.write(data[10:11])
		file.seek(4 * CHUNK)
		file.write(bytes([data[4 * CHUNK] ^ 1]))
	try:  # its head says how long it is, and it is cut off before the bad chunk
		get(one, token, where)
		raise AssertionError('a damaged object was served')
	except wire.Closed as closed:
		assert data.startswith(closed.received), len(closed.received)
	one.logged('object_damaged', object=where[3:19])
	assert put(one, token, data).status == 201  # which mends it
	assert get(one, token, where).body == data


def test_the_quota_holds():
	with Node({'objects': {'quota_bytes': '2MiB', 'max_object_bytes': '1MiB'}}) as one:
		token = one.mint()
		assert put(one, token, some(1 << 20, 1)).status == 201
		response = put(one, token, some(1 << 20, 2))
		assert (response.status, code(response)) == (429, 'QuotaExceeded'), response
		assert int(response.headers['retry-after']) >= 1
		verb, answer = put_oap(one, token, some(1 << 20, 2))
		assert verb == OBJ_PUT and b'QuotaExceeded' in answer
		verb, answer = put_oap(one, token, some((1 << 20) + 1, 2))
		assert verb == OBJ_PUT and b'FrameTooLarge' in answer
		assert put(one, token, some(1000, 3)).status == 201
		assert one.metric('objects') == 2
		assert 1 << 20 < one.metric('object_bytes') < 2 << 20


def acknowledged(one, token, seed):
	"""Puts one object after another until the node is gone; those that it said it has."""
	kept = []
	try:
		while True:
			data = some(150000 + len(kept), f'{seed}/{len(kept)}')
			response = put(one, token, data)
			if response.status == 201:
				kept.append(data)
			elif response.status not in (429, 503):
				raise AssertionError(repr(response))
			if len(kept) > 400 or shared.get('stop'):
				return kept
	except (OSError, wire.Closed):
		return kept


def test_what_was_acknowledged_outlives_kills():
	shared['stop'] = False
	with Node({'limits': {'rps': 0}}) as one:
		token = one.mint()
		with concurrent.futures.ThreadPoolExecutor(4) as pool:
			running = [pool.submit(acknowledged, one, token, seed) for seed in range(4)]
			for count in (5, 10, 15):
				eventually(lambda: one.metric('object_puts_total') >= count, 'objects come')
				one.replace_worker('archive')
			shared['stop'] = True
			kept = [data for future in running for data in future.result()]
		assert len(kept) > 10
		for data in kept:
			assert get(one, token, address(data)).body == data
		one.kill_all()
		one.start()
		for data in kept:
			assert get(one, token, address(data)).body == data
		names = files(one)
		assert not [name for name in names if name.endswith('.tmp')], names
		assert one.metric('objects') == len([name for name in names if name.endswith('.cbor')])


def test_with_amnesia_no_object_is_on_a_disk():
	try:
		one = Node(amnesia=True).start()
	except Exception as error:  # no mount namespaces here: test_amnesia says which
		raise tap.Skip(f'a node with amnesia does not start here: {error}') from error
	try:
		token = one.mint()
		assert put(one, token, b'forget me').status == 201
		assert get(one, token, address(b'forget me')).body == b'forget me'
		assert not list(one.profile.data.glob('objects/*'))
	finally:
		one.stop()
		one.remove()


def test_zz_the_shared_node_stops_in_order():
	one, _ = node()
	accused = [line for line in one.log() if line['event'] in ('accused', 'worker_died')]
	assert not accused, accused
	assert one.stop() == 0
	one.remove()


if __name__ == '__main__':
	tap.main(globals())

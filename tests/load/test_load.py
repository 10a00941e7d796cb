"""The load client against a node of our own making: what it must count, and send again."""
import base64
import collections
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'system'))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'crash'))
import ledger_check  # noqa: E402
import tap  # noqa: E402
import wire  # noqa: E402

LOAD = pathlib.Path(os.environ['MACRONODE_BUILD']) / 'tests/load/load'
CAPABILITY = bytes(range(16))
ROOT = 'ab' * 32


def token():
	"""The shape of a macaroon v2 of ours, as far as its identifier."""
	identifier = bytes([1]) + bytes(4) + CAPABILITY + bytes(24)
	raw = bytes([2, 1, 1, ord('x'), 2, len(identifier)]) + identifier + bytes([0])
	return base64.urlsafe_b64encode(raw).decode().rstrip('=')


class FakeNode:
	"""Answers each request on a socket with what `answer(self, stream, request)` sends."""

	def __init__(self, stream, answer):
		self.stream = stream
		self.answer = answer
		self.bodies = []
		self.seq = 0
		self.lock = threading.Lock()
		self.listener = socket.create_server(('127.0.0.1', 0))
		self.address = '127.0.0.1:%d' % self.listener.getsockname()[1]

	def __enter__(self):
		threading.Thread(target=self.accept, daemon=True).start()
		return self

	def __exit__(self, *_):
		self.listener.close()

	def accept(self):
		while True:
			try:
				connected, _ = self.listener.accept()
			except OSError:
				return
			threading.Thread(target=self.serve, args=[connected], daemon=True).start()

	def serve(self, connected):
		with self.stream(connected) as stream:
			try:
				while self.answer(self, stream):
					pass
			except (OSError, wire.Closed):
				pass

	def commit(self, count):
		with self.lock:
			first = self.seq + 1
			self.seq += count
			return {'accepted': True, 'seq_start': first, 'seq_end': self.seq,
				'new_root': ROOT, 'reasons': []}


def read_request(node, http):
	head = http.take_until(b'\r\n\r\n').decode()
	count = int(head.lower().split('content-length: ')[1].split('\r\n')[0])
	body = http.take(count)
	with node.lock:
		node.bodies.append(body)
	return head, json.loads(body)


def respond(http, status, body, *fields):
	text = json.dumps(body, separators=(',', ':')).encode()
	lines = [f'HTTP/1.1 {status} X', f'Content-Length: {len(text)}', *fields]
	http.send('\r\n'.join(lines).encode() + b'\r\n\r\n' + text)


def load(*words):
	done = subprocess.run([LOAD, *map(str, words)], text=True, capture_output=True, timeout=60,
		env={'TOKEN': token()})
	assert done.returncode == 0, done
	return json.loads(done.stdout)


def test_every_entry_is_what_the_checker_computes():
	def answer(node, http):
		head, body = read_request(node, http)
		assert f'Authorization: Bearer {token()}\r\n' in head
		respond(http, 200, node.commit(len(body['batch'])))
		return True

	for mode, kind in (('ingest', 'Transfer'), ('mint', 'Mint')):
		with FakeNode(wire.Http, answer) as node:
			told = load(mode, '--to', node.address, '--entries', 3, '--total', 30,
				'--accounts', 7, '--seed', 5, '--connections', 2)
		assert (told['requests'], told['entries'], told['statuses']) == (10, 30, {'200': 10})
		entries = [one for body in node.bodies for one in json.loads(body)['batch']]
		assert len(entries) == 30
		for one in entries:
			seed, number = ledger_check.nonce_parts(base64.b64decode(one['nonce']))
			wanted = ledger_check.sent_entry(mode, seed, number, 7)
			assert seed == 5 and one['kind'] == kind and one['v'] == 1
			assert (one['id'], one['account'], int(one['amount'])) == (
				wanted.id, wanted.account, wanted.amount)
			assert one.get('counter_account', '') == wanted.counter_account != one['account']
			assert one['capability_ref'] == CAPABILITY.hex()
		assert len({one['nonce'] for one in entries}) == len({one['id'] for one in entries}) == 30


def test_a_request_without_an_answer_or_with_a_later_is_sent_again_as_it_was():
	seen = collections.Counter()

	def answer(node, http):
		_, body = read_request(node, http)
		nonce = body['batch'][0]['nonce']
		with node.lock:
			seen[nonce] += 1
			turn = seen[nonce]
		if turn == 1:
			return False
		if turn == 2:
			respond(http, 503, {}, 'Connection: close')
			return False
		if turn == 3:
			respond(http, 429, {})
		else:
			respond(http, 200, node.commit(2))
		return True

	with tempfile.TemporaryDirectory() as directory, FakeNode(wire.Http, answer) as node:
		acks = pathlib.Path(directory) / 'acks'
		told = load('ingest', '--to', node.address, '--entries', 2, '--total', 6, '--connections', 3,
			'--backoff-ms', 20, '--acks', acks)
		lines = [line.split() for line in acks.read_text().splitlines()]
	assert told['requests'] == 3 and told['retries'] == 9 and told['lost'] == 3
	assert told['statuses'] == {'200': 3, '429': 3, '503': 3}
	assert len(node.bodies) == 12 and len(set(node.bodies)) == 3
	assert sorted(line[0] for line in lines) == ['0', '2', '4']
	assert sorted((line[3], line[4]) for line in lines) == [('1', '2'), ('3', '4'), ('5', '6')]
	assert all(line[1] == '2' and line[5] == ROOT and line[6] == '4' for line in lines)


def test_what_is_refused_or_never_answered_is_counted_and_not_acknowledged():
	def refuse(node, http):
		read_request(node, http)
		respond(http, 403, {'accepted': False})
		return True

	def be_silent(node, http):
		read_request(node, http)
		return True

	with FakeNode(wire.Http, refuse) as node:
		told = load('ingest', '--to', node.address, '--total', 4)
	assert (told['requests'], told['refused'], told['abandoned']) == (0, 4, 0)
	with FakeNode(wire.Http, be_silent) as node:
		told = load('ingest', '--to', node.address, '--total', 1, '--timeout-ms', 50,
			'--retry-ms', 200, '--backoff-ms', 10)
	assert told['requests'] == 0 and told['abandoned'] == 1 and told['timeouts'] >= 2


def test_a_reply_with_another_correlation_id_is_wrong():
	def answer(node, oap):
		frame = oap.frame()
		with node.lock:
			node.seq += 1
			turn = node.seq
		corr_id = frame.corr_id ^ (turn % 5 == 0)
		verb = frame.verb if turn % 7 == 0 else 2
		payload = b'{"ready":false,"echoed":%s}' % (b'false' if turn % 11 == 0 else b'true')
		oap.send(wire.encode_frame(wire.Frame(wire.RESP | wire.END, 0, corr_id, verb, payload)))
		return True

	with FakeNode(wire.Oap, answer) as node:
		told = load('ping', '--to', node.address, '--total', 35, '--backoff-ms', 1)
	assert (told['wrong'], told['errors'], told['requests']) == (7, 7, 21)


if __name__ == '__main__':
	tap.main(globals())

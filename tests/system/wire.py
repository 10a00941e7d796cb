"""What a client says to a node, byte by byte: HTTP/1.1 responses and OAP/1 frames.

The standard library's client refuses to send what a test of a strict server must send, and
hides how a connection ended; so requests are bytes here.
"""
import collections
import contextlib
import json
import socket
import struct

REQ, RESP, EVENT, CONT, END, COMP = 1, 2, 4, 8, 16, 32
FRAME_HEAD = struct.Struct('<IBH16sQH')
FRAME_LEN_MAX = 1 << 20
FRAME_LEN_MIN = FRAME_HEAD.size - 4

Frame = collections.namedtuple('Frame', 'flags tenant_id corr_id verb payload')


class Closed(Exception):
	"""The peer closed before the answer was whole; .received holds what came."""

	def __init__(self, received):
		super().__init__(f'closed after {len(received)} bytes: {received[:500]!r}')
		self.received = received


class Response:
	def __init__(self, status, headers, body):
		self.status = status
		self.headers = headers  # lower-case name -> value; the last one wins
		self.body = body

	def json(self):
		return json.loads(self.body)

	def __repr__(self):
		return f'{self.status} {self.headers} {self.body[:500]!r}'


class Stream:
	"""A connected socket with a buffer; every read has the socket's time-out."""

	def __init__(self, connected, seconds=30):
		self.socket = connected
		self.socket.settimeout(seconds)
		self.buffer = bytearray()  # grows in place: a node lets a slow reader go

	def __enter__(self):
		return self

	def __exit__(self, *_):
		self.socket.close()

	def send(self, data):
		self.socket.sendall(data)

	def fill(self):
		data = self.socket.recv(65536)
		if not data:
			raise Closed(bytes(self.buffer))
		self.buffer += data

	def take(self, count):
		while len(self.buffer) < count:
			self.fill()
		data = bytes(self.buffer[:count])
		del self.buffer[:count]
		return data

	def take_until(self, mark):
		while mark not in self.buffer:
			self.fill()
		return self.take(self.buffer.index(mark) + len(mark))

	def read_to_end(self):
		"""All that comes until the peer closes."""
		try:
			while True:
				self.fill()
		except (Closed, ConnectionResetError):
			return self.take(len(self.buffer))

	def is_closed_by_peer(self):
		"""True once the peer has closed and nothing unread is left; waits for one or the other."""
		try:
			while not self.buffer:
				self.fill()
			return False
		except (Closed, ConnectionResetError):
			return True


class Http(Stream):
	def request(self, method, target, body=None, headers=None, host='localhost'):
		with contextlib.suppress(BrokenPipeError, ConnectionResetError):
			self.send(request(method, target, body, headers, host))
		return self.response(method)  # whoever refuses a body does not read all of it

	def response(self, method='GET'):
		"""Reads one response; 1xx ones are returned too."""
		head = self.take_until(b'\r\n\r\n').decode('latin-1')
		status_line, *lines = head[:-4].split('\r\n')
		version, status, *_ = status_line.split(' ')
		if version != 'HTTP/1.1':
			raise AssertionError(f'not a status line: {status_line!r}')
		headers = {}
		for line in lines:
			name, _, value = line.partition(':')
			headers[name.lower()] = value.strip()
		status = int(status)
		if method == 'HEAD' or status < 200 or status in (204, 304):
			return Response(status, headers, b'')
		if headers.get('transfer-encoding') == 'chunked':
			return Response(status, headers, self.chunks())
		if 'content-length' in headers:
			return Response(status, headers, self.take(int(headers['content-length'])))
		return Response(status, headers, self.read_to_end())

	def chunks(self):
		body = b''
		while True:
			count = int(self.take_until(b'\r\n')[:-2], 16)
			body += self.take(count)
			if self.take(2) != b'\r\n':
				raise AssertionError('a chunk without its end')
			if count == 0:
				return body


class Oap(Stream):
	def send_frame(self, verb, payload=b'', flags=REQ, corr_id=1, tenant_id=0):
		self.send(encode_frame(Frame(flags, tenant_id, corr_id, verb, payload)))

	def frame(self):
		(count,) = struct.unpack('<I', self.take(4))
		if not FRAME_LEN_MIN <= count <= FRAME_LEN_MAX:
			raise AssertionError(f'a frame of length {count}')
		return decode_frame(struct.pack('<I', count) + self.take(count))

	def call(self, verb, payload=b'', corr_id=1):
		"""One request; the payload of its whole reply, CONT frames joined, and the last frame."""
		self.send_frame(verb, payload, corr_id=corr_id)
		joined = b''
		while True:
			frame = self.frame()
			if frame.corr_id != corr_id:
				raise AssertionError(f'asked {corr_id}, answered {frame.corr_id}')
			joined += frame.payload
			if not frame.flags & CONT or frame.flags & END:
				return joined, frame


def request(method, target, body=None, headers=None, host='localhost'):
	fields = {'Host': host}
	if body is not None:
		fields['Content-Length'] = str(len(body))
	fields.update(headers or {})
	lines = [f'{method} {target} HTTP/1.1'] + [f'{name}: {value}' for name, value in fields.items()]
	return ('\r\n'.join(lines) + '\r\n\r\n').encode('latin-1') + (body or b'')


def encode_frame(frame):
	return FRAME_HEAD.pack(FRAME_LEN_MIN + len(frame.payload), 1, frame.flags,
		frame.tenant_id.to_bytes(16, 'little'), frame.corr_id, frame.verb) + frame.payload


def decode_frame(data):
	_, version, flags, tenant_id, corr_id, verb = FRAME_HEAD.unpack_from(data)
	if version != 1:
		raise AssertionError(f'a frame of version {version}')
	return Frame(flags, int.from_bytes(tenant_id, 'little'), corr_id, verb, data[FRAME_HEAD.size:])


def write_payload(token, body):
	"""Payload of a public write verb: u16 length, token, JSON body of the HTTP route."""
	token = token.encode()
	return struct.pack('<H', len(token)) + token + body


def connect_tcp(address, seconds=30):
	host, port = address.rsplit(':', 1)
	return socket.create_connection((host, int(port)), timeout=seconds)


def connect_unix(path, seconds=30):
	connected = socket.socket(socket.AF_UNIX)
	connected.settimeout(seconds)
	connected.connect(str(path))
	return connected

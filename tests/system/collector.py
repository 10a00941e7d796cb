"""A collector of OTLP over HTTP that keeps what it is sent, and misbehaves on demand.

	with Collector() as collector:
		...otel.endpoint = collector.url...
		spans = eventually(collector.spans, 'spans')

What is no OTLP/JSON as opentelemetry-proto describes it is kept in `errors`."""
import json
import re
import socket
import threading

HEX_ID = re.compile(r'^[0-9a-f]+$')


def check_span(span):
	"""What is wrong with it; '' if nothing."""
	known = {'traceId', 'spanId', 'parentSpanId', 'name', 'kind', 'startTimeUnixNano',
		'endTimeUnixNano', 'attributes', 'status'}
	if set(span) - known:
		return f'members {set(span) - known}'
	for name, length in (('traceId', 32), ('spanId', 16), ('parentSpanId', 16)):
		value = span.get(name)
		if value is None and name == 'parentSpanId':
			continue
		if not isinstance(value, str) or len(value) != length or not HEX_ID.match(value) \
				or set(value) == {'0'}:
			return f'{name} {value!r}'
	for name in ('startTimeUnixNano', 'endTimeUnixNano'):
		if not isinstance(span[name], str) or not span[name].isdigit():
			return f'{name} {span[name]!r}'
	if int(span['startTimeUnixNano']) > int(span['endTimeUnixNano']):
		return 'it ends before it begins'
	if not span['name'] or span['kind'] not in (1, 2) or span['status']['code'] not in (0, 1, 2):
		return 'name, kind or status'
	return check_attributes(span['attributes'])


def check_attributes(attributes):
	names = [one['key'] for one in attributes]
	if len(set(names)) != len(names):
		return f'twice: {names}'
	for one in attributes:
		(kind, value), = one['value'].items()
		if kind == 'intValue' and not (isinstance(value, str) and value.isdigit()):
			return f'{one}'
		if kind not in ('intValue', 'stringValue') or not isinstance(value, str):
			return f'{one}'
	return ''


def attributes_of(span):
	return {one['key']: next(iter(one['value'].values())) for one in span['attributes']}


class Collector:
	def __init__(self, port=0):
		self.listener = socket.create_server(('127.0.0.1', port))
		self.port = self.listener.getsockname()[1]
		self.url = f'http://127.0.0.1:{self.port}'
		self.behave = self.accept
		self.requests = []  # (head, body), also of those that were refused
		self.kept = []
		self.errors = []
		self.held = []
		self.closing = False
		self.thread = threading.Thread(target=self.run, daemon=True)

	def __enter__(self):
		self.thread.start()
		return self

	def __exit__(self, *_):
		self.close()

	def close(self):
		if not self.closing:
			self.closing = True
			socket.create_connection(('127.0.0.1', self.port)).close()  # wakes accept
			self.thread.join()
			self.listener.close()
			for one in self.held:
				one.close()

	def run(self):
		while True:
			connection, _ = self.listener.accept()
			if self.closing:
				connection.close()
				return
			connection.settimeout(30)
			try:
				self.behave(connection)
			except OSError as error:
				self.errors.append(repr(error))

	def read(self, connection):
		data = b''
		while b'\r\n\r\n' not in data:
			got = connection.recv(65536)
			if not got:
				raise OSError('the request is cut in its head')
			data += got
		head, _, body = data.partition(b'\r\n\r\n')
		length = int(re.search(rb'\r\nContent-Length: (\d+)', head)[1])
		while len(body) < length:
			got = connection.recv(65536)
			if not got:
				raise OSError('the request is cut in its body')
			body += got
		if len(body) != length:
			self.errors.append('more than Content-Length')
		self.requests.append((head.decode(), body))
		return body

	def keep(self, body):
		for resource in json.loads(body)['resourceSpans']:
			wrong = check_attributes(resource['resource']['attributes'])
			self.errors += [wrong] if wrong else []
			for scope in resource['scopeSpans']:
				for span in scope['spans']:
					wrong = check_span(span)
					self.errors += [f'{wrong}: {span}'] if wrong else []
					self.kept.append(span)

	def spans(self):
		assert not self.errors, self.errors
		return list(self.kept)

	def trace(self, corr_id):
		"""The spans of that request, or [] as long as its root is not here."""
		found = [one for one in self.spans() if attributes_of(one).get('corr_id') == corr_id]
		return found if any(one['kind'] == 2 for one in found) else []

	# --- behaviours -------------------------------------------------------------------

	def accept(self, connection):
		self.keep(self.read(connection))
		self.answer(connection, b'200 OK', b'{"partialSuccess":{}}')

	def answer(self, connection, status, body=b'', fields=b''):
		connection.sendall(b'HTTP/1.1 ' + status + b'\r\nContent-Type: application/json\r\n' + fields +
			b'Content-Length: %d\r\n\r\n' % len(body) + body)
		connection.close()

	def refuse(self, status, fields=b''):
		def behave(connection):
			self.read(connection)
			self.answer(connection, status, b'{"code":3,"message":"no"}', fields)
		return behave

	def hold(self, connection):
		"""Takes the connection and says nothing."""
		self.held.append(connection)

	def garbage(self, connection):
		self.read(connection)
		connection.sendall(b'\x00\xff' * 50 + b'HTTP/1.1 200 OK\r\n\r\n')
		connection.close()

	def endless(self, connection):
		"""A head without end, as long as somebody reads."""
		self.read(connection)
		try:
			connection.sendall(b'HTTP/1.1 200 OK\r\n' + b'X: y\r\n' * 1_000_000)
		except OSError:
			pass
		connection.close()

	def long_body(self, connection):
		self.keep(self.read(connection))
		try:
			connection.sendall(b'HTTP/1.1 200 OK\r\n\r\n' + b'x' * 10_000_000)
		except OSError:
			pass
		connection.close()

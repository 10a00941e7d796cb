"""Many connections at once from one process, for tests and for scripts/bench: held, half asking, or
asking and never listening. They come from the addresses of 127.0.0.0/8 in turn."""
import errno
import resource
import selectors
import socket

SPARE_FILES = 200  # of the process that floods
GONE = (errno.ECONNRESET, errno.EPIPE, errno.ECONNREFUSED, errno.ETIMEDOUT)

HELLO = {
	'idle': b'',
	'half_a_head': b'GET /roots HTTP/1.1\r\nHost: loc',
	'half_a_body': b'POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n'
		b'Content-Length: 4000\r\n\r\n{"batch":[',
	'deaf': b'GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n' * 16,
	'asking': b'GET /roots?since=0 HTTP/1.1\r\nHost: localhost\r\n\r\n' * 8,
}

KINDS = ('idle', 'half_a_head', 'half_a_body', 'deaf') * 4 + ('asking',)  # in turn


def files_for(count):
	"""True when this process may have so many sockets."""
	soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
	wanted = count + SPARE_FILES
	if soft < wanted <= hard:
		resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
	return resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= wanted


class Flood:
	def __init__(self, address, count, kinds=KINDS, sources=16):
		host, _, port = address.rpartition(':')
		self.to = (host, int(port))
		self.count = count
		self.kinds = kinds
		self.sources = sources
		self.opened = 0
		self.selector = selectors.DefaultSelector()
		self.left = {}  # socket -> what it has to say still

	def __enter__(self):
		return self

	def __exit__(self, *_):
		for one in list(self.left):
			self.forget(one)
		self.selector.close()

	def open(self, at_most=None):
		"""Opens what is missing, at most so many; those that were turned away are opened anew."""
		for _ in range(min(self.count - len(self.left), at_most or self.count)):
			one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
			one.setblocking(False)
			one.bind((f'127.0.0.{1 + self.opened % self.sources}', 0))
			try:
				one.connect(self.to)
			except BlockingIOError:
				pass
			except OSError:
				one.close()
				continue
			hello = HELLO[self.kinds[self.opened % len(self.kinds)]]
			self.left[one] = hello
			self.selector.register(one, self.events_of(hello, hello), hello)
			self.opened += 1

	@staticmethod
	def events_of(left, hello):
		listens = selectors.EVENT_READ if hello != HELLO['deaf'] else 0
		return listens | (selectors.EVENT_WRITE if left else 0)

	def turn(self):
		"""Says what each has to say; hears those that listen; forgets those that were closed."""
		for key, events in self.selector.select(0):
			try:
				self.serve(key.fileobj, key.data, events)
			except BlockingIOError:
				pass
			except OSError as error:
				if error.errno not in GONE:
					raise
				self.forget(key.fileobj)

	def serve(self, one, hello, events):
		if events & selectors.EVENT_READ and one.recv(65536) == b'':
			self.forget(one)
			return
		if events & selectors.EVENT_WRITE:
			left = self.left[one][one.send(self.left[one]):]
			if not left and hello == HELLO['asking']:
				left = hello
			self.left[one] = left
			wanted = self.events_of(left, hello)
			if wanted:
				self.selector.modify(one, wanted, hello)
			else:
				self.selector.unregister(one)  # deaf, and it has said all

	def forget(self, one):
		if one in self.selector.get_map():
			self.selector.unregister(one)
		one.close()
		del self.left[one]

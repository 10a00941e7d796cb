"""A real node for a test: its own directory, ports and settings, gone afterwards.

	with Node({'limits': {'rps': 5}}) as node:
		assert node.http('GET', '/healthz').status == 200

Starting and stopping are those of scripts/dev up (scripts/lib/node.py). Nothing here waits a
fixed time: `eventually` waits for a condition, with a limit that a loaded machine keeps. Only
processes that this node started are signalled, by pid and start time.
"""
import base64
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / 'scripts/lib'))
import node as nodes  # noqa: E402
import tap  # noqa: E402
import wire  # noqa: E402

BUILD = pathlib.Path(os.environ.get('MACRONODE_BUILD', nodes.CHECKOUT / 'build-test')).resolve()
GENEROUS_SECONDS = 60
# What a node gives up after is a matter of a case that is about it. For all others it is long: a machine
# that stands still for a second must not turn an answer into a refusal.
PATIENT = {
	'kms': {'timeout': '30s'},
	'limits': {'req_timeout': '30s'},
	'readiness': {'committer_lag_ms_max': 30000},
}
OUR_VARIABLES = re.compile(r'^(MACRO|RON|SVC|OTEL|PQ|TLS)_|^AMNESIA$')
SAMPLE = re.compile(r'^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: |$)')
LABEL = re.compile(r'(\w+)="((?:\\.|[^"\\])*)"')


def eventually(condition, what, seconds=GENEROUS_SECONDS):
	"""The first true value of condition(); fails naming `what`, and the last value or error."""
	deadline = time.monotonic() + seconds
	while True:
		try:
			last = condition()
			if last:
				return last
		except (OSError, wire.Closed) as error:
			last = error
		if time.monotonic() > deadline:
			raise AssertionError(f'{what}: not within {seconds} s; last: {last!r}')
		time.sleep(0.02)


def parse_metrics(text):
	"""{(name, (('label', 'value'), ...)): number}, labels sorted."""
	samples = {}
	for line in text.splitlines():
		if not line or line.startswith('#'):
			continue
		match = SAMPLE.match(line)
		if not match:
			raise AssertionError(f'not a sample: {line!r}')
		labels = tuple(sorted(LABEL.findall(match[2] or '')))
		if (match[1], labels) in samples:
			raise AssertionError(f'twice: {line!r}')
		samples[match[1], labels] = float(match[3])
	return samples


def entry(kind, account, amount, **members):
	"""One entry of an IngestRequest with a fresh id and nonce; members override."""
	made = {
		'id': str(uuid.uuid4()), 'ts': int(time.time() * 1000), 'kind': kind, 'account': account,
		'amount': str(amount), 'nonce': base64.b64encode(os.urandom(16)).decode(), 'v': 1,
	}
	made.update(members)
	return made


def patient(overrides):
	"""Those settings, and above them PATIENT's."""
	settings = {section: dict(keys) for section, keys in PATIENT.items()}
	for section, keys in (overrides or {}).items():
		settings.setdefault(section, {}).update(keys)
	return settings


def clean_environment():
	"""Ours without what would configure a node."""
	return {name: value for name, value in os.environ.items() if not OUR_VARIABLES.match(name)}


@contextlib.contextmanager
def small_disk(one, size):
	"""Starts a node, which is gone afterwards, whose data directory is a file system of its own."""
	mount = ['mount', '-t', 'tmpfs', '-o', f'size={size},mode=0711', 'none', one.profile.data]
	if os.geteuid() != 0:
		one.remove()
		raise tap.Skip('needs root, to mount a small file system')
	done = subprocess.run(mount, capture_output=True, text=True, timeout=60)
	if done.returncode != 0:
		one.remove()
		raise tap.Skip(f'cannot mount a small file system: {done.stderr.strip()}')
	try:
		yield one.start()
	finally:
		try:
			one.stop()
		finally:
			subprocess.run(['umount', one.profile.data], check=True, timeout=60)
			one.remove()


def fill_disk(path):
	"""With a file, to the last block."""
	with open(path, 'wb', buffering=0) as file:
		with contextlib.suppress(OSError):
			while True:
				file.write(bytes(65536))


class Node:
	def __init__(self, overrides=None, build=BUILD, user=None, extra=(), environment=None,
			seconds=GENEROUS_SECONDS, amnesia=False, wrapper=()):
		"""`user`: uid that runs the node instead of ours (root only); `extra`: flags of `run`;
		`environment`: variables besides the usual ones; `wrapper`: words before the command of
		the node, of programs that end as exec."""
		self.build = build
		self.user = user
		self.extra = extra
		self.wrapper = wrapper
		self.environment = {**clean_environment(), **(environment or {})}
		self.seconds = seconds
		self.child = None
		self.tls = {}  # plane: the ssl.SSLContext that speaks to it
		self.directory = pathlib.Path(tempfile.mkdtemp(prefix='macronode-test-'))
		self.directory.chmod(0o755)
		# A user namespace tells no other user than its own: then that one must ask.
		self.asker = {'user': user, 'group': user, 'extra_groups': []} if amnesia and user else {}
		self.profile = nodes.Profile(self.directory, user, amnesia)
		self.profile.prepare()
		self.profile.write_config(patient(overrides))
		if user is not None:
			for path in (self.directory, *self.directory.iterdir()):
				os.chown(path, user, user, follow_symlinks=False)
			os.chown(self.profile.run, user, user)

	def __enter__(self):
		try:
			return self.start()
		except BaseException:
			self.remove()
			raise

	def __exit__(self, kind, *_):
		try:
			if kind is not None:
				print(nodes.log_tail(self.profile, 60), file=sys.stderr)
			self.stop()
		finally:
			self.remove()

	def remove(self):
		if self.profile.amnesia:
			self.profile.throw_away()
		shutil.rmtree(self.directory, ignore_errors=True)

	# --- life -------------------------------------------------------------------------

	def start(self, wait=True):
		words = [*self.wrapper, *nodes.run_command(self.build, self.profile, self.extra)]
		with open(self.profile.log, 'ab') as log:
			self.child = nodes.spawn(words, self.profile, log, self.user, self.environment)
		if wait:
			try:
				self.wait_ready()
			except (nodes.NodeError, AssertionError):
				print(nodes.log_tail(self.profile, 60), file=sys.stderr)
				self.stop()
				raise
		return self

	def stop(self):
		"""TERM, and all of it gone; returns the exit status. Harmless when stopped already."""
		if self.child is None:
			return None
		child, self.child = self.child, None
		nodes.stop_child(child, self.profile)
		return child.returncode

	def kill_all(self):
		"""The supervisor by SIGKILL; its workers must follow by themselves."""
		tree = nodes.process_tree(self.child.pid)
		self.child.kill()
		self.child.wait()
		self.child = None
		if not nodes.wait_gone(tree, self.seconds):
			raise AssertionError(f'workers outlived the supervisor: {sorted(tree)}')

	def restart(self):
		self.stop()
		return self.start()

	# --- processes --------------------------------------------------------------------

	def workers(self, role=None):
		"""{pid: start} of the running workers, or of those of one role."""
		found = {}
		for pid, start in nodes.process_tree(self.child.pid).items():
			try:
				name = pathlib.Path(f'/proc/{pid}/comm').read_text().strip()
			except OSError:
				continue
			# comm holds 15 bytes: mn-prevalidator is exactly that long.
			if pid != self.child.pid and name.startswith('mn-') and role in (None, name[3:]):
				found[pid] = start
		return found

	def first_worker(self, role):
		"""(pid, start) of one of that role; who died a moment ago may have no successor yet."""
		return sorted(eventually(lambda: self.workers(role), f'a {role}', self.seconds).items())[0]

	def worker(self, role):
		return self.first_worker(role)[0]

	def signal_worker(self, role, number=signal.SIGKILL):
		"""Signals one worker of that role; returns its pid."""
		pid, start = self.first_worker(role)
		if not nodes.signal_process(pid, start, number):
			raise AssertionError(f'{role} {pid} was gone already')
		return pid

	def wait_replaced(self, *killed):
		"""Until each of these (role, pid) has a successor and the node is ready: what an edge says of it
		alone may be that of before it was told who is gone."""
		for role, pid in killed:
			eventually(lambda role=role, pid=pid: pid not in self.workers(role) and self.workers(role),
				f'another {role}')
		eventually(self.is_ready, 'the supervisor to call the node ready')
		self.wait_ready()

	def is_ready(self):
		done = self.cli('--run-dir', str(self.profile.run), 'status', '--json', check=False)
		return done.returncode in (0, 4) and json.loads(done.stdout)['ready']

	def replace_worker(self, role):
		self.wait_replaced((role, self.signal_worker(role)))

	def wait_rewarder(self):
		"""A node is ready before its rewarder is, and without it."""
		eventually(lambda: json.loads(self.http('GET', '/readyz', plane='admin').body)['rewarder_ready'],
			'the rewarder')

	def wait_ready(self):
		nodes.wait_ready(self.child, self.profile, self.seconds)
		self.wait_open()

	def wait_open(self):
		"""The two edges are told one after the other, and the API refuses writes until it is. Where the
		local socket is not ours to use nobody can be asked that needs no certificate."""
		def knows():
			try:
				return local.request('GET', '/readyz').status == 200
			except (OSError, wire.Closed):
				return True
		try:
			with wire.Http(wire.connect_unix(self.profile.uds, self.seconds)) as local:
				eventually(knows, 'the edge of the API to know that the node is ready', self.seconds)
		except OSError:
			pass

	def wait_accepted(self):
		"""Until the one edge of the API has accepted whoever connected before: a listener is served in
		order, and not any more once the node ends."""
		for plane in ('api', 'uds'):
			assert self.http('GET', '/healthz', plane=plane).status == 200, plane

	def wait_draining(self, probe):
		"""Until the edge that holds the other end of this open HTTP connection knows that the node
		ends, which the log says sooner: its word for it is that it closes."""
		def knows():
			try:
				return probe.request('GET', '/readyz').headers.get('connection') == 'close'
			except (OSError, wire.Closed):
				return True
		eventually(knows, 'the edge to know that the node ends', self.seconds)

	# --- talking to it ----------------------------------------------------------------

	def connect(self, plane='api', seconds=GENEROUS_SECONDS):
		if plane == 'uds':
			return wire.connect_unix(self.profile.uds, seconds)
		address = self.profile.api_address if plane == 'api' else self.profile.admin_address
		connected = wire.connect_tcp(address, seconds)
		if plane not in self.tls:
			return connected
		try:
			return self.tls[plane].wrap_socket(connected, server_hostname='localhost')
		except BaseException:
			connected.close()
			raise

	def open_http(self, plane='api'):
		return wire.Http(self.connect(plane))

	def open_oap(self):
		return wire.Oap(self.connect('uds'))

	def http(self, method, target, body=None, headers=None, plane='api', token=None):
		"""One request on a connection of its own. A dict or list as body travels as JSON."""
		headers = {'Connection': 'close', **(headers or {})}
		if isinstance(body, (dict, list)):
			body = json.dumps(body).encode()
			headers.setdefault('Content-Type', 'application/json')
		if token:
			headers.setdefault('Authorization', f'Bearer {token}')
		with self.open_http(plane) as connection:
			return connection.request(method, target, body, headers)

	def raw(self, data, plane='api'):
		"""Sends bytes as they are; all that comes until the node closes."""
		with self.open_http(plane) as connection:
			connection.send(data)
			return connection.read_to_end()

	def ingest(self, entries, token, **members):
		"""Posts entries, each under the token's capability unless it names another."""
		ref = nodes.capability_ref(token)
		entries = [{'capability_ref': ref, **one} for one in entries]
		return self.http('POST', '/ingest', {'batch': entries, **members}, token=token)

	def cli(self, *words, check=True, stdin=None):
		"""The macronode command with this node's config."""
		done = subprocess.run([*nodes.command(self.build, self.profile), *words], text=True,
			input=stdin or '', capture_output=True, env=self.environment, timeout=self.seconds * 5,
			**self.asker)
		if check and done.returncode != 0:
			raise AssertionError(f'{words}: exit {done.returncode}: {done.stdout}{done.stderr}')
		return done

	def mint(self, actions=nodes.ACTIONS):
		return nodes.mint(nodes.command(self.build, self.profile), actions, **self.asker)

	# --- what it says -----------------------------------------------------------------

	def metrics(self):
		response = self.http('GET', '/metrics', plane='admin')
		if response.status != 200:
			raise AssertionError(f'/metrics: {response!r}')
		return parse_metrics(response.body.decode())

	def metric(self, name, **labels):
		"""The sum over all samples of that name whose labels include those given."""
		wanted = set(labels.items())
		return sum(value for (one, held), value in self.metrics().items()
			if one == name and wanted <= set(held))

	def log(self):
		"""All log records; a line that is no JSON object fails the test, but for one that is still
		being written."""
		whole = self.profile.log.read_text().rpartition('\n')[0]
		return [json.loads(line) for line in whole.splitlines()]

	def logged(self, event, **fields):
		"""The first record of that event with these fields, once it is there: an answer comes sooner
		than the line about it, which goes through a pipe of its own."""
		def found():
			return [record for record in self.log() if record['event'] == event
				and fields.items() <= record.items()]
		return eventually(found, f'{event} with {fields}')[0]

	def log_text(self):
		return self.profile.log.read_text(errors='replace')

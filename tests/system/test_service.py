"""A node under a service manager: what it tells one, what it takes from one, and what the unit
allows it. No manager runs here: the test is one, and systemd's tools judge the files."""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import tap
import wire
from certs import Certificates
from collector import Collector
from harness import BUILD, Node, entry, eventually, nodes

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ACTIVATE = (sys.executable, str(HERE / 'activate.py'))
UNIT = ROOT / 'etc/systemd/macronode.service'
ONE_USER = ROOT / 'etc/systemd/one-user.conf'
OFF_LOOPBACK = ROOT / 'etc/systemd/off-loopback.conf'
SOCKET_UNIT = ROOT / 'etc/systemd/macronode-api.socket'
SYSUSERS = ROOT / 'etc/sysusers.d/macronode.conf'
TMPFILES = ROOT / 'etc/tmpfiles.d/macronode.conf'


class Manager:
	"""The socket of NOTIFY_SOCKET, and all that came to it."""

	def __init__(self, abstract=False):
		self.directory = tempfile.mkdtemp(prefix='macronode-test-')
		os.chmod(self.directory, 0o755)
		name = f'@macronode-test-{os.getpid()}' if abstract else f'{self.directory}/notify'
		self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		self.socket.bind('\0' + name[1:] if abstract else name)
		self.socket.setblocking(False)
		self.environment = {'NOTIFY_SOCKET': name}
		self.heard = []

	def __enter__(self):
		return self

	def __exit__(self, *_):
		self.socket.close()
		shutil.rmtree(self.directory)

	def lines(self):
		"""Every assignment so far, in order."""
		while True:
			try:
				self.heard += self.socket.recv(65536).decode().split('\n')
			except BlockingIOError:
				return self.heard

	def fill(self):
		"""Nobody else's datagram finds room."""
		with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other, \
				contextlib.suppress(BlockingIOError):
			other.setblocking(False)
			while True:
				other.sendto(b'ANYTHING=1', self.socket.getsockname())

	def expect(self, line):
		eventually(lambda: line in self.lines(), f'{line} is told')

	def last_status(self):
		return [line for line in self.lines() if line.startswith('STATUS=')][-1]


# --- what it tells -------------------------------------------------------------------------


def life_is_told(abstract):
	with Manager(abstract) as manager:
		node = Node(environment=manager.environment)
		with node:
			manager.expect('READY=1')
			pid = node.child.pid
			eventually(lambda: manager.last_status() == 'STATUS=ready', 'ready is the last word')
			node.stop()
		lines = manager.lines()
		assert lines.index('READY=1') < lines.index(f'MAINPID={pid}') < lines.index('STOPPING=1')
		assert lines.count('READY=1') == lines.count('STOPPING=1') == 1, lines
		assert 'STATUS=stopping' in lines[lines.index('STOPPING=1'):]
		assert any(line.startswith('STATUS=not ready: starting:') for line in
			lines[:lines.index('READY=1')]), lines
		assert not any('restarting' in line for line in lines), 'nobody did'
		assert 'WATCHDOG=1' not in lines  # nobody asked
		# longer than node.drain_timeout, whatever the unit says
		extended = lines[lines.index('STOPPING=1') + 1]
		assert int(extended.removeprefix('EXTEND_TIMEOUT_USEC=')) > 20_000_000, extended


def test_a_manager_is_told_of_start_and_end():
	life_is_told(abstract=False)


def test_a_manager_with_an_abstract_socket_is_told_too():
	life_is_told(abstract=True)


def test_the_status_says_what_is_missing():
	slowly = {'node': {'restart_min': '3s', 'restart_max': '3s', 'restart_cap': '3s'}}
	with Manager() as manager, Node(slowly, environment=manager.environment) as node:
		manager.expect('READY=1')
		node.replace_worker('wallet')  # the first restart is at once, and may be told by nobody
		node.signal_worker('wallet')
		eventually(lambda: 'restarting:wallet' in manager.last_status(), 'what is missing')
		eventually(lambda: manager.last_status() == 'STATUS=ready', 'and when it is back')
		assert manager.lines().count('READY=1') == 1


def test_a_node_in_safe_mode_has_started():
	"""Else a manager would end it, and reads with it."""
	with Manager() as manager:
		with Node(environment=manager.environment) as node:
			manager.expect('READY=1')
			assert node.ingest([entry('Mint', 'alice', 5)], node.mint()).status == 200
			node.stop()
			manager.expect('STATUS=stopping')
			manager.heard.clear()
			shutil.rmtree(node.profile.data / 'store')  # what was signed is not there any more
			node.start(wait=False)
			manager.expect('READY=1')
			eventually(lambda: manager.last_status().startswith('STATUS=not ready: safe_mode:'),
				'and says why it is not ready')


def test_a_reload_is_told_with_its_time():
	with Manager() as manager, Node(environment=manager.environment) as node:
		manager.expect('READY=1')
		for reloads in (1, 2):
			before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
			node.cli('reload')
			eventually(lambda reloads=reloads: manager.lines().count('READY=1') == 1 + reloads, 'it is over')
			lines = manager.lines()
			assert lines.count('RELOADING=1') == reloads
			last = len(lines) - 1 - lines[::-1].index('RELOADING=1')
			when = int(lines[last + 1].removeprefix('MONOTONIC_USEC='))
			assert before <= when <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
			assert 'READY=1' in lines[last:]
		node.profile.config.write_text('[nothing]\n')
		os.kill(node.child.pid, signal.SIGHUP)  # refused, and over all the same
		eventually(lambda: manager.lines().count('READY=1') == 4, 'it is over')
		assert manager.lines().count('RELOADING=1') == 3


def test_stopping_is_the_end_of_a_reload_too():
	with Manager() as manager, Node({'node': {'ping_timeout': '1m'}},
			environment=manager.environment) as node:
		manager.expect('READY=1')
		held = node.signal_worker('wallet', signal.SIGSTOP)
		os.kill(node.child.pid, signal.SIGHUP)
		manager.expect('RELOADING=1')
		node.child.terminate()
		manager.expect('STOPPING=1')
		os.kill(held, signal.SIGCONT)
		assert node.child.wait(60) == 0
		lines = manager.lines()
		assert 'READY=1' not in lines[lines.index('RELOADING=1'):], lines


def test_a_manager_that_reads_late_is_told_the_end_all_the_same():
	with Manager() as manager, Node(environment=manager.environment) as node:
		manager.expect('READY=1')
		eventually(lambda: manager.last_status() == 'STATUS=ready', 'ready is the last word')
		manager.fill()
		held = node.signal_worker('wallet', signal.SIGSTOP)  # until it goes on the node cannot end
		os.kill(node.child.pid, signal.SIGTERM)
		eventually(lambda: '"stopping"' in node.log_text(), 'it stops')
		manager.expect('STOPPING=1')
		manager.expect('STATUS=stopping')
		os.kill(held, signal.SIGCONT)
		assert node.child.wait(60) == 0


def test_the_loop_answers_the_watchdog():
	with Manager() as manager, Node(environment={**manager.environment,
			'WATCHDOG_USEC': '200000'}) as node:
		eventually(lambda: manager.lines().count('WATCHDOG=1') >= 3, 'pings')
		node.wait_ready()


def test_the_watchdog_of_another_process_is_not_answered():
	with Manager() as manager:
		with Node(environment={**manager.environment, 'WATCHDOG_USEC': '1000',
				'WATCHDOG_PID': '1'}) as node:
			manager.expect('READY=1')
			node.stop()
		manager.expect('STOPPING=1')
		assert 'WATCHDOG=1' not in manager.lines()


def test_a_manager_that_cannot_be_told_ends_nothing():
	for name, where, what in (('NOTIFY_SOCKET', 'run/notify', 'expected the path'),
			('NOTIFY_SOCKET', '/nonexistent/notify', 'ENOENT'),
			('WATCHDOG_USEC', 'soon', 'expected microseconds')):
		with Manager() as manager, Node(environment={**manager.environment, name: where}) as node:
			said = [one for one in node.log() if one['event'] == 'notify_failed']
			assert len(said) == 1 and said[0]['key'] == name and what in str(said[0]), said


def test_a_line_on_a_descriptor_says_ready():
	with tempfile.TemporaryDirectory() as directory:
		os.mkfifo(f'{directory}/ready')
		reader = os.open(f'{directory}/ready', os.O_RDONLY | os.O_NONBLOCK)
		with Node(wrapper=(*ACTIVATE, f'fifo:7={directory}/ready', '--'),
				extra=('--ready-fd', '7')) as node:
			got = []

			def at_end():
				try:
					got.append(os.read(reader, 16))
				except BlockingIOError:
					return False
				return got[-1] == b'' and b''.join(got)
			# a FIFO without a writer yet reads as its end, too: first the line, then that
			assert eventually(at_end, 'the line, and the end') == b'\n'
			assert node.child.poll() is None
			os.close(reader)


def test_a_ready_descriptor_that_cannot_be_is_refused():
	with Node() as node:
		for text in ('1', '2', '-3', '3x', '', '9999', '99999999999999999999'):
			done = node.cli('run', '--ready-fd', text, check=False)
			assert done.returncode == 2 and 'expected the number of an open' in done.stderr, done


# --- what it takes -------------------------------------------------------------------------


def activated(*options, changes=None):
	"""A node to be, whose sockets are made for it: option words are formatted with its addresses."""
	node = Node(changes)
	words = {'api': node.profile.api_address, 'admin': node.profile.admin_address,
		'uds': node.profile.uds, 'gate': node.directory / 'gate'}
	node.wrapper = (*ACTIVATE, *(one.format(**words) for one in options), '--')
	return node


def test_sockets_that_were_passed_are_served():
	with activated('uds={uds}', 'api={api}', 'admin={admin}') as node:
		for plane in ('api', 'admin', 'uds'):
			assert node.http('GET', '/healthz', plane=plane).status == 200
		opened = [one for one in node.log() if one['event'] == 'listener_opened']
		assert [one.get('text') for one in opened[:3]] == ['inherited'] * 3, opened
		node.stop()
		assert node.profile.uds.exists(), 'its name belongs to who bound it'


def test_one_passed_socket_leaves_the_others_to_the_node():
	with activated('api={api}') as node:
		assert node.http('GET', '/healthz').status == 200
		assert node.http('GET', '/healthz', plane='uds').status == 200
		node.stop()
		assert not node.profile.uds.exists()


def test_a_client_that_came_before_the_node_is_answered():
	node = activated('api={api}', 'until={gate}')
	os.mkfifo(node.directory / 'gate')
	node.start(wait=False)
	try:
		client = eventually(lambda: wire.connect_tcp(node.profile.api_address), 'a connection')
		client.sendall(b'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
		with open(node.directory / 'gate', 'w'):
			pass  # only now the program is executed
		assert client.makefile('rb').read().startswith(b'HTTP/1.1 200')
		client.close()
		node.wait_ready()
	finally:
		node.stop()
		node.remove()


def refused(node, *words):
	try:
		node.start(wait=False)
		assert node.child.wait(60) == 3
		text = node.log_text()
		assert all(word in text for word in words), text
	finally:
		node.child = None
		node.remove()


def test_a_socket_with_an_unknown_name_is_refused():
	refused(activated('http={api}'), 'http: expected admin, api or uds')


def test_a_name_that_comes_twice_is_refused():
	refused(activated('api={api}', 'api={admin}'), 'api: is there twice')


def test_a_socket_at_another_address_than_the_configured_is_refused():
	refused(activated('api={admin}'), 'not bound to api.bind_addr')
	refused(activated('uds={uds}x'), 'not bound to uds.path')
	refused(activated('uds={api}'), 'not bound to uds.path')
	refused(activated('api={uds}'), 'not bound to api.bind_addr')


def test_sockets_without_names_or_with_a_wrong_count_are_refused():
	refused(activated('api={api}', 'env:LISTEN_FDNAMES='), ': expected admin, api or uds')
	refused(activated('api={api}', 'env:LISTEN_FDNAMES=api:admin'), 'as many names')
	refused(activated('api={api}', 'env:LISTEN_FDS=4'), 'expected a number from 1 to 3')
	refused(activated('api={api}', 'env:LISTEN_FDS=1x'), 'expected a number from 1 to 3')


def test_a_descriptor_that_does_not_listen_is_refused():
	refused(activated('api={api}', 'env:LISTEN_FDS=2', 'env:LISTEN_FDNAMES=api:admin'),
		'expected a listening stream socket')


def test_sockets_for_another_process_are_left_alone():
	with Node(wrapper=(*ACTIVATE, 'env:LISTEN_PID=1', 'env:LISTEN_FDS=3', '--')) as node:
		assert node.http('GET', '/healthz').status == 200


# --- what the unit allows ------------------------------------------------------------------


def needs(*tools):
	for tool in tools:
		if not shutil.which(tool):
			raise tap.Skip(f'{tool} is not installed')


def run(*words, **more):
	return subprocess.run(words, text=True, capture_output=True, stdin=subprocess.DEVNULL,
		timeout=120, **more)


class Units:
	"""Copies of the files, as they would be installed, with a program that is there."""

	def __enter__(self):
		self.directory = pathlib.Path(tempfile.mkdtemp(prefix='macronode-test-'))
		text = UNIT.read_text().replace('/usr/bin/macronode', str(BUILD / 'cli/macronode'))
		self.unit = self.directory / UNIT.name
		self.unit.write_text(text)
		shutil.copy(SOCKET_UNIT, self.directory)
		self.drop_ins = self.directory / f'{UNIT.name}.d'
		self.drop_ins.mkdir()
		return self

	def __exit__(self, *_):
		shutil.rmtree(self.directory)

	def use(self, *drop_ins):
		for path in drop_ins:
			shutil.copy(path, self.drop_ins)

	def verify(self):
		names = [str(self.unit), str(self.directory / SOCKET_UNIT.name)]
		return run('systemd-analyze', 'verify', '--recursive-errors=yes', '--man=no', *names)

	def exposure(self):
		done = run('systemd-analyze', 'security', '--offline=yes', '--no-pager', str(self.unit))
		return float(re.search(r'Overall exposure level for \S+: ([0-9.]+)', done.stdout)[1])


def test_the_units_are_clean():
	needs('systemd-analyze')
	with Units() as units:
		for drop_ins in ((), (OFF_LOOPBACK,), (ONE_USER,)):
			units.use(*drop_ins)
			done = units.verify()
			assert done.returncode == 0 and not done.stdout + done.stderr, done
		with open(units.unit, 'a') as file:
			file.write('[Service]\nNoSuchKey=yes\n')
		assert units.verify().returncode != 0, 'the check can fail'


def test_the_units_expose_as_little_as_they_say():
	needs('systemd-analyze')
	with Units() as units:
		assert units.exposure() <= 2.0
		units.use(ONE_USER)
		assert units.exposure() <= 1.0
	with Units() as units:
		units.use(OFF_LOOPBACK)
		assert units.exposure() <= 2.0, 'with clients on other machines, too'
		units.use(ONE_USER)
		assert units.exposure() <= 1.0


def test_the_pages_that_the_units_name_are_there():
	for path in (UNIT, SOCKET_UNIT):
		for name, section in re.findall(r'man:(\S+)\((\d)\)', path.read_text()):
			assert (ROOT / f'man/{name}.{section}').exists(), (path, name)


def settings(path, key):
	return [line.partition('=')[2] for line in path.read_text().splitlines()
		if line.startswith(key + '=')]


def syscalls_of(group):
	"""The names of one @group, groups in it too."""
	done = run('systemd-analyze', 'syscall-filter', group)
	assert done.returncode == 0, done
	found = set()
	for line in done.stdout.splitlines()[1:]:
		word = line.strip()
		if word.startswith('@'):
			found |= syscalls_of(word)
		elif word and not word.startswith('#'):
			found.add(word)
	return found


def allowed_syscalls(*paths):
	"""What is left when the lines of SystemCallFilter= were applied in order."""
	allowed = syscalls_of('@default')
	for path in paths:
		for value in settings(path, 'SystemCallFilter'):
			names = set()
			for word in value.removeprefix('~').split():
				names |= syscalls_of(word) if word.startswith('@') else {word}
			allowed = allowed - names if value.startswith('~') else allowed | names
	return allowed


@contextlib.contextmanager
def certificates(user):
	certs = Certificates()
	try:
		certs.issue('server').issue('next')
		shutil.chown(certs.path('server.key'), user or 0)
		yield certs
	finally:
		certs.remove()


def use_all(node, certs):
	"""Starts of everything, writes over TLS, a death, a reload with another certificate."""
	node.tls['api'] = certs.context()
	assert node.ingest([entry('Mint', 'alice', 5)], node.mint()).status == 200
	node.signal_worker('wallet')
	eventually(lambda: node.metric('service_restarts_total') >= 1, 'another wallet')
	node.wait_ready()
	certs.replace('server', 'next')
	shutil.chown(certs.path('server.key'), node.user or 0)
	node.cli('reload')
	assert node.http('GET', '/healthz').status == 200


def used_syscalls(user=None):
	"""Of a node that starts, does all that it can, and stops."""
	with tempfile.TemporaryDirectory() as directory, Collector() as collector, \
			certificates(user) as certs:
		trace = pathlib.Path(directory) / 'trace'
		os.chmod(directory, 0o777)
		changes = {'tls': certs.tls(), 'otel': {'endpoint': collector.url, 'sample_ratio': 1.0}}
		with Node(changes, user=user, wrapper=('strace', '-D', '-f', '-q', '-o', str(trace))) as node:
			use_all(node, certs)
			eventually(collector.spans, 'traces')
			assert node.stop() == 0
		eventually(lambda: 'exited with 0' in trace.read_text().splitlines()[-1], 'its end')
		found = set(re.findall(r'^\d+ +(\w+)\(', trace.read_text(), re.MULTILINE))
		assert len(found) > 40, found
		return found


def sandbox_syscalls():
	"""What a worker may do behind its own filter."""
	found = set()
	for path in (ROOT / 'common/sandbox_base.c', *ROOT.glob('services/*/sandbox.c')):
		found |= set(re.findall(r'SCMP_SYS\((\w+)\)', path.read_text()))
	assert 'epoll_wait' in found
	return found


# Asked for and refused under the unit: the node goes on without namespaces of its own.
REFUSED_BY_THE_UNIT = {'mount'}


def test_what_a_node_does_is_what_the_unit_allows():
	needs('systemd-analyze', 'strace')
	if os.geteuid() != 0:
		raise tap.Skip('needs root')
	used = (used_syscalls() | sandbox_syscalls()) - REFUSED_BY_THE_UNIT
	assert used <= allowed_syscalls(UNIT), used - allowed_syscalls(UNIT)


def test_what_an_ordinary_node_does_is_what_the_drop_in_allows():
	needs('systemd-analyze', 'strace')
	if os.geteuid() != 0:
		raise tap.Skip('needs root')
	allowed = allowed_syscalls(UNIT, ONE_USER)
	# Tried to see that it cannot, so that EPERM is the good answer; and what SQLite does as root.
	used = (used_syscalls(user=65534) | sandbox_syscalls()) - {'setresuid', 'setuid', 'fchown'}
	assert used <= allowed, used - allowed


def test_every_role_has_its_user():
	needs('systemd-sysusers')
	wanted = set(re.findall(r'\.user = "([^"]+)"', (ROOT / 'supervisor/processes.c').read_text()))
	with tempfile.TemporaryDirectory() as root:
		(pathlib.Path(root) / 'etc').mkdir()
		done = run('systemd-sysusers', f'--root={root}', str(SYSUSERS))
		assert done.returncode == 0 and 'not valid' not in done.stderr, done
		passwd = (pathlib.Path(root) / 'etc/passwd').read_text().splitlines()
		group = (pathlib.Path(root) / 'etc/group').read_text()
		made = {line.split(':')[0] for line in passwd}
		assert wanted | {'mn-node'} == made, made ^ wanted
		assert 'mn-store:' in group and 'macronode:' in group
		assert all(line.endswith('nologin') for line in passwd), passwd


if __name__ == '__main__':
	tap.main(globals())

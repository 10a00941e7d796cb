#!/usr/bin/env python3
"""Starts and stops a development node; the one place that knows what such a node looks like.

	node.py up   --build BUILD [--amnesia] DIR   in the background, everything in DIR
	node.py run  --build BUILD [--keep|--amnesia]   in the foreground, throw-away profile in ./.dev
	node.py down [--quiet] DIR         stops it

tests/system/harness.py uses the same functions. A node is named by pid *and* start time, and
signalled through a pidfd, so that a reused pid is never hit.
"""
import argparse
import base64
import functools
import http.client
import itertools
import json
import os
import pathlib
import random
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
MEMORY = '/dev/shm'      # where a node with amnesia has its sockets and its log
UID_BASE = 47000         # one uid a role from here on, when root starts a node without users
PORTS = range(20000, 32000)
PORTS_EACH = 240         # of one process at a time
READY_SECONDS = 60       # generous: a loaded machine, a sanitizer build
STOP_SECONDS = 60
RUN_DIR_BYTES_MAX = 90   # as the config table has it: room for a socket's name in sun_path
ACTIONS = ('ledger.ingest,wallet.issue,wallet.transfer,wallet.burn,wallet.hold,wallet.read,'
	'rewarder.run,rewarder.inspect,rewarder.quarantine,gov.mint,gov.reverse,gov.propose,'
	'gov.approve,gov.freeze,object.put,object.get,admin.status,admin.reload,admin.shutdown,'
	'audit.read')
OPS = ['issue', 'transfer', 'burn', 'hold', 'capture', 'release']
ASSETS = ['eur', 'gold', 'ron', 'usd']  # that a development node may issue
ISSUANCE = {'enabled': True, 'cap_minor': str(2**128 - 1), 'proposal_id': 'development',
	'expiry': '9999-12-31T23:59:59Z'}


class NodeError(Exception):
	"""What went wrong, as a sentence for whoever started the node."""


def say(text):
	print(text, file=sys.stderr, flush=True)


# --- processes, by pid and start time -----------------------------------------------------


def process_stat(pid):
	"""(state, parent, start time) of a process, or None when it is gone."""
	try:
		text = pathlib.Path(f'/proc/{pid}/stat').read_text()
	except OSError:
		return None
	fields = text[text.rindex(')') + 2:].split()
	return fields[0], int(fields[1]), int(fields[19])


def is_running(pid, start):
	stat = process_stat(pid)
	return stat is not None and stat[0] not in 'ZX' and stat[2] == start


def signal_process(pid, start, number):
	"""Signals exactly that process; False when it is gone."""
	try:
		handle = os.pidfd_open(pid)
	except OSError:
		return False
	try:
		if not is_running(pid, start):
			return False
		signal.pidfd_send_signal(handle, number)
		return True
	except ProcessLookupError:
		return False
	finally:
		os.close(handle)


def process_tree(pid):
	"""{pid: start} of a process and all its descendants."""
	parents = {}
	for entry in pathlib.Path('/proc').iterdir():
		if entry.name.isdigit():
			stat = process_stat(int(entry.name))
			if stat:
				parents[int(entry.name)] = stat
	tree = {}
	wanted = [pid]
	while wanted:
		one = wanted.pop()
		if one in parents and one not in tree:
			tree[one] = parents[one][2]
			wanted += [child for child, stat in parents.items() if stat[1] == one]
	return tree


def wait_gone(tree, seconds):
	deadline = time.monotonic() + seconds
	while any(is_running(pid, start) for pid, start in tree.items()):
		if time.monotonic() > deadline:
			return False
		time.sleep(0.02)
	return True


# --- where a node lives -------------------------------------------------------------------


@functools.lru_cache(maxsize=None)
def own_ports():
	"""Ports that no other process picks from as long as this one lives, below those that the kernel
	gives to outgoing connections: else two tests find the same one free and both give it to a node
	that has yet to be started. The name of a socket in no directory is the lock."""
	shares = len(PORTS) // PORTS_EACH
	for number in random.sample(range(shares), shares):
		lock = socket.socket(socket.AF_UNIX)
		try:
			lock.bind(f'\0macronode-ports-{number}')
		except OSError:
			lock.close()
			continue
		ports = PORTS[number * PORTS_EACH:(number + 1) * PORTS_EACH]
		return lock, itertools.cycle(ports)  # one that was picked comes again as late as can be
	raise NodeError(f'{shares} processes pick ports for nodes already')


def free_ports(count):
	"""Loopback ports that are free."""
	ports = []
	_, candidates = own_ports()
	for port in itertools.islice(candidates, PORTS_EACH):
		with socket.socket() as probe:
			try:
				probe.bind(('127.0.0.1', port))
			except OSError:
				continue
		ports.append(port)
		if len(ports) == count:
			return ports
	raise NodeError(f'no {count} of {PORTS_EACH} ports are free')


def is_reachable(directory):
	"""May any uid pass through it? Worker uids must: SQLite opens by path."""
	path = directory.resolve()
	return all(one.stat().st_mode & 0o001 for one in (path, *path.parents))


def make_directory(path):
	"""Ours can be passed through; one that was there already keeps its mode."""
	if not path.is_dir():
		path.mkdir(parents=True)
		path.chmod(0o711)


class Profile:
	"""The files of one development node, all in one directory.

	Where worker uids cannot pass through that directory, or its name is too long for a socket,
	data/ and run/ become links into a directory of mktemp, and that is said aloud. With amnesia
	run/ and node.log are links into memory, and data/ is only a place to mount on.
	"""

	def __init__(self, directory, user=None, amnesia=False):
		self.amnesia = amnesia
		self.directory = pathlib.Path(directory).absolute()
		self.user = os.getuid() if user is None else user
		self.config = self.directory / 'macronode.toml'
		self.policy = self.directory / 'policy.json'
		self.log = self.directory / 'node.log'
		self.env = self.directory / 'env'
		self.pid = self.directory / 'pid'

	def prepare(self):
		make_directory(self.directory)
		if self.amnesia:
			self.prepare_memory()
		unreachable = self.user == 0 and not is_reachable(self.directory)
		too_long = len(os.fsencode(self.directory / 'run')) > RUN_DIR_BYTES_MAX
		elsewhere = None
		for name in ('data', 'run'):
			path = self.directory / name
			if path.is_symlink() and not path.exists():
				path.unlink()  # its target was removed, as /tmp is at boot
			if not path.exists() and (unreachable or too_long):
				elsewhere = elsewhere or self.make_elsewhere(unreachable)
				make_directory(elsewhere / name)
				path.symlink_to(elsewhere / name)
			elif not path.is_symlink():
				make_directory(path)
		self.data = (self.directory / 'data').resolve()
		self.run = (self.directory / 'run').resolve()
		self.uds = self.run / 'macronode.sock'

	def prepare_memory(self):
		path = self.directory / 'run'
		if path.is_symlink() and path.exists() and path.resolve().is_relative_to(MEMORY):
			return  # of the last start
		if path.is_symlink():
			path.unlink()
		elif path.exists():
			shutil.rmtree(path)  # sockets of a dead node, at most
		memory = pathlib.Path(tempfile.mkdtemp(prefix='macronode-', dir=MEMORY))
		memory.chmod(0o711)
		make_directory(memory / 'run')
		path.symlink_to(memory / 'run')
		self.log.unlink(missing_ok=True)
		self.log.symlink_to(memory / 'node.log')

	def make_elsewhere(self, unreachable):
		elsewhere = pathlib.Path(tempfile.mkdtemp(prefix='macronode-'))
		elsewhere.chmod(0o711)
		why = ('other users cannot pass through it' if unreachable
			else 'its name is too long for a socket')
		say(f'{self.directory}: {why}; data and run are links into {elsewhere}')
		return elsewhere

	def throw_away(self):
		for name in ('data', 'run'):
			path = self.directory / name
			if path.is_symlink():
				shutil.rmtree(path.resolve().parent, ignore_errors=True)
				path.unlink()
			elif path.is_dir():
				shutil.rmtree(path)
		if self.log.is_symlink():
			self.log.unlink()  # it lay beside run/

	def write_policy(self, **members):
		"""A policy document that approves issuance, as no installed node has it: development is
		about trying things. `members` override its own."""
		document = {'version': 1, 'allowed_ops': OPS,
			'assets': {asset: {'issuance': ISSUANCE} for asset in ASSETS}, **members}
		self.policy.write_text(json.dumps(document))

	def write_config(self, overrides=None):
		"""Development settings, then overrides {'section': {'key': value}}."""
		self.write_policy()
		api, admin = free_ports(2)
		settings = {
			'node': {'data_dir': str(self.data), 'run_dir': str(self.run)},
			'admin': {'bind_addr': f'127.0.0.1:{admin}'},
			'api': {'bind_addr': f'127.0.0.1:{api}'},
			'uds': {'path': str(self.uds), 'allow_uids': sorted({os.getuid(), self.user})},
			'limits': {'rps': 0},
			'policy': {'file': str(self.policy)},
		}
		if self.amnesia:
			settings['amnesia'] = {'enabled': True}
			settings['uds']['allow_uids'] = [self.user]  # a user namespace knows nobody else
		if self.user == 0:
			settings['node']['uid_base'] = UID_BASE
		for section, keys in (overrides or {}).items():
			settings.setdefault(section, {}).update(keys)
		self.config.write_text(toml(settings))
		self.api_address = settings['api']['bind_addr']
		self.admin_address = settings['admin']['bind_addr']

	def write_env(self, pid, token, macronode):
		values = {
			'BASE_URL': f'http://{self.api_address}',
			'ADMIN_URL': f'http://{self.admin_address}',
			'UDS_PATH': self.uds,
			'TOKEN': token,
			'CAPABILITY_REF': capability_ref(token),
			'SUPERVISOR_PID': pid,
			'DATA_DIR': self.data,
			'MACRONODE': shlex.join(macronode),
		}
		text = ''.join(f'{name}={shlex.quote(str(value))}\n' for name, value in values.items())
		partial = self.env.with_name('env.new')
		partial.touch(mode=0o600)
		partial.write_text(text)
		partial.rename(self.env)  # whoever sees it sees it whole

	def recorded(self):
		"""(pid, start) of the node that runs here, or None."""
		try:
			pid, start = map(int, self.pid.read_text().split())
		except (OSError, ValueError):
			return None
		return (pid, start) if is_running(pid, start) else None


def toml(settings):
	lines = []
	for section, keys in settings.items():
		lines.append(f'[{section}]')
		# A JSON string, number, boolean or list of those is the same text in TOML.
		lines += [f'{key} = {json.dumps(value)}' for key, value in keys.items()]
		lines.append('')
	return '\n'.join(lines)


# --- starting -----------------------------------------------------------------------------


def libexec(build):
	"""One directory with all workers of a build tree, as an installed node has it."""
	directory = build / 'libexec'
	directory.mkdir(exist_ok=True)
	for worker in sorted(build.glob('services/*/mn-*')):
		link = directory / worker.name
		if worker.is_file() and not link.exists():
			try:
				link.symlink_to(os.path.relpath(worker, directory))
			except FileExistsError:
				pass  # another test made it in the meantime
	return directory


def command(build, profile):
	return [str(build / 'cli/macronode'), '--config', str(profile.config)]


def run_command(build, profile, extra=()):
	return [str(build / 'cli/macronode'), 'run', '--config', str(profile.config),
		'--libexec', str(libexec(build)), *extra]


def readyz(address):
	"""(status, body) of /readyz, or (0, why) when nobody answers."""
	host, port = address.rsplit(':', 1)
	connection = http.client.HTTPConnection(host, int(port), timeout=5)
	try:
		connection.request('GET', '/readyz', headers={'Connection': 'close'})
		response = connection.getresponse()
		return response.status, response.read().decode(errors='replace')
	except (OSError, http.client.HTTPException) as error:
		return 0, str(error)
	finally:
		connection.close()


def wait_ready(child, profile, seconds=READY_SECONDS):
	deadline = time.monotonic() + seconds
	while True:
		if child.poll() is not None:
			raise NodeError(f'the node ended before it was ready, with {child.returncode}')
		status, body = readyz(profile.admin_address)
		if status == 200:
			return
		if time.monotonic() > deadline:
			raise NodeError(f'the node was not ready after {seconds} s: {status} {body.strip()}')
		time.sleep(0.02)


def mint(macronode, actions=ACTIONS, **other):
	"""A token for all of `actions` (a comma between two), through the control socket; `other`
	says who asks for it, in the words of subprocess."""
	words = [*macronode, 'cap', 'mint', '--action', actions, '--ttl', '24h']
	done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True,
		timeout=30, **other)
	if done.returncode != 0:
		raise NodeError(f'{shlex.join(words)}: exit {done.returncode}: {done.stderr.strip()}')
	return done.stdout.strip()


def capability_ref(token):
	"""What the entries of a request name their token by: the hex capability id in its identifier.

	Macaroon v2: byte 2, then fields (type, length, bytes) of which 2 is the identifier; ours is
	version u8, key id u32, capability id 16 bytes, and more (DESIGN-WALL.md section 4).
	"""
	raw = base64.urlsafe_b64decode(token + '=' * (-len(token) % 4))
	at = 1
	while raw[at] != 2:
		at += 2 + raw[at + 1]  # before it only the location, below 128 bytes
	return raw[at + 2 + 5:at + 2 + 21].hex()


def spawn(words, profile, log, user=None, environment=None):
	"""Starts a node, as `user` when root wants it to be another's, and records it."""
	other = {} if user is None else {'user': user, 'group': user, 'extra_groups': []}
	child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd='/',
		start_new_session=True, env=environment, **other)
	stat = process_stat(child.pid)
	profile.pid.write_text(f'{child.pid} {stat[2]}\n')
	return child


def stop_child(child, profile):
	"""Ends a node that this process started, with all that belongs to it."""
	tree = process_tree(child.pid)
	for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
		if child.poll() is None:
			child.send_signal(number)
		try:
			child.wait(seconds)
			break
		except subprocess.TimeoutExpired:
			say(f'node {child.pid} did not end within {seconds} s of {signal.Signals(number).name}')
	gone = wait_gone(tree, STOP_SECONDS)
	profile.pid.unlink(missing_ok=True)
	if not gone:
		raise NodeError(f'processes of node {child.pid} are left: {sorted(tree)}')


def log_tail(profile, lines=40):
	try:
		text = profile.log.read_text(errors='replace')
	except OSError:
		return ''
	return '\n'.join(text.splitlines()[-lines:])


# --- the commands -------------------------------------------------------------------------


def refuse_second(profile):
	running = profile.recorded()
	if running:
		raise NodeError(f'node {running[0]} runs in {profile.directory} already; '
			f'scripts/dev down {shlex.quote(str(profile.directory))} stops it')


def up(build, directory, amnesia=False):
	profile = Profile(directory, amnesia=amnesia)
	refuse_second(profile)
	profile.prepare()
	profile.write_config()
	words = run_command(build, profile)
	say('+ ' + shlex.join(words))
	with open(profile.log, 'ab') as log:
		child = spawn(words, profile, log)
	try:
		wait_ready(child, profile)
		macronode = command(build, profile)
		profile.write_env(child.pid, mint(macronode), macronode)
	except (NodeError, subprocess.SubprocessError) as error:
		stop_child(child, profile)
		raise NodeError(f'{error}\nend of {profile.log}:\n{log_tail(profile)}') from error
	say(f'ready: . {shlex.quote(str(profile.env))}')


def run_foreground(build, keep, amnesia=False):
	profile = Profile(CHECKOUT / '.dev', amnesia=amnesia)
	refuse_second(profile)
	if not keep:
		profile.throw_away()
	profile.prepare()
	profile.write_config({'log': {'format': 'text'}})
	words = run_command(build, profile)
	say('+ ' + shlex.join(words))
	# A session of its own: Ctrl-C in the terminal must reach us alone, not each worker.
	child = spawn(words, profile, None)
	for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
		signal.signal(number, lambda *_: child.terminate())
	try:
		wait_ready(child, profile)
		macronode = command(build, profile)
		profile.write_env(child.pid, mint(macronode), macronode)
		say(what_to_try(profile))
		return child.wait()
	finally:
		stop_child(child, profile)
		profile.env.unlink(missing_ok=True)
		if amnesia:
			profile.throw_away()


def what_to_try(profile):
	return f"""
The node is ready. In another terminal:

  . {shlex.quote(str(profile.env))}
  export MACRONODE_TOKEN=$TOKEN
  curl $BASE_URL/healthz
  $MACRONODE status
  $MACRONODE verify

README.md, "Five minutes", goes on from here.
Ctrl-C stops it; the next `scripts/dev run` starts from nothing (--keep: from here).
"""


def down(directory, quiet=False):
	profile = Profile(directory)
	running = profile.recorded()
	if running is None:
		if not quiet:
			say(f'no node runs in {profile.directory}')
		return
	pid, start = running
	tree = process_tree(pid)
	if not quiet:
		say(f'+ kill -TERM {pid}')
	signal_process(pid, start, signal.SIGTERM)
	killed = not wait_gone({pid: start}, STOP_SECONDS)
	if killed:
		say(f'+ kill -KILL {pid}')
		signal_process(pid, start, signal.SIGKILL)
	if not wait_gone(tree, STOP_SECONDS):
		raise NodeError(f'processes of node {pid} are left: {sorted(tree)}')
	profile.pid.unlink(missing_ok=True)
	profile.env.unlink(missing_ok=True)
	if killed:
		raise NodeError(f'node {pid} did not end within {STOP_SECONDS} s and was killed')


def main():
	parser = argparse.ArgumentParser(prog='scripts/dev')
	verbs = parser.add_subparsers(dest='verb', required=True)
	for verb in ('up', 'run', 'down'):
		one = verbs.add_parser(verb)
		if verb != 'down':
			one.add_argument('--amnesia', action='store_true', help='nothing on a disk')
			one.add_argument('--build', type=pathlib.Path, required=True, help=argparse.SUPPRESS)
		if verb == 'run':
			one.add_argument('--keep', action='store_true', help='start from what is in ./.dev')
		else:
			one.add_argument('directory')
		if verb == 'down':
			one.add_argument('--quiet', action='store_true', help='say nothing when none runs')
	options = parser.parse_args()
	os.umask(0o022)
	try:
		if options.verb == 'up':
			up(options.build.resolve(), options.directory, options.amnesia)
		elif options.verb == 'run':
			return run_foreground(options.build.resolve(), options.keep, options.amnesia)
		else:
			down(options.directory, options.quiet)
	except NodeError as error:
		say(f'scripts/dev {options.verb}: {error}')
		return 1
	return 0


if __name__ == '__main__':
	sys.exit(main())

"""The Debian packages: built, read by lintian, installed on a system of their own, run there as the
unit runs them, upgraded under a live ledger, removed and purged.

The cases are one story and need their order; then comes another, of an older release (older.py).
systemd does not run: its unit is obeyed by hand.
"""
import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / 'system'))
import debian_root  # noqa: E402
import older  # noqa: E402
import tap  # noqa: E402
import wire  # noqa: E402
from certs import Certificates  # noqa: E402
from collector import Collector  # noqa: E402
from harness import entry, eventually, nodes, parse_metrics  # noqa: E402

DEB = ROOT / 'build-deb'
NEWER = '0.1.0-2'
PARTS = ('macronode', 'libmacronode0', 'libmacronode-dev')
INSIDE = 'MACRONODE_PACKAGE_TEST'
ADDRESS = {'api': '127.0.0.1:5082', 'admin': '127.0.0.1:8080'}
KEPT = {'/var/lib/macronode': 'root root 711', '/var/lib/macronode/store': 'mn-commit mn-store 2750',
	'/var/lib/macronode/keys': 'mn-kms mn-kms 700',
	'/var/lib/macronode/objects': 'mn-archive mn-archive 700'}


def run(*words, **more):
	return debian_root.run(*words, **more)


# --- packages ------------------------------------------------------------------------------


def build(version=None):
	"""{part: file} of the packages; the version of debian/changelog if none is said."""
	for old in DEB.glob('*.deb'):
		old.unlink()
	run(ROOT / 'scripts/dev', 'deb', *([version] if version else []))
	built = {part: next(DEB.glob(f'{part}_*.deb')) for part in PARTS}
	place = DEB / (version or 'first')
	shutil.rmtree(place, ignore_errors=True)
	place.mkdir()
	return {part: pathlib.Path(shutil.move(path, place)) for part, path in built.items()}


def packages_in(version):
	return {part: next((DEB / version).glob(f'{part}_*.deb')) for part in PARTS}


def field(package, name):
	return run('dpkg-deb', '-f', package, name).stdout.strip()


# --- a node of the package -----------------------------------------------------------------


class Installed:
	"""The system, and the node that runs on it."""

	def __init__(self, directory):
		tar = next(DEB.glob('root-*.tar'))
		self.root = debian_root.DebianRoot(directory, tar)
		self.log = pathlib.Path(directory) / 'node.log'
		self.config = self.root.path / 'etc/macronode/macronode.toml'
		self.child = None
		self.user = None  # all of it runs as, instead of the users of roles
		self.certs = None  # when the API speaks TLS
		self.token = None
		self.acknowledged = []
		self.spent = 0

	def unit(self, key, default=''):
		text = (self.root.path / 'lib/systemd/system/macronode.service').read_text()
		values = [line.partition('=')[2] for line in text.splitlines()
			if line.startswith(f'{key}=')]
		return values[-1] if values else default

	def make_directories(self, user):
		"""RuntimeDirectory= and LogsDirectory= of the unit."""
		for name, key in (('run', 'Runtime'), ('var/log', 'Logs')):
			path = self.root.path / name / self.unit(f'{key}Directory')
			path.mkdir(exist_ok=True)
			path.chmod(int(self.unit(f'{key}DirectoryMode'), 8))
			shutil.chown(path, user, user)

	def start(self, user=None):
		self.stop()  # of a case that failed
		uid = self.root.users()[user] if user else 0
		self.make_directories(uid)
		self.user = user
		name = f'@macronode-package-{os.getpid()}'
		manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		manager.bind('\0' + name[1:])
		manager.settimeout(60)
		with open(self.log, 'ab') as log:
			self.child = self.root.start(self.obeying('ExecStart'), log, {'NOTIFY_SOCKET': name})
		with manager:
			self.wait_until_told(manager)

	def obeying(self, key):
		"""The words that run that command of the unit as the manager would."""
		bounding = [one.removeprefix('CAP_').lower()
			for one in self.unit('CapabilityBoundingSet').split()]
		return self.root.confined(self.unit(key).split(), [] if self.user else bounding,
			self.unit('SupplementaryGroups').split(), self.user)

	def reload(self, good=True):
		"""systemctl reload; what it says."""
		done = run(*self.obeying('ExecReload'), check=False)
		assert (done.returncode == 0) == good, done
		return done.stdout + done.stderr

	def configure(self, section, **keys):
		"""Writes keys under a heading of the packaged file, as an operator does."""
		lines = ''.join(f'{key} = {json.dumps(value)}\n' for key, value in keys.items())
		before, heading, after = self.config.read_text().partition(f'\n[{section}]\n')
		assert heading, section
		self.config.write_text(before + heading + lines + after)

	def wait_until_told(self, manager):
		heard = []
		while 'READY=1' not in heard:
			try:
				heard += manager.recv(65536).decode().split('\n')
			except TimeoutError:
				raise AssertionError(f'{heard}\n{self.log.read_text()[-4000:]}') from None

	def stop(self):
		if self.child is not None:
			child, self.child = self.child, None
			child.send_signal(signal.SIGTERM)
			assert child.wait(60) == 0, self.log.read_text()[-4000:]

	def connect(self, plane='api'):
		connected = wire.connect_tcp(ADDRESS[plane])
		if plane != 'api' or not self.certs:
			return connected
		return self.certs.context().wrap_socket(connected, server_hostname='localhost')

	def http(self, method, target, body=None, headers=None, plane='api'):
		with wire.Http(self.connect(plane)) as connection:
			return connection.request(method, target, body, {'Connection': 'close', **(headers or {})})

	def macronode(self, *words, check=True):
		environment = {'MACRONODE_TOKEN': self.token} if self.token else {}
		return self.root.run('macronode', *words, check=check, **environment)

	def pay(self):
		"""One more acknowledged entry."""
		ref = nodes.capability_ref(self.token)
		one = entry('Mint', 'alice', 5, capability_ref=ref)
		answer = self.http('POST', '/ingest', json.dumps({'batch': [one]}).encode(),
			{'Authorization': f'Bearer {self.token}', 'Content-Type': 'application/json'})
		assert answer.status == 200, answer
		self.acknowledged.append(answer.json()['seq_end'])

	def check_ledger(self):
		"""All that was acknowledged is there, and nothing else."""
		done = self.macronode('verify')
		total = str(5 * len(self.acknowledged) - self.spent)
		eventually(lambda: total in self.macronode('ledger', 'balance', 'alice').stdout.split(),
			f'alice has {total}')
		return done

	def workers(self):
		"""{role: (pid, uid)}"""
		found = {}
		for pid in nodes.process_tree(self.child.pid):
			with contextlib.suppress(OSError):
				name = pathlib.Path(f'/proc/{pid}/comm').read_text().strip()
				if name.startswith('mn-'):
					status = pathlib.Path(f'/proc/{pid}/status').read_text()
					found[name[3:]] = (pid, int(status.split('Uid:')[1].split()[0]))
		return found


node = None  # of all cases below


# --- the story -----------------------------------------------------------------------------


def test_lintian_finds_nothing():
	paths = [path for version in ('first', NEWER) for path in packages_in(version).values()]
	done = run('lintian', '--pedantic', '--fail-on', 'error,warning,info,pedantic', *paths, check=False)
	said = [line for line in done.stdout.splitlines() if line[:2] in ('E:', 'W:', 'I:', 'P:')]
	assert done.returncode == 0 and not said, done.stdout


def roles_of_the_table():
	table = (ROOT / 'proto/processes.h').read_text()
	return set(re.findall(r'PROCESS\([A-Z]+, ([a-z]+),', table)) - {'client', 'supervisor'}


def test_an_install_makes_users_and_directories_and_starts_nothing():
	node.root.install(*packages_in('first').values())
	plans = (ROOT / 'supervisor/processes.c').read_text()
	roles = {part.split('"')[0] for part in plans.split('.user = "')[1:]}
	assert roles | {'mn-node'} <= set(node.root.users()), node.root.users()
	for path, owner in KEPT.items():
		assert node.root.owner(path) == owner, (path, node.root.owner(path))
	assert node.root.owner('/etc/macronode/macronode.toml') == 'root root 644'
	programs = {path.name for path in (node.root.path / 'usr/libexec/macronode').iterdir()}
	assert {f'mn-{role}' for role in roles_of_the_table()} | {'mn-tls-check'} == programs, programs
	assert not list((node.root.path / 'var/lib/macronode/store').iterdir())
	wants = node.root.path / 'etc/systemd/system/multi-user.target.wants'
	assert not (wants / 'macronode.service').exists(), 'enabling is for the operator'


def test_the_installed_unit_is_clean():
	unit = node.root.path / 'lib/systemd/system/macronode.service'
	program = node.root.path / 'usr/bin/macronode'
	with tempfile.TemporaryDirectory() as directory:
		copy = pathlib.Path(directory) / unit.name
		copy.write_text(unit.read_text().replace('/usr/bin/macronode', str(program)))
		drop_ins = copy.with_name(f'{copy.name}.d')
		drop_ins.mkdir()
		for name in ('one-user.conf', 'off-loopback.conf'):
			shutil.copy(node.root.path / 'usr/share/doc/macronode/examples' / name, drop_ins)
		done = run('systemd-analyze', 'verify', '--recursive-errors=yes', '--man=no', copy,
			check=False)
	assert done.returncode == 0 and not done.stdout + done.stderr, done


def test_the_command_its_completions_and_its_pages_are_there():
	assert '0.1.0' in node.macronode('version').stdout
	node.macronode('check')
	share = node.root.path / 'usr/share'
	for name in ('bash-completion/completions/macronode', 'zsh/vendor-completions/_macronode',
			'fish/vendor_completions.d/macronode.fish'):
		assert 'snapshot' in (share / name).read_text(), name
	for page in (ROOT / 'man').glob('*.[1-9]'):
		assert (share / f'man/man{page.suffix[1:]}/{page.name}.gz').exists(), page


def test_the_node_runs_as_its_users_with_the_capabilities_of_the_unit():
	node.start()
	node.token = nodes.mint(['chroot', str(node.root.path), 'macronode'])
	node.pay()
	users = node.root.users()
	plans = {'admin': 'mn-admin', 'ingress': 'mn-ingress', 'kms': 'mn-kms', 'committer': 'mn-commit',
		'sequencer': 'mn-order', 'archive': 'mn-archive', 'wallet': 'mn-wallet',
		'prevalidator': 'mn-check', 'admin-check': 'mn-check'}
	found = node.workers()
	assert {role: uid for role, (_, uid) in found.items()} == {role: users[name]
		for role, name in plans.items()}, found
	node.check_ledger()


def resident():
	"""Labels of the processes whose memory /metrics knows."""
	metrics = parse_metrics(node.http('GET', '/metrics', plane='admin').body.decode())
	return {labels for (name, labels), value in metrics.items()
		if name == 'process_resident_memory_bytes' and value > 0}


def test_metrics_of_workers_are_seen_behind_a_hidden_proc():
	eventually(lambda: len(resident()) == 1 + len(node.workers()), 'all of them, and the supervisor')


def test_a_dead_worker_is_replaced_under_the_unit():
	pid, _ = node.workers()['sequencer']
	os.kill(pid, signal.SIGKILL)
	eventually(lambda: node.workers().get('sequencer', (pid,))[0] != pid and
		node.http('GET', '/readyz', plane='admin').status == 200, 'another one')
	node.pay()


def test_the_manager_reloads_and_hears_why_not():
	packaged = node.config.read_text()
	node.configure('log', level='debug')
	node.reload()
	eventually(lambda: '"level":"DEBUG"' in node.log.read_text(), 'lines of that level')
	node.config.write_text(packaged + '[nothing]\n')
	assert 'nothing' in node.reload(good=False)
	node.config.write_text(packaged)
	node.reload()
	node.pay()


def put_certificate(name):
	"""Where Debian keeps keys: root's alone, in a directory that nobody else enters."""
	private = node.root.path / 'etc/ssl/private'
	private.mkdir(mode=0o700, parents=True, exist_ok=True)
	for suffix in ('crt', 'key'):
		shutil.copy(node.certs.path(f'{name}.{suffix}'), private / f'macronode.{suffix}')
	assert node.root.owner('/etc/ssl/private') == 'root root 700'
	assert node.root.owner('/etc/ssl/private/macronode.key') == 'root root 600'


def served():
	"""The fingerprint of the certificate that a new connection is shown."""
	with node.connect() as connection:
		return hashlib.sha256(connection.getpeercert(binary_form=True)).hexdigest()


def test_a_key_that_is_roots_alone_serves_tls():
	node.stop()
	node.certs = Certificates().issue('first').issue('second')
	put_certificate('first')
	node.configure('tls', enabled=True, listeners='api', cert_path='/etc/ssl/private/macronode.crt',
		key_path='/etc/ssl/private/macronode.key')
	node.macronode('check')
	node.start()
	assert served() == node.certs.fingerprint('first')
	node.pay()
	put_certificate('second')  # as who renews it does
	node.reload()
	assert served() == node.certs.fingerprint('second')
	(node.root.path / 'etc/ssl/private/macronode.key').write_text('no key')
	assert 'tls.key_path' in node.reload(good=False)
	assert served() == node.certs.fingerprint('second')
	put_certificate('second')
	node.pay()


def test_traces_leave_through_a_user_of_their_own():
	with Collector() as collector:
		before = node.config.read_text()
		node.configure('otel', endpoint=collector.url, sample_ratio=1.0)
		node.stop()
		node.start()
		assert node.workers()['otel'][1] == node.root.users()['mn-otel'], node.workers()
		node.pay()
		eventually(collector.spans, 'traces')
		assert not collector.errors, collector.errors
		node.stop()
	node.config.write_text(before)
	node.start()


def test_an_upgrade_changes_nothing_under_a_node_that_runs():
	config = node.config
	config.write_text(config.read_text().replace('rps = 1000', 'rps = 2000'))
	before = node.workers()
	node.root.install(*packages_in(NEWER).values())
	assert NEWER in node.root.run('dpkg-query', '-W', 'macronode').stdout
	assert 'rps = 2000' in config.read_text(), 'what the operator wrote is kept'
	assert node.workers() == before
	pid, _ = before['wallet']
	os.kill(pid, signal.SIGKILL)  # the next one is of the same build, whatever lies on disk now
	eventually(lambda: node.workers().get('wallet', (pid,))[0] != pid and
		node.http('GET', '/readyz', plane='admin').status == 200, 'another wallet')
	put_certificate('first')
	node.reload()  # judged by the program of that build, too
	assert served() == node.certs.fingerprint('first')
	node.pay()


def test_the_ledger_is_there_after_the_upgrade():
	node.stop()
	node.start()
	node.check_ledger()
	node.pay()
	node.check_ledger()
	node.stop()
	node.macronode('verify')  # and with the command alone


def test_a_program_built_with_the_dev_package_pays():
	with tempfile.TemporaryDirectory() as directory:
		for part in ('libmacronode0', 'libmacronode-dev'):
			run('dpkg-deb', '-x', packages_in(NEWER)[part], directory)
		pkgconf = next(pathlib.Path(directory).glob('usr/lib/*/pkgconfig'))
		flags = run('pkg-config', '--cflags', '--libs', 'libmacronode', env={**os.environ,
			'PKG_CONFIG_PATH': str(pkgconf), 'PKG_CONFIG_SYSROOT_DIR': directory,
			'PKG_CONFIG_ALLOW_SYSTEM_LIBS': '1', 'PKG_CONFIG_ALLOW_SYSTEM_CFLAGS': '1'}).stdout.split()
		example = next(pathlib.Path(directory).glob('usr/share/doc/*/examples/pay.c*'))
		run('cc', '-o', node.root.path / 'usr/local/bin/pay', example, *flags)
	node.start()
	node.root.run('/usr/local/bin/pay', '/run/macronode/macronode.sock', 'alice', 'bob', '5',
		MACRONODE_TOKEN=node.token)
	node.spent += 5
	node.check_ledger()
	node.stop()


def test_one_ordinary_user_can_run_all_of_it():
	data = node.root.path / 'var/lib/macronode'
	data.rename(data.with_name('macronode-of-roles'))
	data.mkdir(mode=0o711)
	uid = node.root.users()['mn-node']
	os.chown(data, uid, uid)  # as StateDirectory= does
	token, node.token = node.token, None
	packaged = node.config.read_text()
	key = shutil.copy(node.certs.path('first.key'), node.root.path / 'etc/macronode/tls.key')
	os.chown(key, uid, uid)
	node.config.write_text(packaged.replace('/etc/ssl/private/macronode', '/etc/macronode/tls'))
	shutil.copy(node.certs.path('first.crt'), node.root.path / 'etc/macronode/tls.crt')
	node.start('mn-node')
	assert {uid for _, uid in node.workers().values()} == {uid}
	assert served() == node.certs.fingerprint('first')
	node.reload()
	node.stop()
	for name in ('tls.key', 'tls.crt'):
		(node.root.path / 'etc/macronode' / name).unlink()
	node.config.write_text(packaged)
	shutil.rmtree(data)
	data.with_name('macronode-of-roles').rename(data)
	node.token = token
	node.make_directories(0)


def test_removing_keeps_configuration_and_ledger():
	node.root.run('apt-get', '-q', '-y', 'remove', *PARTS)
	assert not (node.root.path / 'usr/bin/macronode').exists()
	assert (node.root.path / 'etc/macronode/macronode.toml').exists()
	assert (node.root.path / 'var/lib/macronode/store/ledger.db').exists()


def test_purging_keeps_the_ledger_alone_and_says_so():
	done = node.root.run('apt-get', '-q', '-y', 'purge', 'macronode')
	assert 'kept in /var/lib/macronode' in done.stdout + done.stderr, done
	for gone in ('etc/macronode', 'var/log/macronode', 'etc/logrotate.d/macronode',
			'usr/share/doc/macronode', 'usr/libexec/macronode'):
		assert not (node.root.path / gone).exists(), gone
	assert (node.root.path / 'var/lib/macronode/keys/keyring').exists()
	assert 'mn-kms' in node.root.users(), 'files are theirs'


def test_installed_again_the_ledger_goes_on():
	node.root.install(packages_in(NEWER)['macronode'])
	node.certs = None  # its configuration was purged
	node.start()
	node.check_ledger()
	node.pay()
	node.stop()


# --- around it -----------------------------------------------------------------------------


def prepare():
	"""What needs the network: packages, and a system that has what they depend on."""
	first = build()
	build(NEWER)
	older.build(DEB)
	debian_root.prepared(DEB, field(first['macronode'], 'Depends'))


def prepare_older(directory):
	directory.mkdir()
	older.old, older.new = older.packages_in(DEB), packages_in(NEWER)
	if older.old:
		older.node = Installed(directory)


def missing():
	if os.geteuid() != 0:
		return 'needs root'
	tools = ('debootstrap', 'lintian', 'dpkg-buildpackage', 'dh', 'unshare', 'systemd-analyze')
	gone = [tool for tool in tools if not shutil.which(tool)]
	return f'{", ".join(gone)}: not installed' if gone else ''


def main():
	global node
	if INSIDE in os.environ:
		tempfile.tempdir = os.environ[INSIDE]  # what is left in it goes with it
		node = Installed(os.environ[INSIDE])
		prepare_older(pathlib.Path(os.environ[INSIDE]) / 'older')
		tap.main({**globals(), **vars(older)})
	if missing():
		print(f'1..0 # SKIP {missing()}')
		return 0
	prepare()
	with tempfile.TemporaryDirectory(prefix='macronode-package-') as directory:
		os.chmod(directory, 0o755)
		return debian_root.in_own_namespaces([sys.executable, __file__, *sys.argv[1:]],
			{INSIDE: directory})


if __name__ == '__main__':
	sys.exit(main())

#!/usr/bin/env python3
"""macronode doctor: each thing that it looks at is broken on purpose, on real nodes, and must be named
with how to mend it; and nothing else may be."""
import contextlib
import fcntl
import json
import os
import pathlib
import pwd
import resource
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import tempfile
import time

import tap
from harness import BUILD, Node, entry, eventually, nodes

HOUR_MS = 3600 * 1000
NOBODY = 65534

# What depends on the machine that the tests run on, not on what they do.
OF_THE_MACHINE = {'clock_sync', 'swap', 'landlock', 'namespaces', 'filesystem'}


def needs_root():
	if os.geteuid() != 0:
		raise tap.Skip('needs root')


def pwd_has(name):
	with contextlib.suppress(KeyError):
		return pwd.getpwnam(name) is not None
	return False


def words_of(node, *words):
	return [*nodes.command(node.build, node.profile), 'doctor', '--libexec',
		str(nodes.libexec(BUILD)), *words]


class Report:
	"""What `doctor --json` printed, and with which exit code."""

	def __init__(self, done):
		try:
			self.document = json.loads(done.stdout)
		except ValueError:
			raise AssertionError(f'no JSON: {done}') from None
		self.checks = self.document['checks']
		self.status = done.returncode
		worst = {'ok': 0, 'weaker': 4, 'unknown': 3, 'bad': 1}[self.document['result']]
		assert self.status == worst, done
		for check in self.checks:
			assert (check['result'] == 'ok') == ('mend' not in check), check

	def of(self, what, result=None):
		return [check for check in self.checks if check['what'] == what
			and result in (None, check['result'])]

	def expect(self, what, result, *texts):
		"""One finding says so, with all of the texts in its sentence or its mend."""
		found = [check for check in self.of(what, result)
			if all(text in check['text'] + ' ' + check.get('mend', '') for text in texts)]
		assert found, (what, result, texts, self.of(what) or self.checks)
		return self

	def troubles(self, machine=False):
		return {check['what'] for check in self.checks if check['result'] != 'ok'
			and (machine or check['what'] not in OF_THE_MACHINE)}


def doctor(node, *words, **other):
	done = subprocess.run(words_of(node, '--json', *words), capture_output=True, text=True,
		timeout=300, stdin=subprocess.DEVNULL, env=node.environment, **other)
	return Report(done)


@contextlib.contextmanager
def stopped(overrides=None, count=2, **other):
	"""A node that ran, has `count` entries, and was stopped in order."""
	node = Node(overrides, **other)
	try:
		node.start()
		token = node.mint()
		for _ in range(count):
			assert node.ingest([entry('Mint', 'alice', 1)], token).status == 200
		node.stop()
		yield node
	finally:
		node.stop()
		node.remove()


def by_user():
	"""Whose nodes the tests can have: ours, and as root an ordinary user's too."""
	return (None, NOBODY) if os.geteuid() == 0 else (None,)


# --- a good node ---------------------------------------------------------------------------


def test_a_good_node_has_no_finding_running_or_stopped():
	with stopped() as node:
		report = doctor(node)
		expected = set() if os.geteuid() == 0 else {'users'}
		assert report.troubles() == expected, report.checks
		report.expect('signed', 'ok', 'all 2 entries').expect('tail', 'ok', 'all 2 entries')
		report.expect('node', 'ok', 'does not run').expect('api', 'ok', 'is free')
		node.start()
		report = doctor(node)
		assert report.troubles() == expected, report.checks
		report.expect('readiness', 'ok', 'ready').expect('deaths', 'ok').expect('log', 'ok')
		report.expect('version', 'ok').expect('node', 'ok', f'runs as uid {os.geteuid()}')
		assert not report.of('api'), 'its own ports are no trouble'


def test_looking_changes_nothing():
	def seen(node):
		return sorted((str(path), path.lstat().st_uid, path.lstat().st_mode, path.lstat().st_size)
			for path in node.profile.data.rglob('*'))
	with stopped() as node:
		before = seen(node)
		doctor(node)
		assert seen(node) == before
		assert node.start().stop() == 0


def test_on_a_terminal_each_trouble_has_its_mend_on_a_line_of_its_own():
	with stopped() as node:
		(node.profile.data / 'keys').chmod(0o755)
		done = subprocess.run(words_of(node), capture_output=True, text=True, timeout=300)
		assert done.returncode == 1, done
		lines = done.stdout.splitlines()
		at = next(i for i, line in enumerate(lines) if line.startswith('bad') and '/keys' in line)
		assert lines[at + 1].split()[0] == 'mend:', lines[at:at + 2]
		assert lines[-1].startswith('1 bad, '), lines[-1]


def test_before_the_first_start_nothing_is_missed():
	node = Node()
	try:
		report = doctor(node)
		assert report.troubles() == (set() if os.geteuid() == 0 else {'users', 'owners'}), report.checks
		report.expect('store', 'ok', 'none yet').expect('keys', 'ok', 'none yet')
	finally:
		node.remove()


def test_a_configuration_that_cannot_be_read_is_no_verdict():
	done = subprocess.run([str(BUILD / 'cli/macronode'), 'doctor', '--config', '/nonexistent'],
		capture_output=True, text=True, timeout=60)
	assert done.returncode == 3 and '/nonexistent' in done.stderr, done
	with tempfile.NamedTemporaryFile('w', suffix='.toml') as file:
		file.write('[node]\nfoo = 1\n')
		file.flush()
		done = subprocess.run([str(BUILD / 'cli/macronode'), 'doctor', '--config', file.name, '--json'],
			capture_output=True, text=True, timeout=60)
	Report(done).expect('config', 'bad', ':2:1', 'foo')


# --- files ---------------------------------------------------------------------------------


def test_modes_and_owners_that_let_others_in_are_named():
	for user in by_user():
		with stopped(user=user) as node:
			data = node.profile.data
			(data / 'keys').chmod(0o750)
			(data / 'store/ledger.db').chmod(0o644)
			report = doctor(node)
			report.expect('owners', 'bad', f'{data}/keys can be read by others', 'mode 0750', 'chmod')
			report.expect('owners', 'weaker', 'ledger.db can be read by others')
			(data / 'keys').chmod(0o700)
			(data / 'store/ledger.db').chmod(0o640)
			assert not doctor(node).of('owners', 'bad')
			(data / 'keys/keyring').chmod(0o640)
			doctor(node).expect('owners', 'bad', 'keyring can be read by others')


def test_files_of_another_user_are_named():
	needs_root()
	with stopped() as node:
		os.chown(node.profile.data / 'store', 12345, -1)
		os.chown(node.profile.data / 'keys/signed', 12345, -1)
		report = doctor(node)
		report.expect('owners', 'bad', '/store belongs to another user', 'uid 12345')
		report.expect('owners', 'bad', '/keys/signed belongs to another user')


def test_a_link_in_place_of_the_store_is_named():
	with stopped() as node:
		(node.profile.data / 'store').rename(node.profile.data / 'elsewhere')
		(node.profile.data / 'store').symlink_to(node.profile.data / 'elsewhere')
		doctor(node).expect('owners', 'bad', '/store is of another type')


def test_a_configuration_that_everybody_may_write_is_named():
	with stopped() as node:
		node.profile.config.chmod(0o666)
		doctor(node).expect('owners', 'bad', 'macronode.toml can be changed by everybody')


def test_a_socket_that_was_opened_to_others_is_named():
	with Node() as node:
		(node.profile.run / 'control').chmod(0o666)
		doctor(node).expect('owners', 'bad', 'control can be changed by others')


# --- disks ---------------------------------------------------------------------------------


def in_mounts(node, script):
	"""Doctor in mounts of its own, which `script` (sh, with $data) makes first."""
	probe = [*UNSHARE, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']
	if subprocess.run(probe, capture_output=True, check=False).returncode != 0:
		raise tap.Skip('no mount namespaces here')
	words = [*UNSHARE, 'sh', '-ec', f'data=$1; shift; {script}; exec "$@"', 'sh',
		str(node.profile.data), *words_of(node, '--json')]
	done = subprocess.run(words, capture_output=True, text=True, timeout=300)
	return Report(done)


UNSHARE = ['unshare', '--mount', *(() if os.geteuid() == 0 else ('--map-root-user',))]


def test_a_small_disk_is_judged_by_what_is_free():
	node = Node({'engine': {'disk_reserve': '2MiB'}})
	mount = 'mount -t tmpfs -o size=8m,mode=0711 tmpfs "$data"'
	try:
		in_mounts(node, mount).expect('space', 'ok', '8 MiB are free').expect('filesystem',
			'weaker', 'tmpfs', 'amnesia')
		in_mounts(node, f'{mount}; head -c 5M /dev/zero >"$data/x"').expect('space', 'weaker',
			'3 MiB are free', 'no object is put')
		in_mounts(node, f'{mount}; head -c 7M /dev/zero >"$data/x"').expect('space', 'bad',
			'1 MiB are free', 'nothing is appended', 'larger file system')
		in_mounts(node, 'mount -t tmpfs -o size=8m,nr_inodes=8 tmpfs "$data"').expect('space', 'bad',
			'inodes')
	finally:
		node.remove()


def test_a_disk_that_is_read_only_is_named():
	node = Node()
	try:
		in_mounts(node, 'mount -t tmpfs -o ro,mode=0711 tmpfs "$data"').expect('filesystem', 'bad',
			'read-only')
	finally:
		node.remove()


def test_a_disk_for_the_objects_alone_is_looked_at_too():
	with stopped() as node:
		in_mounts(node, 'mount -t tmpfs -o size=1m tmpfs "$data/objects"').expect('space', 'bad',
			'/objects: ').expect('space', 'ok', f'{node.profile.data}: ')


def test_a_network_file_system_is_named_and_no_node_starts_on_it():
	node = Node(environment={'LD_PRELOAD': str(BUILD / 'tests/system/nfs.so')})
	try:
		doctor(node).expect('filesystem', 'bad', 'nfs, a network file system', 'local file system')
		assert not list(node.profile.data.iterdir())
		node.start(wait=False)
		assert node.child.wait(60) == 3
		assert 'no ledger can lie on nfs' in node.log_text(), node.log_text()
	finally:
		node.stop()
		node.remove()


# --- who is there --------------------------------------------------------------------------


def test_a_port_in_use_is_named():
	with stopped() as node, socket.socket() as taken:
		port = int(node.profile.api_address.split(':')[1])
		taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		taken.bind(('127.0.0.1', port))
		taken.listen()
		doctor(node).expect('api', 'bad', f'port {port}', 'in use', 'api.bind_addr')


def test_a_stranger_who_holds_the_lock_is_named():
	with stopped() as node, open(node.profile.data / 'lock', 'rb') as lock:
		fcntl.flock(lock, fcntl.LOCK_EX)
		doctor(node).expect('lock', 'bad', f'process {os.getpid()}', 'no node answers')
		fcntl.flock(lock, fcntl.LOCK_UN)
		doctor(node).expect('lock', 'ok', 'nobody holds')


def test_an_operator_who_may_not_look_hears_no_verdict():
	needs_root()
	with Node() as node:
		node.directory.chmod(0o755)
		report = doctor(node, user=NOBODY, group=NOBODY, extra_groups=[])
		assert report.status == 3 and not report.of('node', 'ok'), report.checks
		report.expect('node', 'unknown', 'ask as root')
		for what in ('keys', 'store', 'lock', 'owners', 'data_dir', 'api'):
			report.expect(what, 'unknown', 'look again as root')
		assert len(report.of('owners', 'unknown')) == 2, report.of('owners')  # a directory each
		assert not [check for check in report.checks if check['result'] == 'bad'], report.checks


def test_a_supervisor_that_does_not_answer_is_named():
	with Node() as node:
		node.child.send_signal(signal.SIGSTOP)
		try:
			report = doctor(node)
		finally:
			node.child.send_signal(signal.SIGCONT)
		report.expect('node', 'bad', 'says nothing').expect('lock', 'ok', 'held by a node')
		assert not report.of('api'), report.of('api')


def test_a_node_of_an_ordinary_user_is_weaker_for_him_and_for_root():
	needs_root()
	with Node(user=NOBODY) as node:
		for other in ({}, {'user': NOBODY, 'group': NOBODY, 'extra_groups': []}):
			report = doctor(node, **other)
			report.expect('users', 'weaker', 'share this user', 'node.uid_base')
			assert report.troubles() == {'users'}, report.checks
		node.stop()
		report = doctor(node)
		assert report.troubles() == {'users'}, report.checks


# --- the machine ---------------------------------------------------------------------------


def test_a_missing_worker_is_named():
	with stopped() as node:
		libexec = node.directory / 'libexec'
		shutil.copytree(nodes.libexec(BUILD), libexec, symlinks=False, ignore=shutil.ignore_patterns('mn-wallet'))
		report = doctor(node, '--libexec', str(libexec))
		report.expect('workers', 'bad', f'{libexec}/mn-wallet')
		assert len(report.of('workers')) == 1, report.of('workers')
		report = doctor(node, '--libexec', str(node.directory / 'nowhere'))
		report.expect('workers', 'bad', f'{node.directory}/nowhere: No such file')
		assert len(report.of('workers')) == 1, report.of('workers')


def test_who_may_not_enter_the_place_of_his_node_is_told_to_open_it():
	needs_root()
	node = Node()
	try:
		closed = node.directory / 'closed'
		(closed / 'data').mkdir(parents=True)
		closed.chmod(0o700)
		words = [*words_of(node, '--json', '--data-dir', str(closed / 'data'))]
		words[words.index('doctor')] = 'check'
		report = Report(subprocess.run(words, capture_output=True, text=True, timeout=300, user=NOBODY,
			group=NOBODY, extra_groups=[], env=node.environment))
		report.expect('lock', 'bad', 'denied', 'open it to this user')
		assert len(report.of('owners', 'bad')) == 1, report.of('owners')
	finally:
		node.remove()


def test_missing_users_are_named_together():
	needs_root()
	if pwd_has('mn-kms'):
		raise tap.Skip('this machine has the users of the package')
	node = Node({'node': {'uid_base': 0}})
	try:
		report = doctor(node).expect('users', 'bad', 'mn-kms', 'mn-ingress', 'systemd-sysusers')
		assert len(report.of('users')) == 2, report.of('users')  # and the group
	finally:
		node.remove()


def test_limits_that_are_too_low_are_named():
	def lower():
		resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))
		resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536))
	with stopped() as node:
		report = doctor(node, preexec_fn=lower)
		report.expect('limits', 'weaker', 'Max open files: 200', 'LimitNOFILE')
		report.expect('limits', 'weaker', 'Max locked memory: 65536', 'LimitMEMLOCK')


def test_limits_are_those_of_the_node_that_runs():
	words = ('prlimit', '--nofile=300:300')
	with Node(wrapper=words) as node:
		doctor(node).expect('limits', 'weaker', 'Max open files: 300')


def test_walls_are_those_of_the_node_that_runs():
	needs_root()
	with Node(wrapper=('setpriv', '--bounding-set', '-sys_admin')) as node:
		doctor(node).expect('namespaces', 'weaker', 'the node that runs may make none')


def test_names_that_nobody_knows_are_named():
	with stopped({'api': {'host_names': ['localhost', 'no-such-name.invalid']}}) as node:
		report = doctor(node)
		report.expect('host_names', 'ok', 'localhost')
		bad = [check for check in report.of('host_names') if 'no-such-name.invalid' in check['text']]
		assert len(bad) == 1 and bad[0]['result'] in ('weaker', 'unknown'), bad  # it depends on the DNS


def test_a_clock_behind_the_ledger_is_named():
	with tempfile.TemporaryDirectory(prefix='macronode-clock-') as directory:
		path = pathlib.Path(directory) / 'clock'
		pathlib.Path(directory).chmod(0o755)
		path.write_bytes(struct.pack('<q', 3 * HOUR_MS))
		path.chmod(0o644)
		with Node(environment={'MACRONODE_TEST_CLOCK': str(path)}) as node:
			token = node.mint()
			ahead = int(time.time() * 1000) + 3 * HOUR_MS
			assert node.ingest([entry('Mint', 'alice', 1, ts=ahead)], token).status == 200
			doctor(node).expect('clock', 'bad', 'behind the last commit', 'set back')
			node.stop()
			doctor(node).expect('clock', 'bad', 'behind the last commit')


# --- store and keys ------------------------------------------------------------------------


def test_a_store_that_lost_entries_is_named():
	with stopped() as node:
		store = node.profile.data / 'store'
		shutil.copytree(store, node.directory / 'older')
		node.start()
		token = node.mint()
		assert node.ingest([entry('Mint', 'alice', 1)], token).status == 200
		node.stop()
		for path in store.iterdir():
			if path.name != 'tail':
				with open(path, 'wb') as file:
					file.write((node.directory / 'older' / path.name).read_bytes())
		report = doctor(node)
		report.expect('tail', 'bad', '3 entries were acknowledged, the store has 2', 'recover')
		report.expect('signed', 'bad', '3 entries were signed, the store has 2', 'new-origin')


def test_keys_that_are_missing_damaged_or_of_another_ledger_are_named():
	with stopped() as node, stopped() as other:
		keys = node.profile.data / 'keys'
		whole = (keys / 'keyring').read_bytes()
		(keys / 'keyring').write_bytes((other.profile.data / 'keys/keyring').read_bytes())
		doctor(node).expect('keys', 'bad', 'they are of', 'and the store is of')
		(keys / 'keyring').write_bytes(whole[:12] + b'\xff' + whole[13:])
		doctor(node).expect('keys', 'bad', 'is damaged')
		(keys / 'keyring').unlink()
		doctor(node).expect('keys', 'bad', 'no keys', 'put back')


def test_what_was_signed_must_be_known():
	with stopped() as node:
		signed = node.profile.data / 'keys/signed'
		signed.write_bytes(b'x' * signed.stat().st_size)
		doctor(node).expect('signed', 'bad', 'is damaged')
		signed.unlink()
		doctor(node).expect('signed', 'bad', 'is missing')


def test_a_store_that_is_gone_newer_or_no_store_is_named():
	with stopped() as node:
		path = node.profile.data / 'store/ledger.db'
		with contextlib.closing(sqlite3.connect(path)) as database:
			database.execute('UPDATE meta SET version = 2')
			database.commit()
		doctor(node).expect('store', 'bad', 'schema version 2', 'the newer one')
		path.write_bytes(b'no database' * 1000)
		doctor(node).expect('store', 'bad')
		shutil.rmtree(path.parent)
		doctor(node).expect('store', 'bad', '2 entries were signed', 'is it mounted?')


def test_a_disk_that_failed_is_named_stopped_and_running():
	with stopped() as node:
		mark = node.profile.data / 'store/suspect'
		mark.write_text('macronode suspect v1\nreason the sync failed\n')
		owner = (node.profile.data / 'store/ledger.db').stat()
		os.chown(mark, owner.st_uid, owner.st_gid)
		doctor(node).expect('suspect', 'bad', 'macronode recover')
		node.start(wait=False)

		def safe():
			report = doctor(node)
			return report.of('readiness', 'bad') and 'safe_mode' in str(report.checks) and report
		report = eventually(safe, 'safe mode')
		report.expect('readiness', 'bad', 'not ready: safe_mode:', 'macronode recover')
		status = node.cli('status', check=False)
		assert status.returncode == 4 and 'next ' in status.stdout, status
		assert 'macronode recover' in status.stdout, status


# --- deaths --------------------------------------------------------------------------------


def test_a_killed_worker_is_named_with_its_cause():
	for user in by_user():
		with Node(user=user) as node:
			node.signal_worker('wallet')
			eventually(lambda: 'KILL' in node.cli('status', check=False).stdout, 'the death')
			node.wait_ready()
			doctor(node).expect('deaths', 'weaker', 'wallet 0 died at', 'signal 9 (KILL)')


def test_whoever_dies_all_the_time_is_named_and_hides_nobody():
	fast = {'node': {'restart_min': '1ms', 'restart_max': '1ms', 'restart_cap': '2ms'}}
	with Node(fast) as node:
		node.signal_worker('kms')
		node.wait_ready()
		for _ in range(17):  # one more than are kept of all
			old = node.signal_worker('wallet')
			eventually(lambda: set(node.workers('wallet')) - {old}, 'another wallet')
		document = json.loads(eventually(lambda: (lambda done: 'crashing:wallet' in done.stdout
			and done)(node.cli('status', '--json', check=False)), 'degraded').stdout)
		assert {death['role'] for death in document['deaths']} == {'wallet'}, document['deaths']
		kms = next(one for one in document['processes'] if one['role'] == 'kms')
		assert kms['last_death']['cause'].startswith('signal 9'), kms
		status = node.cli('status', check=False)
		assert status.returncode == 4 and 'kms 0 (pid ' in status.stdout, status
		assert 'mend the cause that its last deaths name' in status.stdout, status
		eventually(lambda: json.loads(node.cli('status', '--json', check=False).stdout)['ready'], 'ready')
		report = doctor(node)
		report.expect('readiness', 'weaker', 'ready, but: crashing:wallet', 'last deaths')
		report.expect('deaths', 'weaker', 'more in an hour')


# --- refusals ------------------------------------------------------------------------------


def test_refusals_name_their_rule_in_the_log():
	with Node({'api': {'read_timeout': '200ms', 'max_conns': 1}}) as node:
		with node.connect('uds') as half:
			half.sendall(b'\x21\x00\x00\x00\x01')
			eventually(lambda: any(line.get('reason') == 'timeout' and line['event'] == 'request_refused'
				for line in node.log()), 'a frame that never ends')
		with node.connect() as one, node.connect() as two:
			del one, two
			eventually(lambda: any(line.get('key') == 'api.max_conns' for line in node.log()),
				'no room for another connection')


def test_an_entry_that_the_ledger_refuses_is_in_the_log_with_the_clients_id():
	with Node() as node:
		token = node.mint()
		wish = entry('Transfer', 'alice', 1, counter_account='bob')
		refused = node.ingest([wish, entry('Mint', 'carol', 1)], token)
		assert refused.status == 207, refused
		corr_id = refused.headers['x-corr-id']
		line = eventually(lambda: next((line for line in node.log() if line['event'] == 'request_refused'
			and line.get('corr_id') == corr_id), None), 'the refusal in the log')
		assert line['text'] == 'insufficient' and line['reason'] and line['count'] == 1, line
		assert line['status'] == 207 and line['route'] == '/ingest' and line['ticket'], line
		assert 'alice' not in json.dumps(line), line


if __name__ == '__main__':
	tap.main(globals())

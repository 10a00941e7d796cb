"""What each worker is born with, and what a node starts from: descriptors, limits, namespaces,
signals, directories, sockets."""
import collections
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import sys

import fd3
import tap
from harness import BUILD, Node, eventually, nodes

ROLES = ('admin', 'admin-check', 'ingress', 'prevalidator', 'kms', 'sequencer', 'committer', 'archive',
	'wallet')
STORE = ('ledger.db', 'ledger.db-wal', 'ledger.db-shm')
FILES = {'kms': {'keyring', 'signed'}, 'archive': {*STORE, 'objects'},
	'committer': {*STORE, 'store', 'tail', 'lock'}}
LISTENERS = {'admin': 1, 'ingress': 2}
LINKS = {'admin': 1, 'admin-check': 2, 'ingress': 4, 'prevalidator': 5, 'kms': 5, 'sequencer': 6,
	'committer': 3, 'archive': 6, 'wallet': 4}
IGNORED = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGUSR1,
	signal.SIGUSR2)
MIB = 1024 * 1024
FSIZE, DATA, NOFILE, CORE = 'Max file size', 'Max data size', 'Max open files', 'Max core file size'


def needs_root():
	if os.geteuid() != 0:
		raise tap.Skip('needs root')


def proc(pid, name):
	return pathlib.Path(f'/proc/{pid}/{name}').read_text()


def status(pid):
	return dict(line.split(':\t', 1) for line in proc(pid, 'status').splitlines() if ':\t' in line)


def limits(pid):
	"""{name: (soft, hard)}"""
	return {line[:26].strip(): tuple(line[26:].split()[:2])
		for line in proc(pid, 'limits').splitlines()[1:]}


def kinds(pid):
	"""How many descriptors of each kind; a file counts under its own name."""
	found = collections.Counter()
	for target in fd3.fds(pid).values():
		if target.startswith('/memfd:mn-metrics'):
			found['page'] += 1
		elif target.startswith('/'):
			found[pathlib.PurePath(target).name] += 1
		elif not target.startswith('anon_inode:[eventfd'):  # libev makes it when it needs it
			found[target.split(':[')[0]] += 1
	return found


def settled(node, role):
	"""Waits until a worker has what its work takes: no client's connection is left over, too."""
	wanted = collections.Counter({'null': 2, 'pipe': 2, 'anon_inode': 1,
		'socket': 1 + LINKS[role] + LISTENERS.get(role, 0),
		'page': 1 + (len(ROLES) + 1 if role == 'admin' else 0)})
	wanted.update(FILES.get(role, ()))
	eventually(lambda: kinds(node.worker(role)) == wanted, f'{role} holds {wanted}', 10)


def test_each_role_holds_the_descriptors_of_its_work_and_no_other():
	needs_root()
	with Node() as node:
		for role in ROLES:
			settled(node, role)


def test_a_replacement_holds_no_more_than_the_one_before_it():
	needs_root()
	with Node({'node': {'restart_min': '1ms', 'restart_max': '2ms'}}) as node:
		for role in ROLES:
			settled(node, role)
		held = len(fd3.fds(node.child.pid))
		for role in ROLES:
			node.replace_worker(role)
		for role in ROLES:
			settled(node, role)
		eventually(lambda: len(fd3.fds(node.child.pid)) <= held, 'no leak in the supervisor')


def test_archive_holds_the_store_for_reading_only():
	needs_root()
	with Node() as node:
		pid = node.worker('archive')
		for fd, target in fd3.fds(pid).items():
			if '/store/' in target:
				flags = next(int(line.split()[1], 8) for line in
					proc(pid, f'fdinfo/{fd}').splitlines() if line.startswith('flags'))
				assert flags & os.O_ACCMODE == os.O_RDONLY, (target, oct(flags))


def test_what_the_supervisor_inherited_does_not_reach_a_worker():
	leak = os.open('/etc/hostname', os.O_RDONLY)
	os.set_inheritable(leak, True)
	node = Node()
	try:
		words = nodes.run_command(node.build, node.profile)
		with open(node.profile.log, 'ab') as log:
			node.child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
				cwd='/', start_new_session=True, env=node.environment, pass_fds=[leak])
		node.wait_ready()
		if os.geteuid() == 0:
			assert 'hostname' in str(fd3.fds(node.child.pid))
			for pid in node.workers():
				assert 'hostname' not in str(fd3.fds(pid)), fd3.fds(pid)
	finally:
		os.close(leak)
		node.stop()
		node.remove()


def test_limits_follow_the_role_and_the_configuration():
	with Node({'api': {'max_conns': 5000}, 'admin': {'max_conns': 70}}) as node:
		for role in ROLES:
			found = limits(node.worker(role))
			files = 160 + {'ingress': 5000, 'admin': 70}.get(role, 0)
			hard = int(limits(node.child.pid)[NOFILE][1])
			assert found[NOFILE] == (str(min(files, hard)),) * 2, (role, found[NOFILE])
			assert found[CORE] == ('0', '0'), role
			if role in ('ingress', 'admin'):
				memory = 512 * MIB + ({'ingress': 5000, 'admin': 70}[role] + 32) * 656 * 1024
				assert found[DATA] == (str(memory),) * 2, (role, found[DATA])
			writes = role in ('kms', 'committer', 'archive')
			assert writes or found[FSIZE] == ('0', '0'), (role, found[FSIZE])
			assert not writes or found[FSIZE] == limits(node.child.pid)[FSIZE], role


def test_no_process_is_dumpable():
	with Node(user=65534 if os.geteuid() == 0 else None) as node:
		assert limits(node.child.pid)[CORE] == ('0', '0')
		for pid in nodes.process_tree(node.child.pid):
			# what is in /proc of a process that is dumpable belongs to its user
			assert os.stat(f'/proc/{pid}/environ').st_uid == 0, pid


def test_as_root_each_worker_has_an_empty_network_of_its_own():
	needs_root()
	with Node() as node:
		if 'share our namespaces' in node.log_text():
			raise tap.Skip('this root may not make namespaces')
		seen = {os.readlink(f'/proc/{node.child.pid}/ns/net')}
		for role in ROLES:
			pid = node.worker(role)
			assert os.readlink(f'/proc/{pid}/ns/net') not in seen, role
			seen.add(os.readlink(f'/proc/{pid}/ns/net'))
			assert [line.split(':')[0].strip() for line in
				proc(pid, 'net/dev').splitlines()[2:]] == ['lo'], role
			for other in ('ipc', 'mnt'):
				assert os.readlink(f'/proc/{pid}/ns/{other}') != os.readlink(
					f'/proc/{node.child.pid}/ns/{other}'), (role, other)


def test_only_who_shares_the_store_makes_files_for_a_group():
	with Node() as node:
		for role in ROLES:
			wanted = '0027' if role in ('committer', 'archive') and os.geteuid() == 0 else '0077'
			if os.geteuid() == 0:
				assert status(node.worker(role))['Umask'].strip() == wanted, role


def test_signals_meant_for_the_node_do_not_end_its_workers():
	with Node() as node:
		before = node.workers()
		for pid in before:
			ignored = int(status(pid)['SigIgn'], 16)
			assert all(ignored >> number - 1 & 1 for number in IGNORED), hex(ignored)
			assert int(status(pid)['SigBlk'], 16) == 0
		os.killpg(node.child.pid, signal.SIGHUP)
		os.killpg(node.child.pid, signal.SIGUSR1)
		eventually(lambda: 'config_applied' in node.log_text(), 'HUP was taken')
		assert node.workers() == before


def test_a_start_without_standard_descriptors_and_with_sigchld_ignored():
	node = Node()
	log = node.directory / 'out.log'
	try:
		node.profile.write_config({'log': {'file': str(log)}})
		wrapper = ('import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN);'
			'signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]);'
			'os.closerange(0, 3); os.execv(sys.argv[1], sys.argv[1:])')
		node.child = subprocess.Popen([sys.executable, '-c', wrapper,
			*nodes.run_command(node.build, node.profile)], cwd='/', start_new_session=True,
			env=node.environment)
		node.wait_ready()
		for fd in range(3 if os.geteuid() == 0 else 0):
			assert fd3.fds(node.child.pid)[fd] == '/dev/null', fd3.fds(node.child.pid)
		node.replace_worker('prevalidator')
		assert node.stop() == 0
	finally:
		node.stop()
		node.remove()


# --- directories and sockets ---------------------------------------------------------------


def refused(node):
	"""The log of a start that must fail."""
	try:
		node.start(wait=False)
		assert node.child.wait(60) == 3
		return node.log_text()
	finally:
		node.stop()
		node.remove()


def mode(path):
	return stat.S_IMODE(path.stat().st_mode)


def test_directories_and_sockets_have_their_modes():
	with Node() as node:
		root = os.geteuid() == 0
		data = node.profile.data
		assert mode(data) == (0o711 if root else 0o700)
		assert mode(data / 'store') == (0o2750 if root else 0o700)
		assert mode(data / 'keys') == 0o700
		assert mode(node.profile.run) == 0o700
		assert mode(node.profile.run / 'control') == 0o600
		assert mode(node.profile.uds) == 0o600
		if root:
			assert (data / 'keys').stat().st_uid == int(status(node.worker('kms'))['Uid'].split()[0])
			assert mode(data / 'store' / 'ledger.db') == 0o640
		assert mode(data / 'keys' / 'keyring') & 0o077 == 0


def test_a_group_may_use_the_local_socket_and_nothing_else():
	needs_root()
	with Node({'uds': {'group': 'nogroup'}}) as node:
		gid = node.profile.uds.stat().st_gid
		assert gid == 65534 and mode(node.profile.uds) == 0o660
		assert mode(node.profile.run) == 0o750 and node.profile.run.stat().st_gid == gid
		assert mode(node.profile.run / 'control') == 0o600


def test_an_ordinary_user_can_give_the_local_socket_to_a_group_of_his():
	needs_root()
	with Node({'uds': {'group': 'nogroup'}}, user=65534) as node:
		assert mode(node.profile.run) == 0o750 and node.profile.run.stat().st_gid == 65534


def test_a_data_directory_of_somebody_else_is_refused():
	needs_root()
	node = Node()
	os.chown(node.profile.data, 12345, 12345)
	assert 'the directory belongs to another user' in refused(node)


def test_a_store_of_another_uid_is_refused_by_name():
	needs_root()
	node = Node()
	(node.profile.data / 'store').mkdir()
	text = refused(node)
	assert 'the directory belongs to another user' in text and '/store' in text


def test_a_link_in_place_of_the_keys_is_refused():
	node = Node()
	elsewhere = node.directory / 'elsewhere'
	elsewhere.mkdir()
	(node.profile.data / 'keys').symlink_to(elsewhere)
	text = refused(node)
	assert 'expected a directory' in text and '/keys' in text


def test_a_parent_that_workers_cannot_search_is_named():
	needs_root()
	node = Node()
	closed = node.directory / 'closed'
	(closed / 'below').mkdir(parents=True)
	closed.chmod(0o700)
	node.profile.write_config({'node': {'data_dir': str(closed / 'below' / 'data'),
		'run_dir': str(node.profile.run), 'uid_base': nodes.UID_BASE}})
	text = refused(node)
	assert 'may not search' in text and f'"{closed}"' in text, text


def test_a_data_directory_that_is_not_writable_is_named():
	needs_root()
	node = Node(user=65534)
	os.chown(node.profile.data, 0, 0)
	node.profile.data.chmod(0o755)
	assert 'the directory is not writable' in refused(node)


def test_a_log_file_that_cannot_be_opened_is_said_on_stderr():
	node = Node({'log': {'file': '/nowhere/node.log'}})
	assert 'log.file: /nowhere/node.log: No such file' in refused(node)


def test_sockets_that_a_dead_node_left_are_replaced():
	node = Node().start()
	try:
		node.kill_all()
		assert (node.profile.run / 'control').exists()
		node.start()
		assert node.cli('status').returncode == 0
	finally:
		node.stop()
		node.remove()


def test_a_second_node_cannot_take_the_run_directory_of_the_first():
	with Node() as node:
		ports = nodes.free_ports(2)
		data = node.directory / 'second-data'
		second = subprocess.run(
			[*nodes.run_command(node.build, node.profile), '--data-dir', str(data),
				'--bind', f'127.0.0.1:{ports[0]}', '--http-addr', f'127.0.0.1:{ports[1]}',
				'--uds', str(node.directory / 'second.sock')],
			capture_output=True, text=True, timeout=60)
		assert second.returncode == 3, second
		assert 'somebody answers on this socket' in second.stdout, second.stdout
		assert node.cli('status').returncode == 0


def test_a_socket_is_not_made_over_a_directory():
	node = Node()
	(node.profile.run / 'control').mkdir()
	assert 'listener_failed' in refused(node)


def test_missing_executables_stop_the_start():
	node = Node()
	libexec = node.directory / 'libexec'
	libexec.mkdir()
	for role in set(ROLES[:-1]) - {'admin-check'}:  # a prevalidator
		shutil.copy(nodes.libexec(BUILD) / f'mn-{role}', libexec)
	node.extra = ('--libexec', str(libexec))
	text = refused(node)
	assert 'the executable of a worker cannot be opened' in text and 'mn-wallet' in text


def test_a_role_that_is_off_is_not_there():
	with Node() as node:
		assert not node.workers('rewarder'), node.workers('rewarder')


def test_the_rewarder_runs_when_it_is_enabled():
	with Node({'rewarder': {'enabled': True}}) as node:
		eventually(lambda: node.workers('rewarder'), 'a rewarder')
		node.replace_worker('rewarder')
		assert len(node.workers('rewarder')) == 1


if __name__ == '__main__':
	tap.main(globals())

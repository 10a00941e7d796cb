"""Amnesia: the node serves from memory alone, writes nothing to a disk, leaves nothing behind,
and refuses by name to start where it could not keep that."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import tempfile

import fd3
import tap
from harness import BUILD, Node, entry, eventually, nodes

USER = 47050          # an ordinary one, without a name
NOBODY = 65534        # what a user namespace shows for everybody else
SWAPS = 'Filename\t\t\t\tType\t\tSize\tUsed\tPriority\n/dev/zram0  partition\t1048572\t0\t100\n'

# Every call that changes a file or a directory; `?`: not on every machine.
WRITERS = ('?open openat ?openat2 ?creat ?mkdir mkdirat ?mknod mknodat ?rename ?renameat renameat2 '
	'?link linkat ?symlink symlinkat ?unlink unlinkat ?rmdir truncate ftruncate ?chmod fchmod '
	'fchmodat ?chown fchown ?lchown fchownat utimensat ?utime ?utimes setxattr lsetxattr fsetxattr '
	'write writev pwrite64 pwritev ?pwritev2 fallocate copy_file_range ?sendfile fsync fdatasync '
	'sync syncfs sync_file_range mount umount2')
OPENS = ('open', 'openat', 'openat2', 'creat')
CALL = re.compile(r'^(\d+) +(\w+)\((.*)$')
WRITE_FLAGS = re.compile(r'O_(WRONLY|RDWR|CREAT|TRUNC|TMPFILE)')
# A descriptor with its name, or a path, with the directory that it starts from.
FD = re.compile(r'^(?:AT_FDCWD|\d+)<([^>]*)>')
PATHS = re.compile(r'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:\\.|[^"\\])*)"')
NO_FILE = ('pipe:', 'socket:', 'anon_inode:', '/memfd:', 'TCP:', 'TCPv6:', 'UNIX:', 'UNIX-STREAM:')


def needs_root():
	if os.geteuid() != 0:
		raise tap.Skip('needs root')


def needs_disk():
	"""Where directories of tests are in memory, nothing of theirs is on a disk."""
	where = pathlib.Path(tempfile.gettempdir()).resolve()
	seen = mounts(os.getpid())
	kind = next(seen[str(one)][0] for one in (where, *where.parents) if str(one) in seen)
	if kind in ('tmpfs', 'ramfs'):
		raise tap.Skip(f'{where} is in memory')


def may_enter_user_namespaces(user):
	other = {'user': user, 'group': user, 'extra_groups': []} if os.geteuid() == 0 else {}
	words = ['unshare', '--user', '--mount', '--map-current-user', 'true']
	return subprocess.run(words, capture_output=True, check=False, cwd='/', **other).returncode == 0


def ordinary():
	"""The `user` of a Node that no root runs."""
	user = USER if os.geteuid() == 0 else os.getuid()
	if not may_enter_user_namespaces(user):
		raise tap.Skip('this kernel gives an ordinary user no user namespace')
	return user if os.geteuid() == 0 else None


def whoever():
	"""The `user` of a Node that we run as we are."""
	return None if os.geteuid() == 0 else ordinary()


def write_some(node):
	"""Mints and moves; returns (token, root)."""
	token = node.mint()
	answer = node.ingest([entry('Mint', 'a', 100)], token)
	assert answer.status == 200, answer
	answer = node.ingest([entry('Transfer', 'a', 30, counter_account='b')], token)
	assert answer.status == 200, answer
	return token, answer.json()['new_root']


def tree(directory):
	"""{path: what would change when somebody wrote there}, names of the files of tests left out."""
	seen = {}
	for path in (directory, *directory.rglob('*')):
		at = path.lstat()
		seen[str(path)] = (stat.S_IFMT(at.st_mode), at.st_size, at.st_mtime_ns, at.st_ctime_ns)
	return seen


def mounts(pid):
	"""{mount point: (type, device)}; the uppermost wins."""
	found = {}
	for line in pathlib.Path(f'/proc/{pid}/mountinfo').read_text().splitlines():
		fields = line.split()
		major, minor = map(int, fields[2].split(':'))
		found[fields[4]] = (fields[fields.index('-') + 1], os.makedev(major, minor), fields[5])
	return found


@contextlib.contextmanager
def amnesic(*args, **options):
	with Node(*args, amnesia=True, **options) as node:
		yield node


# --- it works --------------------------------------------------------------------------------


def serves_from_memory(user):
	with amnesic(user=user) as node:
		before = tree(node.profile.data)
		token, root = write_some(node)
		node.wait_replaced(*((role, node.signal_worker(role)) for role in ('kms', 'committer')))
		rows = eventually(lambda: node.http('GET', '/roots', token=token).json(), 'roots')
		assert root in json.dumps(rows), rows
		answer = node.ingest([entry('Transfer', 'b', 1, counter_account='a')], token)
		assert answer.status == 200, answer
		node.cli('ledger', 'roots')
		done = subprocess.run([*nodes.command(node.build, node.profile), 'verify'], text=True,
			capture_output=True, env={**node.environment, 'MACRONODE_TOKEN': token}, timeout=300,
			**node.asker)
		assert done.returncode == 0, done
		done = node.cli('verify', '--offline', check=False)
		assert done.returncode == 3 and 'in the memory of its node' in done.stderr, done
		kind, _, flags = mounts(node.child.pid)[str(node.profile.data)]
		assert kind == 'tmpfs' and 'noexec' in flags and 'nosuid' in flags, (kind, flags)
		assert str(node.profile.data) not in mounts(os.getpid())
		assert tree(node.profile.data) == before and not list(node.profile.data.iterdir())


def test_a_node_of_root_serves_from_memory():
	needs_root()
	serves_from_memory(None)


def test_a_node_of_an_ordinary_user_serves_from_memory():
	serves_from_memory(ordinary())


def test_every_face_of_the_node_says_so():
	for amnesia in (True, False):
		user = whoever() if amnesia else None
		with Node(amnesia=amnesia, user=user) as node:
			assert node.http('GET', '/version').json()['features']['amnesia'] is amnesia
			assert node.http('GET', '/readyz', plane='admin').json()['amnesia'] is amnesia
			assert node.metric('amnesia_enabled') == amnesia
			assert json.loads(node.cli('status', '--json').stdout)['amnesia'] is amnesia
			assert ('ends with the node' in node.cli('status').stdout) is amnesia
			assert ('amnesia' in [one['event'] for one in node.log()]) is amnesia


def test_what_each_process_holds_open_is_in_memory():
	needs_root()
	for user in (None, ordinary()):
		with amnesic(user=user) as node:
			write_some(node)
			device = mounts(node.child.pid)[str(node.profile.data)][1]
			seen = set()
			for pid in nodes.process_tree(node.child.pid):
				for fd in fd3.fds(pid):
					at = os.stat(f'/proc/{pid}/fd/{fd}')
					if not stat.S_ISREG(at.st_mode):
						continue
					target = os.readlink(f'/proc/{pid}/fd/{fd}')
					if at.st_dev == device:
						seen.add(pathlib.PurePath(target).name)
						continue
					flags = int(re.search(r'flags:\s+(\d+)', pathlib.Path(
						f'/proc/{pid}/fdinfo/{fd}').read_text())[1], 8)
					assert target.startswith(('/memfd:', '/dev/shm/')) or (
						flags & os.O_ACCMODE == os.O_RDONLY), (pid, target)
			assert {'ledger.db', 'keyring', 'lock', 'tail'} <= seen, seen


def test_a_development_node_can_have_it():
	whoever()
	with tempfile.TemporaryDirectory() as directory:
		os.chmod(directory, 0o755)
		profile = nodes.Profile(directory, amnesia=True)
		for _ in range(2):  # the second finds the links of the first
			nodes.up(BUILD, directory, amnesia=True)
			try:
				pid, _ = profile.recorded()
				memory = profile.log.resolve().parent
				assert memory.is_relative_to('/dev/shm') and (memory / 'run/control').is_socket()
				assert mounts(pid)[str(profile.directory / 'data')][0] == 'tmpfs'
			finally:
				nodes.down(directory, quiet=True)
			assert not list((profile.directory / 'data').iterdir())
		profile.throw_away()
		assert not memory.exists()


def test_a_full_memory_ends_writes_and_not_the_node():
	user = whoever()
	with amnesic({'amnesia': {'enabled': True, 'size': '49MiB'}, 'engine': {'disk_reserve': '1MiB'}},
			user=user) as node:
		token, _ = write_some(node)
		for _ in range(300):
			answer = node.ingest([entry('Mint', 'a', 1) for _ in range(1000)], token)
			if answer.status != 200:
				break
		assert answer.status == 503, answer
		eventually(lambda: node.metric('disk_pressure') == 1, 'disk_pressure')
		assert node.http('GET', '/roots', token=token).status == 200


def test_what_is_mounted_there_later_comes_below():
	needs_root()
	# A world whose mounts reach the node, as those of a machine do, and nobody else.
	world = subprocess.Popen(['unshare', '--mount', '--propagation', 'private', 'sh', '-c',
		'mount --make-rshared / && echo made && exec sleep infinity'], stdout=subprocess.PIPE)
	enter = ['nsenter', f'--mount=/proc/{world.pid}/ns/mnt', '--']
	node = Node(amnesia=True)
	try:
		assert world.stdout.readline() == b'made\n'
		node.wrapper = enter
		node.start()
		token, _ = write_some(node)
		subprocess.run([*enter, 'mount', '-t', 'tmpfs', 'late', str(node.profile.data)], check=True)
		table = pathlib.Path(f'/proc/{node.child.pid}/mountinfo').read_text()
		assert table.count(f' {node.profile.data} ') == 2, table
		node.signal_worker('committer')
		node.wait_ready()
		eventually(lambda: node.ingest([entry('Mint', 'a', 1)], token).status == 200, 'a commit')
	finally:
		node.stop()
		node.remove()
		world.kill()
		world.wait()
		world.stdout.close()


# --- nothing reaches a disk ------------------------------------------------------------------


def read_only_world():
	"""Words before a command: for it every disk is read-only."""
	memory = ('tmpfs', 'ramfs', 'devtmpfs', 'proc', 'sysfs', 'devpts', 'mqueue', 'cgroup', 'cgroup2',
		'bpf', 'tracefs', 'debugfs', 'securityfs', 'hugetlbfs', 'pstore', 'configfs', 'fusectl')
	disks = [where for where, (kind, _, _) in mounts(os.getpid()).items() if kind not in memory]
	script = ' && '.join(f"mount -o remount,bind,ro '{where}'" for where in disks)
	return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c',
		f'{script} && ! touch "$0" && exec "$@"']


def test_a_node_works_where_every_disk_is_read_only():
	needs_root()
	for user in (None, ordinary()):
		node = Node(amnesia=True, user=user)
		become = [] if user is None else ['setpriv', f'--reuid={user}', f'--regid={user}',
			'--clear-groups']
		probe = node.directory / 'probe'
		node.user = None  # root makes the world, setpriv the user
		node.wrapper = [*read_only_world(), str(probe), *become]
		with contextlib.closing(contextlib.ExitStack()) as stack:
			stack.callback(node.remove)
			stack.callback(node.stop)
			node.start()
			assert 'ro' in mounts(node.child.pid)['/'][2].split(',')
			token, root = write_some(node)
			assert root in node.http('GET', '/roots', token=token).body.decode()
			assert node.stop() == 0
			assert not probe.exists()


def changes(line):
	"""(call, the names that one line of strace changes)."""
	match = CALL.match(line)
	if not match:
		return None, []  # the rest of a call that began on another line, a signal, an exit
	_, call, rest = match.groups()
	if call in OPENS and not WRITE_FLAGS.search(rest):
		return call, []
	if call == 'mount' and '"/", 0x' not in rest:
		return call, [PATHS.findall(rest)[1][1]] if 'tmpfs' in rest else []
	fd = FD.match(rest)
	paths = PATHS.findall(rest)
	if call in ('write', 'writev', 'pwrite64', 'pwritev', 'pwritev2') or not paths:
		return call, [fd[1]] if fd else []
	return call, [os.path.normpath(os.path.join(base or '/', path)) for base, path in paths]


@contextlib.contextmanager
def spied(node):
	"""All calls that change files, of all processes of a node from its first to its last one, are
	in the list that this gives, once the block has ended."""
	strace = shutil.which('strace')
	if strace is None:
		raise tap.Skip('strace is not installed')
	memory = pathlib.Path(node.directory if not node.profile.amnesia
		else node.profile.run.parent)
	out = memory / 'calls'
	lines = []
	node.wrapper = [strace, '-D', '-f', '-y', '-qq', '-s', '256', '-o', str(out),
		'-e', 'trace=' + ','.join(WRITERS.split()), '-e', 'signal=none']
	try:
		node.start()
		status = dict(line.split(':\t', 1) for line in pathlib.Path(
			f'/proc/{node.child.pid}/status').read_text().splitlines() if ':\t' in line)
		tracer = int(status['TracerPid'])
		begun = nodes.process_stat(tracer)[2]
		yield lines
		assert node.stop() == 0
		assert nodes.wait_gone({tracer: begun}, 60), 'strace ends'
		lines += out.read_text(errors='replace').splitlines()
	finally:
		node.stop()
		out.unlink(missing_ok=True)


def on_disk(node, lines):
	"""What was changed and is on no memory file system; what lies at node.data_dir counts as
	memory once a tmpfs was mounted there."""
	bad, covered = [], False
	data, memory = str(node.profile.data), ('/dev/shm/', '/proc/', '/dev/null')
	for line in lines:
		call, names = changes(line)
		for name in names:
			name = name.removesuffix(' (deleted)')
			if call == 'mount' and name == data:
				covered = True
			elif not (name.startswith(NO_FILE) or name.startswith(memory) or
					covered and (name == data or name.startswith(data + '/'))):
				bad.append(line)
	return bad


def test_no_call_of_any_process_changes_a_disk():
	needs_root()
	node = Node(amnesia=True)
	try:
		with spied(node) as lines:
			token, _ = write_some(node)
			node.signal_worker('committer')
			node.wait_ready()
			eventually(lambda: node.ingest([entry('Mint', 'a', 1)], token).status == 200, 'a commit')
			node.cli('cap', 'rotate', '1')
		bad = on_disk(node, lines)
		assert not bad, bad[:20]
		calls = [changes(line) for line in lines]
		for wanted in (('pwrite64', 'ledger.db-wal'), ('fdatasync', 'ledger.db-wal'),
				('pwrite64', 'tail'), ('mount', 'data')):
			assert any(call == wanted[0] and names and names[0].endswith('/' + wanted[1])
				for call, names in calls), f'{wanted} was not seen'
	finally:
		node.remove()


def test_the_spy_finds_what_a_persistent_node_writes():
	needs_root()
	node = Node()
	try:
		with spied(node) as lines:
			write_some(node)
		bad = '\n'.join(on_disk(node, lines))
		for name in ('/data/lock', '/data/keys/keyring', '/data/store/ledger.db-wal'):
			assert name in bad, name
	finally:
		node.remove()


# --- nothing is left -------------------------------------------------------------------------


def leaves_nothing(user, end, left):
	node = Node(amnesia=True, user=user)
	try:
		(node.directory / 'pid').touch()  # the harness's own
		before = tree(node.directory)
		node.start()
		write_some(node)
		device = mounts(node.child.pid)[str(node.profile.data)][1]
		end(node)
		after = tree(node.directory)
		for seen in (before, after):
			for mine in (node.directory, node.directory / 'pid', node.profile.config):
				seen.pop(str(mine), None)
		assert after == before
		assert {path.name for path in node.profile.run.iterdir()} == left
		assert all(path.is_socket() for path in node.profile.run.iterdir())
		for one in pathlib.Path('/proc').iterdir():
			if one.name.isdigit():
				with contextlib.suppress(OSError):
					assert device not in [at for _, at, _ in mounts(one.name).values()], one
	finally:
		node.stop()
		node.remove()


def test_nothing_is_left_after_a_stop():
	for user in ([None, ordinary()] if os.geteuid() == 0 else [ordinary()]):
		leaves_nothing(user, Node.stop, set())


def test_nothing_but_two_dead_sockets_in_memory_is_left_after_sigkill():
	for user in ([None, ordinary()] if os.geteuid() == 0 else [ordinary()]):
		leaves_nothing(user, Node.kill_all, {'control', 'macronode.sock'})


def test_each_start_is_another_ledger_with_other_keys():
	needs_root()
	for name in ('', 'ledger.test'):
		with amnesic({'node': {'name': name}}) as node:
			def keyring():
				return pathlib.Path(
					f'/proc/{node.child.pid}/root{node.profile.data}/keys/keyring').read_bytes()
			token, _ = write_some(node)
			first = keyring()
			node.replace_worker('kms')
			assert keyring() == first  # of one start there is one
			node.restart()
			assert keyring() != first
			answer = node.ingest([entry('Mint', 'a', 1)], token)
			assert answer.status == 403, answer  # it names another node
			write_some(node)  # with a token of its own, and seq from 1 again
			origins = [one['text'] for one in node.log() if one['event'] == 'keys_created']
			assert len(origins) == 2 and origins[0] != origins[1], origins
			for origin in origins:
				assert re.fullmatch(f'{name or "macronode.local"}/[0-9a-f]{{16}}', origin), origin


def test_what_was_in_the_data_directory_is_covered_and_stays():
	node = Node()
	try:
		node.start()
		token, root = write_some(node)
		node.stop()
		before = tree(node.profile.data)
		memory = Node(amnesia=True, user=whoever())
		try:
			memory.profile.data = node.profile.data
			memory.profile.write_config()
			with memory:
				assert 'amnesia_covers' in [one['event'] for one in memory.log()]
				write_some(memory)
		finally:
			memory.remove()
		assert tree(node.profile.data) == before
		node.start()
		assert root in node.http('GET', '/roots', token=token).body.decode()
	finally:
		node.stop()
		node.remove()


# --- refusals --------------------------------------------------------------------------------


def refused(text, overrides=None, user=None, change=None, wrapper=()):
	"""A start ends with 3 and this sentence, `macronode check` with 1 and the same. A run and a check leave nothing."""
	whoever()
	node = Node(overrides, amnesia=True, user=user)
	try:
		node.wrapper = wrapper(node) if callable(wrapper) else wrapper
		if change:
			change(node)
		before = tree(node.profile.data) if node.profile.data.is_dir() else None
		if not node.wrapper:
			done = node.cli('check', '--libexec', str(nodes.libexec(node.build)), check=False)
			assert done.returncode == 1 and text in done.stdout, done
		node.start(wait=False)
		assert node.child.wait(60) == 3
		assert text in node.log_text(), node.log_text()
		assert before is None or tree(node.profile.data) == before
	finally:
		node.stop()
		node.remove()


def test_a_run_directory_on_a_disk_is_refused():
	needs_disk()

	def change(node):
		disk = node.directory / 'disk'
		disk.mkdir()
		node.profile.write_config({'node': {'data_dir': str(node.profile.data),
			'run_dir': str(disk), **base()}})
	refused('is on a disk: with amnesia.enabled sockets must be on a tmpfs', change=change)


def base():
	return {'uid_base': nodes.UID_BASE} if os.geteuid() == 0 else {}


def test_a_local_socket_on_a_disk_is_refused():
	needs_disk()

	def change(node):
		node.profile.write_config({'uds': {'path': str(node.directory / 'x.sock')}})
	refused('uds.path /', change=change)


def test_a_data_directory_that_is_not_there_is_refused():
	refused('nothing is made on a disk, so it must be there', change=lambda node:
		node.profile.data.rmdir())


def test_a_file_as_data_directory_is_refused():
	def change(node):
		node.profile.data.rmdir()
		node.profile.data.write_text('x')
	refused('expected a directory', change=change)


def test_sockets_below_the_data_directory_are_refused():
	def change(node):
		memory = node.profile.run.parent / 'data'
		(memory / 'run').mkdir(parents=True)
		node.profile.data = memory
		node.profile.write_config({'node': {'data_dir': str(memory), **base(),
			'run_dir': str(memory / 'run')}})
	refused('is below node.data_dir, where nobody else could reach it', change=change)


def test_a_log_on_a_disk_is_refused():
	refused('log.file: expected none with amnesia.enabled', {'log': {'file': '/dev/shm/x'}})
	needs_disk()
	node = Node(amnesia=True)
	try:
		node.profile.log.unlink()
		node.profile.log.write_text('')
		node.start(wait=False)
		assert node.child.wait(60) == 3
		assert 'standard output is a file on a disk' in node.log_text()
	finally:
		node.stop()
		node.remove()


def test_a_user_namespace_knows_no_other_user_or_group():
	user = ordinary()
	refused('uds.allow_uids: 12345 cannot be told from others', {'uds': {'allow_uids': [12345]}},
		user=user)
	refused('uds.group: a user namespace has no other group', {'uds': {'group': 'nogroup'}},
		user=user)


def test_the_user_that_strangers_look_like_is_refused():
	needs_root()
	refused('is what a user namespace shows for every stranger', user=NOBODY)


def test_without_a_user_namespace_an_ordinary_user_is_refused():
	needs_root()
	ordinary()

	def wrapper(node):  # the kernel gives none below a chroot
		root = node.profile.run.parent / 'root'
		root.mkdir()
		node.user = None
		return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c',
			'mount --rbind / "$0" && exec "$@"', str(root), 'chroot', '--groups=',
			f'--userspec={USER}:{USER}', str(root)]
	refused('no mount namespace of its own for an ordinary user', user=USER, wrapper=wrapper)


def with_swap(node, become=()):
	"""Words before a command: for it swap is active. Nothing else on this machine sees that."""
	swaps = node.profile.run.parent / 'swaps'
	swaps.write_text(SWAPS)
	swaps.chmod(0o644)
	return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c',
		'mount --bind "$0" /proc/swaps && exec "$@"', str(swaps), *become]


def as_user(node):
	node.user = None
	return with_swap(node, ('setpriv', f'--reuid={USER}', f'--regid={USER}', '--clear-groups'))


def test_swap_is_refused_to_an_ordinary_user():
	needs_root()
	ordinary()
	refused('swap is active, and an ordinary user cannot keep memory out of it', user=USER,
		wrapper=as_user)


def test_swap_can_be_allowed():
	needs_root()
	ordinary()
	node = Node({'amnesia': {'enabled': True, 'allow_swap': True}}, amnesia=True, user=USER)
	try:
		node.wrapper = as_user(node)
		node.start()
		write_some(node)
		assert 'memory of the node may reach a disk' in node.log_text()
	finally:
		node.stop()
		node.remove()


def may_lock_all():
	words = ['prlimit', '--memlock=unlimited:unlimited', 'true']
	return subprocess.run(words, capture_output=True, check=False).returncode == 0


def test_root_keeps_all_memory_out_of_swap_or_is_refused():
	needs_root()
	if not may_lock_all():
		refused('swap is active, and memory cannot be locked', wrapper=with_swap)
		return
	node = Node(amnesia=True)
	try:
		node.wrapper = with_swap(node)
		node.start()
		write_some(node)
		for pid in nodes.process_tree(node.child.pid):
			locked = re.search(r'VmLck:\s+(\d+)', pathlib.Path(f'/proc/{pid}/status').read_text())
			assert int(locked[1]) > 1000, (pid, locked[0])
	finally:
		node.stop()
		node.remove()


def test_check_finds_a_good_place_good():
	node = Node(amnesia=True, user=whoever())
	try:
		before = tree(node.profile.data)
		done = node.cli('check', '--libexec', str(nodes.libexec(node.build)))
		assert f'memory over {node.profile.data}' in done.stdout, done
		assert tree(node.profile.data) == before
		node.start()
		assert 'a node runs with this run directory' in node.cli('check', '--libexec',
			str(nodes.libexec(node.build))).stdout
	finally:
		node.stop()
		node.remove()


if __name__ == '__main__':
	tap.main(globals())

"""A Debian system in a directory, in namespaces of its own: what runs in it sees no network but its
loopback, and ends with the test. It needs root; a tar of it is kept in build-deb."""
import fcntl
import hashlib
import os
import pathlib
import shutil
import socket
import struct
import subprocess

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
SUITE = 'bookworm'
# Instead of systemd, which nobody could start here: they make the users and the directories.
STANDALONE = ('systemd-standalone-sysusers', 'systemd-standalone-tmpfiles')


def run(*words, check=True, **more):
	done = subprocess.run([str(word) for word in words], text=True, capture_output=True,
		stdin=subprocess.DEVNULL, **more)
	if check and done.returncode != 0:
		raise AssertionError(f'{words}: exit {done.returncode}\n{done.stdout}{done.stderr}')
	return done


def prepared(directory, depends):
	"""The tar of a minimal system on which packages that depend on `depends` can be installed."""
	name = hashlib.sha256(repr((SUITE, depends, STANDALONE)).encode()).hexdigest()[:16]
	tar = directory / f'root-{name}.tar'
	if tar.exists():
		return tar
	root = directory / 'root'
	shutil.rmtree(root, ignore_errors=True)
	# What it mounts is gone with it, also when it is interrupted.
	run('unshare', '--mount', '--propagation=private', 'debootstrap', '--variant=minbase', SUITE, root)
	shutil.copy('/etc/resolv.conf', root / 'etc/resolv.conf')
	install = ('apt-get', '-q', '-y', 'install', '--no-install-recommends')
	environment = {'DEBIAN_FRONTEND': 'noninteractive', 'PATH': '/usr/sbin:/usr/bin:/sbin:/bin'}
	run('chroot', root, *install, *STANDALONE, env=environment)
	run('chroot', root, 'apt-get', '-q', '-y', 'satisfy', '--no-install-recommends', depends,
		env=environment)
	run('chroot', root, 'apt-get', 'clean')
	partial = directory / 'root.tar.new'
	run('tar', '-C', root, '-cf', partial, '.')
	partial.rename(tar)
	shutil.rmtree(root)
	return tar


def bring_loopback_up():
	with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
		request = struct.pack('16sH14x', b'lo', 0)
		flags, = struct.unpack_from('16xH', fcntl.ioctl(control, SIOCGIFFLAGS, request))
		fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack('16sH14x', b'lo', flags | IFF_UP))


class DebianRoot:
	"""Unpacked and mounted; we are in mount, network and pid namespaces of our own."""

	def __init__(self, directory, tar):
		self.path = pathlib.Path(directory) / 'debian'
		self.path.mkdir(mode=0o755)
		run('tar', '-C', self.path, '-xf', tar)
		run('mount', '--make-rprivate', '/')
		run('mount', '--bind', self.path, self.path)
		# As ProtectProc=invisible has it.
		run('mount', '-t', 'proc', '-o', 'hidepid=invisible', 'proc', self.path / 'proc')
		run('mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', self.path / 'run')
		(self.path / 'dev/pts').mkdir(exist_ok=True)
		run('mount', '-t', 'devpts', '-o', 'newinstance,ptmxmode=666', 'devpts', self.path / 'dev/pts')
		for device in ('null', 'zero', 'random', 'urandom'):
			(self.path / 'dev' / device).touch()
			run('mount', '--bind', f'/dev/{device}', self.path / 'dev' / device)
		bring_loopback_up()

	def run(self, *words, check=True, **environment):
		"""A command of that system."""
		return run('chroot', self.path, *words, check=check, timeout=300, env={
			'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL': 'C', 'HOME': '/root',
			'DEBIAN_FRONTEND': 'noninteractive', **environment})

	def install(self, *packages):
		"""Files of packages; what they need is there already."""
		for package in packages:
			shutil.copy(package, self.path / 'tmp')
		return self.run('apt-get', '-q', '-y', '-o', 'Dpkg::Options::=--force-confdef', 'install',
			'--no-install-recommends', *(f'/tmp/{package.name}' for package in packages))

	def users(self):
		"""{name: uid}"""
		lines = (self.path / 'etc/passwd').read_text().splitlines()
		return {line.split(':')[0]: int(line.split(':')[2]) for line in lines}

	def owner(self, path):
		"""'user group mode' of a file."""
		return self.run('stat', '-c', '%U %G %a', path).stdout.strip()

	def confined(self, words, bounding, groups=(), user=None):
		"""What runs a command as its unit has it: those capabilities, that user, a system that is
		read-only but for its own directories."""
		writable = ('/var/lib/macronode', '/var/log/macronode', '/run/macronode')
		mounts = ''.join(f'mount --bind {self.path}{one} {self.path}{one}\n' for one in writable)
		capabilities = ','.join(['-all', *(f'+{one}' for one in bounding)])
		identity = (f'--reuid={user} --regid={user} --init-groups' if user else
			f'--groups={",".join(groups)}')
		script = (f'set -e\n{mounts}mount -o remount,bind,ro {self.path}\n'
			f'exec chroot {self.path} setpriv --bounding-set={capabilities} --inh-caps=-all '
			f'--no-new-privs {identity} "$@"')
		return ['unshare', '--mount', '--propagation=private', 'sh', '-c', script, 'sh', *words]

	def start(self, words, log, environment):
		"""A daemon."""
		return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd='/',
			env={'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL': 'C', **environment})


def in_own_namespaces(arguments, inside):
	"""Runs the program again, where nothing of what it mounts or starts outlives it."""
	return subprocess.run(['unshare', '--mount', '--net', '--ipc', '--pid', '--fork',
		'--kill-child=KILL', '--mount-proc', *arguments], env={**os.environ, **inside}).returncode

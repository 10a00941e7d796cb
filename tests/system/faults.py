"""A node with a worker whose calls to the file system fail when a test says so (faults.c)."""
import errno
import mmap
import shutil
import struct

import harness

CALLS = ('fdatasync', 'fsync', 'pwrite', 'pread')
RECORD = struct.Struct('<III4xQ')


class FaultyNode(harness.Node):
	def __init__(self, *arguments, role='committer', **members):
		super().__init__(*arguments, **members)
		self.role = role
		here = self.directory / 'libexec'
		here.mkdir(mode=0o755)
		name = f'mn-{role}'
		for worker in harness.nodes.libexec(self.build).glob('mn-*'):
			if worker.name != name:
				(here / worker.name).symlink_to(worker.resolve())
		# Copies: the user of a worker may not be able to reach the build directory.
		tests = self.build / 'tests/system'
		shutil.copy(tests / 'faulty', here / name)
		shutil.copy(tests / 'faults.so', here / 'faults.so')
		shutil.copy(self.build / f'services/{role}' / name, here / f'real-{name}')
		for one in (name, 'faults.so', f'real-{name}'):
			(here / one).chmod(0o755)
		self.control = here / f'control-{name}'
		self.control.write_bytes(bytes(RECORD.size * len(CALLS)))
		self.control.chmod(0o666)
		self.extra = (*self.extra, '--libexec', str(here))

	def fail(self, call, error='EIO', skip=0, count=0, only=None):
		"""From now on `call` fails, after `skip` that work; `count` times, or for good; on every file,
		or that of the path `only`."""
		record = RECORD.pack(getattr(errno, error), skip, count, only.stat().st_ino if only else 0)
		at = CALLS.index(call) * RECORD.size
		with open(self.control, 'r+b') as file, mmap.mmap(file.fileno(), 0) as mapped:
			mapped[at + 4:at + RECORD.size] = record[4:]
			mapped[at:at + 4] = record[:4]  # last: it is what makes it fail

	def heal(self):
		with open(self.control, 'r+b') as file, mmap.mmap(file.fileno(), 0) as mapped:
			mapped[:] = bytes(len(mapped))

	def failing(self):
		"""Some call still fails."""
		data = self.control.read_bytes()
		return any(RECORD.unpack_from(data, at)[0] for at in range(0, len(data), RECORD.size))

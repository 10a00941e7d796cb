#!/usr/bin/env python3
"""Snapshots, exports, and coming back from one: drills on real nodes, and everything that is wrong
with a file, each by its name."""
import contextlib
import fcntl
import hashlib
import io
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import harness  # noqa: E402
import tap  # noqa: E402

SEAL_HEAD = bytes.fromhex('502a4d1820000000')
FAST_ROOTS = {'audit': {'root_emit_interval': '100ms'}}


class Cli:
	"""A node with a token, and its command."""

	def __init__(self, node):
		self.node = node
		node.environment['MACRONODE_TOKEN'] = self.token = node.mint()

	def __call__(self, *words, status=0):
		return command(self.node, *words, status=status)

	def fill(self, count, first=0):
		"""`count` mints in requests of 50."""
		for at in range(first, first + count, 50):
			response = self.node.ingest([harness.entry('Mint', f'acct-{one % 7}', 1 + one,
				memo=f'no. {one}') for one in range(at, min(at + 50, first + count))], self.token)
			assert response.status == 200, response

	def wait_signed(self, size):
		"""Signed, and stored: what is exported carries it."""
		harness.eventually(lambda: self.node.http('GET', '/tlog/checkpoint').body
			.split(b'\n')[1:2] == [str(size).encode()], f'{size} entries are signed')

	def vkey(self):
		return self('key', 'show').stdout.split()[1]


def command(node, *words, status=0):
	done = node.cli(*map(str, words), check=False)
	if done.returncode != status:
		raise AssertionError(f'{words}: exit {done.returncode}, not {status}: '
			f'{done.stdout}{done.stderr}')
	return done


def copy_keys(node, directory):
	subprocess.run(['cp', '-a', str(node.profile.data / 'keys'), str(directory)], check=True)


# --- files taken apart and put together ---------------------------------------------------


def unpack(path):
	"""[(name, bytes)] of a snapshot, by other hands than ours."""
	if shutil.which('zstd') is None:
		raise tap.Skip('zstd is not installed')
	raw = subprocess.run(['zstd', '-dcq', str(path)], check=True, capture_output=True).stdout
	with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
		return [(one.name, archive.extractfile(one).read()) for one in archive.getmembers()]


def pack(members, path, sealed=True):
	raw = io.BytesIO()
	with tarfile.open(fileobj=raw, mode='w', format=tarfile.USTAR_FORMAT) as archive:
		for name, data in members:
			info = tarfile.TarInfo(name)
			info.size = len(data)
			archive.addfile(info, io.BytesIO(data))
	data = subprocess.run(['zstd', '-cq'], input=raw.getvalue(), check=True,
		capture_output=True).stdout
	seal = SEAL_HEAD + hashlib.sha256(data).digest() if sealed else b''
	path.write_bytes(data + seal)


def manifest_of(members):
	return json.loads(dict(members)['manifest.json'])


def with_manifest(members, manifest):
	text = (json.dumps(manifest, separators=(',', ':'), sort_keys=True) + '\n').encode()
	return [(name, text if name == 'manifest.json' else data) for name, data in members]


def with_member(members, name, data):
	"""A changed member whose manifest knows it."""
	manifest = manifest_of(members)
	for one in manifest['members']:
		if one['name'] == name:
			one['size'], one['sha256'] = len(data), hashlib.sha256(data).hexdigest()
	changed = [(other, data if other == name else old) for other, old in members]
	return with_manifest(changed, manifest)


# --- drills -------------------------------------------------------------------------------


class Load(threading.Thread):
	"""Posts entries until it is told to stop, or the node is gone. `acknowledged`: [(time, last seq)]."""

	def __init__(self, node, token):
		super().__init__(daemon=True)
		self.node, self.token, self.done = node, token, threading.Event()
		self.acknowledged = []

	def run(self):
		number = 0
		while not self.done.is_set():
			entries = [harness.entry('Mint', f'acct-{one}', 1) for one in range(20)]
			try:
				response = self.node.ingest(entries, self.token)
			except OSError:
				return
			if response.status == 200:
				self.acknowledged.append((time.monotonic(), response.json()['seq_end']))
			number += 1

	def last(self, before=None):
		return max((seq for at, seq in self.acknowledged if before is None or at < before), default=0)


def test_a_machine_is_lost_and_nothing_older_than_the_snapshot_with_it():
	with harness.Node() as node, harness.Node() as other:
		other.stop()
		shutil.rmtree(other.profile.data / 'store')
		shutil.rmtree(other.profile.data / 'keys')
		cli = Cli(node)
		cli.fill(300)
		load = Load(node, cli.token)
		load.start()
		harness.eventually(lambda: load.last() > 400, 'load')
		snapshot = node.directory / 'ledger.tar.zst'
		began = time.monotonic()
		copy_keys(node, other.profile.data)
		cli('snapshot', 'create', snapshot)
		taken = time.monotonic()
		harness.eventually(lambda: load.last() > load.last(before=taken) + 100, 'more load')
		load_last = load.last()
		node.kill_all()
		load.done.set()
		load.join()
		size = manifest_of(unpack(snapshot))['size']
		assert load.last(before=began) <= size, (load.last(before=began), size)

		lost = time.monotonic()
		done = command(other, 'snapshot', 'restore', snapshot)
		assert f'restored {size} entries' in done.stdout, done
		other.start()
		back = time.monotonic()
		other.environment['MACRONODE_TOKEN'] = cli.token  # the same keys: it is still good
		result = json.loads(command(other, 'verify', '--json').stdout)
		assert result['good'] and result['size'] == size, (result, size)
		response = other.ingest([harness.entry('Mint', 'acct-0', 1)], cli.token)
		assert response.status == 200 and response.json()['seq_start'] == size + 1, response
		print(f'# snapshot of {size} entries under load: {taken - began:.2f} s; RPO: '
			f'{load_last - size} entries acknowledged in the {lost - taken:.2f} s behind it; '
			f'RTO: {back - lost:.2f} s from file to ready', file=sys.stderr)


def test_going_back_behind_what_was_signed_costs_the_name():
	with harness.Node(FAST_ROOTS) as node:
		cli = Cli(node)
		cli.fill(100)
		cli.wait_signed(100)
		snapshot = node.directory / 'old.tar.zst'
		cli('snapshot', 'create', snapshot)
		origin = manifest_of(unpack(snapshot))['origin']
		cli.fill(50, first=100)
		cli.wait_signed(150)
		node.stop()
		done = command(node, 'snapshot', 'restore', '--replace', snapshot, status=3)
		assert 'ends at 100, but 150 entries were signed' in done.stderr, done
		assert '--new-origin' in done.stderr, done
		done = command(node, 'snapshot', 'restore', '--replace', '--new-origin', snapshot)
		assert 'new name' in done.stderr and 'kept in' in done.stderr, done
		node.start()
		assert node.ingest([harness.entry('Mint', 'a', 1)], cli.token).status in (401, 403)
		again = Cli(node)
		assert f'origin  {origin}/1' in again('key', 'show').stdout
		again.fill(1, first=900)
		again.wait_signed(101)
		result = json.loads(again('verify', '--json').stdout)
		assert result['good'] and result['size'] == 101, result
		kinds = [one['kind'] for one in export(again) if one['type'] == 'audit']
		assert 6 in kinds, kinds  # origin_changed
		node.stop()
		# again, to the name before: the keys are of another name than the store, until it starts
		command(node, 'snapshot', 'restore', '--replace', '--new-origin', snapshot)
		assert json.loads(command(node, 'verify', '--json').stdout)['good']
		node.start()
		assert f'origin  {origin}/2' in Cli(node)('key', 'show').stdout
		kept = sorted(node.profile.data.glob('store.before-*'))
		assert len(kept) == 2 and (kept[0] / 'ledger.db').is_file(), kept


def change(store, *statements):
	"""What a hand with a database tool does to a stopped store."""
	owner = store.stat()
	with contextlib.closing(sqlite3.connect(store / 'ledger.db')) as opened:
		for statement in statements:
			opened.execute(statement)
		opened.commit()
	for path in store.iterdir():
		os.chown(path, owner.st_uid, owner.st_gid)


def test_verify_knows_what_was_signed_and_calls_a_damaged_head_bad():
	with harness.Node(FAST_ROOTS) as node:
		cli = Cli(node)
		cli.fill(100)
		cli.wait_signed(100)
		node.stop()
		store = node.profile.data / 'store'
		shutil.copytree(store, node.directory / 'whole')
		change(store, 'DELETE FROM checkpoints', 'DELETE FROM entries WHERE seq > 50',
			'DELETE FROM roots WHERE last_seq > 50')
		tail = store / 'tail'
		tail.write_bytes(bytes(tail.stat().st_size))
		told = json.loads(command(node, 'verify', '--json', status=1).stdout)
		assert told['check'] == 'signed' and told['bad_seq'] == 51, told
		for path in store.iterdir():
			path.unlink()
		for path in (node.directory / 'whole').iterdir():
			shutil.copy(path, store)
		change(store, 'UPDATE meta SET low_water = low_water + 1')
		told = json.loads(command(node, 'verify', '--json', status=1).stdout)
		assert told['check'] == 'head' and 'meta row is damaged' in told['what'], told


def test_without_what_was_signed_a_restore_costs_the_name():
	with harness.Node(FAST_ROOTS) as node:
		cli = Cli(node)
		cli.fill(50)
		cli.wait_signed(50)
		snapshot = node.directory / 'ledger.tar.zst'
		cli('snapshot', 'create', snapshot)
		node.stop()
		(node.profile.data / 'keys/signed').unlink()
		shutil.rmtree(node.profile.data / 'store')
		done = command(node, 'snapshot', 'restore', snapshot, status=3)
		assert 'keys/signed: is missing' in done.stderr and '--new-origin' in done.stderr, done
		assert not (node.profile.data / 'store').exists()
		command(node, 'snapshot', 'restore', '--new-origin', snapshot)
		node.start()
		assert node.ingest([harness.entry('Mint', 'a', 1)], cli.token).status in (401, 403)
		again = Cli(node)
		again.fill(1, first=900)
		again.wait_signed(51)
		assert json.loads(again('verify', '--json').stdout)['good']


def test_a_restored_store_has_the_owners_and_modes_of_one_that_the_node_made():
	with harness.Node() as node:
		cli = Cli(node)
		cli.fill(10)
		snapshot = node.directory / 'ledger.tar.zst'
		cli('snapshot', 'create', snapshot)
		node.stop()
		store = node.profile.data / 'store'
		before = {path.name: identity(path) for path in (store, *store.iterdir())}
		command(node, 'snapshot', 'restore', snapshot, status=3)  # there is a ledger
		for again in range(1, 4):  # most of them within one second
			command(node, 'snapshot', 'restore', '--replace', snapshot)
			assert len(list(node.profile.data.glob('store.before-*'))) == again
		for path in (store, *store.iterdir()):
			assert identity(path) == before[path.name], (path, identity(path), before)
		assert not (node.profile.data / 'store.restoring').exists()
		node.start()


def identity(path):
	found = path.stat()
	return found.st_uid, found.st_gid, oct(found.st_mode)


# --- files --------------------------------------------------------------------------------


def test_the_same_ledger_makes_the_same_members_running_or_stopped():
	with harness.Node(FAST_ROOTS) as node:
		cli = Cli(node)
		cli.fill(120)
		cli.wait_signed(120)
		paths = [node.directory / f'{name}.tar.zst' for name in ('one', 'two', 'three')]
		cli('snapshot', 'create', paths[0])
		cli('snapshot', 'create', paths[1])
		one, two = (unpack(path) for path in paths[:2])
		apart = ('manifest.json', 'manifest.sig')
		assert [pair for pair in one if pair[0] not in apart] == [
			pair for pair in two if pair[0] not in apart]
		first, second = manifest_of(one), manifest_of(two)
		assert first.pop('created_ts') <= second.pop('created_ts')
		assert first == second and first['signature'] == 'kms', first
		vkey = cli.vkey()
		assert 'signature verified' in cli('snapshot', 'verify', '--vkey', vkey, paths[0]).stdout
		node.stop()
		command(node, 'snapshot', 'create', paths[2])
		three = dict(unpack(paths[2]))
		for name in ('commits.bin', 'entries.bin', 'controls.bin', 'counters.bin'):
			assert three[name] == dict(one)[name], name
		assert json.loads(three['manifest.json'])['signature'] == 'none'
		assert three['audits.bin'].startswith(dict(one)['audits.bin'])  # and the stop
		done = command(node, 'snapshot', 'verify', '--vkey', vkey, paths[2])
		assert 'verified, of its checkpoint' in done.stdout, done
		listed = command(node, 'snapshot', 'list', node.directory).stdout.splitlines()
		assert len(listed) == 3 and all('120 entries of ' in line for line in listed), listed
		piped = subprocess.run([*harness.nodes.command(node.build, node.profile), 'snapshot',
			'create', '-'], capture_output=True, env=node.environment, check=True)
		(node.directory / 'piped.tar.zst').write_bytes(piped.stdout)
		command(node, 'verify', '--snapshot', node.directory / 'piped.tar.zst')


def test_a_page_that_cannot_be_had_now_is_asked_for_again():
	with harness.Node() as node:
		cli = Cli(node)
		cli.fill(10)
		target = node.directory / 'one.tar.zst'
		archive = node.signal_worker('archive', signal.SIGSTOP)
		words = [*harness.nodes.command(node.build, node.profile), 'snapshot', 'create', str(target)]
		with subprocess.Popen(words, env=node.environment, stderr=subprocess.PIPE, text=True) as asking:
			# The question is in hands that will never answer it.
			harness.eventually(lambda: node.metric('queue_depth', q='ingress') > 0, 'the question')
			os.kill(archive, signal.SIGKILL)
			said = asking.communicate(timeout=120)[1]
		assert asking.returncode == 0 and target.exists(), said


def test_two_never_write_the_same_file():
	with harness.Node() as node:
		cli = Cli(node)
		cli.fill(10)
		path = node.directory / 'ledger.tar.zst'
		part = node.directory / 'ledger.tar.zst.part'
		with open(part, 'wb') as other:
			fcntl.flock(other, fcntl.LOCK_EX)
			other.write(b'what another writes')
			other.flush()
			done = cli('snapshot', 'create', path, status=3)
			assert 'another macronode is writing it' in done.stderr, done
			assert part.read_bytes() == b'what another writes' and not path.exists()
		cli('snapshot', 'create', path)  # what a crash left is no hindrance
		cli('snapshot', 'verify', path)
		assert not part.exists()


def test_a_file_that_was_cut_or_changed_anywhere_is_refused():
	with harness.Node() as node:
		cli = Cli(node)
		cli.fill(60)
		good = node.directory / 'good.tar.zst'
		cli('snapshot', 'create', good)
		data = good.read_bytes()
		bad = node.directory / 'bad.tar.zst'
		step = max(1, len(data) // 150)
		for at in [*range(0, len(data), step), *range(len(data) - 45, len(data))]:
			bad.write_bytes(data[:at])
			refused(node, bad, f'cut at {at}')
			bad.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1:])
			refused(node, bad, f'changed at {at}')
		bad.write_bytes(data + b'x')
		refused(node, bad, 'a byte more')
		bad.write_bytes(os.urandom(5000))
		refused(node, bad, 'noise')
		command(node, 'snapshot', 'verify', node.directory / 'none', status=3)
		command(node, 'snapshot', 'verify', good)


def refused(node, path, what):
	done = node.cli('snapshot', 'verify', str(path), check=False)
	if done.returncode != 1 or not done.stdout.startswith('BAD: ') or len(done.stdout) < 15:
		raise AssertionError(f'{what}: exit {done.returncode}: {done.stdout}{done.stderr}')
	return done.stdout


def test_what_does_not_fit_is_named():
	with harness.Node(FAST_ROOTS) as node:
		cli = Cli(node)
		cli.fill(120)
		cli.wait_signed(120)
		path, bad = node.directory / 'good.tar.zst', node.directory / 'bad.tar.zst'
		cli('snapshot', 'create', path)
		members = unpack(path)
		parts = dict(members)
		entries, commits, audits = (parts[f'{name}.bin'] for name in
			('entries', 'commits', 'audits'))
		unsigned = [(name, data) for name, data in members if name != 'manifest.sig']
		unsigned = with_manifest(unsigned, {**manifest_of(members), 'signature': 'none'})
		pack(unsigned, bad)
		command(node, 'snapshot', 'verify', bad)  # put together again it is good

		def expect(changed, *words):
			pack(changed, bad)
			said = refused(node, bad, words)
			assert all(word in said for word in words), (words, said)

		flipped = bytearray(entries)
		flipped[len(entries) // 2] ^= 1
		expect([(name, bytes(flipped) if name == 'entries.bin' else data)
			for name, data in unsigned], 'entries.bin')
		expect(with_member(unsigned, 'entries.bin', bytes(flipped)), 'entries.bin')
		expect(with_member(unsigned, 'entries.bin', entries[:-7]), 'entries.bin')
		expect(with_member(unsigned, 'commits.bin', commits[:-96]), 'commits.bin')
		expect(with_member(unsigned, 'commits.bin', commits[96:]), 'commits.bin', 'root 1')
		expect(with_member(unsigned, 'audits.bin', audits[:-9]), 'audits.bin')
		for name, _ in unsigned:
			expect([pair for pair in unsigned if pair[0] != name], name, 'missing')
		expect([*unsigned, ('more', b'x')], 'a member too many')
		expect([unsigned[0], *unsigned[:0:-1]], 'is missing, another member')
		for member, value in (('root', 'ab' * 32), ('size', 119), ('audit_head', 'cd' * 32),
				('controls', 7), ('version', 2), ('origin', 'else/where')):
			expect(with_manifest(unsigned, {**manifest_of(unsigned), member: value}))
		manifest = manifest_of(members)
		expect(with_manifest(members, {**manifest, 'created_ts': 1}), 'manifest.sig',
			'another manifest')
		expect([(name, data.replace(b'{', b'{ ', 1) if name == 'manifest.json' else data)
			for name, data in members], 'manifest.json')
		note = parts['checkpoint'].split(b'\n')
		note[1] = b'60'
		expect(with_member(unsigned, 'checkpoint', b'\n'.join(note)), 'checkpoint')
		pack(members, bad, sealed=False)
		assert 'no seal' in refused(node, bad, 'no seal')


def test_a_forged_signature_is_seen_with_the_key():
	with harness.Node(FAST_ROOTS) as node, harness.Node() as stranger:
		cli = Cli(node)
		cli.fill(20)
		cli.wait_signed(20)
		path, bad = node.directory / 'good.tar.zst', node.directory / 'bad.tar.zst'
		cli('snapshot', 'create', path)
		vkey, other = cli.vkey(), Cli(stranger).vkey()
		members = unpack(path)
		manifest = manifest_of(members)
		done = command(node, 'snapshot', 'verify', '--vkey', other, path, status=1)
		assert 'manifest.sig: the note is not signed with the expected key' in done.stdout, done
		command(node, 'snapshot', 'verify', '--vkey', 'no key', path, status=2)
		text = dict(members)['manifest.sig']
		forged = text[:-20] + (b'A' if text[-20:-19] != b'A' else b'B') + text[-19:]
		pack([(name, forged if name == 'manifest.sig' else data) for name, data in members], bad)
		done = command(node, 'snapshot', 'verify', '--vkey', vkey, bad, status=1)
		assert 'manifest.sig' in done.stdout, done
		assert manifest['origin'] in vkey
		# nor does a node take another's
		stranger.stop()
		done = command(stranger, 'snapshot', 'restore', '--replace', path, status=3)
		assert manifest['origin'] in done.stderr and 'are those of' in done.stderr, done


def test_restore_refuses_what_it_must_and_leaves_all_as_it_was():
	with harness.Node(FAST_ROOTS) as node:
		cli = Cli(node)
		cli.fill(60)
		cli.wait_signed(60)
		path, bad = node.directory / 'good.tar.zst', node.directory / 'bad.tar.zst'
		cli('snapshot', 'create', path)
		done = command(node, 'snapshot', 'restore', '--replace', path, status=3)
		assert 'another macronode runs' in done.stderr, done
		node.stop()
		data = path.read_bytes()
		bad.write_bytes(data[:-100] + data[-99:])
		command(node, 'snapshot', 'restore', '--replace', bad, status=1)
		data = bytearray(data)
		data[len(data) // 2] ^= 4
		bad.write_bytes(data)
		command(node, 'snapshot', 'restore', '--replace', bad, status=1)
		command(node, 'snapshot', 'restore', node.directory / 'none', status=3)
		(node.profile.data / 'keys').rename(node.directory / 'keys')
		done = command(node, 'snapshot', 'restore', '--replace', path, status=3)
		assert 'put the key directory of' in done.stderr, done
		(node.directory / 'keys').rename(node.profile.data / 'keys')
		left = sorted(one.name for one in node.profile.data.iterdir())
		assert left == ['keys', 'lock', 'objects', 'store'], left
		node.start()
		assert json.loads(cli('verify', '--json').stdout)['size'] == 60


# --- exports ------------------------------------------------------------------------------


def export(cli, *words):
	return [json.loads(line) for line in cli('audit', 'export', *words).stdout.splitlines()]


def test_an_export_says_the_same_twice_and_proves_itself():
	with harness.Node(FAST_ROOTS) as node:
		cli = Cli(node)
		cli.fill(120)
		cli.wait_signed(120)
		path = node.directory / 'all.jsonl'

		def twice():  # the last audit records are signed a moment later
			cli('audit', 'export', '--out', path)
			return cli('audit', 'export').stdout == path.read_text()
		harness.eventually(twice, 'the same export twice')
		text = path.read_text()
		for line in text.splitlines():
			assert json.dumps(json.loads(line), sort_keys=True, separators=(',', ':'),
				ensure_ascii=False) == line, line
		vkey = cli.vkey()
		assert 'signature verified' in cli('audit', 'verify', '--vkey', vkey, path).stdout
		lines = [json.loads(line) for line in text.splitlines()]
		assert [one['seq'] for one in lines if one['type'] == 'entry'] == list(range(1, 121))
		assert lines[0]['type'] == 'ledger' and lines[-1]['type'] == 'audit_note', lines[-1]
		part = export(cli, '--range', '50:latest')
		seqs = [one['seq'] for one in part if one['type'] == 'entry']
		assert seqs == list(range(50, 121)), seqs
		assert part[1]['type'] == 'commit' and part[1]['first_seq'] <= 50 <= part[1]['last_seq']
		for wrong, status in (('0:5', 2), ('9:5', 2), ('x', 2), ('5', 2), ('1:9999', 1)):
			cli('audit', 'export', '--range', wrong, status=status)


def test_a_line_of_an_export_that_was_changed_moved_or_dropped_is_named():
	with harness.Node(FAST_ROOTS) as node:
		cli = Cli(node)
		cli.fill(60)
		cli.wait_signed(60)
		path = node.directory / 'bad.jsonl'
		good = cli('audit', 'export').stdout.splitlines(keepends=True)
		vkey = cli.vkey()

		def expect(lines, number):
			path.write_text(''.join(lines))
			done = command(node, 'audit', 'verify', '--vkey', vkey, path, status=1)
			assert done.stdout.startswith(f'BAD: line {number}: '), (number, done)

		for at, line in enumerate(good):
			mark = '"note":"' if '"note":"' in line else '"hash":"' if '"hash":"' in line else \
				'"leaf":"' if '"leaf":"' in line else '"root":"'
			where = line.index(mark) + len(mark) + 30
			where += 1 if line[where - 1] == '\\' else 0
			other = line[:where] + ('0' if line[where] != '0' else '1') + line[where + 1:]
			path.write_text(''.join([*good[:at], other, *good[at + 1:]]))
			command(node, 'audit', 'verify', '--vkey', vkey, path, status=1)
		entry = next(at for at, line in enumerate(good) if '"type":"entry"' in line)
		audit = next(at for at, line in enumerate(good) if '"type":"audit"' in line)
		expect([*good[:entry], *good[entry + 1:]], entry + 1)
		expect([*good[:entry], good[entry + 1], good[entry], *good[entry + 2:]], entry + 1)
		expect([*good[:audit], *good[audit + 1:]], audit + 1)
		expect(good[1:], 1)
		expect([*good[:entry], good[entry].replace('"memo":"no', '"memo":"nO'),
			*good[entry + 1:]], entry + 1)
		expect([*good[:entry], good[entry].replace('"amount":"', '"amount":"9'),
			*good[entry + 1:]], entry + 1)
		expect([*good[:-1], good[-1][:-1]], len(good))
		path.write_text('')
		command(node, 'audit', 'verify', path, status=1)


def test_a_log_of_static_files_grows_and_proves_itself():
	with harness.Node(FAST_ROOTS) as node:
		cli = Cli(node)
		tiles = node.directory / 'log'
		cli.fill(300)
		cli.wait_signed(300)
		vkey = cli.vkey()
		cli('audit', 'export', '--tiles', tiles)
		full = tiles / 'tile/0/000'
		first = full.stat()
		assert (tiles / 'tile/0/001.p/44').stat().st_size == 44 * 32
		assert 'good: 300 entries' in cli('verify', '--tiles', tiles, '--vkey', vkey).stdout
		cli.fill(300, first=300)
		cli.wait_signed(600)
		cli('audit', 'export', '--tiles', tiles)
		assert full.stat().st_mtime_ns == first.st_mtime_ns  # kept
		assert not (tiles / 'tile/0/001.p').exists()
		assert (tiles / 'tile/1/000.p/2').exists()
		assert 'good: 600 entries' in cli('verify', '--tiles', tiles, '--vkey', vkey).stdout
		checkpoint = (tiles / 'checkpoint').read_bytes()
		assert checkpoint == node.http('GET', '/tlog/checkpoint').body
		older = tiles / 'tile/1/000.p/1'  # of the tree of 300, for who still has that checkpoint
		assert older.is_file()
		for path in [one for one in tiles.rglob('*') if one.is_file() and one != older]:
			good = path.read_bytes()
			path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
			done = command(node, 'verify', '--tiles', tiles, '--vkey', vkey, status=1)
			assert done.stdout.startswith('BAD: '), done
			path.unlink()
			command(node, 'verify', '--tiles', tiles, '--vkey', vkey,
				status=3 if path.name == 'checkpoint' else 1)
			path.write_bytes(good)
		with harness.Node(FAST_ROOTS) as stranger:
			other = Cli(stranger)
			other.fill(300)
			other.wait_signed(300)
			other('audit', 'export', '--tiles', tiles, status=3)
		assert 'good: 600 entries' in cli('verify', '--tiles', tiles, '--vkey', vkey).stdout


def test_verify_knows_whether_a_kept_checkpoint_is_on_its_way():
	with harness.Node(FAST_ROOTS) as node, harness.Node(FAST_ROOTS) as stranger:
		cli, other = Cli(node), Cli(stranger)
		for one in (cli, other):
			one.fill(50)
			one.wait_signed(50)
		vkey = cli.vkey()
		kept, foreign = node.directory / 'kept', node.directory / 'foreign'
		kept.write_bytes(node.http('GET', '/tlog/checkpoint').body)
		foreign.write_bytes(stranger.http('GET', '/tlog/checkpoint').body)
		cli.fill(30, first=50)
		cli('verify', '--checkpoint', kept, '--vkey', vkey)
		cli('verify', '--checkpoint', kept, status=2)
		cli('verify', '--checkpoint', foreign, '--vkey', vkey, status=1)
		done = cli('verify', '--checkpoint', foreign, '--vkey', other.vkey(), status=1)
		assert 'the kept checkpoint says that the root of 50 entries' in done.stderr, done
		node.stop()
		command(node, 'verify', '--checkpoint', kept, '--vkey', vkey)


if __name__ == '__main__':
	tap.main(globals())

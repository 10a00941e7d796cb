#!/usr/bin/env python3
"""Notes, proofs and tiles against tools that we did not write: the packages of the Go project
(tests/oracle/tlog.go), openssl, and our own verifier that shares no code with the node."""
import contextlib
import functools
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import harness  # noqa: E402
import tap  # noqa: E402

ORACLE = pathlib.Path(__file__).resolve().parents[1] / 'oracle/tlog.go'
GOPATH = pathlib.Path('/usr/share/gocode')
SIZES = (1, 2, 3, 8, 255, 256, 257, 700)  # 65536 and more: test_the_third_level_of_tiles
SECONDS = 120


class Scratch:
	"""A directory that is gone afterwards, and the three programs at work in it."""

	def __enter__(self):
		self.path = pathlib.Path(tempfile.mkdtemp(prefix='macronode-tlog-'))
		return self

	def __exit__(self, *_):
		shutil.rmtree(self.path, ignore_errors=True)

	def make(self, size):
		run_oracle('make', self.path, size)
		self.vkey = (self.path / 'vkey').read_text()
		self.other_vkey = (self.path / 'other-vkey').read_text()
		return self

	def write(self, name, data):
		path = self.path / name
		path.parent.mkdir(parents=True, exist_ok=True)
		path.write_bytes(data.encode() if isinstance(data, str) else data)
		return path


@functools.lru_cache(maxsize=None)
def oracle():
	"""The oracle as a program, compiled once a run; without Go every case is skipped aloud."""
	if shutil.which('go') is None:
		raise tap.Skip('no Go: apt install golang-go golang-golang-x-mod-dev')
	if not (GOPATH / 'src/golang.org/x/mod/sumdb/tlog').is_dir():
		raise tap.Skip('no golang.org/x/mod: apt install golang-golang-x-mod-dev')
	made = tempfile.TemporaryDirectory(prefix='macronode-oracle-')
	environment = {**harness.clean_environment(), 'GO111MODULE': 'off', 'GOPATH': str(GOPATH),
		'GOFLAGS': '', 'GOCACHE': f'{made.name}/cache', 'GOTOOLCHAIN': 'local'}
	subprocess.run(['go', 'build', '-o', f'{made.name}/tlog', str(ORACLE)], check=True,
		env=environment, timeout=SECONDS * 5)
	return made


def run(words, status=0, stdin=None):
	done = subprocess.run([str(word) for word in words], capture_output=True, text=True,
		input=stdin, timeout=SECONDS, env=harness.clean_environment())
	if done.returncode != status:
		raise AssertionError(f'{words}: exit {done.returncode}, not {status}: {done}')
	return done


def run_oracle(*words, status=0):
	return run([f'{oracle().name}/tlog', *words], status)


def tlogverify(*words, status=0):
	return run([harness.BUILD / 'client/tlogverify', *words], status)


def macronode(*words, status=0):
	return run([harness.BUILD / 'cli/macronode', *words], status)


def flip(data, at):
	return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


# --- what Go made, checked by ours ----------------------------------------------------------


def test_proofs_and_checkpoints_that_go_made_are_good_here():
	for size in SIZES:
		with Scratch() as log:
			log.make(size)
			tlogverify('checkpoint', log.vkey, log.path / 'checkpoint')
			for proof in sorted((log.path / 'proofs').glob('*.tlog-proof')):
				entry = proof.with_suffix('.entry')
				tlogverify('proof', log.vkey, proof, entry)
				macronode('proof', 'check', '--vkey', log.vkey, '--entry', entry, proof)
				if entry.stat().st_size > 0:
					tlogverify('proof', log.vkey, proof)
					macronode('proof', 'check', '--vkey', log.vkey, proof)


def test_consistency_that_go_proved_is_good_here():
	for size in SIZES:
		with Scratch() as log:
			log.make(size)
			for hashes in sorted((log.path / 'older').glob('*.hashes')):
				older, newer = hashes.with_suffix('.checkpoint'), log.path / 'checkpoint'
				tlogverify('consistency', log.vkey, older, newer, hashes)
				if older.read_bytes() != newer.read_bytes():
					tlogverify('consistency', log.vkey, newer, older, hashes, status=1)
				longer = log.write('longer', hashes.read_text() + 'A' * 43 + '=\n')
				tlogverify('consistency', log.vkey, older, newer, longer, status=1)


def test_tiles_that_go_cut_are_good_here():
	for size in SIZES:
		with Scratch() as log:
			log.make(size)
			run_oracle('tiles', log.vkey, log.path)
			tlogverify('tiles', log.vkey, log.path)


def test_the_third_level_of_tiles():
	with Scratch() as log:
		log.make(65536 + 300)
		assert (log.path / 'tile/2/000.p/1').stat().st_size == 32
		run_oracle('tiles', log.vkey, log.path)
		tlogverify('tiles', log.vkey, log.path)
		tile = log.path / 'tile/1/000'
		tile.write_bytes(flip(tile.read_bytes(), 77))
		assert 'tile/1/000' in tlogverify('tiles', log.vkey, log.path, status=1).stderr


def test_any_damage_to_a_directory_of_tiles_is_found_and_named():
	with Scratch() as log:
		log.make(700)
		files = sorted(path for path in (log.path / 'tile').rglob('*') if path.is_file())
		assert len(files) == 7, files  # 3 of hashes, 3 of entries, 1 above them
		for path in files:
			good = path.read_bytes()
			for bad in (flip(good, 0), flip(good, len(good) // 2), flip(good, len(good) - 1),
					good[:-1], good + b'\0', good[32:] + good[:32], b''):
				path.write_bytes(bad)
				said = tlogverify('tiles', log.vkey, log.path, status=1).stderr
				assert said.startswith('BAD: ') and str(log.path) in said, said
			path.unlink()
			assert str(path) in tlogverify('tiles', log.vkey, log.path, status=1).stderr
			path.write_bytes(good)
		tlogverify('tiles', log.vkey, log.path)
		older = log.path / 'older/512.checkpoint'
		tlogverify('tiles', log.vkey, log.path, older)  # the full tiles are all that it needs
		tlogverify('tiles', log.other_vkey, log.path, status=1)


def test_a_proof_with_any_change_is_bad():
	with Scratch() as log:
		log.make(300)
		good = (log.path / 'proofs/256.tlog-proof').read_text()
		lines = good.split('\n')
		assert lines[1].startswith('extra ') and lines[2] == 'index 256', lines
		changed = {
			'header': good.replace('@v1', '@v2'),
			'other index': good.replace('index 256', 'index 255'),
			'index beyond': good.replace('index 256', 'index 300'),
			'index spelled': good.replace('index 256', 'index 0256'),
			'a hash less': '\n'.join(lines[:3] + lines[4:]),
			'a hash more': '\n'.join(lines[:3] + [lines[3]] + lines[3:]),
			'hashes swapped': '\n'.join(lines[:3] + [lines[4], lines[3]] + lines[5:]),
			'other entry': good.replace(lines[1], 'extra AAAA'),
			'other size': good.replace('\n300\n', '\n301\n'),
			'cut': good[:-1],
			'no note': good[:good.index('\n\n') + 2],
			'half': good[:len(good) // 2],
		}
		for name, text in changed.items():
			assert text != good, name
			path = log.write('bad.tlog-proof', text)
			said = tlogverify('proof', log.vkey, path, status=1).stderr
			assert said.startswith('BAD: '), (name, said)
			done = macronode('proof', 'check', '--vkey', log.vkey, path, status=1)
			assert done.stdout.startswith('BAD: '), (name, done)
			run_oracle('proof', log.vkey, path, status=1)
		path = log.write('good.tlog-proof', good)
		tlogverify('proof', log.other_vkey, path, status=1)
		done = macronode('proof', 'check', '--vkey', log.other_vkey, path, status=1)
		assert 'another key' in done.stdout or 'not signed' in done.stdout, done


def test_the_verifier_knows_its_three_ways_to_say_no():
	with Scratch() as log:
		log.make(3)
		checkpoint = log.path / 'checkpoint'
		tlogverify('checkpoint', log.other_vkey, checkpoint, status=1)
		tlogverify(status=2)
		tlogverify('checkpoint', log.vkey, status=2)
		tlogverify('checkpoint', log.vkey, checkpoint, checkpoint, status=2)
		tlogverify('checkpoint', 'no+key', checkpoint, status=2)
		swapped = log.vkey.replace('+', '+0', 1)
		tlogverify('checkpoint', swapped, checkpoint, status=2)
		tlogverify('checkpoint', log.vkey, log.path / 'nothing', status=3)
		tlogverify('checkpoint', log.vkey, log.path, status=3)
		done = run([harness.BUILD / 'client/tlogverify', 'checkpoint', log.vkey, '-'],
			stdin=checkpoint.read_text())
		assert done.stdout == 'good: checkpoint of oracle.example/log at size 3\n', done


def test_it_compiles_alone():
	source = ORACLE.parents[2] / 'client/tlogverify.c'
	with Scratch() as log:
		compiler = shutil.which('cc')
		if compiler is None:
			raise tap.Skip('no cc')
		run([compiler, '-o', log.path / 'alone', source, '-lhogweed', '-lnettle', '-lgmp'])
		run([log.path / 'alone'], status=2)
	assert source.read_text().count('\n') < 500


# --- a real node, checked by all of them ----------------------------------------------------


class Ledger:
	"""A node that signs often, its key, and a token in its environment."""

	def __init__(self, node, scratch):
		self.node = node
		self.scratch = scratch
		self.token = node.environment['MACRONODE_TOKEN'] = node.mint()
		self.vkey = json.loads(node.cli('key', 'show', '--json').stdout)['vkey']
		self.size = 0

	def grow(self, count):
		"""Appends Mints; returns the bytes of a checkpoint that covers them all."""
		for first in range(0, count, 100):
			entries = [harness.entry('Mint', f'account-{i}', i + 1)
				for i in range(first, min(count, first + 100))]
			answer = self.node.ingest(entries, self.token)
			assert answer.status == 200 and answer.json()['accepted'], answer
		self.size += count
		return harness.eventually(self.newest, f'a checkpoint of {self.size}')

	def newest(self):
		answer = self.node.http('GET', '/tlog/checkpoint')
		if answer.status == 503 or int(answer.body.split(b'\n')[1]) < self.size:
			return None
		assert answer.status == 200, answer
		return answer.body

	def download(self, checkpoint, name):
		"""The whole log of a checkpoint as a directory."""
		size = int(checkpoint.split(b'\n')[1])
		self.scratch.write(f'{name}/checkpoint', checkpoint)
		for path in tile_paths(size):
			token = self.token if path.startswith('entries/') else None
			answer = self.node.http('GET', f'/tlog/tile/{path}', token=token)
			assert answer.status == 200, (path, answer)
			self.scratch.write(f'{name}/tile/{path}', answer.body)
		return self.scratch.path / name


def tile_paths(size):
	"""All tiles that a tree of this size has, as C2SP tlog-tiles names them; under 256000."""
	paths, level, count = [], 0, size
	while count > 0:
		for index in range((count + 255) // 256):
			width = min(256, count - 256 * index)
			name = f'{index:03}' + (f'.p/{width}' if width < 256 else '')
			paths += [f'{level}/{name}'] + ([f'entries/{name}'] if level == 0 else [])
		level, count = level + 1, count // 256
	return paths


def entries_of(directory):
	"""The entries of a downloaded log, cut out of its bundles here."""
	found = []
	for path in sorted((directory / 'tile/entries').rglob('*')):
		rest = path.read_bytes() if path.is_file() else b''
		while rest:
			length = int.from_bytes(rest[:2], 'big')
			found.append(rest[2:2 + length])
			rest = rest[2 + length:]
	return found


@contextlib.contextmanager
def ledger(**overrides):
	oracle()  # skip before a node is started
	with Scratch() as scratch:
		settings = {'audit': {'root_emit_interval': '100ms'}, **overrides}
		with harness.Node(settings) as node:
			yield Ledger(node, scratch)


def test_a_node_is_proven_from_its_tiles():
	with ledger() as log:
		directory = log.download(log.grow(600), 'all')
		assert run_oracle('tiles', log.vkey, directory).stdout == '600 entries\n'
		said = tlogverify('tiles', log.vkey, directory).stdout
		assert said.startswith('good: tiles of ') and said.endswith(' at size 600\n'), said
		assert len(entries_of(directory)) == 600
		path = directory / 'tile/entries/001'
		path.write_bytes(flip(path.read_bytes(), 100))  # as if an amount had been another
		run_oracle('tiles', log.vkey, directory, status=1)
		tlogverify('tiles', log.vkey, directory, status=1)


def test_a_node_proves_its_entries():
	with ledger() as log:
		directory = log.download(log.grow(300), 'all')
		leaves = entries_of(directory)
		for seq in (1, 2, 128, 256, 257, 299, 300):
			path = log.scratch.path / f'{seq}.tlog-proof'
			log.node.cli('proof', 'entry', str(seq), '-o', str(path))
			assert log.node.cli('proof', 'entry', str(seq)).stdout == path.read_text()
			run_oracle('proof', log.vkey, path)
			tlogverify('proof', log.vkey, path)
			said = json.loads(macronode('proof', 'check', '--vkey', log.vkey, path, '--json').stdout)
			assert said['good'] and said['seq'] == said['entry']['seq'] == seq, said
			answer = log.node.http('GET', f'/proofs/entries/{seq}', token=log.token)
			assert answer.body == path.read_bytes(), answer
			leaf = log.scratch.write('leaf', leaves[seq - 1])
			answer = log.node.http('GET', f'/proofs/entries/{seq}')  # nobody: without the entry
			assert answer.status == 200 and b'extra' not in answer.body, answer
			bare = log.scratch.write('bare', answer.body)
			run_oracle('proof', log.vkey, bare, leaf)
			tlogverify('proof', log.vkey, bare, leaf)
			tlogverify('proof', log.vkey, bare, status=3)
			macronode('proof', 'check', '--vkey', log.vkey, '--entry', leaf, bare)
			macronode('proof', 'check', '--vkey', log.vkey, bare, status=3)


def test_a_node_proves_that_it_only_grew():
	with ledger() as log:
		kept = {}
		for count in (1, 2, 5, 120, 128, 100):
			checkpoint = log.grow(count)
			kept[log.size] = log.scratch.write(f'{log.size}.checkpoint', checkpoint)
			run_oracle('note', log.vkey, kept[log.size])
		newest = kept[log.size]
		for size, older in kept.items():
			hashes = log.scratch.path / f'{size}.hashes'
			words = ('proof', 'consistency', '--vkey', log.vkey, '--from', str(older))
			said = log.node.cli(*words, '-o', str(hashes)).stdout
			assert said.startswith(f'good: size {log.size} continues size {size} of '), said
			run_oracle('consistency', log.vkey, older, newest, hashes)
			tlogverify('consistency', log.vkey, older, newest, hashes)
			said = json.loads(log.node.cli(*words, '--to', str(newest), '--json').stdout)
			assert said['hashes'] == hashes.read_text().split(), said
			assert (said['from'], said['to']) == (size, log.size), said
		turned = log.node.cli('proof', 'consistency', '--from', str(newest), '--to',
			str(kept[1]), check=False)
		assert turned.returncode == 1 and 'BAD: ' in turned.stdout, turned


def test_what_cannot_be_proven_is_refused_in_words():
	with ledger() as log, Scratch() as other:
		log.grow(3)
		other.make(2)
		cases = (
			(2, ('proof', 'entry', '0')), (2, ('proof', 'entry', '01')),
			(2, ('proof', 'entry', 'x')), (2, ('proof', 'entry', '3', '--size', '2')),
			(1, ('proof', 'entry', '4')), (1, ('proof', 'entry', '1', '--size', '4')),
			(2, ('proof', 'consistency')), (3, ('proof', 'consistency', '--from', 'nothing')),
			(1, ('proof', 'consistency', '--from', str(other.path / 'checkpoint'))),
			(1, ('proof', 'consistency', '--from', str(other.path / 'checkpoint'), '--vkey',
				log.vkey)),
			(2, ('proof', 'check', str(other.path / 'checkpoint'))),
			(2, ('proof', 'check', '--vkey', 'x', str(other.path / 'checkpoint'))),
			(1, ('proof', 'check', '--vkey', log.vkey, str(other.path / 'checkpoint'))),
			(3, ('proof', 'check', '--vkey', log.vkey, 'nothing')),
		)
		for status, words in cases:
			done = log.node.cli(*words, check=False)
			assert done.returncode == status, (words, done)
			assert (done.stdout + done.stderr).strip(), words
		done = log.node.cli('proof', 'entry', '2', '--size', '3')
		assert json.loads(done.stdout)['size'] == 3, done


if __name__ == '__main__':
	tap.main(globals())

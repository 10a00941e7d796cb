"""Recovery: whatever becomes of the disk or the files, the node says why it does not write, reads
on where it can, does not die again and again, and loses or doubles nothing that it acknowledged.
"""
import contextlib
import json
import os
import pathlib
import sqlite3
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / name) for name in ('crash', 'load')]
import ledger_check  # noqa: E402
import load_client  # noqa: E402
import tap  # noqa: E402
from faults import FaultyNode  # noqa: E402
from harness import BUILD, Node, entry, eventually  # noqa: E402

ACCOUNTS = 64
AUDIT_RECOVER = 5


# --- what is said and done in safe mode ----------------------------------------------------


def readyz(node):
	return node.http('GET', '/readyz', plane='admin')


def reason(node):
	"""As /readyz says it; None when it is ready or says something else."""
	answer = readyz(node)
	if answer.status != 503:
		return None
	missing = answer.body.decode()
	return missing if 'safe_mode:' in missing else None


def status(node):
	done = node.cli('--json', 'status', check=False)
	assert done.returncode in (0, 4), done
	return json.loads(done.stdout)


def explain(node):
	def asked():
		done = node.cli('--json', 'recover', check=False)
		return done.returncode in (0, 1) and done  # else the committer is not back yet
	done = eventually(asked, 'an explanation')
	told = json.loads(done.stdout)
	assert done.returncode == (1 if told['needed'] else 0), done
	return told


def expect_safe_mode(node, token, word, reads=True):
	"""Everywhere the same word, writes refused, reads answered; what `recover` says."""
	eventually(lambda: word in (reason(node) or ''), f'/readyz names {word}')
	told = eventually(lambda: word in status(node)['ledger']['safe_mode_reason'] and status(node),
		f'status names {word}')
	assert told['ledger']['safe_mode'] and told['recovery']['needed'] and not told['ready'], told
	assert word in node.cli('status', check=False).stdout
	eventually(lambda: any(word in one['text'] for one in node.log()
		if one.get('event') == 'safe_mode_entered'), f'the log names {word}')
	said = word if word == 'disk_full' else 'safe_mode'

	def is_told():
		"""Not at once: the edge of administration may know it before that of the API."""
		answer = node.ingest([entry('Mint', 'refused', 1)], token)
		assert answer.status == 503 and answer.headers['retry-after'], answer
		return answer.json()['reasons'][0]['details'] == said
	eventually(is_told, 'a writer is told')
	if reads:
		eventually(lambda: node.http('GET', '/roots').status == 200, 'reads go on')
		eventually(lambda: node.http('GET', '/entries/1', token=token).status == 200, 'entries')
	told = explain(node)
	assert told['needed'] and word in told['reason'], told
	return told


def read(node, target, token=None):
	"""What is answered once archive has opened what the last committer left."""
	return eventually(lambda: (answer := node.http('GET', target, token=token)).status != 503 and answer, target)


def expect_no_loop(node, at_most=1):
	"""The committer lives: it did not die again and again of what it found."""
	pid = node.worker('committer')
	before = status(node)
	deaths = [one for one in before['deaths'] if one['role'] == 'committer']
	assert len(deaths) <= at_most, deaths
	assert node.worker('committer') == pid
	assert not any(one['degraded'] for one in before['processes'])


def ack_words(told):
	return f'{told["on_disk"]["height"]}:{told["on_disk"]["root"]}'


def acknowledge(node, told):
	"""Nothing else than what is there can be acknowledged; that can."""
	height, root = told['on_disk']['height'], told['on_disk']['root']
	other = root[:-1] + ('0' if root[-1] != '0' else '1')
	for wrong in (f'{height + 1}:{root}', f'{height}:{other}'):
		done = node.cli('recover', '--ack', wrong, check=False)
		assert done.returncode == 1 and 'not the height and root on disk' in done.stderr, done
	assert explain(node)['needed']
	done = node.cli('recover', '--ack', ack_words(told))
	assert 'acknowledged' in done.stdout, done
	node.wait_ready()
	assert explain(node) | {'on_disk': 0} == explain(node) | {'on_disk': 0, 'needed': False}
	again = node.cli('recover', '--ack', ack_words(told), check=False)
	assert again.returncode == 1 and 'nothing to acknowledge' in again.stderr, again
	eventually(lambda: any(one.get('event') == 'safe_mode_left' for one in node.log()), 'left')


def audit_of_recovery(node):
	"""The records of acknowledgements, oldest first, of a stopped node."""
	store = ledger_check.open_store(node.profile.data / 'store')
	with contextlib.closing(store):
		rows = [bytes(record) for (record,) in store.execute(
			'SELECT record FROM audits ORDER BY rowid')]
	# core/batch.h: ts u64, kind u16, then the bytes behind a u16 length
	return [json.loads(row[12:]) for row in rows
		if int.from_bytes(row[8:10], 'little') == AUDIT_RECOVER]


class Sent:
	"""Mints, and what was answered: {nonce: (entry, seq)}."""

	def __init__(self, node, token):
		self.node = node
		self.token = token
		self.kept = {}

	def mint(self, count=1):
		for _ in range(count):
			self.repeat(entry('Mint', 'kept', 5))

	def repeat(self, one):
		"""Until it is taken, as any client would; returns its seq."""
		answer = eventually(lambda: self.taken(one), 'it is taken')
		seq = answer.json()['seq_start']
		self.kept.setdefault(one['nonce'], (one, seq))
		return seq

	def taken(self, one):
		answer = self.node.ingest([one], self.token)
		assert answer.status in (200, 503), answer
		return answer if answer.status == 200 else None

	def try_mint(self):
		"""One whose outcome nobody knows."""
		one = entry('Mint', 'kept', 5)
		answer = self.node.ingest([one], self.token)
		assert answer.status == 503, answer
		return one

	def check(self, given_up=()):
		"""A repeat of each gets its seq back; the store has each exactly once."""
		for one, seq in self.kept.values():
			got = self.repeat(one)
			assert got == seq or seq in given_up, (got, seq)
		self.node.stop()
		store = self.node.profile.data / 'store'
		entries, _ = ledger_check.check_store(store, [])
		assert self.node.cli('verify').returncode == 0
		with contextlib.closing(ledger_check.open_store(store)) as opened:
			leaves = [ledger_check.decode_leaf(one) for one in ledger_check.read_leaves(opened)]
		ids = [leaf.id for leaf in leaves]
		for one, _ in self.kept.values():
			assert ids.count(one['id']) == 1, one
		return entries


# --- a disk that fails ----------------------------------------------------------------------


def test_a_failed_sync_is_safe_mode_until_it_is_acknowledged():
	with FaultyNode() as node:
		token = node.mint()
		sent = Sent(node, token)
		sent.mint(3)
		node.fail('fdatasync', count=1)
		unknown = sent.try_mint()
		eventually(lambda: status(node)['recovery']['store_suspect'], 'the supervisor knows')
		told = expect_safe_mode(node, token, 'sync_failed')
		assert told['may_acknowledge'] and told['missing'] == 0, told
		assert told['acknowledged']['height'] == 3, told
		expect_no_loop(node)
		human = node.cli('recover', check=False)
		assert human.returncode == 1 and f'recover --ack {ack_words(told)}' in human.stdout, human
		assert (node.profile.data / 'store/suspect').read_text().startswith('macronode suspect v1\n')

		node.signal_worker('committer')  # a restart does not make it good
		expect_safe_mode(node, token, 'sync_failed')
		node.stop()                      # nor does a start of the node
		node.start(wait=False)
		told = expect_safe_mode(node, token, 'sync_failed')
		acknowledge(node, told)
		assert not (node.profile.data / 'store/suspect').exists()
		sent.repeat(unknown)
		sent.mint(2)
		node.restart()
		sent.mint(1)
		sent.check()
		record, = audit_of_recovery(node)
		assert list(record) == sorted(record) and 'sync_failed' in record['reason'], record
		assert record['height'] == told['on_disk']['height'] and record['given_up'] == 0, record
		assert record['actor'].startswith(f'uid:{os.getuid()}'), record


def test_a_disk_that_never_syncs_shows_only_what_was_acknowledged():
	with FaultyNode() as node:
		token = node.mint()
		sent = Sent(node, token)
		sent.mint(3)
		node.fail('fdatasync')
		sent.try_mint()
		told = expect_safe_mode(node, token, 'io_error')
		assert told['on_disk']['height'] == 3 and not told['may_acknowledge'], told
		assert read(node, '/roots').json()['next'] == 4
		assert read(node, '/entries/4', token).status == 404
		expect_no_loop(node, at_most=2)
		node.heal()
		told = eventually(lambda: explain(node)['may_acknowledge'] and explain(node), 'it opens')
		acknowledge(node, told)
		sent.mint(1)
		sent.check()


def test_the_supervisor_remembers_what_the_mark_could_not_say():
	with FaultyNode() as node:
		token = node.mint()
		sent = Sent(node, token)
		sent.mint(2)
		node.fail('fdatasync', count=1)
		sent.try_mint()
		expect_safe_mode(node, token, 'sync_failed')
		(node.profile.data / 'store/suspect').unlink()
		node.signal_worker('committer')
		eventually(lambda: (node.profile.data / 'store/suspect').exists(), 'the mark is made again')
		acknowledge(node, expect_safe_mode(node, token, 'sync_failed'))
		pid = node.signal_worker('committer')  # and it has forgotten
		eventually(lambda: set(node.workers('committer')) - {pid}, 'another one')
		node.wait_ready()
		sent.mint(1)
		sent.check()


def test_a_write_that_fails_is_safe_mode():
	with FaultyNode() as node:
		token = node.mint()
		sent = Sent(node, token)
		sent.mint(3)
		node.fail('pwrite')
		unknown = sent.try_mint()
		eventually(lambda: status(node)['recovery']['store_suspect'], 'the supervisor knows')
		# The disk stays bad: the next committer cannot even open the store, and lives.
		told = expect_safe_mode(node, token, 'io_error', reads=False)
		assert not told['may_acknowledge'], told
		expect_no_loop(node, at_most=2)
		node.heal()
		told = eventually(lambda: explain(node)['may_acknowledge'] and explain(node), 'it opens')
		acknowledge(node, told)
		sent.repeat(unknown)
		sent.mint(1)
		sent.check()


def test_a_read_that_fails_at_the_start_is_safe_mode():
	with FaultyNode() as node:
		token = node.mint()
		sent = Sent(node, token)
		sent.mint(3)
		node.stop()
		node.fail('pread')
		node.start(wait=False)
		told = expect_safe_mode(node, token, 'io_error', reads=False)
		assert not told['may_acknowledge'], told
		expect_no_loop(node, at_most=2)
		done = node.cli('recover', '--ack', f'3:{"0" * 64}', check=False)
		assert done.returncode == 1, done
		node.heal()
		told = eventually(lambda: explain(node)['may_acknowledge'] and explain(node), 'it opens')
		assert told['on_disk']['height'] == 3, told
		acknowledge(node, told)
		sent.check()


def test_a_full_disk_heals_by_itself():
	with FaultyNode() as node:
		token = node.mint()
		sent = Sent(node, token)
		sent.mint(3)
		node.fail('pwrite', 'ENOSPC')
		sent.try_mint()
		told = expect_safe_mode(node, token, 'disk_full')
		assert not told['may_acknowledge'] and told['kind'] == 'disk_full', told
		done = node.cli('recover', '--ack', ack_words(told), check=False)
		assert done.returncode == 1 and 'by themselves' in done.stderr, done
		status = node.cli('status', check=False)
		assert status.returncode == 4 and 'next      make room' in status.stdout, status
		node.heal()
		node.wait_ready()
		sent.mint(1)
		assert explain(node)['kind'] == 'none'
		assert sent.check() == 4
		assert not audit_of_recovery(node)


def test_a_database_that_cannot_grow_heals_by_itself():
	"""The log still has room when the database has none: nothing that was acknowledged is in doubt."""
	with FaultyNode() as node:
		token = node.mint()
		sent = Sent(node, token)
		sent.mint(3)
		node.fail('pwrite', 'ENOSPC', only=node.profile.data / 'store/ledger.db')
		taken = 0
		while node.ingest([entry('Mint', 'filler', 1) for _ in range(1000)], token).status == 200:
			taken += 1000
		told = expect_safe_mode(node, token, 'disk_full')
		assert told['kind'] == 'disk_full' and not told['may_acknowledge'], told
		node.heal()
		node.wait_ready()
		assert not [one for one in node.log() if one['event'] == 'worker_died']
		sent.mint(1)
		assert explain(node)['kind'] == 'none'
		assert sent.check() == 4 + taken
		assert not audit_of_recovery(node)


def test_under_load_a_failed_sync_loses_and_doubles_nothing():
	with FaultyNode() as node:
		token = node.mint()
		minted, acks = node.directory / 'minted', node.directory / 'sent'
		load_client.run(BUILD, 'mint', node.profile.api_address, token, entries=64, total=ACCOUNTS,
			accounts=ACCOUNTS, connections=1, seed=1, acks=minted)
		with load_client.Load(BUILD, 'ingest', node.profile.api_address, token, seconds=100000,
				accounts=ACCOUNTS, seed=2, acks=acks, backoff_ms=50, retry_ms=120000, entries=8,
				connections=8) as load:
			for skip in (20, 41, 3):
				node.fail('fdatasync', skip=skip, count=1)
				eventually(lambda: not node.failing(), 'the fault')
				told = expect_safe_mode(node, token, 'sync_failed')
				acknowledge(node, told)
			load.stop()
			told = load.finish(180)
		for bad in ('abandoned', 'refused', 'wrong', 'timeouts'):
			assert told[bad] == 0, (bad, told)
		node.stop()
		entries, commits = ledger_check.check_store(node.profile.data / 'store', [
			('mint', 1, ACCOUNTS, minted), ('ingest', 2, ACCOUNTS, acks)])
		print(f'{entries} entries in {commits} commits')
		assert entries >= ACCOUNTS + told['entries']
		assert len(audit_of_recovery(node)) == 3


# --- files that are gone or changed --------------------------------------------------------


UNSIGNED = {'audit': {'root_emit_interval': '1h'}}


@contextlib.contextmanager
def damaged(damage, low_water=0, signed=True):
	"""A node with six entries that is started again after damage(store directory). Not signed: it
	crashes before kms has signed a checkpoint over them."""
	with Node(None if signed else UNSIGNED) as node:
		token = node.mint()
		sent = Sent(node, token)
		sent.mint(6)
		eventually(lambda: read_low_water(node) >= low_water, 'the state is stored')
		if signed:
			node.stop()
		else:
			node.kill_all()
		damage(node.profile.data / 'store')
		node.start(wait=False)
		yield node, token, sent


def read_low_water(node):
	with contextlib.closing(ledger_check.open_store(node.profile.data / 'store')) as opened:
		return opened.execute('SELECT low_water FROM meta').fetchone()[0]


def flip(path, at):
	with open(path, 'r+b') as file:
		file.seek(at)
		byte = file.read(1)[0]
		file.seek(at)
		file.write(bytes([byte ^ 1]))


def first_frame(store):
	"""Where the first page of the log begins; its header of 24 bytes has the salt of the log's."""
	data = (store / 'ledger.db-wal').read_bytes()
	salt = data[16:24]
	assert data[32 + 8:32 + 16] == salt, 'the log has no frame'
	return 32


def give_up(node, token, sent, word):
	"""Acknowledged entries are missing: said with numbers, given up only when told to."""
	told = expect_safe_mode(node, token, word, reads=False)
	assert told['acknowledged']['height'] == 6 and 0 < told['missing'] <= 6, told
	assert told['on_disk']['height'] + told['missing'] == 6, told
	human = node.cli('recover', check=False).stdout
	assert f'{told["missing"]} acknowledged entries, seq {7 - told["missing"]} to 6' in human, human
	expect_no_loop(node, at_most=0)
	acknowledge(node, told)
	given_up = range(told['on_disk']['height'] + 1, 7)
	assert sent.check(given_up) == 6  # those that were given up were sent again
	record, = audit_of_recovery(node)
	assert record['given_up'] == told['missing'] and record['acknowledged_before']['height'] == 6


def test_a_flipped_byte_in_the_log_is_safe_mode():
	with damaged(lambda store: flip(store / 'ledger.db-wal', first_frame(store) + 500),
			signed=False) as what:
		give_up(*what, 'acknowledged_tail_missing')


def test_a_deleted_log_is_safe_mode():
	with damaged(lambda store: (store / 'ledger.db-wal').unlink(), signed=False) as what:
		give_up(*what, 'acknowledged_tail_missing')


def test_what_was_signed_cannot_be_given_up_but_under_a_new_origin():
	with damaged(lambda store: (store / 'ledger.db-wal').unlink()) as (node, token, _):
		told = expect_safe_mode(node, token, 'acknowledged_tail_missing', reads=False)
		assert told['kind'] == 'fork' and told['signed']['height'] == 6, told
		assert not told['may_acknowledge'] and told['missing'] == 6, told
		refused = node.cli('recover', '--ack', ack_words(told), check=False)
		assert refused.returncode == 1 and '--new-origin' in refused.stderr, refused
		running = node.cli('recover', '--new-origin', '--ack', ack_words(told), check=False)
		assert running.returncode == 3 and 'stop it first' in running.stderr, running
		expect_no_loop(node, at_most=0)
		node.stop()
		store, keys = node.profile.data / 'store', node.profile.data / 'keys'
		wrong = node.cli('recover', '--new-origin', '--ack', f'6:{"0" * 64}', check=False)
		assert wrong.returncode == 1 and told['on_disk']['root'] in wrong.stderr, wrong
		assert not (keys / 'new-origin').exists()
		done = json.loads(node.cli('--json', 'recover', '--new-origin', '--ack',
			ack_words(told)).stdout)
		assert done == {'new_origin_requested': True, **told['on_disk']}, done
		held = (keys / 'new-origin').stat()
		assert held.st_uid == keys.stat().st_uid and held.st_mode & 0o777 == 0o600, held
		for path in store.iterdir():
			assert path.stat().st_uid == store.stat().st_uid, path
		node.start()
		assert not (keys / 'new-origin').exists()
		with contextlib.closing(ledger_check.open_store(store)) as opened:
			origin, = opened.execute('SELECT origin FROM meta').fetchone()
		assert origin.endswith('/1'), origin
		sent = Sent(node, node.mint())
		sent.mint(3)
		assert sent.check() == told['on_disk']['height'] + 3


def lose(signed):
	signed.unlink()


def break_both(signed):
	signed.write_bytes(bytes(len(signed.read_bytes())))


def test_what_was_signed_is_lost_and_the_ledger_goes_on_under_a_new_origin():
	for damage, word in ((lose, 'is missing'), (break_both, 'is damaged')):
		with Node() as node:
			token = node.mint()
			Sent(node, token).mint(6)
			node.stop()
			height, root = ledger_check.last_root(node.profile.data / 'store')
			damage(node.profile.data / 'keys/signed')
			node.start(wait=False)
			eventually(lambda: f'keys/signed {word}' in node.log_text(), 'its refusal')
			assert 'macronode recover --new-origin' in node.log_text()
			node.stop()
			# what the node advised
			node.cli('recover', '--new-origin', '--ack', f'{height}:{root}')
			node.start()
			refused = node.ingest([entry('Mint', 'alice', 1)], token)
			assert refused.status in (401, 403), refused
			sent = Sent(node, node.mint())
			sent.mint(2)
			assert sent.check() == height + 2
			node.stop()
			assert node.cli('verify').returncode == 0


def test_a_new_origin_that_nothing_needs_is_refused():
	with Node() as node:
		Sent(node, node.mint()).mint(3)
		bare = node.cli('recover', '--new-origin', check=False)
		assert bare.returncode == 2 and '--ack' in bare.stderr, bare
		node.stop()
		height, root = ledger_check.last_root(node.profile.data / 'store')
		done = node.cli('recover', '--new-origin', '--ack', f'{height}:{root}', check=False)
		assert done.returncode == 1 and 'needs no new origin' in done.stderr, done
		assert not (node.profile.data / 'keys/new-origin').exists()
		node.start()


def expect_unknown_tail(node, token, sent):
	told = expect_safe_mode(node, token, 'acknowledged_tail_unknown')
	assert told['acknowledged'] is None and told['on_disk']['height'] == 6, told
	expect_no_loop(node, at_most=0)
	node.stop()
	node.start(wait=False)  # it is not forgotten by starting again
	acknowledge(node, expect_safe_mode(node, token, 'acknowledged_tail_unknown'))
	sent.mint(1)
	node.restart()
	assert sent.check() == 7


def test_a_missing_tail_is_safe_mode():
	with damaged(lambda store: (store / 'tail').unlink()) as what:
		expect_unknown_tail(*what)


def test_a_broken_tail_is_safe_mode():
	def damage(store):
		flip(store / 'tail', 10)
		flip(store / 'tail', 4096 + 10)
	with damaged(damage) as what:
		expect_unknown_tail(*what)


def sql(store, *statements):
	"""As the owner of the files would, with nothing left in the log."""
	path = store / 'ledger.db'
	with contextlib.closing(sqlite3.connect(path)) as opened:
		for statement in statements:
			opened.execute(statement)
		opened.commit()
		opened.execute('PRAGMA wal_checkpoint(TRUNCATE)')
	for kept in store.iterdir():
		os.chown(kept, store.stat().st_uid, store.stat().st_gid)


def expect_restore_only(node, token, word, reads=True):
	told = expect_safe_mode(node, token, word, reads)
	assert not told['may_acknowledge'] and 'restore a snapshot' in told['advice'], told
	expect_no_loop(node, at_most=0)
	height_and_root = ack_words(told) if told['on_disk'] else f'6:{"0" * 64}'
	done = node.cli('recover', '--ack', height_and_root, check=False)
	assert done.returncode == 1 and 'restore a snapshot' in done.stderr, done
	node.stop()
	node.start(wait=False)
	expect_safe_mode(node, token, word, reads)


def test_a_root_that_was_changed_is_safe_mode_and_cannot_be_acknowledged():
	with damaged(lambda store: sql(store, 'UPDATE roots SET root = zeroblob(32)'
			' WHERE last_seq = (SELECT max(last_seq) FROM roots)')) as (node, token, _):
		expect_restore_only(node, token, 'store_corrupt', reads=False)


def test_an_entry_that_was_changed_is_safe_mode_and_cannot_be_acknowledged():
	with damaged(lambda store: sql(store, 'UPDATE entries SET leaf = zeroblob(200)'
			' WHERE seq = 4')) as (node, token, _):
		expect_restore_only(node, token, 'store_corrupt')


def expect_recovery(node):
	"""GET /recovery says what the command does, where the replay stopped, and what to do next."""
	allowed = node.cli('cap', 'mint', '--action', 'admin.status', '--ttl', '1h').stdout.strip()
	told = node.http('GET', '/recovery', plane='admin', token=allowed).json()
	assert told['safe_mode'] is True and 'replay_mismatch at seq' in told['cause'], told
	assert told['explained'] == explain(node), told
	assert told['explained']['failing_seq'] == int(told['cause'].split(' at seq ')[1].split(':')[0]), told
	assert any('recover' in one['next'] for one in told['next']), told
	assert told['root'] == told['explained']['on_disk']['root'], told


def test_a_state_that_replay_contradicts_is_safe_mode_and_cannot_be_acknowledged():
	with damaged(lambda store: sql(store, 'DELETE FROM chunks'), low_water=6) as (node, token, _):
		expect_restore_only(node, token, 'replay_mismatch')
		expect_recovery(node)


# --- files that are not ours ----------------------------------------------------------------


def test_files_of_another_owner_are_named_and_looked_at_again():
	if os.geteuid() != 0:
		raise tap.Skip('needs root, to give a file away')
	for name in ('ledger.db', 'ledger.db-wal', 'tail'):
		with damaged(lambda store: os.chown(store / name, 12345, -1)) as (node, token, sent):
			path = node.profile.data / 'store' / name
			told = expect_safe_mode(node, token, f'wrong_owner: {path} belongs to uid 12345',
				reads=False)
			assert not told['may_acknowledge'], told
			expect_no_loop(node, at_most=0)
			os.chown(path, path.parent.stat().st_uid, -1)
			node.wait_ready()
			assert sent.check() == 6


def test_files_of_a_wrong_mode_are_named_and_looked_at_again():
	for name, mode in (('ledger.db', 0o666), ('ledger.db-wal', 0o040), ('tail', 0o000)):
		with damaged(lambda store: (store / name).chmod(mode)) as (node, token, sent):
			path = node.profile.data / 'store' / name
			expect_safe_mode(node, token, f'wrong_mode: {path} has mode {mode:04o}', reads=False)
			expect_no_loop(node, at_most=0)
			path.chmod(0o640)
			node.wait_ready()
			assert sent.check() == 6


def test_a_store_that_is_not_there_is_not_begun_anew_and_is_taken_when_it_comes_back():
	def hide(store):
		(store.parent / 'elsewhere').mkdir()
		for path in store.iterdir():
			path.rename(store.parent / 'elsewhere' / path.name)
	with damaged(hide) as (node, token, sent):
		store = node.profile.data / 'store'
		told = expect_safe_mode(node, token, 'store_missing', reads=False)
		assert told['on_disk'] is None and not told['may_acknowledge'], told
		assert not list(store.iterdir()), 'something was made in its place'
		for path in (node.profile.data / 'elsewhere').iterdir():
			path.rename(store / path.name)
		node.wait_ready()
		assert sent.check() == 6


def test_a_newer_schema_is_safe_mode_until_it_is_the_right_one():
	with damaged(lambda store: sql(store, 'UPDATE meta SET version = version + 1')) as what:
		node, token, sent = what
		expect_safe_mode(node, token, 'newer_schema', reads=False)
		expect_no_loop(node, at_most=0)
		sql(node.profile.data / 'store', 'UPDATE meta SET version = version - 1')
		node.wait_ready()
		assert sent.check() == 6


# --- the command line ----------------------------------------------------------------------


def test_what_is_no_acknowledgement_is_a_wrong_command_line():
	with Node() as node:
		for text in ('', ':', '3', '3:', f'3:{"0" * 63}', f'3:{"0" * 65}', f'3:{"A" * 64}',
				f'-3:{"0" * 64}', f' 3:{"0" * 64}', f'{1 << 64}:{"0" * 64}', f'3x:{"0" * 64}'):
			done = node.cli('recover', '--ack', text, check=False)
			assert done.returncode == 2 and 'HEIGHT:ROOT' in done.stderr, (text, done)
		assert 'nothing to recover' in node.cli('recover').stdout
		assert explain(node)['needed'] is False


if __name__ == '__main__':
	tap.main(globals())

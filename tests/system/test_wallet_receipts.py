"""Receipts of a real node that somebody changed who can write the store and knows its checksums: found
in the stopped store, by the running node, and in a snapshot; and who restores one is told, too."""
import contextlib
import json
import os
import shutil
import sqlite3
import struct

import tap
from harness import Node
from test_snapshots import command
from test_wallet import Wallet, done

MASK = (1 << 64) - 1
TRANSFER, BURN, CAPTURE = 2, 3, 5


def siphash(key, data):
	"""SipHash-2-4, of the paper."""
	def turn(word, bits):
		return (word << bits | word >> (64 - bits)) & MASK

	def rounds(count):
		nonlocal a, b, c, d
		for _ in range(count):
			a, c = (a + b) & MASK, (c + d) & MASK
			b, d = turn(b, 13) ^ a, turn(d, 16) ^ c
			a = turn(a, 32)
			c, a = (c + b) & MASK, (a + d) & MASK
			b, d = turn(b, 17) ^ c, turn(d, 21) ^ a
			c = turn(c, 32)

	low, high = struct.unpack('<QQ', key)
	a, b = low ^ 0x736f6d6570736575, high ^ 0x646f72616e646f6d
	c, d = low ^ 0x6c7967656e657261, high ^ 0x7465646279746573
	padded = data + bytes(-(len(data) + 1) % 8) + bytes([len(data) & 0xff])
	for (word,) in struct.iter_unpack('<Q', padded):
		d ^= word
		rounds(2)
		a ^= word
	c ^= 0xff
	rounds(4)
	return a ^ b ^ c ^ d


def sum_of(key, row):
	"""What docs/formats.md says of the sum of an entry's row."""
	seq, account, counter, lane, lane_nonce, receipt, idem_id = row
	data = struct.pack('<5Q', seq, account or 0, counter or 0, lane or 0, lane_nonce or 0)
	for part in (receipt or b'', idem_id or b''):
		data += struct.pack('<I', len(part)) + part
	return siphash(key, data) or 1


def change(store, statement):
	"""Changes entries, and makes their sums right again."""
	owner = store.stat()
	with contextlib.closing(sqlite3.connect(store / 'ledger.db')) as opened:
		key, = opened.execute('SELECT fingerprint_key FROM meta').fetchone()
		rows = ('SELECT seq, prev_account_seq, prev_counter_seq, lane, lane_nonce, receipt, idem_id'
			' FROM entries')
		stored = dict(opened.execute('SELECT seq, sum FROM entries').fetchall())
		for row in opened.execute(rows).fetchall():
			assert sum_of(key, row) == stored[row[0]] & MASK, row  # we know how
		assert opened.execute(statement).rowcount >= 1, statement
		for row in opened.execute(rows).fetchall():
			made = sum_of(key, row)
			opened.execute('UPDATE entries SET sum = ? WHERE seq = ?',
				(made - (1 << 64) if made >> 63 else made, row[0]))
		opened.commit()
	for path in store.iterdir():
		os.chown(path, owner.st_uid, owner.st_gid)


def replaced(seq, old, new):
	return (f"UPDATE entries SET receipt = CAST(replace(CAST(receipt AS TEXT), '{old}', '{new}')"
		f" AS BLOB) WHERE seq = {seq}")


def operate(node):
	wallet = Wallet(node)
	done(wallet.issue('i1', 'alice', 1000, 1))
	done(wallet.transfer('t1', 'alice', 'bob', 100, 1))
	done(wallet.take('/v1/burn', 'b1', 'alice', 50, 2))
	hold = done(wallet.take('/v1/holds', 'h1', 'alice', 300, 3))['txid']
	done(wallet.post(f'/v1/holds/{hold}/capture', 'c1', {'from': 'alice', 'to': 'bob',
		'asset': 'ron', 'amount_minor': '120', 'nonce': 4}))
	done(wallet.take(f'/v1/holds/{hold}/release', 'r1', 'alice', 180, 5))
	done(wallet.issue('i2', 'carol', 5, 1))


@contextlib.contextmanager
def stopped_node():
	"""A node with every operation, stopped, and how to have its store back as it was."""
	with Node() as node:
		operate(node)
		node.environment['MACRONODE_TOKEN'] = node.mint()
		node.stop()
		store, whole = node.profile.data / 'store', node.directory / 'whole'
		shutil.copytree(store, whole)

		def put_back():
			for path in store.iterdir():
				path.unlink()
			for path in whole.iterdir():
				shutil.copy(path, store)
				os.chown(store / path.name, store.stat().st_uid, store.stat().st_gid)
		yield node, store, put_back


def expect_bad(node, seq, words):
	told = json.loads(command(node, 'verify', '--json', status=1).stdout)
	assert (told['check'], told['bad_seq']) == ('receipt', seq), told
	assert words in told['what'], told


def test_each_change_of_a_receipt_is_found_and_named():
	changes = (
		(TRANSFER, replaced(TRANSFER, '"100"', '"101"'),
			'should say "amount_minor":"100", and says "amount_minor":"101"'),
		(TRANSFER, replaced(TRANSFER, '"bob"', '"eve"'), 'should say "to":"bob", and says "to":"eve"'),
		(BURN, replaced(BURN, '"burn"', '"hold"'), 'should say "op":"burn", and says "op":"hold"'),
		(BURN, replaced(BURN, '"balance_before":"900"', '"balance_before":"901"'),
			'should say "balance_before":"900", and says "balance_before":"901"'),
		(CAPTURE, replaced(CAPTURE, '"seq":5', '"seq":6'), 'should say "seq":5, and says "seq":6'),
		(CAPTURE, replaced(CAPTURE, '"c1"', '"c2"'), 'its leaf has the receipt_hash '),
		(BURN, f'UPDATE entries SET receipt = NULL WHERE seq = {BURN}', 'its receipt is missing'),
		(TRANSFER, 'UPDATE entries SET receipt = (SELECT other.receipt FROM entries AS other'
			' WHERE other.seq = 5 - entries.seq) WHERE seq IN (2, 3)', 'should say "txid":'),
	)
	with stopped_node() as (node, store, put_back):
		assert json.loads(command(node, 'verify', '--json').stdout)['good']
		for seq, statement, words in changes:
			change(store, statement)
			expect_bad(node, seq, words)
			put_back()
		assert json.loads(command(node, 'verify', '--json').stdout)['good']


def test_a_running_node_and_a_snapshot_tell_of_it_too():
	with stopped_node() as (node, store, _):
		good, bad = node.directory / 'good.tar.zst', node.directory / 'bad.tar.zst'
		command(node, 'snapshot', 'create', good)
		assert 'good: 7 entries' in command(node, 'verify', '--snapshot', good).stdout
		change(store, replaced(TRANSFER, '"100"', '"101"'))
		node.start()
		expect_bad(node, TRANSFER, 'entry 2: its receipt should say "amount_minor":"100"')
		done = node.cli('snapshot', 'create', str(bad), check=False)
		told = done.stderr
		if done.returncode == 0:
			told = command(node, 'verify', '--snapshot', bad, status=1).stdout
		assert 'entry 2: its receipt should say "amount_minor":"100"' in told, done
		node.stop()


if __name__ == '__main__':
	tap.main(globals())

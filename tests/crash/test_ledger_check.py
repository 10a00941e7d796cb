"""The checker itself: each thing that it is there to find is put before it."""
import hashlib
import pathlib
import sqlite3
import struct
import sys
import tempfile
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'system'))
import ledger_check  # noqa: E402
import tap  # noqa: E402

ACCOUNTS = 3


def text(value):
	return struct.pack('<B', len(value)) + value.encode()


def leaf(seq, mode, number, seed=9, ts=1000):
	"""Leaf bytes of what the load client sends as entry `number` of that seed."""
	sent = ledger_check.sent_entry(mode, seed, number, ACCOUNTS)
	kind = {name: value for value, name in ledger_check.KINDS.items()}[sent.kind]
	return b''.join([struct.pack('<HQ', 1, seq), uuid.UUID(sent.id).bytes,
		struct.pack('<QBB', ts, kind, 1), text(sent.account), text('ron'),
		sent.amount.to_bytes(16, 'little'), struct.pack('>QQ', seed, number),
		struct.pack('<I', 1), text('ab' * 16), text(sent.counter_account), bytes(153)])


def good_leaves(count=20):
	minted = [leaf(seq, 'mint', seq - 1, seed=1) for seq in range(1, ACCOUNTS + 1)]
	return minted + [leaf(seq, 'ingest', seq) for seq in range(ACCOUNTS + 1, count + 1)]


def roots_of(leaves, borders):
	rows, before, first = [], ledger_check.EMPTY_ROOT, 1
	for last in borders:
		root = ledger_check.tree_root([ledger_check.leaf_hash(one) for one in leaves[:last]])
		rows.append((first, last, root, before))
		before, first = root, last + 1
	return rows


def check(leaves, roots=None, acks=None):
	"""Makes a store of these and has it checked."""
	roots = roots_of(leaves, [3, 4, 11, len(leaves)]) if roots is None else roots
	with tempfile.TemporaryDirectory() as directory:
		directory = pathlib.Path(directory)
		store = sqlite3.connect(directory / 'ledger.db')
		store.execute('CREATE TABLE entries(seq INTEGER PRIMARY KEY, leaf BLOB)')
		store.execute('CREATE TABLE roots(last_seq INTEGER PRIMARY KEY, first_seq, root, prev_root)')
		store.executemany('INSERT INTO entries(leaf) VALUES(?)', [(one,) for one in leaves])
		store.executemany('INSERT INTO roots(first_seq, last_seq, root, prev_root) VALUES(?,?,?,?)',
			roots)
		store.commit()
		store.close()
		path = directory / 'acks'
		if acks is None:
			acks = [(5, 3, 1000, 5, 7, roots[2][2].hex(), 1)]
		path.write_text(''.join(' '.join(map(str, ack)) + '\n' for ack in acks))
		return ledger_check.check_store(directory, [('ingest', 9, ACCOUNTS, path)])


def is_bad(part, *arguments, **members):
	try:
		check(*arguments, **members)
	except ledger_check.Bad as bad:
		assert part in str(bad), bad
		return True
	return False


def test_a_good_ledger_is_good():
	assert check(good_leaves()) == (20, 4)


def test_the_grown_tree_is_the_tree_of_the_definition():
	tree = ledger_check.Tree()
	hashes = []
	assert tree.root() == ledger_check.tree_root([]) == hashlib.sha256(b'').digest()
	for number in range(70):
		hashes.append(ledger_check.leaf_hash(bytes([number])))
		tree.append(hashes[-1])
		assert tree.root() == ledger_check.tree_root(hashes), number


def test_a_gap_a_repeat_and_a_change_are_found():
	leaves = good_leaves()
	assert is_bad('seq 8 is missing', leaves[:7] + leaves[8:])
	assert is_bad('nonce) twice', leaves[:19] + [leaf(20, 'ingest', 6)])
	changed = leaves[:9] + [leaves[9].replace(b'acct_', b'ACCT_', 1)] + leaves[10:]
	assert is_bad('below zero', changed)
	other = leaf(10, 'ingest', 77).replace(struct.pack('>QQ', 9, 77), struct.pack('>QQ', 9, 10))
	assert is_bad('instead of', leaves[:9] + [other] + leaves[10:])
	later = leaves[:9] + [leaf(10, 'ingest', 10, ts=1001)] + leaves[10:]
	assert is_bad('another root', later, roots_of(leaves, [3, 4, 11, 20]))


def test_a_broken_chain_of_roots_is_found():
	leaves = good_leaves()
	rows = roots_of(leaves, [3, 4, 11, 20])
	assert is_bad('does not follow', leaves, rows[:1] + rows[2:])
	assert is_bad('roots for 11', leaves, rows[:3])


def test_an_acknowledged_entry_that_is_lost_moved_or_changed_is_found():
	leaves = good_leaves()
	root = roots_of(leaves, [3, 4, 11, 20])[2][2].hex()
	assert is_bad('acknowledged and lost', leaves, acks=[(20, 2, 1000, 20, 21, root, 1)])
	assert is_bad('stands at', leaves, acks=[(5, 3, 1000, 5, 8, root, 1)])
	assert is_bad('sent at', leaves, acks=[(5, 3, 1001, 5, 7, root, 1)])
	assert is_bad('no root of that commit', leaves, acks=[(5, 3, 1000, 5, 7, 'ab' * 32, 1)])


if __name__ == '__main__':
	tap.main(globals())

"""An opinion of its own about a stopped node's store: sqlite3 and hashlib, none of our code.

Reads every leaf (docs/formats.md) and says what is wrong with the whole: a gap, something twice,
a balance below zero, a root that RFC 6962 does not give, an acknowledged entry that is not there
or is another than was sent. What the load client sent follows from (seed, number); how, stands in
tests/load/requests.h.
"""
import collections
import hashlib
import pathlib
import sqlite3
import struct
import uuid

MASK = (1 << 64) - 1
EMPTY_ROOT = hashlib.sha256(b'').digest()
KINDS = {1: 'Credit', 2: 'Debit', 3: 'Transfer', 4: 'Mint', 5: 'Burn', 6: 'Hold', 7: 'Reverse'}
MINT_AMOUNT = 1000000000

Leaf = collections.namedtuple('Leaf', 'seq id ts kind source account asset amount nonce'
	' counter_account receipt_hash')
Sent = collections.namedtuple('Sent', 'id kind account counter_account amount')
Ack = collections.namedtuple('Ack', 'first count ts seq_start seq_end root attempts')


class Bad(AssertionError):
	"""What is wrong with the ledger."""


# --- what the load client sent -------------------------------------------------------------


def mix(value):
	value = (value + 0x9e3779b97f4a7c15) & MASK
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9 & MASK
	value = (value ^ value >> 27) * 0x94d049bb133111eb & MASK
	return value ^ value >> 31


def nonce_parts(nonce):
	return struct.unpack('>QQ', nonce)


def sent_entry(mode, seed, number, accounts):
	h = mix(mix(seed) ^ number)
	high = mix(h) & ~0xf000 | 0x4000
	low = mix((h + 1) & MASK) & MASK >> 2 | 1 << 63
	one = str(uuid.UUID(int=high << 64 | low))
	if mode == 'mint':
		return Sent(one, 'Mint', f'acct_{number % accounts:07}', '', MINT_AMOUNT)
	account = h % accounts
	counter = (account + 1 + (h >> 32) % (accounts - 1)) % accounts
	return Sent(one, 'Transfer', f'acct_{account:07}', f'acct_{counter:07}',
		10 + (h >> 24) % 90)


def read_acks(path):
	acks = []
	for line in pathlib.Path(path).read_text().splitlines():
		first, count, ts, seq_start, seq_end, root, attempts = line.split()
		acks.append(Ack(int(first), int(count), int(ts), int(seq_start), int(seq_end),
			bytes.fromhex(root), int(attempts)))
	return acks


# --- the store -----------------------------------------------------------------------------


def decode_leaf(data):
	"""Version 1, as far as it is looked at; whoever changes the rest changes the root."""
	at = 0

	def take(form):
		nonlocal at
		value, = struct.unpack_from('<' + form, data, at)
		at += struct.calcsize('<' + form)
		return value

	def text():
		return take(f'{take("B")}s').decode('ascii')

	version, seq, one, ts = take('H'), take('Q'), take('16s'), take('Q')
	if version != 1:
		raise Bad(f'seq {seq}: a leaf of version {version}')
	kind, source, account, asset = KINDS[take('B')], take('B'), text(), text()
	amount, nonce = int.from_bytes(take('16s'), 'little'), take('16s')
	take('I')  # kid
	text()     # capability_ref
	return Leaf(seq, str(uuid.UUID(bytes=one)), ts, kind, source, account, asset, amount, nonce,
		text(), data[-32:])


def open_store(directory):
	path = pathlib.Path(directory) / 'ledger.db'
	# Not immutable: what is only in the log counts as well.
	return sqlite3.connect(f'file:{path}?mode=ro', uri=True)


def read_leaves(store):
	return [bytes(leaf) for (leaf,) in store.execute('SELECT leaf FROM entries ORDER BY seq')]


def read_roots(store):
	return [(first, last, bytes(root), bytes(before)) for first, last, root, before in store.execute(
		'SELECT first_seq, last_seq, root, prev_root FROM roots ORDER BY last_seq')]


def last_root(directory):
	"""(seq, hex root) of the last commit."""
	store = open_store(directory)
	try:
		_, last, root, _ = read_roots(store)[-1]
	finally:
		store.close()
	return last, root.hex()


# --- RFC 6962 ------------------------------------------------------------------------------


def leaf_hash(data):
	return hashlib.sha256(b'\0' + data).digest()


def node_hash(left, right):
	return hashlib.sha256(b'\1' + left + right).digest()


def tree_root(hashes):
	"""MTH of section 2.1, written as it stands there."""
	if not hashes:
		return EMPTY_ROOT
	if len(hashes) == 1:
		return hashes[0]
	split = 1 << (len(hashes) - 1).bit_length() - 1
	return node_hash(tree_root(hashes[:split]), tree_root(hashes[split:]))


class Tree:
	"""The same, grown leaf by leaf: the roots of the full subtrees, the largest first."""

	def __init__(self):
		self.size = 0
		self.peaks = []

	def append(self, hash_of_leaf):
		self.peaks.append(hash_of_leaf)
		self.size += 1
		bit = self.size
		while bit & 1 == 0:
			right = self.peaks.pop()
			self.peaks.append(node_hash(self.peaks.pop(), right))
			bit >>= 1

	def root(self):
		if not self.peaks:
			return EMPTY_ROOT
		root = self.peaks[-1]
		for left in reversed(self.peaks[:-1]):
			root = node_hash(left, root)
		return root


# --- the verdicts --------------------------------------------------------------------------


def check_order(leaves):
	for seq, leaf in enumerate(leaves, 1):
		if leaf.seq != seq:
			raise Bad(f'seq {seq} is missing: there stands {leaf.seq}')
	for what, keys in (
			('(source, account, nonce)', ((one.source, one.account, one.nonce) for one in leaves)),
			('id', (one.id for one in leaves))):
		twice = [key for key, count in collections.Counter(keys).items() if count > 1]
		if twice:
			raise Bad(f'{what} twice: {twice[:3]}')


def moves(leaf):
	"""[(account, how much more it has)]"""
	if leaf.kind == 'Mint':
		return [('sys:issuance', -leaf.amount), (leaf.account, leaf.amount)]
	if leaf.kind == 'Transfer':
		return [(leaf.account, -leaf.amount), (leaf.counter_account, leaf.amount)]
	if leaf.kind == 'Burn':
		return [(leaf.account, -leaf.amount), ('sys:issuance', leaf.amount)]
	raise Bad(f'seq {leaf.seq}: a {leaf.kind}, which the load does not send')


def check_money(leaves):
	"""No account below zero at any time, and all of an asset sum up to zero."""
	balances = collections.Counter()
	for leaf in leaves:
		for account, amount in moves(leaf):
			balances[leaf.asset, account] += amount
			if account != 'sys:issuance' and balances[leaf.asset, account] < 0:
				raise Bad(f'seq {leaf.seq}: {account} is below zero')
	for asset in {asset for asset, _ in balances}:
		total = sum(value for (one, _), value in balances.items() if one == asset)
		if total != 0:
			raise Bad(f'{asset}: all accounts sum up to {total}')


def check_roots(raw_leaves, roots):
	"""Each commit's root is that of the entries up to it, and the rows make one chain."""
	tree, before = Tree(), EMPTY_ROOT
	hashes = [leaf_hash(one) for one in raw_leaves]
	for first, last, root, prev_root in roots:
		if first != tree.size + 1 or last < first or prev_root != before:
			raise Bad(f'commit {first}..{last} does not follow on {tree.size}')
		for one in hashes[tree.size:last]:
			tree.append(one)
		if tree.root() != root:
			raise Bad(f'commit {first}..{last}: another root')
		before = root
	if tree.size != len(hashes) or tree_root(hashes) != before:
		raise Bad(f'{len(hashes)} entries, roots for {tree.size}')


def check_acks(leaves, roots, acks, mode, seed, accounts):
	"""All that was acknowledged is there: once, as it was sent, at the seqs of the answer."""
	held = {}
	for leaf in leaves:
		one, number = nonce_parts(leaf.nonce)
		if one == seed:
			held[number] = leaf
			wanted = sent_entry(mode, seed, number, accounts)
			got = Sent(leaf.id, leaf.kind, leaf.account, leaf.counter_account, leaf.amount)
			if got != wanted:
				raise Bad(f'seq {leaf.seq}: {got} instead of {wanted}')
	root_at = {last: root for _, last, root, _ in roots}
	for ack in acks:
		seqs = []
		for number in range(ack.first, ack.first + ack.count):
			if number not in held:
				raise Bad(f'acknowledged and lost: entry {number} of {ack}')
			if held[number].ts != ack.ts:
				raise Bad(f'{held[number]}: sent at {ack.ts}')
			seqs.append(held[number].seq)
		if (min(seqs), max(seqs)) != (ack.seq_start, ack.seq_end):
			raise Bad(f'{ack}: stands at {min(seqs)} to {max(seqs)}')
		last = next((last for last in range(max(seqs), len(leaves) + 1) if last in root_at), None)
		if last is None or root_at[last] != ack.root:
			raise Bad(f'{ack}: no root of that commit')
	return held


def check_store(directory, runs):
	"""runs: (mode, seed, accounts, path of acks). Returns (entries, commits)."""
	store = open_store(directory)
	try:
		raw_leaves, roots = read_leaves(store), read_roots(store)
	finally:
		store.close()
	leaves = [decode_leaf(one) for one in raw_leaves]
	check_order(leaves)
	check_money(leaves)
	check_roots(raw_leaves, roots)
	for mode, seed, accounts, acks in runs:
		check_acks(leaves, roots, read_acks(acks), mode, seed, accounts)
	return len(leaves), len(roots)

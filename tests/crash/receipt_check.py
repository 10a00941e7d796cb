"""An opinion of its own about the receipts in a stopped node's store: sqlite3, json and b3sum.

Each entry of /v1 has one receipt, which says what the entry says, with the BLAKE3 hash of its own
canonical JSON (spec/wallet.md section 9.5), the balances that the entries before it left, and
the next nonce of its lane. What was acknowledged is there as it was told. What the load client
sent follows from (seed, form, number); how, stands in tests/load/wallet.h.
"""
import collections
import json
import pathlib
import subprocess
import tempfile

import ledger_check
from ledger_check import Bad

V1 = 2  # the source of an entry
FORMS = ['transfer', 'burn', 'issue']
KIND_OF = {'transfer': 'Transfer', 'burn': 'Burn', 'issue': 'Mint'}
STRIDE = 2654435761
# Those of the ledger follow the hash that covers those before.
MEMBERS = ['txid', 'op', 'from', 'to', 'asset', 'amount_minor', 'nonce', 'idem', 'ts',
	'receipt_hash', 'seq', 'balance_before', 'balance_after']
HASHED = MEMBERS[:9]
TXID_ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
FILES_PER_RUN = 1000
# b3sum reads files, and tens of thousands of them on a disk that others sync take minutes.
MEMORY = '/dev/shm'

Ack = collections.namedtuple('Ack', 'form number seq txid receipt_hash attempts')


# --- what the load client sent -------------------------------------------------------------


def sent_request(form, seed, number, accounts, connections):
	"""The members of its receipt that the client chose."""
	h = ledger_check.mix(ledger_check.mix(seed) ^ number)
	lanes = accounts - accounts % connections
	payer = number % lanes * STRIDE % lanes
	counter = (payer + 1 + (h >> 32) % (accounts - 1)) % accounts
	members = {'op': form, 'asset': 'ron', 'amount_minor': str(10 + (h >> 24) % 90),
		'nonce': 1 + number // lanes, 'idem': f'load-{FORMS.index(form):x}{seed:016x}{number:016x}'}
	if form != 'issue':
		members['from'] = f'acct_{payer:07}'
	if form != 'burn':
		members['to'] = f'acct_{payer if form == "issue" else counter:07}'
	return members


def read_acks(path):
	acks = []
	for line in pathlib.Path(path).read_text().splitlines():
		form, number, seq, txid, receipt_hash, attempts = line.split()
		acks.append(Ack(form, int(number), int(seq), txid, receipt_hash, int(attempts)))
	return acks


# --- receipts ------------------------------------------------------------------------------


def txid_of(leaf):
	"""tx_ and the ULID of the entry's id: 26 digits of 5 bits, of which the first two are none."""
	number = int(leaf.id.replace('-', ''), 16)
	return 'tx_' + ''.join(TXID_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def canonical(receipt):
	hashed = {name: receipt[name] for name in HASHED if name in receipt}
	return json.dumps(hashed, sort_keys=True, separators=(',', ':'), ensure_ascii=False).encode()


def blake3(texts):
	"""The hex hash of each, by b3sum."""
	found = []
	for first in range(0, len(texts), FILES_PER_RUN):
		with tempfile.TemporaryDirectory(dir=MEMORY) as directory:
			paths = [pathlib.Path(directory) / f'{i:04}' for i in range(FILES_PER_RUN)]
			named = list(zip(paths, texts[first:first + FILES_PER_RUN]))
			for path, text in named:
				path.write_bytes(text)
			done = subprocess.run(['b3sum', '--no-names', *(path for path, _ in named)], check=True,
				capture_output=True, text=True)
		found += done.stdout.split()
	return found


def read_receipts(store):
	"""{seq: receipt}, members in their order."""
	receipts = {}
	for seq, text in store.execute('SELECT seq, receipt FROM entries'
			' WHERE receipt IS NOT NULL ORDER BY seq'):
		receipts[seq] = json.loads(bytes(text))
		written = json.dumps(receipts[seq], separators=(',', ':')).encode()
		if written != bytes(text):
			raise Bad(f'seq {seq}: a receipt with more than its members: {text}')
	return receipts


def check_members(leaf, receipt):
	if list(receipt) != [name for name in MEMBERS if name in receipt]:
		raise Bad(f'seq {leaf.seq}: a receipt with other members: {receipt}')
	wanted = {'txid': txid_of(leaf), 'asset': leaf.asset, 'amount_minor': str(leaf.amount),
		'seq': leaf.seq, 'receipt_hash': 'b3:' + leaf.receipt_hash.hex()}
	if leaf.kind != 'Mint':
		wanted['from'] = leaf.account
	if leaf.kind != 'Burn':
		wanted['to'] = leaf.account if leaf.kind == 'Mint' else leaf.counter_account
	if KIND_OF[receipt['op']] != leaf.kind or any(
			receipt.get(name) != wanted.get(name) for name in [*wanted, 'from', 'to']):
		raise Bad(f'seq {leaf.seq}: the receipt {receipt} of {leaf}')


def check_balances(leaves, receipts):
	"""What the principal had before and after, when all entries before are counted."""
	balances = collections.Counter()
	for leaf in leaves:
		before = balances[leaf.asset, leaf.account]
		for account, amount in ledger_check.moves(leaf):
			balances[leaf.asset, account] += amount
		if leaf.seq in receipts:
			told = [receipts[leaf.seq][name] for name in ('balance_before', 'balance_after')]
			if told != [str(before), str(balances[leaf.asset, leaf.account])]:
				raise Bad(f'seq {leaf.seq}: {leaf.account} had {before}: {receipts[leaf.seq]}')


def check_lanes(leaves, receipts):
	"""From 1, without a gap; and no key of a principal twice."""
	last, keys = collections.Counter(), set()
	for leaf in leaves:
		if leaf.seq not in receipts:
			continue
		nonce, key = receipts[leaf.seq]['nonce'], (leaf.account, receipts[leaf.seq]['idem'])
		last[leaf.account, leaf.kind == 'Mint'] += 1
		if nonce != last[leaf.account, leaf.kind == 'Mint']:
			raise Bad(f'seq {leaf.seq}: nonce {nonce} is not the next of {leaf.account}')
		if key in keys:
			raise Bad(f'seq {leaf.seq}: {key} for the second time')
		keys.add(key)


def check_hashes(receipts):
	hashes = blake3([canonical(receipt) for receipt in receipts.values()])
	for receipt, one in zip(receipts.values(), hashes):
		if receipt['receipt_hash'] != f'b3:{one}':
			raise Bad(f'BLAKE3 is {one}: {receipt}')


def check_acks(receipts, acks, seed, accounts, connections):
	"""All that was acknowledged is there, once, as it was sent and told."""
	for ack in acks:
		receipt = receipts.get(ack.seq)
		if receipt is None:
			raise Bad(f'acknowledged and lost: {ack}')
		if (receipt['txid'], receipt['receipt_hash']) != (ack.txid, ack.receipt_hash):
			raise Bad(f'{ack}: there stands {receipt}')
		sent = sent_request(ack.form, seed, ack.number, accounts, connections)
		if any(receipt.get(name) != sent.get(name) for name in [*sent, 'from', 'to']):
			raise Bad(f'{receipt}: sent was {sent}')
	if len({ack.seq for ack in acks}) != len(acks):
		raise Bad('two acknowledgements of one entry')


def check_store(directory, runs):
	"""runs: (seed, accounts, connections, path of acks). Returns how many receipts there are."""
	store = ledger_check.open_store(directory)
	try:
		leaves = [ledger_check.decode_leaf(one) for one in ledger_check.read_leaves(store)]
		receipts = read_receipts(store)
	finally:
		store.close()
	if set(receipts) != {leaf.seq for leaf in leaves if leaf.source == V1}:
		raise Bad('receipts are of other entries than those of /v1')
	for leaf in leaves:
		if leaf.seq in receipts:
			check_members(leaf, receipts[leaf.seq])
	check_balances(leaves, receipts)
	check_lanes(leaves, receipts)
	check_hashes(receipts)
	for seed, accounts, connections, acks in runs:
		check_acks(receipts, read_acks(acks), seed, accounts, connections)
	return len(receipts)

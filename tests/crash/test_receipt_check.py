"""The checker of receipts itself: each thing that it is there to find is put before it."""
import json
import pathlib
import shutil
import sqlite3
import struct
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'system'))
import ledger_check  # noqa: E402
import receipt_check  # noqa: E402
import tap  # noqa: E402

SEED = 7
ACCOUNTS = 5
CONNECTIONS = 2
FUNDS = 1000
# Vector of spec/wallet.md section 9.5.
VECTOR = {'txid': 'tx_01JFA7Z2A7YQ4QW3EJ7N3N6D1X', 'op': 'transfer', 'from': 'acc_src',
	'to': 'acc_dst', 'asset': 'ron', 'amount_minor': '250000', 'nonce': 42,
	'idem': '01JFA1KQ2Q9G2VE8W7', 'ts': '2025-10-16T16:11:02Z'}
VECTOR_HASH = '3860510f6d5587472dfac9dc1c9da050d816e3b4ae79c0d4d408d6dacbeaa824'


def needs_b3sum(case):
	def run():
		if shutil.which('b3sum') is None:
			raise tap.Skip('b3sum is not installed')
		case()
	return run


def text(value):
	return struct.pack('<B', len(value)) + value.encode()


def leaf(seq, source, kind, account, counter, amount, receipt_hash):
	number = {name: value for value, name in ledger_check.KINDS.items()}[kind]
	return b''.join([struct.pack('<HQ', 1, seq), seq.to_bytes(16, 'big'),
		struct.pack('<QBB', 1000, number, source), text(account), text('ron'),
		amount.to_bytes(16, 'little'), seq.to_bytes(16, 'big'), struct.pack('<I', 1),
		text('ab' * 16), text(counter), bytes(121), receipt_hash])


def receipt_of(seq, form, number, before):
	"""Of what the load client sends as `number`, to somebody who had `before`."""
	sent = receipt_check.sent_request(form, SEED, number, ACCOUNTS, CONNECTIONS)
	entry = ledger_check.decode_leaf(leaf(seq, 2, 'Transfer', 'a', 'b', 1, bytes(32)))
	receipt = {'txid': receipt_check.txid_of(entry), **sent, 'ts': '2026-11-26T00:00:00Z'}
	receipt['receipt_hash'] = 'b3:' + receipt_check.blake3([receipt_check.canonical(receipt)])[0]
	after = before + int(sent['amount_minor']) * (1 if form == 'issue' else -1)
	receipt.update(seq=seq, balance_before=str(before), balance_after=str(after))
	return {name: receipt[name] for name in receipt_check.MEMBERS if name in receipt}


def leaf_of(receipt):
	issued = receipt['op'] == 'issue'
	return leaf(receipt['seq'], receipt_check.V1, receipt_check.KIND_OF[receipt['op']],
		receipt['to' if issued else 'from'], '' if issued else receipt.get('to', ''),
		int(receipt['amount_minor']), bytes.fromhex(receipt['receipt_hash'][3:]))


def good_rows():
	"""[(leaf, receipt)]: everybody has FUNDS, and then each form once or more."""
	rows, balances = [], {}
	for seq in range(1, ACCOUNTS + 1):
		rows.append((leaf(seq, 1, 'Mint', f'acct_{seq - 1:07}', '', FUNDS, bytes(32)), None))
		balances[f'acct_{seq - 1:07}'] = FUNDS
	for form, number in (('transfer', 0), ('transfer', 1), ('issue', 0), ('burn', 2),
			('transfer', 3), ('transfer', 4)):
		sent = receipt_check.sent_request(form, SEED, number, ACCOUNTS, CONNECTIONS)
		principal = sent['to' if form == 'issue' else 'from']
		receipt = receipt_of(len(rows) + 1, form, number, balances[principal])
		balances[principal] = int(receipt['balance_after'])
		if form == 'transfer':
			balances[sent['to']] += int(sent['amount_minor'])
		rows.append((leaf_of(receipt), receipt))
	return rows


def check(rows, acks=()):
	"""Makes a store of these and has it checked."""
	with tempfile.TemporaryDirectory() as directory:
		directory = pathlib.Path(directory)
		store = sqlite3.connect(directory / 'ledger.db')
		store.execute('CREATE TABLE entries(seq INTEGER PRIMARY KEY, leaf BLOB, receipt BLOB)')
		store.executemany('INSERT INTO entries(leaf, receipt) VALUES(?, ?)', [
			(one, receipt and json.dumps(receipt, separators=(',', ':')).encode())
			for one, receipt in rows])
		store.commit()
		store.close()
		path = directory / 'acks'
		path.write_text(''.join(' '.join(map(str, ack)) + '\n' for ack in acks))
		return receipt_check.check_store(directory, [(SEED, ACCOUNTS, CONNECTIONS, path)])


def ack_of(form, number, receipt):
	return (form, number, receipt['seq'], receipt['txid'], receipt['receipt_hash'], 1)


def is_bad(part, rows, acks=()):
	try:
		check(rows, acks)
	except ledger_check.Bad as bad:
		assert part in str(bad), bad
		return True
	return False


def changed(rows, at, with_leaf=False, **members):
	"""These rows with another receipt at one place; and with_leaf another entry too."""
	receipt = {**rows[at][1], **members}
	return rows[:at] + [(leaf_of(receipt) if with_leaf else rows[at][0], receipt)] + rows[at + 1:]


@needs_b3sum
def test_the_hash_is_that_of_the_contract():
	assert receipt_check.blake3([receipt_check.canonical(VECTOR)]) == [VECTOR_HASH]
	many = receipt_check.blake3([b'abc'] * (receipt_check.FILES_PER_RUN + 1))
	assert len(many) == receipt_check.FILES_PER_RUN + 1
	assert set(many) == {'6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85'}


@needs_b3sum
def test_good_receipts_are_good():
	rows = good_rows()
	assert check(rows, [ack_of('transfer', 0, rows[5][1]), ack_of('issue', 0, rows[7][1])]) == 6


@needs_b3sum
def test_a_receipt_too_few_or_too_many_is_found():
	rows = good_rows()
	assert is_bad('of other entries', rows[:5] + [(rows[5][0], None)] + rows[6:])
	assert is_bad('of other entries', [(rows[0][0], rows[5][1])] + rows[1:])


@needs_b3sum
def test_a_receipt_that_says_something_else_than_its_entry_is_found():
	rows = good_rows()
	for name, value in (('txid', rows[6][1]['txid']), ('to', 'acct_9999999'), ('seq', 7),
			('amount_minor', '5'), ('op', 'burn'), ('asset', 'eur')):
		assert is_bad('the receipt', changed(rows, 5, **{name: value})), name
	assert is_bad('other members', changed(rows, 5, more='1'))
	assert is_bad('the receipt', changed(rows, 5, receipt_hash='b3:' + '0' * 64))
	for name, value in (('ts', '2026-11-26T00:00:01Z'), ('idem', 'other')):
		assert is_bad('BLAKE3', changed(rows, 5, **{name: value})), name


@needs_b3sum
def test_a_wrong_balance_nonce_or_key_is_found():
	rows = good_rows()
	assert is_bad('had 1000', changed(rows, 5, balance_before='1001'))
	assert is_bad('had 1000', changed(rows, 5, balance_after='0'))
	assert is_bad('is not the next', changed(rows, 5, nonce=2))
	again = receipt_of(12, 'transfer', 4, int(rows[10][1]['balance_after']))
	assert again['from'] == rows[10][1]['from']
	assert is_bad('is not the next', rows + [(leaf_of(again), again)])
	again['nonce'] += 1
	assert is_bad('for the second time', rows + [(leaf_of(again), again)])


@needs_b3sum
def test_an_acknowledgement_that_is_lost_or_of_something_else_is_found():
	rows = good_rows()
	good = ack_of('transfer', 0, rows[5][1])
	assert is_bad('acknowledged and lost', rows, [good[:2] + (12,) + good[3:]])
	assert is_bad('acknowledged and lost', rows, [good[:2] + (1,) + good[3:]])
	assert is_bad('there stands', rows, [good[:3] + (rows[6][1]['txid'],) + good[4:]])
	assert is_bad('there stands', rows, [good[:4] + ('b3:' + '0' * 64, 1)])
	assert is_bad('sent was', rows, [('transfer', 1) + good[2:]])
	assert is_bad('two acknowledgements', rows, [good, good])


if __name__ == '__main__':
	tap.main(globals())

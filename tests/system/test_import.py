"""Real payments: the folder that MACRONODE_TEST_DATA names has standing_orders.csv."""
import collections
import csv
import math
import os
import pathlib
import pty
import subprocess
import sys

import tap
from harness import GENEROUS_SECONDS, Node, nodes

sys.path.insert(0, str(nodes.CHECKOUT / 'tests/crash'))
import ledger_check  # noqa: E402

REQUEST_ENTRIES = 256
MAP = 'nonce=order_id,account=payer,counter_account=payee,amount=amount_minor,memo=purpose'


def payments():
	folder = os.environ.get('MACRONODE_TEST_DATA')
	if not folder:
		raise tap.Skip('MACRONODE_TEST_DATA names no folder with standing_orders.csv')
	path = pathlib.Path(folder) / 'standing_orders.csv'
	with open(path, encoding='utf-8', newline='') as file:
		return path, list(csv.DictReader(file))


def load(node, path):
	"""(what it printed, its progress line) of an import whose messages go to a terminal."""
	ours, theirs = pty.openpty()
	try:
		done = subprocess.run([*nodes.command(node.build, node.profile), 'ledger', 'import',
			'--map', MAP, '--fund-by-mint', str(path)], stdin=subprocess.DEVNULL, text=True,
			stdout=subprocess.PIPE, stderr=theirs, env=node.environment,
			timeout=GENEROUS_SECONDS * 2)
		os.close(theirs)
		progress = os.read(ours, 65536).decode()
	finally:
		os.close(ours)
	assert done.returncode == 0, (done, progress)
	return done.stdout.strip(), progress


def leaves(node):
	"""Of the stopped node, read by sqlite3 and docs/formats.md alone."""
	store = ledger_check.open_store(node.profile.data / 'store')
	try:
		raw, roots = ledger_check.read_leaves(store), ledger_check.read_roots(store)
	finally:
		store.close()
	read = [ledger_check.decode_leaf(one) for one in raw]
	ledger_check.check_order(read)
	ledger_check.check_money(read)  # nobody below zero, and all of it sums up to zero
	ledger_check.check_roots(raw, roots)
	return read, roots


def balances(entries):
	found = collections.Counter()
	for one in entries:
		found['sys:issuance' if one.kind == 'Mint' else one.account] -= one.amount
		found[one.account if one.kind == 'Mint' else one.counter_account] += one.amount
	return found


def test_real_payments_are_imported_once_and_sum_up_to_zero():
	path, rows = payments()
	payers = {row['payer'] for row in rows}
	total = len(rows) + len(payers)
	with Node() as node:
		node.environment['MACRONODE_TOKEN'] = node.mint()
		said, progress = load(node, path)
		assert said == (f'{len(rows)} rows, {len(payers)} accounts funded: {total} new, '
			'0 repeated, 0 refused'), said
		assert f'\rimport: {REQUEST_ENTRIES} of {total} entries' in progress, progress
		said, _ = load(node, path)
		assert f': 0 new, {total} repeated, 0 refused' in said, said
		assert node.cli('verify').stdout.startswith(f'good: {total} entries\n')
		node.stop()
		entries, roots = leaves(node)
	funding, transfers = entries[:len(payers)], entries[len(payers):]
	assert {one.kind for one in funding} == {'Mint'} and len(entries) == total
	assert [(one.account, one.counter_account, one.amount) for one in transfers] == [
		(row['payer'], row['payee'], int(row['amount_minor'])) for row in rows]
	held = balances(entries)
	paid = sum(int(row['amount_minor']) for row in rows)
	assert sum(held.values()) == 0 and held['sys:issuance'] == -paid
	assert all(held[payer] == 0 for payer in payers - {row['payee'] for row in rows})
	assert max(last - first + 1 for first, last, _, _ in roots) <= REQUEST_ENTRIES * 4
	assert len(roots) >= math.ceil(total / 1024)


if __name__ == '__main__':
	tap.main(globals())

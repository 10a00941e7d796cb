"""What an epoch paid, proven from outside: each allocation of the manifest is a leaf of the signed tree,
found by tiles, bundles and proofs, and verified by code that shares nothing with the node: hashlib
(inclusion.py, ledger_check.py), openssl, b3sum and tlogverify."""
import base64
import contextlib
import json
import pathlib
import random
import struct
import subprocess
import sys

import tap
from harness import entry, eventually
from reward_node import OverHttp, Payer

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'crash'))
from inclusion import read_proof, root_of  # noqa: E402
from ledger_check import Tree, check_store, decode_leaf, leaf_hash  # noqa: E402
from test_checkpoints import needs_openssl, open_note  # noqa: E402
from test_rewarder import rows, settled  # noqa: E402
from test_tlog import Ledger, Scratch, entries_of, macronode, tlogverify  # noqa: E402

DAY = '2026-10-01'
POOL = 'sys:reward_pool:acme:ron'
ACTORS = 700  # over two borders of tiles
REWARD = 4    # the source of an entry (docs/formats.md)
CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
shared = {}


class Paid:
	"""An epoch that was paid among other entries; its log, as anybody may download it."""

	def __init__(self, stack):
		needs_openssl()
		self.one = one = stack.enter_context(Payer(audit={'root_emit_interval': '100ms'}))
		self.log = Ledger(one.node, stack.enter_context(Scratch()))
		policy = one.policy(body={'asset': 'ron', 'caps': {'actor_cap': '9000u', 'epoch_cap': '900000u'},
			'emission_curve': {'base_per_epoch': '900000u', 'kind': 'halving', 'period_epochs': 48},
			'weights': {'views': 1}})
		one.put(policy)
		self.mint(7)
		one.fill(900000)
		self.older = self.checkpoint(8)
		request = one.seal(policy, DAY, pool=900000, rows=rows(ACTORS, 5))
		told = settled(one, DAY, request)['ledger']
		self.first, self.last = told['seq_start'], told['seq_end']
		self.mint(5)
		answer = OverHttp(one.node, 'api').ask('manifest', one.inspector(), DAY)
		self.manifest = json.loads(answer.body)
		self.allocations = self.manifest['allocations']
		self.newest = self.checkpoint(8 + len(self.allocations) + 5)
		self.directory = self.log.download(self.newest, 'all')
		self.leaves = entries_of(self.directory)

	def mint(self, count):
		for number in range(count):
			answer = self.one.node.ingest([entry('Mint', f'somebody{number}', 1)], self.one.all)
			assert answer.status == 200, answer

	def checkpoint(self, size):
		self.log.size = size
		return eventually(self.log.newest, f'a checkpoint of {size}')

	def get(self, target, token=None, status=200):
		answer = self.one.node.http('GET', target, token=token)
		assert answer.status == status, (target, answer)
		return answer

	def some(self):
		"""(seq, allocation) of the ends, of what stands beside a border of tiles, and of a few others."""
		all_of_them = list(enumerate(self.allocations, self.first))
		borders = [one for one in all_of_them if one[0] % 256 in (0, 1)]
		return [all_of_them[0], *borders, *random.Random(3).sample(all_of_them, 10), all_of_them[-1]]

	def of(self, actor):
		return self.one.token('--caveat', 'action=wallet.read', '--caveat', f'account={actor}', '--caveat',
			'ttl=600')


def paid():
	if 'paid' not in shared:
		shared['paid'] = Paid(shared['stack'])
	return shared['paid']


def blake3(text):
	return bytes.fromhex(subprocess.run(['b3sum', '--no-names'], input=text.encode(), check=True,
		capture_output=True, timeout=60).stdout.decode().strip())


def signed_tree(note, vkey):
	"""(size, root) of a checkpoint whose signature openssl verifies."""
	_, size, root, *_ = open_note(note, vkey)
	return int(size), base64.b64decode(root, validate=True)


# ------------------------------------------------------------------------------------------------


def test_the_entries_are_the_allocations_one_for_one():
	it = paid()
	assert len(it.allocations) == ACTORS == it.last - it.first + 1
	total = 0
	for seq, one in enumerate(it.allocations, it.first):
		leaf = decode_leaf(it.leaves[seq - 1])
		total += int(one['amount_minor'])
		assert (leaf.seq, leaf.kind, leaf.source, leaf.account, leaf.counter_account, leaf.asset, leaf.amount) == \
			(seq, 'Transfer', REWARD, POOL, one['actor'], 'ron', int(one['amount_minor'])), (leaf, one)
	assert total == int(it.manifest['payout_total_minor'])
	others = [decode_leaf(leaf) for leaf in it.leaves[:it.first - 1] + it.leaves[it.last:]]
	assert not [leaf for leaf in others if leaf.source == REWARD], others
	assert [(leaf.kind, leaf.amount) for leaf in others if leaf.account == POOL] == [('Mint', 900000)], others


def test_the_nonce_of_each_follows_from_key_and_actor():
	it = paid()
	for seq, one in it.some():
		leaf = decode_leaf(it.leaves[seq - 1])
		assert leaf.nonce == blake3(f'{it.manifest["idempotency_key"]}|{one["actor"]}')[:16], (leaf, one)


def test_the_tiles_make_the_signed_root_of_all_entries():
	it = paid()
	size, root = signed_tree(it.newest, it.log.vkey)
	tree = Tree()
	for leaf in it.leaves:
		tree.append(leaf_hash(leaf))
	assert (tree.size, tree.root()) == (size, root) and size >= it.last
	hashes = b''.join(path.read_bytes() for path in sorted((it.directory / 'tile/0').rglob('*')) if path.is_file())
	assert hashes == b''.join(map(leaf_hash, it.leaves))
	tlogverify('tiles', it.log.vkey, it.directory)


def test_each_payment_has_a_proof_that_needs_no_node():
	it = paid()
	for seq, one in it.some():
		proof = read_proof(it.get(f'/proofs/entries/{seq}', it.one.all).body.decode())
		size, root = signed_tree(proof.note.encode(), it.log.vkey)
		assert proof.index == seq - 1 and proof.leaf == it.leaves[seq - 1]
		assert root_of(proof.leaf, proof.index, size, proof.hashes) == root, seq
		leaf = decode_leaf(proof.leaf)
		assert (leaf.counter_account, leaf.amount) == (one['actor'], int(one['amount_minor'])), leaf
		# Of any other amount, actor or place it is no proof.
		amount = struct.pack('<Q', leaf.amount)
		assert proof.leaf.count(amount) == 1, leaf
		assert root_of(proof.leaf.replace(amount, struct.pack('<Q', leaf.amount + 1)), proof.index, size,
			proof.hashes) != root, seq
		assert root_of(it.leaves[seq - 2], proof.index, size, proof.hashes) != root, seq
		assert root_of(proof.leaf, proof.index ^ 1, size, proof.hashes) != root, seq


def test_who_may_not_read_entries_proves_what_he_was_told():
	it = paid()
	seq, _ = it.some()[3]
	proof = read_proof(it.get(f'/proofs/entries/{seq}').body.decode())
	size, root = signed_tree(proof.note.encode(), it.log.vkey)
	assert proof.leaf is None
	assert root_of(it.leaves[seq - 1], proof.index, size, proof.hashes) == root
	it.get(f'/tlog/tile/entries/000', status=401)


def test_the_command_proves_a_payment_to_the_other_verifiers():
	it = paid()
	for seq, one in it.some()[:4]:
		path = it.log.scratch.path / f'{seq}.tlog-proof'
		it.one.node.cli('proof', 'entry', str(seq), '-o', str(path))
		tlogverify('proof', it.log.vkey, path)
		said = json.loads(macronode('proof', 'check', '--vkey', it.log.vkey, path, '--json').stdout)
		assert said['good'] and said['entry']['source'] == 'reward', said
		assert (said['entry']['counter_account'], said['entry']['amount']) == (one['actor'],
			one['amount_minor']), said
		proof = read_proof(path.read_text())
		path.write_text(path.read_text().replace(base64.b64encode(proof.leaf).decode(),
			base64.b64encode(it.leaves[seq - 2]).decode()))
		tlogverify('proof', it.log.vkey, path, status=1)


def test_the_tree_with_the_epoch_only_grew():
	it = paid()
	older = it.log.scratch.write('older', it.older)
	newer = it.log.scratch.write('newer', it.newest)
	hashes = it.log.scratch.path / 'hashes'
	it.one.node.cli('proof', 'consistency', '--vkey', it.log.vkey, '--from', str(older), '--to', str(newer), '-o',
		str(hashes))
	tlogverify('consistency', it.log.vkey, older, newer, hashes)
	size, root = signed_tree(it.older, it.log.vkey)
	tree = Tree()
	for leaf in it.leaves[:size]:
		tree.append(leaf_hash(leaf))
	assert size < it.first and tree.root() == root


def test_an_entry_is_looked_up():
	it = paid()
	for seq, one in it.some():
		found = it.get(f'/entries/{seq}', it.one.all).json()
		assert {name: found[name] for name in ('seq', 'kind', 'source', 'account', 'counter_account', 'asset',
			'amount')} == {'seq': seq, 'kind': 'Transfer', 'source': 'reward', 'account': POOL,
			'counter_account': one['actor'], 'asset': 'ron', 'amount': one['amount_minor']}, found
		assert base64.b64decode(found['nonce']) == decode_leaf(it.leaves[seq - 1]).nonce, found


def test_an_actor_sees_his_own_payment_alone():
	it = paid()
	for seq, one in it.some()[:3]:
		token = it.of(one['actor'])
		page = it.get(f'/v1/accounts/{one["actor"]}/history?asset=ron', token).json()
		(item,) = page['items']
		assert (item['seq'], item['kind'], item['counterparty'], item['change_minor'], item['balance_minor']) == \
			(seq, 'Transfer', POOL, one['amount_minor'], one['amount_minor']), item
		*events, _ = [json.loads(line) for line in it.get('/v1/events', token).body.splitlines()]
		(event,) = events
		assert event['seq'] == seq and event['balances'] == [{'account': one['actor'], 'amount_minor':
			one['amount_minor'], 'held_minor': '0'}], event
		it.get(f'/v1/accounts/{POOL}/history?asset=ron', token, status=403)


def test_the_events_tell_the_epoch_payment_by_payment():
	it = paid()
	seen, after, left = [], it.first - 1, int(decode_leaf(it.leaves[7]).amount)
	while after < it.last:
		*events, end = [json.loads(line) for line in it.get(f'/v1/events?after={after}&limit=200',
			it.one.all).body.splitlines()]
		seen += events
		after = end['next']
	for event, (seq, one) in zip(seen, enumerate(it.allocations, it.first)):
		left -= int(one['amount_minor'])
		assert (event['seq'], event['kind'], event['account'], event['counter_account'], event['amount_minor']) == \
			(seq, 'Transfer', POOL, one['actor'], one['amount_minor']), event
		assert event['balances'] == [{'account': POOL, 'amount_minor': str(left), 'held_minor': '0'},
			{'account': one['actor'], 'amount_minor': one['amount_minor'], 'held_minor': '0'}], event


def test_a_payment_has_no_receipt_of_the_wallet():
	"""Those are of operations under /v1; of rewards the epoch tells the entries."""
	it = paid()
	number = int.from_bytes(bytes.fromhex(decode_leaf(it.leaves[it.first - 1]).id.replace('-', '')), 'big')
	txid = 'tx_' + ''.join(CROCKFORD[number >> 5 * place & 31] for place in range(25, -1, -1))
	for target in (f'/v1/tx/{txid}', f'/v1/tx/{txid}/proof'):
		assert it.get(target, it.one.all, status=404).json()['details']['reason'] == 'not_found'


def test_the_store_itself_is_verified_to_the_end():
	"""Last: the node stops."""
	it = paid()
	it.one.node.stop()
	said = json.loads(it.one.node.cli('verify', '--offline', '--json').stdout)
	assert said['good'] and said['size'] == len(it.leaves), said
	assert check_store(it.one.node.profile.data / 'store', [])[0] == len(it.leaves)


if __name__ == '__main__':
	with contextlib.ExitStack() as shared['stack']:
		tap.main(globals())

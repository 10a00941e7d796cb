"""A node with amnesia pays an epoch: no call of any process changes a disk, and after SIGKILL there is
nothing left of it, nor does the next start know of it."""
import json
import os

import tap
from harness import Node
from reward_node import OverHttp, Payer
from test_amnesia import mounts, needs_root, on_disk, ordinary, spied, tree, whoever
from test_rewarder import balance, paid_by, settled

DAY = '2026-10-01'
AMNESIA = {'amnesia': True}


def pay(one):
	"""All that a run does: policy and inputs are put, computed, sealed, paid, and asked for again."""
	policy = one.policy()
	one.put(policy)
	one.fill(12000)
	rows = [('alice', {'views': 5}), ('bob', {'likes': 7}), ('carol', {'comments': 2})]
	request, _ = one.seal_by_hand(policy, DAY, rows=rows)
	assert settled(one, DAY, request)['ledger']['result'] == 'accepted'
	one.node.replace_worker('rewarder')
	one.node.wait_rewarder()
	assert settled(one, DAY, request)['ledger']['result'] == 'dup'
	amounts = paid_by(one, DAY)
	assert amounts and {actor: balance(one, actor) for actor in amounts} == amounts


def test_no_call_of_any_process_changes_a_disk():
	needs_root()
	one = Payer(AMNESIA, start=False)
	try:
		with spied(one.node) as lines:
			one.begin()
			pay(one)
		bad = on_disk(one.node, lines)
		assert not bad, bad[:20]
		for name in ('run.json', 'allocations', 'registry', 'attestation.json'):
			assert any('rename' in line and name in line for line in lines), f'{name} was not written'
	finally:
		one.node.remove()


def leaves_nothing(user, end, left):
	one = Payer({**AMNESIA, 'user': user}, start=False)
	node = one.node
	try:
		(node.directory / 'pid').touch()  # the harness's own
		before = tree(node.directory)
		node.start()
		one.begin()
		pay(one)
		device = mounts(node.child.pid)[str(node.profile.data)][1]
		end(node)
		after = tree(node.directory)
		for seen in (before, after):
			for mine in (node.directory, node.directory / 'pid', node.profile.config):
				seen.pop(str(mine), None)
		assert after == before
		assert {path.name for path in node.profile.run.iterdir()} == left
		assert all(path.is_socket() for path in node.profile.run.iterdir())
		for pid in filter(str.isdigit, os.listdir('/proc')):
			assert device not in devices(pid), pid
		node.start()
		one.begin()
		assert OverHttp(node, 'api').ask('epoch', one.inspector(), DAY).status == 404
		assert json.loads(OverHttp(node, 'api').ask('runs', one.inspector()).body)['runs'] == []
	finally:
		one.__exit__(None)


def devices(pid):
	"""The devices that a process sees; none of one that has ended."""
	try:
		return [at for _, at, _ in mounts(pid).values()]
	except OSError:
		return []


def each_user():
	return [None, ordinary()] if os.geteuid() == 0 else [whoever()]


def test_nothing_of_an_epoch_is_left_after_sigkill():
	for user in each_user():
		leaves_nothing(user, Node.kill_all, {'control', 'macronode.sock'})


def test_nothing_of_an_epoch_is_left_after_a_stop():
	for user in each_user():
		leaves_nothing(user, Node.stop, set())


if __name__ == '__main__':
	tap.main(globals())

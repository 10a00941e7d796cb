"""Kills under load: what was acknowledged is there, once, and provably nothing else.

A node takes transfers from clients that repeat what was not answered. Each role is killed at
random moments, and now and then the whole node, which is started again. Afterwards the store
is read by `macronode verify`, by ledger_check.py and receipt_check.py, and appended anew in
other batch sizes.
MACRONODE_SEED chooses the moments, MACRONODE_ROUNDS how many seeds from it on.
"""
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / name) for name in ('system', 'load', 'chaos')]
import chaos  # noqa: E402
import harness  # noqa: E402
import ledger_check  # noqa: E402
import load_client  # noqa: E402
import receipt_check  # noqa: E402
import tap  # noqa: E402
from harness import BUILD, nodes  # noqa: E402

SEED = int(os.environ.get('MACRONODE_SEED', '1'))
ROUNDS = int(os.environ.get('MACRONODE_ROUNDS', '1'))
KILLS = 18
STORM_EVENTS = 90
ROLES = ['admin', 'admin-check', 'ingress', 'kms', 'prevalidator', 'wallet', 'sequencer', 'committer', 'archive']
WHOLE = ['the supervisor', 'every process']
ACCOUNTS = 4096


def kill_every_process(node, rng):
	tree = list(nodes.process_tree(node.child.pid).items())
	rng.shuffle(tree)
	for pid, start in tree:
		nodes.signal_process(pid, start, signal.SIGKILL)
	node.child.wait()
	node.child = None
	assert nodes.wait_gone(dict(tree), node.seconds), 'SIGKILL did not end them'


def kill(node, what, rng):
	"""Returns how long the node was not ready, in seconds."""
	began = time.monotonic()
	if what == 'every process':
		kill_every_process(node, rng)
		node.start()
	elif what == 'the supervisor':
		node.kill_all()
		node.start()
	else:
		kill_workers(node, what.split(' and '), rng)
		node.wait_ready()
	return time.monotonic() - began


def kill_workers(node, roles, rng):
	"""One of each role; half of the time some are stopped for a moment first."""
	doomed = {}
	for role in roles:
		found = harness.eventually(lambda: node.workers(role), f'a {role} to kill')
		pid, start = rng.choice(sorted(found.items()))
		doomed[pid] = start
	if rng.random() < 0.5:
		pid, start = rng.choice(sorted(doomed.items()))
		nodes.signal_process(pid, start, signal.SIGSTOP)
		time.sleep(rng.uniform(0, 0.05))
	for pid, start in doomed.items():
		nodes.signal_process(pid, start, signal.SIGKILL)
	assert nodes.wait_gone(doomed, node.seconds)


def victims(rng, count):
	"""Each role and each way to lose the node; then any, also two at once."""
	chosen = ROLES + WHOLE
	rng.shuffle(chosen)
	while len(chosen) < count:
		pair = ' and '.join(rng.sample(ROLES, 2))
		chosen.append(rng.choice([pair, 'sequencer', 'committer', *ROLES, WHOLE[0]]))
	return chosen[:max(count, len(ROLES + WHOLE))]


def fund(node, token, acks):
	told = load_client.run(BUILD, 'mint', node.profile.api_address, token, entries=256,
		total=ACCOUNTS, accounts=ACCOUNTS, connections=4, seed=1, acks=acks)
	assert told['entries'] == ACCOUNTS and told['refused'] == told['abandoned'] == 0, told


def kill_one_by_one(node, rng):
	for what in victims(rng, KILLS):
		time.sleep(rng.choice([0, rng.uniform(0, 0.05), rng.uniform(0, 0.6)]))
		print(f'killed {what}: ready after {kill(node, what, rng):.3f} s')


def storm(node, rng):
	"""No time to recover between two deaths, and who starts dies as well."""
	chaos.Chaos(node, rng.random(), pause_seconds_mean=0.05).run(STORM_EVENTS)


def under_load(node, token, mode, rng, disturb, acks):
	"""Runs disturb(node, rng) under load; what the load client says."""
	options = {'entries': rng.choice([1, 5, 16, 100]), 'connections': rng.choice([1, 8, 32])}
	to = rng.choice([node.profile.api_address, node.profile.uds])
	print(f'load: {options} to {to}')
	with load_client.Load(BUILD, mode, to, token, seconds=100000, accounts=ACCOUNTS, seed=2,
			acks=acks, backoff_ms=100, retry_ms=120000, **options) as load:
		disturb(node, rng)
		assert load.child.poll() is None, 'the load client ended'
		load.stop()
		return load.finish(180)


def reappend(store, directory, seed):
	empty = directory / 'reappended'
	empty.mkdir()
	done = subprocess.run([BUILD / 'tests/crash/reappend', store, empty, str(seed)], text=True,
		capture_output=True, timeout=600)
	print(done.stdout + done.stderr)
	assert done.returncode == 0, done


def last_root(node):
	"""(seq, root) of the last commit, page by page."""
	last, since = None, 0
	while True:
		page = node.http('GET', f'/roots?since={since}').json()
		if not page['roots']:
			return last
		last = page['roots'][-1]['seq'], page['roots'][-1]['root']
		since = last[0]


def check_store(store, mode, minted, sent, connections):
	"""How many entries there are, when all is well."""
	runs = [('mint', 1, ACCOUNTS, minted)]
	if mode == 'ingest':
		runs.append(('ingest', 2, ACCOUNTS, sent))
	entries, commits = ledger_check.check_store(store, runs)
	receipts = receipt_check.check_store(store,
		[(2, ACCOUNTS, connections, sent)] if mode != 'ingest' else [])
	print(f'{entries} entries in {commits} commits, {receipts} receipts')
	assert receipts == (entries - ACCOUNTS if mode != 'ingest' else 0)
	return entries


def crash(seed, disturb, mode='ingest'):
	rng = random.Random(seed)
	print(f'seed {seed}')
	with harness.Node(chaos.SETTINGS) as node:
		token = node.mint()
		minted, sent = node.directory / 'minted', node.directory / 'sent'
		fund(node, token, minted)
		told = under_load(node, token, mode, rng, disturb, sent)
		print(told)
		assert told['requests'] > 0
		for bad in ('abandoned', 'refused', 'wrong', 'timeouts'):
			assert told[bad] == 0, (bad, told)
		if rng.random() < 0.5:
			node.stop()
		else:
			kill_every_process(node, rng)
		print(node.cli('verify').stdout)
		store = node.profile.data / 'store'
		entries = check_store(store, mode, minted, sent, told['connections'])
		assert entries >= ACCOUNTS + told['entries']
		before = ledger_check.last_root(store)
		reappend(store, node.directory, seed)
		node.start()
		assert last_root(node) == before, 'another root after a start'


def test_nothing_acknowledged_is_lost_and_nothing_is_there_twice():
	for seed in range(SEED, SEED + ROUNDS):
		crash(seed, kill_one_by_one)


def test_a_storm_of_deaths_loses_and_doubles_nothing():
	for seed in range(SEED, SEED + ROUNDS):
		crash(seed, storm)


def test_every_transfer_that_was_acknowledged_is_there_once_with_its_receipt():
	if shutil.which('b3sum') is None:
		raise tap.Skip('b3sum is not installed')
	for seed in range(SEED, SEED + ROUNDS):
		crash(seed, kill_one_by_one, 'transfer')


if __name__ == '__main__':
	tap.main(globals())

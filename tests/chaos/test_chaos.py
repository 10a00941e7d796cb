"""The exit test of the runtime: workers die and hang at random under load that crosses three roles.

No request is stuck, no reply reaches another client, nothing grows, nothing locks up. The load
is HEALTH_PING, which ingress, prevalidator and sequencer pass on, and then transfers as well,
which go through all roles: those that were acknowledged are there, once, with their receipts.
MACRONODE_SEED and MACRONODE_EVENTS choose; scripts/dev test chaos runs 10 000 events.
"""
import contextlib
import os
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / name) for name in ('system', 'load', 'crash')]
import chaos  # noqa: E402
import harness  # noqa: E402
import ledger_check  # noqa: E402
import load_client  # noqa: E402
import receipt_check  # noqa: E402
import tap  # noqa: E402
from harness import BUILD  # noqa: E402

SEED = int(os.environ.get('MACRONODE_SEED', '1'))
EVENTS = int(os.environ.get('MACRONODE_EVENTS', '300'))
WARM_UP_EVENTS = 60
SURVIVORS = ('ingress', 'kms', 'admin')
CONNECTIONS = 16
# limits.req_timeout is 5 s: an answer or a close comes before that, or the ticket is stuck.
STUCK_MS = 10000
GROWTH_KIB_MAX = 512  # buffers that grow once; 100 bytes lost at each death are seen in 10 000
# And the supervisor's two rings, whose memory is touched as they fill: LOG_SINK_RING_BYTES, TRACES_MAX.
SUPERVISOR_GROWTH_KIB_MAX = GROWTH_KIB_MAX + 1024 + 1536
SPARE_SECONDS = 100000  # the load is stopped, and never ends by itself
PAYERS = 8              # connections: few enough to check every receipt afterwards
ACCOUNTS = 1024
MINT_SEED, PAY_SEED = 1, 2


def under_ping(node, disturb):
	"""Runs disturb() under load; what the load client says."""
	with load_client.Load(BUILD, 'ping', node.profile.uds, seconds=SPARE_SECONDS, seed=SEED,
			connections=CONNECTIONS, timeout_ms=STUCK_MS, backoff_ms=100) as load:
		disturb()
		assert load.child.poll() is None, 'the load client ended'
		load.stop()
		told = load.finish(60)
	print(told)
	assert told['requests'] > 0, 'not one ping was answered'
	assert told['timeouts'] == 0, f'{told["timeouts"]} requests were stuck'
	assert told['wrong'] == 0, f'{told["wrong"]} replies at the wrong client'
	return told


@contextlib.contextmanager
def under_transfers(node):
	"""What goes on inside does so under transfers, each of which comes to its end."""
	token, to = node.mint(), node.profile.api_address
	told = load_client.run(BUILD, 'mint', to, token, entries=256, total=ACCOUNTS, accounts=ACCOUNTS,
		seed=MINT_SEED, acks=node.directory / 'minted')
	assert told['entries'] == ACCOUNTS and told['refused'] == 0, told
	with load_client.Load(BUILD, 'transfer', to, token, seconds=SPARE_SECONDS, seed=PAY_SEED,
			accounts=ACCOUNTS, connections=PAYERS, acks=node.directory / 'paid', timeout_ms=STUCK_MS,
			retry_ms=120000, backoff_ms=100) as load:
		yield
		assert load.child.poll() is None, 'the load client ended'
		load.stop()
		told = load.finish(180)
	print(told)
	assert told['requests'] > 0, 'not one transfer was acknowledged'
	for bad in ('refused', 'abandoned', 'wrong', 'timeouts'):
		assert told[bad] == 0, (bad, told)


def check_store(node):
	"""Nothing acknowledged is lost, and nothing is there that the rules do not allow."""
	node.stop()
	assert node.cli('verify').returncode == 0
	store = node.profile.data / 'store'
	entries, _ = ledger_check.check_store(store,
		[('mint', MINT_SEED, ACCOUNTS, node.directory / 'minted')])
	receipts = receipt_check.check_store(store,
		[(PAY_SEED, ACCOUNTS, PAYERS, node.directory / 'paid')])
	assert receipts == entries - ACCOUNTS
	print(f'{receipts} receipts are good')


def same_fds(node, before):
	"""Connections of load and probes take a moment to be noticed as gone."""
	harness.eventually(lambda: chaos.fds_at_rest(node) == before,
		f'as many fds as before: {before}, now {chaos.fds_at_rest(node)}', 30)


def test_workers_that_die_and_hang_leave_nothing_behind():
	with harness.Node(chaos.SETTINGS) as node:
		run = chaos.Chaos(node, SEED)
		print(f'seed {SEED}, {EVENTS} events')
		under_ping(node, lambda: run.run(WARM_UP_EVENTS))
		fds = chaos.fds_at_rest(node)
		under_ping(node, lambda: run.run(EVENTS // 2))
		kib = chaos.own_kib(node.child.pid)
		under_ping(node, lambda: run.run(EVENTS - EVENTS // 2))
		same_fds(node, fds)
		grown = chaos.own_kib(node.child.pid) - kib
		print(f'{run.killed} killed, {run.stopped} stopped; ready at worst after {run.slowest:.2f} s;'
			f' the supervisor: {grown} KiB more, {kib} before; fds {fds}')
		assert grown <= SUPERVISOR_GROWTH_KIB_MAX, f'the supervisor has grown by {grown} KiB'


def test_transfers_among_dying_workers_are_done_once_and_receipted():
	if shutil.which('b3sum') is None:
		raise tap.Skip('b3sum is not installed')
	with harness.Node(chaos.SETTINGS) as node:
		run = chaos.Chaos(node, SEED)
		with under_transfers(node):
			under_ping(node, lambda: run.run(EVENTS // 2))
		print(f'{run.killed} killed, {run.stopped} stopped; ready at worst after {run.slowest:.2f} s')
		check_store(node)


def survives(role):
	with harness.Node(chaos.SETTINGS) as node:
		run = chaos.Chaos(node, SEED)
		under_ping(node, lambda: run.run(WARM_UP_EVENTS, [role]))
		pid = node.worker(role)
		fds, kib = chaos.fd_count(pid), chaos.own_kib(pid)
		under_ping(node, lambda: run.run(EVENTS // 4, [role]))
		assert node.worker(role) == pid, f'{role} died, and nobody had killed it'
		harness.eventually(lambda: chaos.fd_count(pid) == fds, f'{role}: {fds} fds as before', 30)
		grown = chaos.own_kib(pid) - kib
		print(f'{role}: {grown} KiB more, {kib} before; {fds} fds')
		assert grown <= GROWTH_KIB_MAX, f'{role} has grown by {grown} KiB'


def test_who_survives_the_others_does_not_grow():
	for role in SURVIVORS:
		survives(role)


if __name__ == '__main__':
	tap.main(globals())

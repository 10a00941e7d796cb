"""Processes: who runs, as whom, and what happens when one dies."""
import os
import pathlib
import signal
import socket
import subprocess

import tap
from harness import Node, entry, eventually, nodes

ROLES = ('admin', 'ingress', 'prevalidator', 'kms', 'sequencer', 'committer', 'archive')
ORDINARY_UID = 65534


def statuses(pid):
	lines = pathlib.Path(f'/proc/{pid}/status').read_text().splitlines()
	return dict(line.split(':\t', 1) for line in lines if ':\t' in line)


def replaced(node, role, old):
	return node.workers(role) and old not in node.workers(role)


def needs_root():
	if os.geteuid() != 0:
		raise tap.Skip('needs root')


def test_every_role_runs_behind_its_walls():
	with Node() as node:
		for role in ROLES:
			status = statuses(node.worker(role))
			assert status['Seccomp'].strip() == '2', (role, status['Seccomp'])
			assert status['NoNewPrivs'].strip() == '1', role
			for name in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'):
				if name == 'CapBnd' and os.geteuid() != 0:
					continue
				assert int(status[name], 16) == 0, (role, name, status[name])


def test_as_root_each_role_has_a_uid_of_its_own():
	needs_root()
	with Node() as node:
		uids = {role: statuses(node.worker(role))['Uid'].split()[0] for role in ROLES}
		assert '0' not in uids.values(), uids
		assert len(set(uids.values())) == len(ROLES), uids


def test_an_ordinary_user_can_run_a_node():
	needs_root()
	with Node(user=ORDINARY_UID) as node:
		for role in ROLES:
			assert statuses(node.worker(role))['Uid'].split()[0] == str(ORDINARY_UID)
		token = nodes.mint(nodes.command(node.build, node.profile))
		assert node.ingest([entry('Mint', 'a', 5)], token).status == 200


def test_workers_hold_no_file_that_is_not_theirs():
	with Node() as node:
		for role in ('ingress', 'prevalidator', 'sequencer', 'kms', 'admin'):
			for fd in pathlib.Path(f'/proc/{node.worker(role)}/fd').iterdir():
				target = os.readlink(fd)
				assert 'ledger.db' not in target and '/lock' not in target, (role, target)


def test_each_role_is_replaced_when_it_dies_and_the_ledger_goes_on():
	with Node() as node:
		token = node.mint()
		node.environment['MACRONODE_TOKEN'] = token
		for number, role in enumerate(ROLES, 1):
			old = node.signal_worker(role)
			eventually(lambda: replaced(node, role, old), f'a new {role}')
			node.wait_ready()
			one = entry('Mint', 'survivor', 1)
			eventually(lambda: node.ingest([one], token).status == 200, f'a write after {role}')
		assert node.metric('service_restarts_total') >= len(ROLES)
		assert node.cli('verify').returncode == 0


def test_sequencer_and_committer_die_together():
	with Node() as node:
		before = node.worker('sequencer')
		node.signal_worker('committer')
		eventually(lambda: replaced(node, 'sequencer', before),
			'a new sequencer')
		node.wait_ready()


def test_a_stopped_worker_is_killed_and_replaced():
	with Node({'node': {'ping_timeout': '500ms'}}) as node:
		old = node.signal_worker('prevalidator', signal.SIGSTOP)
		eventually(lambda: old not in node.workers('prevalidator'), 'its end')
		node.wait_ready()
		assert 'worker_hung' in node.log_text()


def test_too_many_deaths_are_degraded_and_said():
	with Node({'node': {'restart_min': '1ms', 'restart_max': '2ms', 'restart_cap': '5ms'}}) as node:
		for _ in range(7):
			old = node.signal_worker('prevalidator')
			eventually(lambda: replaced(node, 'prevalidator', old), 'a new one')
			node.wait_ready()
		status = node.cli('status', '--json', check=False)
		assert status.returncode == 4, status
		assert 'crashing:prevalidator' in status.stdout, status.stdout


def test_workers_follow_a_supervisor_that_is_killed():
	node = Node().start()
	try:
		node.kill_all()
		node.start()
	finally:
		node.stop()
		node.remove()


def test_a_second_node_is_refused_by_the_lock():
	with Node() as node:
		ports = nodes.free_ports(2)
		second = subprocess.run(
			[*nodes.run_command(node.build, node.profile),
				'--bind', f'127.0.0.1:{ports[0]}', '--http-addr', f'127.0.0.1:{ports[1]}',
				'--uds', str(node.directory / 'second.sock'),
				'--run-dir', str(node.directory / 'second-run')],
			capture_output=True, text=True, timeout=60)
		assert second.returncode == 3, second
		assert 'another macronode runs on this data directory' in second.stdout, second


def test_a_port_in_use_is_named():
	taken = socket.socket()
	taken.bind(('127.0.0.1', 0))
	taken.listen()
	port = taken.getsockname()[1]
	node = Node({'api': {'bind_addr': f'127.0.0.1:{port}'}})
	try:
		node.start(wait=False)
		assert node.child.wait(60) == 3
		assert 'api.bind_addr' in node.log_text() and 'cannot be bound' in node.log_text()
	finally:
		node.child = None
		node.remove()
		taken.close()


def test_term_ends_all_in_order_and_leaves_no_process():
	node = Node().start()
	try:
		tree = nodes.process_tree(node.child.pid)
		assert node.stop() == 0
		assert nodes.wait_gone(tree, 30)
		assert not any('worker_died' in line for line in node.log_text().splitlines())
	finally:
		node.remove()


def test_no_secret_is_in_argv_or_environment_of_a_worker():
	with Node() as node:
		for pid in node.workers():
			argv = pathlib.Path(f'/proc/{pid}/cmdline').read_bytes().split(b'\0')
			assert len(argv) == 3 and argv[0].startswith(b'mn-'), argv
			if os.geteuid() == 0:
				environment = pathlib.Path(f'/proc/{pid}/environ').read_bytes()
				assert set(environment.split(b'\0')) <= {b'TZ=UTC0', b'LC_ALL=C', b''}, environment


if __name__ == '__main__':
	tap.main(globals())

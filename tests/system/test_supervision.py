"""Processes: who runs, as whom, and what happens when one dies."""
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import struct
import subprocess
import time

import fd3
import tap
import wire
from harness import Node, entry, eventually, nodes

ROLES = ('admin', 'admin-check', 'ingress', 'prevalidator', 'kms', 'sequencer', 'committer', 'archive',
	'wallet')
ORDINARY_UID = 65534
# Long enough for a healthy worker of a machine with much else to do: that one must not be killed.
PING_TIMEOUT_SECONDS = 4
PING_TIMEOUT = f'{PING_TIMEOUT_SECONDS}s'


def statuses(pid):
	lines = pathlib.Path(f'/proc/{pid}/status').read_text().splitlines()
	return dict(line.split(':\t', 1) for line in lines if ':\t' in line)


def replaced(node, role, old):
	return old not in node.workers(role) and node.workers(role)  # in this order: both may be gone


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
		assert uids.pop('admin-check') == uids['prevalidator'], uids  # a role of two planes
		assert len(set(uids.values())) == len(uids), uids


def test_an_ordinary_user_can_run_a_node():
	needs_root()
	with Node(user=ORDINARY_UID) as node:
		for role in ROLES:
			assert statuses(node.worker(role))['Uid'].split()[0] == str(ORDINARY_UID)
		token = nodes.mint(nodes.command(node.build, node.profile))
		assert node.ingest([entry('Mint', 'a', 5)], token).status == 200


def test_workers_hold_no_file_that_is_not_theirs():
	needs_root()  # to look into processes that may not be dumped
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
	with Node({'node': {'ping_timeout': '2s'}}) as node:
		old = node.signal_worker('prevalidator', signal.SIGSTOP)
		eventually(lambda: old not in node.workers('prevalidator'), 'its end')
		node.wait_ready()
		assert 'worker_hung' in node.log_text()


def test_one_instance_of_several_that_is_gone_keeps_no_write_from_the_others():
	keys = {'restart_min': '60s', 'restart_max': '60s', 'restart_cap': '60s'}
	with Node({'node': keys, 'concurrency': {'prevalidators': 2, 'ingress_workers': 2}}) as node:
		token = node.mint()
		for role in ('prevalidator', 'ingress'):
			eventually(lambda: len(node.workers(role)) == 2, 'both')
			before = node.workers(role)
			node.signal_worker(role)  # is replaced at once
			eventually(lambda: len(set(node.workers(role)) - set(before)) == 1, 'the new one')
			(new,) = set(node.workers(role)) - set(before)
			os.kill(new, signal.SIGKILL)  # and this one only in a minute
			eventually(lambda: f'restarting:{role}' in node.cli('status', check=False).stdout, 'that')
		status = node.cli('status', '--json', check=False)
		found = json.loads(status.stdout)
		assert status.returncode == 4 and found['ready'] and found['degraded'], found
		eventually(lambda: node.http('GET', '/readyz', plane='admin').status == 200, 'ready')
		assert node.ingest([entry('Mint', 'alice', 1)], token).status == 200


def test_too_many_deaths_are_degraded_and_said():
	with Node({'node': {'restart_min': '1ms', 'restart_max': '2ms', 'restart_cap': '5ms'}}) as node:
		for _ in range(7):
			old = node.signal_worker('prevalidator')
			eventually(lambda: replaced(node, 'prevalidator', old), 'a new one')
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


def test_signals_that_mean_nothing_end_nothing():
	with Node() as node:
		for number in (signal.SIGHUP, signal.SIGUSR2, signal.SIGALRM, signal.SIGUSR1):
			os.kill(node.child.pid, number)
		node.wait_ready()
		assert node.child.poll() is None
		assert node.metric('service_restarts_total') == 0


def test_term_ends_all_in_order_and_leaves_no_process():
	node = Node().start()
	try:
		tree = nodes.process_tree(node.child.pid)
		assert node.stop() == 0
		assert nodes.wait_gone(tree, 30)
		assert not any('worker_died' in line for line in node.log_text().splitlines())
	finally:
		node.remove()


def is_refused(node, plane):
	try:
		node.connect(plane).close()
	except (ConnectionRefusedError, FileNotFoundError):
		return True
	return False


def test_who_comes_when_the_api_has_left_is_refused_at_once():
	with Node({'node': {'drain_timeout': '1m', 'ping_timeout': '10m'}}) as one:
		pid = one.signal_worker('wallet', signal.SIGSTOP)  # so that the node does not end yet
		start = one.workers('wallet')[pid]
		try:
			one.child.terminate()
			eventually(lambda: is_refused(one, 'api') and is_refused(one, 'uds'), 'a refusal')
			assert one.http('GET', '/healthz', plane='admin').status == 200
		finally:
			nodes.signal_process(pid, start, signal.SIGCONT)
		assert one.child.wait(timeout=60) == 0


def test_no_secret_is_in_argv_or_environment_of_a_worker():
	with Node() as node:
		for pid in node.workers():
			argv = pathlib.Path(f'/proc/{pid}/cmdline').read_bytes().split(b'\0')
			assert len(argv) == 3 and argv[0].startswith(b'mn-'), argv
			if os.geteuid() == 0:
				environment = pathlib.Path(f'/proc/{pid}/environ').read_bytes()
				assert set(environment.split(b'\0')) <= {b'TZ=UTC0', b'LC_ALL=C', b''}, environment


def events(node, *names):
	"""[(event, role)] of the supervisor's log, in order."""
	return [(record['event'], record.get('about')) for record in node.log()
		if record['event'] in names]


def deaths(node):
	return json.loads(node.cli('status', '--json', check=False).stdout)['deaths']


def await_new(node, role, old):
	eventually(lambda: replaced(node, role, old), f'a new {role}')
	node.wait_ready()


def process_state(pid):
	return nodes.process_stat(pid)[0]


def serving(node):
	status = json.loads(node.cli('status', '--json', check=False).stdout)
	return {one['role'] for one in status['processes'] if one['state'] == 'serving'}


def passes(seconds):
	"""What is looked at is that nothing happens meanwhile."""
	until = time.monotonic() + seconds
	eventually(lambda: time.monotonic() > until, f'{seconds} s to pass')


def stop_process(pid):
	os.kill(pid, signal.SIGSTOP)
	eventually(lambda: process_state(pid) == 'T', f'{pid} is stopped')


def with_worker(node, role, executable):
	"""Lets another executable stand in for one role."""
	libexec = node.directory / 'libexec'
	libexec.mkdir()
	for path in nodes.libexec(node.build).iterdir():
		(libexec / path.name).symlink_to(path.resolve())
	(libexec / f'mn-{role}').unlink()
	(libexec / f'mn-{role}').symlink_to(executable)
	node.extra = ('--libexec', str(libexec))


def test_nobody_lost_a_link_at_a_start():
	with Node() as node:
		node.mint()
		lost = [line for line in node.log() if line['event'] == 'link_lost']
		assert not lost, lost


# --- the pair ------------------------------------------------------------------------------


def pair_case(first, second):
	with Node() as node:
		seen = len(events(node, 'worker_died', 'worker_started'))
		pids = {role: node.worker(role) for role in (first, second)}
		node.signal_worker(first)
		for role, old in pids.items():
			await_new(node, role, old)
		new = eventually(lambda: (lambda found: len(found) >= 4 and found)(
			events(node, 'worker_died', 'worker_started')[seen:]), 'four lines')
		assert new == [('worker_died', first), ('worker_died', second),
			('worker_started', 'committer'), ('worker_started', 'sequencer')], new
		assert [one['cause'] for one in deaths(node)] == [
			'signal 9 (KILL): its partner died', 'signal 9 (KILL)']
		died = [record for record in node.log() if record['event'] == 'worker_died']
		assert all(record['signal'] == 9 and 'exit_status' not in record for record in died), died


def test_both_of_the_pair_are_reaped_before_the_committer_starts_and_then_the_sequencer():
	pair_case('committer', 'sequencer')


def test_the_committer_starts_first_when_the_sequencer_died_too():
	pair_case('sequencer', 'committer')


def test_a_partner_that_was_ended_waits_for_the_back_off_of_the_one_that_died():
	keys = {'restart_min': '700ms', 'restart_max': '700ms', 'restart_cap': '5s'}
	with Node({'node': keys}) as node:
		for _ in range(2):
			pids = {role: node.worker(role) for role in ('sequencer', 'committer')}
			node.signal_worker('sequencer')
			for role, old in pids.items():
				await_new(node, role, old)
		started = eventually(lambda: (lambda found: len(found) == 3 and found)([record['mono_us']
			for record in node.log() if record['event'] == 'worker_started'
			and record['about'] == 'committer']), 'three starts')
		died = [record['mono_us'] for record in node.log()
			if record['event'] == 'worker_died' and record['about'] == 'sequencer']
		assert started[-1] - died[-1] >= 690000, (started, died)
		status = json.loads(node.cli('status', '--json', check=False).stdout)
		assert not status['degraded'], status


def test_deaths_of_a_partner_degrade_only_the_one_that_dies():
	keys = {'restart_min': '1ms', 'restart_max': '2ms', 'restart_cap': '5ms'}
	with Node({'node': keys}) as node:
		for _ in range(6):
			pids = {role: node.worker(role) for role in ('sequencer', 'committer')}
			node.signal_worker('sequencer')
			for role, old in pids.items():
				await_new(node, role, old)
		degraded = {one['role'] for one in json.loads(
			node.cli('status', '--json', check=False).stdout)['processes'] if one['degraded']}
		assert degraded == {'sequencer'}, degraded
		assert ('degraded', 'sequencer') in events(node, 'degraded')


# --- silence -------------------------------------------------------------------------------


def test_a_supervisor_that_was_late_kills_nobody():
	with Node({'node': {'ping_timeout': PING_TIMEOUT}}) as node:
		before = node.workers()
		stop_process(node.child.pid)
		passes(3 * PING_TIMEOUT_SECONDS)
		os.kill(node.child.pid, signal.SIGCONT)
		node.wait_ready()
		passes(PING_TIMEOUT_SECONDS)
		assert node.workers() == before
		assert 'worker_hung' not in node.log_text()


def test_a_terminal_that_stops_and_continues_the_whole_node_harms_nobody():
	with Node({'node': {'ping_timeout': PING_TIMEOUT}}) as node:
		before = node.workers()
		os.killpg(node.child.pid, signal.SIGSTOP)
		for pid in (node.child.pid, *before):
			eventually(lambda: process_state(pid) == 'T', f'{pid} is stopped')
		passes(3 * PING_TIMEOUT_SECONDS)
		os.killpg(node.child.pid, signal.SIGCONT)
		node.wait_ready()
		assert node.cli('status').returncode == 0
		assert node.workers() == before and 'worker_hung' not in node.log_text()


def test_a_worker_that_never_becomes_ready_is_killed_and_tried_again():
	node = Node({'node': {'ready_timeout': '2s'}})
	with_worker(node, 'prevalidator', shutil.which('sleep'))
	try:
		node.start(wait=False)
		eventually(lambda: 'not ready in time' in node.log_text(), 'its end')
		eventually(lambda: node.log_text().count('not ready in time') > 1, 'another try')
		status = json.loads(node.cli('status', '--json', check=False).stdout)
		assert not status['ready'], status
		assert 'prevalidator' not in {one['role'] for one in status['processes'] if one['state'] == 'serving'}, status
		assert node.stop() == 0
	finally:
		node.stop()
		node.remove()


def test_a_worker_of_another_build_is_refused_by_name():
	node = Node()
	other = node.directory / 'other'
	built = (nodes.libexec(node.build) / 'mn-prevalidator').resolve().read_bytes()
	assert b'node.ping_timeout\0' in built
	other.write_bytes(built.replace(b'node.ping_timeout\0', b'node.pong_timeout\0'))
	other.chmod(0o755)
	with_worker(node, 'prevalidator', other)
	try:
		node.start(wait=False)
		eventually(lambda: 'another build' in node.log_text(), 'the refusal')
		eventually(lambda: any('another build' in one['cause'] for one in deaths(node)), 'the cause')
		assert node.stop() == 0
	finally:
		node.stop()
		node.remove()


def test_a_worker_that_cannot_start_does_not_keep_the_others_from_it():
	node = Node({'node': {'restart_min': '1ms', 'restart_max': '1ms', 'restart_cap': '2ms'}})
	with_worker(node, 'ingress', shutil.which('false'))
	try:
		node.start(wait=False)
		eventually(lambda: 'crashing:ingress' in node.cli('status', '--json', check=False).stdout,
			'it is degraded and tried again')
		eventually(lambda: serving(node) == set(ROLES) - {'ingress', 'admin-check'}, 'the others serve')
		status = json.loads(node.cli('status', '--json', check=False).stdout)
		assert not status['ready'] and 'ingress' in status['reason'], status
		assert node.http('GET', '/readyz', plane='admin').status == 503
		assert node.stop() == 0
	finally:
		node.stop()
		node.remove()


# --- the world runs out --------------------------------------------------------------------


def test_a_supervisor_without_descriptors_waits_for_better_times():
	with Node({'node': {'restart_min': '1ms', 'restart_max': '2ms', 'restart_cap': '50ms'}}) as node:
		usual = resource.prlimit(node.child.pid, resource.RLIMIT_NOFILE)
		resource.prlimit(node.child.pid, resource.RLIMIT_NOFILE, (20, usual[1]))
		old = node.signal_worker('prevalidator')
		eventually(lambda: node.log_text().count('no pipes for it') > 2, 'it is tried again')
		assert node.child.poll() is None
		resource.prlimit(node.child.pid, resource.RLIMIT_NOFILE, usual)
		assert 'no pipes for it: Too many open files' in str(deaths(node))
		await_new(node, 'prevalidator', old)


def test_a_supervisor_that_cannot_fork_waits_for_better_times():
	needs_root()
	with Node({'node': {'restart_min': '1ms', 'restart_max': '2ms', 'restart_cap': '50ms'}},
			user=ORDINARY_UID + 7) as node:
		usual = resource.prlimit(0, resource.RLIMIT_NPROC)[0]
		limit = [shutil.which('prlimit'), f'--pid={node.child.pid}']
		subprocess.run([*limit, '--nproc=1:'], user=node.user, group=node.user, check=True)
		old = node.signal_worker('committer')
		eventually(lambda: node.log_text().count('cannot be forked') > 2, 'it is tried again')
		assert node.child.poll() is None
		subprocess.run([*limit, f'--nproc={usual}:'], user=node.user, group=node.user,
			check=True)
		await_new(node, 'committer', old)


def test_a_control_socket_without_descriptors_does_not_spin():
	with Node() as node:
		usual = resource.prlimit(node.child.pid, resource.RLIMIT_NOFILE)
		resource.prlimit(node.child.pid, resource.RLIMIT_NOFILE, (20, usual[1]))
		waiting = wire.connect_unix(node.profile.run / 'control')
		before = cpu_seconds(node.child.pid)
		passes(1)
		assert cpu_seconds(node.child.pid) - before < 0.3
		resource.prlimit(node.child.pid, resource.RLIMIT_NOFILE, usual)
		assert node.cli('status').returncode == 0
		waiting.close()


def cpu_seconds(pid):
	fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
	return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


# --- a captured worker ---------------------------------------------------------------------


def captured_case(role, speak, cause):
	"""Speaks as `role`; that worker ends for `cause`, and nobody else does."""
	with Node() as node:
		before = node.workers()
		old = node.worker(role)
		with fd3.Fd3(old) as captured:
			speak(node, captured, old)
			await_new(node, role, old)
		assert [(one['role'], one['pid']) for one in deaths(node)] == [(role, old)], deaths(node)
		assert cause in deaths(node)[0]['cause'], deaths(node)
		assert set(before) - {old} <= set(node.workers())


def test_who_says_ready_twice_ends():
	captured_case('ingress', lambda node, fd, pid: fd.say(fd3.READY, bytes(8)), 'CONFLICT')


def test_who_says_drained_unasked_ends():
	captured_case('prevalidator', lambda node, fd, pid: fd.say(fd3.DRAINED, bytes(8)), 'CONFLICT')


def test_who_has_no_ledger_cannot_put_it_into_safe_mode():
	captured_case('prevalidator', lambda node, fd, pid: fd.report('safe_mode', b'give up'),
		'MALFORMED')


def test_who_reports_a_phase_that_there_is_not_ends():
	for phase in ('starting', 'drained', 5, 255):
		captured_case('archive', lambda node, fd, pid: fd.report(phase), 'MALFORMED')


def test_who_sends_a_verb_of_somebody_else_ends():
	captured_case('prevalidator', lambda node, fd, pid: fd.say(fd3.CAP_ANSWER, bytes(13),
		flags=wire.RESP), 'NOT_ROUTED')


def test_who_sends_no_frame_ends():
	captured_case('ingress', lambda node, fd, pid: fd.raw(b'\xff' * 64), 'MALFORMED')


def test_who_accuses_somebody_it_never_heard_from_ends_instead():
	def speak(node, captured, pid):
		captured.accuse('admin', fd3.generation(node, 'admin', node.worker('admin')))
	captured_case('ingress', speak, 'NOT_ROUTED')


def test_who_accuses_the_supervisor_ends():
	captured_case('ingress', lambda node, fd, pid: fd.accuse('supervisor', 1), 'NOT_ROUTED')


def test_who_accuses_a_higher_one_ends():
	def speak(node, captured, pid):
		captured.accuse('sequencer', fd3.generation(node, 'sequencer', node.worker('sequencer')))
	captured_case('ingress', speak, 'accused one above it: sequencer')


def test_a_lower_one_ends_when_a_higher_one_accuses_it():
	with Node() as node:
		old = node.worker('ingress')
		with fd3.Fd3(node.worker('sequencer')) as captured:
			captured.accuse('ingress', fd3.generation(node, 'ingress', old))
			await_new(node, 'ingress', old)
		assert [one['role'] for one in deaths(node)] == ['ingress']
		assert 'accused by sequencer' in deaths(node)[0]['cause']


def test_an_accusation_of_a_generation_that_is_gone_is_dropped():
	with Node() as node:
		old = node.worker('ingress')
		gone = fd3.generation(node, 'ingress', old)
		node.signal_worker('ingress')
		await_new(node, 'ingress', old)
		before = node.workers()
		with fd3.Fd3(node.worker('sequencer')) as captured:
			captured.accuse('ingress', gone)
			captured.accuse('ingress', 0xFFFFFFFF)
			eventually(lambda: node.log_text().count('accusation_dropped') == 2, 'both are dropped')
		assert node.workers() == before


def test_half_a_frame_is_no_accusation():
	with Node() as node:
		old = node.worker('ingress')
		frame = wire.encode_frame(wire.Frame(wire.EVENT, 0, 0, fd3.READY, bytes(8)))
		with fd3.Fd3(old) as captured:
			captured.raw(frame[:-1])
			node.signal_worker('ingress')
		await_new(node, 'ingress', old)
		assert [one['cause'] for one in deaths(node)] == ['signal 9 (KILL)']
		assert node.metric('accusations_total') == 0


def test_the_sequencer_cannot_answer_what_kms_was_asked():
	with Node() as node:
		kms = node.worker('kms')
		stop_process(kms)
		words = [*nodes.command(node.build, node.profile), 'cap', 'list']
		asking = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
		with fd3.Fd3(node.worker('sequencer')) as captured:
			for number in range(1, 5):
				captured.say(fd3.GOVERN_ANSWER, struct.pack('<BQI', 0, 0, 6) + b'forged',
					flags=wire.RESP, corr_id=number)
			os.kill(kms, signal.SIGCONT)
			out, err = asking.communicate(timeout=60)
		assert 'forged' not in out + err


# --- the end -------------------------------------------------------------------------------


def ended(node, code=0):
	"""Waits for the end of a node that was told to stop."""
	tree = nodes.process_tree(node.child.pid)
	assert node.child.wait(60) == code, node.child.returncode
	assert nodes.wait_gone(tree, 30)


def test_term_twice_is_term_once():
	with Node() as node:
		node.child.terminate()
		node.child.terminate()
		ended(node)


def test_term_at_any_moment_of_the_start_ends_it_in_order():
	for delay_ms in range(0, 60, 4):
		node = Node()
		try:
			node.start(wait=False)
			eventually(lambda: 'listener_opened' in node.log_text(), 'it has begun')
			until = time.monotonic() + delay_ms / 1000
			while time.monotonic() < until:
				pass
			tree = nodes.process_tree(node.child.pid)
			node.child.terminate()
			assert node.child.wait(60) in (0, -signal.SIGTERM), node.child.returncode
			assert nodes.wait_gone(tree, 30)
		finally:
			node.stop()
			node.remove()


def test_a_worker_in_back_off_does_not_hold_up_the_end():
	keys = {'restart_min': '30s', 'restart_max': '30s', 'restart_cap': '30s'}
	with Node({'node': keys}) as node:
		await_new(node, 'prevalidator', node.signal_worker('prevalidator'))
		node.signal_worker('prevalidator')
		eventually(lambda: len(deaths(node)) == 2, 'its second death')
		node.child.terminate()
		ended(node)


def test_a_stuck_edge_does_not_take_the_time_of_the_ledger():
	with Node({'node': {'drain_timeout': '12s'}}) as node:
		stop_process(node.worker('ingress'))
		node.child.terminate()
		ended(node)
		died = [record['about'] for record in node.log() if record['event'] == 'worker_died']
		assert died == ['ingress'], died


def test_a_stuck_committer_forces_the_end_and_says_so():
	with Node({'node': {'drain_timeout': '1s'}}) as node:
		stop_process(node.worker('committer'))
		node.child.terminate()
		ended(node, code=3)
		assert 'the node did not stop in time' in node.log_text()


def test_a_worker_that_dies_while_the_node_stops_is_not_replaced():
	for role in ROLES:
		with Node({'node': {'drain_timeout': '60s'}}) as node:
			stuck = node.worker('prevalidator' if role == 'ingress' else 'ingress')
			stop_process(stuck)
			victim = node.worker(role)
			node.child.terminate()
			eventually(lambda: 'stopping' in node.log_text(), 'it stops')
			if victim != stuck:
				try:
					os.kill(victim, signal.SIGKILL)
				except ProcessLookupError:
					pass
			os.kill(stuck, signal.SIGCONT)
			ended(node)
			assert 'worker_restarted' not in node.log_text()


def test_who_asks_for_the_end_is_answered():
	with Node() as node:
		assert node.cli('stop').returncode == 0
		ended(node)


# --- paths that are somebody else's --------------------------------------------------------


def test_a_socket_replaces_no_file():
	for name in ('precious', 'precious~'):
		node = Node()
		try:
			precious = node.directory / name
			precious.write_text('content')
			node.profile.write_config({'uds': {'path': str(node.directory / 'precious')}})
			node.start(wait=False)
			assert node.child.wait(node.seconds) == 3
			assert precious.read_text() == 'content', name
			assert 'is no socket' in node.log_text(), node.log_text()
		finally:
			node.stop()
			node.remove()


# --- a disk that is not there --------------------------------------------------------------


def test_a_store_that_vanished_is_not_begun_anew():
	with Node() as node:
		token = node.mint()
		one = entry('Mint', 'a', 5)
		assert node.ingest([one], token).status == 200
		node.stop()
		store = node.profile.data / 'store'
		store.rename(node.profile.data / 'away')
		node.start(wait=False)
		eventually(lambda: 'there is no ledger in it' in node.log_text(), 'it is said')
		assert node.ingest([one], token).status == 503
		node.stop()
		shutil.rmtree(store)
		(node.profile.data / 'away').rename(store)
		node.start()
		assert node.ingest([one], token).json()['seq_start'] == 1


# --- the log -------------------------------------------------------------------------------


def test_the_log_file_is_opened_again_on_usr1():
	node = Node()
	log = node.directory / 'node2.log'
	node.profile.write_config({'log': {'file': str(log)}})
	with node:
		old = log.with_name('old.log')
		log.rename(old)
		os.kill(node.child.pid, signal.SIGUSR1)
		eventually(lambda: log.exists() and 'log_reopened' in log.read_text(), 'the new file')
		node.signal_worker('prevalidator')
		eventually(lambda: 'worker_died' in log.read_text(), 'what comes later goes there')
		assert 'worker_died' not in old.read_text()


def test_a_log_file_that_cannot_be_opened_again_keeps_the_old_one():
	node = Node()
	directory = node.directory / 'logs'
	directory.mkdir()
	log = directory / 'node.log'
	node.profile.write_config({'log': {'file': str(log)}})
	with node:
		held = log.open()
		directory.rename(node.directory / 'moved')
		os.kill(node.child.pid, signal.SIGUSR1)
		eventually(lambda: 'log_reopen_failed' in (node.directory / 'moved/node.log').read_text(),
			'it is said')
		node.signal_worker('prevalidator')
		eventually(lambda: 'worker_died' in held.read(), 'the old file goes on')
		held.close()


if __name__ == '__main__':
	tap.main(globals())

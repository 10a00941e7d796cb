"""The configuration of a node that runs, read again: two phases over all of its workers.

What each key does is in test_reload_keys.py; here is what holds for all of them.
"""
import contextlib
import ctypes
import json
import os
import pathlib
import resource
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import fd3  # noqa: E402
import tap  # noqa: E402
import wire  # noqa: E402
from harness import Node, entry, eventually, nodes  # noqa: E402
from reloading import change, hup, reload, said  # noqa: E402


RELOAD_KIND = 9  # core/audit.h


def result(node):
	return json.loads(node.cli('--run-dir', str(node.profile.run), 'status', '--json').stdout)['config']


def test_a_reload_is_told_to_whoever_asked_to_status_metrics_log_and_audit():
	with Node() as node:
		assert result(node) == {'generation': 1, 'reloading': False}
		change(node, limits={'rps': 9}, concurrency={'ingress_workers': 2})
		told = reload(node)
		assert told['applied'] and told['generation'] == 2 and told['refusal'] == ''
		assert told['actor'] == f'uid {os.geteuid()}'
		assert told['changed'] == [{'from': '0', 'key': 'limits.rps', 'to': '9'}]
		assert told['needs_restart'] == [
			{'from': '1', 'key': 'concurrency.ingress_workers', 'to': '2'}]
		assert result(node)['last_reload']['changed'] == ['limits.rps']
		assert node.metric('config_generation') == 2
		assert node.metric('config_apply_total', status='ok') == 2  # the start is one
		assert node.metric('config_last_reload_successful') == 1
		assert node.metric('config_last_reload_timestamp_seconds') == told['ts_ms'] // 1000
		changed = said(node, 'config_changed')
		assert [(one['key'], one['text']) for one in changed] == [('limits.rps', '0 -> 9')]
		assert [one['key'] for one in said(node, 'config_needs_restart')] == \
			['concurrency.ingress_workers']
		assert said(node, 'config_applied')[0]['generation'] == 2
		records = eventually(lambda: audited(node), 'the audit record')
		assert len(records) == 1 and records[0] == told, records
		assert node.cli('audit', 'verify', stdin=exported(node)).returncode == 0


def exported(node):
	node.environment['MACRONODE_TOKEN'] = node.mint()
	return node.cli('audit', 'export').stdout


def audited(node):
	lines = [json.loads(line) for line in exported(node).splitlines()]
	return [json.loads(one['bytes']) for one in lines if one.get('kind') == RELOAD_KIND]


def test_records_wait_while_the_ledger_takes_no_writes():
	with Node() as node:
		change(node, engine={'disk_reserve': '1024GiB'})
		told = [reload(node)]
		eventually(lambda: node.metric('ledger_safe_mode') == 1, 'a full disk')
		for rps in (5, 6):
			change(node, limits={'rps': rps})
			told.append(reload(node))
		change(node, engine={'disk_reserve': '1MiB'})
		told.append(reload(node))
		node.wait_ready()
		records = eventually(lambda: len(audited(node)) >= 4 and audited(node), 'all of them')
		assert records == told, records


def test_a_restart_takes_what_was_named_and_starts_with_the_first_generation():
	with Node() as node:
		change(node, wallet={'idem_capacity': 2048})
		assert reload(node)['needs_restart'][0]['key'] == 'wallet.idem_capacity'
		assert reload(node)['needs_restart'][0]['key'] == 'wallet.idem_capacity', 'still'
		node.restart()
		assert reload(node)['needs_restart'] == []


def test_what_is_broken_keeps_the_old_configuration_and_says_where():
	with Node() as node:
		good = node.profile.config.read_text()
		broken = {
			'[limits]\nrps = 5\n[limits': ':3:',
			good.replace('rps = 0', 'rps = -1'): 'limits.rps: expected a number from 0',
			good.replace('rps = 0', 'rsp = 1'): 'did you mean limits.rps?',
			good.replace('rps = 0', 'rps = "1"'): 'limits.rps: expected a number',
			good + '[wallet]\nmax_amount_per_op = "9"\ndaily_ceiling = "8"\n':
				'wallet.max_amount_per_op must not be above wallet.daily_ceiling',
			good.replace('policy.json', 'nowhere.json'): 'nowhere.json: it cannot be read',
			'[nothing]\n': 'nothing',
			good.replace(node.profile.api_address, '10.0.0.1:80'): 'expected a loopback address',
			good + '[log]\nfile = "/nowhere/node.log"\n': 'log.file: cannot be opened: No such file',
			good.replace(str(node.profile.uds), longest(node) + 'x'):
				'uds.path: expected an absolute path of at most 106 bytes',
			good.replace('[uds]', '[uds]\ngroup = "no-such-group"'): 'uds.group: cannot be bound',
		}
		for count, (text, words) in enumerate(broken.items(), 1):
			node.profile.config.write_text(text)
			hup(node)
			refused = eventually(lambda count=count: len(said(node, 'config_refused')) == count
				and said(node, 'config_refused')[-1], f'a refusal of {text!r}')
			assert words in refused['text'], (words, refused)
			assert result(node)['last_reload']['refusal'] == refused['text']
			assert not result(node)['last_reload']['applied']
		assert result(node)['generation'] == 1 and node.metric('config_generation') == 1
		assert node.metric('config_apply_total', status='failed') == len(broken)
		assert node.metric('config_last_reload_successful') == 0
		node.profile.config.write_text(good)
		assert reload(node)['applied']
		assert node.metric('config_last_reload_successful') == 1
		assert node.http('GET', '/healthz').status == 200


def test_a_file_that_is_none_holds_nobody_up():
	with Node() as node:
		config, policy = node.profile.config, node.profile.policy
		good = config.read_text()
		config.unlink()
		refuse(node, 'No such file')
		os.mkfifo(config)
		refuse(node, 'expected a regular file')
		config.unlink()
		config.mkdir()
		refuse(node, 'expected a regular file')
		config.rmdir()
		config.write_text(good)
		policy.unlink()
		os.mkfifo(policy)
		refuse(node, 'policy.json: it cannot be read: expected a regular file')
		policy.unlink()
		policy.write_text('{"version": 1, "allowed_ops": ["transfer"], "assetts": {}}')
		refuse(node, 'policy.json: assetts: there is no such member')
		assert node.workers() and result(node)['generation'] == 1


def refuse(node, words):
	before = len(said(node, 'config_refused'))
	hup(node)
	refused = eventually(lambda: len(said(node, 'config_refused')) > before
		and said(node, 'config_refused')[-1], 'a refusal')
	assert words in refused['text'], (words, refused)


def test_the_command_says_why_and_exits_with_1():
	with Node() as node:
		good = node.profile.config.read_text()
		node.profile.config.write_text(good.replace('rps = 0', 'rps = -1'))
		done = node.cli('reload', check=False)
		assert done.returncode == 1 and 'limits.rps: expected' in done.stderr, done
		node.profile.config.write_text(good)
		with socket.socket() as other:
			other.bind(('127.0.0.1', 0))
			other.listen()
			change(node, api={'bind_addr': f'127.0.0.1:{other.getsockname()[1]}'})
			done = node.cli('reload', check=False)
		assert done.returncode == 1 and 'api.bind_addr: cannot be bound: Address' in done.stderr, done
		node.profile.config.write_text(good)
		change(node)
		assert node.http('GET', '/healthz').status == 200, 'the old listener stays'
		assert node.cli('reload').returncode == 0
		node.stop()
		assert node.cli('reload', check=False).returncode == 3


def test_a_worker_that_is_silent_makes_all_others_drop_it():
	with Node({'node': {'ping_timeout': '1m'}}) as node:
		node.environment['MACRONODE_TOKEN'] = node.mint()
		change(node, limits={'max_body_bytes': '1KiB'})
		pid = node.signal_worker('wallet', signal.SIGSTOP)
		try:
			done = node.cli('reload', check=False)
		finally:
			os.kill(pid, signal.SIGCONT)
		assert done.returncode == 1 and 'wallet 0 did not answer within 5 s' in done.stderr, done
		assert node.metric('config_rollback_total') == 1
		assert body_is_taken(node), 'the old bound holds'
		told = reload(node)
		assert [one['key'] for one in told['changed']] == ['limits.max_body_bytes']
		assert told['generation'] == 3, 'no number is tried twice'
		assert not body_is_taken(node)
		assert pid in node.workers('wallet'), 'nobody died of it'


def body_is_taken(node):
	return node.http('POST', '/ingest', {'batch': [], 'memo': 'x' * 2000},
		token=node.environment['MACRONODE_TOKEN']).status != 413


def test_a_worker_that_dies_before_all_agreed_makes_them_drop_it():
	with Node({'node': {'ping_timeout': '1m'}}) as node:
		change(node, limits={'rps': 77})
		silent = node.signal_worker('wallet', signal.SIGSTOP)
		asked = subprocess.Popen([*nodes.command(node.build, node.profile), 'reload'],
			stderr=subprocess.PIPE, text=True, env=node.environment)
		eventually(lambda: result(node)['reloading'], 'all to be asked')
		archive = node.signal_worker('archive')
		_, words = asked.communicate(timeout=60)
		os.kill(silent, signal.SIGCONT)
		assert asked.returncode == 1, words
		assert 'archive 0 died before all had agreed' in words, words
		node.wait_replaced(('archive', archive))
		assert reload(node)['changed'][0]['key'] == 'limits.rps'


CONFIG_PREPARED = 0x0110


def test_a_captured_worker_writes_nothing_but_letters_on_a_terminal():
	with Node({'node': {'ping_timeout': '1m'}}) as node:
		wallet = node.signal_worker('wallet', signal.SIGSTOP)  # else it would answer by itself
		with fd3.Fd3(wallet) as captured:
			asked = asker(node)
			eventually(lambda: result(node)['reloading'], 'all to be asked')
			words = b'all is \x1b[2Jwell\r\n'
			captured.say(CONFIG_PREPARED, struct.pack('<QBI', 2, fd3.ERR_MALFORMED, len(words)) + words)
			_, said_words = asked.communicate(timeout=60)
		os.kill(wallet, signal.SIGCONT)
		assert asked.returncode == 1
		assert said_words == 'macronode reload: wallet 0: all is ?[2Jwell??\n', said_words


def asker(node):
	return subprocess.Popen([*nodes.command(node.build, node.profile), 'reload'],
		stderr=subprocess.PIPE, text=True, env=node.environment)


PTRACE_SEIZE, PTRACE_CONT = 0x4206, 7


@contextlib.contextmanager
def kept_from_being_reaped(pid):
	"""Whoever traces a process sees its end first, and its parent only afterwards."""
	libc = ctypes.CDLL(None, use_errno=True)
	if libc.ptrace(PTRACE_SEIZE, pid, None, None) != 0:
		raise tap.Skip(f'no process can be traced here: {os.strerror(ctypes.get_errno())}')
	try:
		yield
	finally:
		with contextlib.suppress(ProcessLookupError):
			os.kill(pid, signal.SIGKILL)
		while not os.WIFSIGNALED(os.waitpid(pid, 0x40000000)[1]):  # __WALL
			libc.ptrace(PTRACE_CONT, pid, None, None)


def test_a_worker_that_is_killed_and_stays_makes_them_drop_it_too():
	with Node({'node': {'ping_timeout': '1s'}}) as node:
		change(node, limits={'rps': 77})
		with kept_from_being_reaped(node.worker('wallet')):
			wallet = node.signal_worker('wallet', signal.SIGSTOP)
			done = node.cli('reload', check=False)
			assert any(one['pid_of'] == wallet for one in said(node, 'worker_hung')), 'it was killed'
		assert done.returncode == 1 and 'wallet 0 died before all had agreed' in done.stderr, done
		node.wait_replaced(('wallet', wallet))
		assert reload(node)['changed'][0]['key'] == 'limits.rps'
		assert node.metric('service_restarts_total') == 1, 'the others had dropped it'


def test_whoever_waits_for_the_next_one_is_told_that_the_node_stops():
	with Node({'node': {'ping_timeout': '1m'}}) as node:
		silent = node.signal_worker('wallet', signal.SIGSTOP)
		askers = eventually(lambda: three_that_wait(node), 'two to wait for the end of the first')
		node.child.terminate()
		eventually(lambda: askers[0].poll() is not None, 'an answer')
		os.kill(silent, signal.SIGCONT)
		for one in askers:
			_, words = one.communicate(timeout=60)
			assert one.returncode == 1 and 'the node stops' in words, words
		assert node.child.wait(60) == 0
		node.child = None


def three_that_wait(node):
	"""None: the first was given up, for the silent worker, before the last was heard."""
	before = node.metric('config_coalesced_total')
	askers = []
	for _ in range(3):
		askers.append(asker(node))
		eventually(lambda: result(node)['reloading'], 'it to be heard')
	eventually(lambda: node.metric('config_coalesced_total') > before or askers[0].poll() is not None,
		'the others to be heard')
	if askers[0].poll() is None:
		return askers
	for one in askers:
		one.communicate(timeout=60)
	return None


def test_what_was_done_is_on_record_before_the_store_closes():
	with Node() as node:
		good = node.profile.config.read_text()
		committer = node.signal_worker('committer', signal.SIGSTOP)
		node.profile.config.write_text('[broken')
		for count in range(1, 201):
			hup(node)
			eventually(lambda count=count: len(said(node, 'config_refused')) == count, 'a refusal')
		os.kill(committer, signal.SIGCONT)
		node.child.terminate()
		assert node.child.wait(60) == 0 and not said(node, 'audit_lost')
		node.child = None
		node.profile.config.write_text(good)
		node.start()
		assert len(audited(node)) == 200


def test_without_descriptors_it_says_so_at_once():
	with Node() as node:
		api, admin = nodes.free_ports(2)
		change(node, api={'bind_addr': f'127.0.0.1:{api}'}, admin={'bind_addr': f'127.0.0.1:{admin}'},
			uds={'path': str(node.profile.run / 'other')})
		open_files = [int(name) for name in os.listdir(f'/proc/{node.child.pid}/fd')]
		refusals = []
		for limit in range(len(open_files) // 2, max(open_files) + 16):  # from none that is free to enough
			resource.prlimit(node.child.pid, resource.RLIMIT_NOFILE, (limit, 4096))
			hup(node)
			eventually(lambda: len(said(node, 'config_refused')) > len(refusals) or
				said(node, 'config_applied'), 'the end of it')
			if said(node, 'config_applied'):
				break
			refusals.append(said(node, 'config_refused')[-1]['text'])
		resource.prlimit(node.child.pid, resource.RLIMIT_NOFILE, (4096, 4096))
		assert 'no descriptor is left to pass files and sockets with' in refusals, refusals
		assert not any('did not answer' in one for one in refusals), refusals
		assert node.http('GET', '/readyz', plane='admin').status == 200, 'the one that had enough'
		assert node.metric('service_restarts_total') == 0


def test_whoever_is_born_later_has_what_is_in_force():
	with Node() as node:
		change(node, limits={'max_body_bytes': '1KiB'})
		reload(node)
		node.environment['MACRONODE_TOKEN'] = node.mint()
		node.replace_worker('ingress')
		node.replace_worker('prevalidator')
		assert not body_is_taken(node)
		change(node, limits={'max_body_bytes': '1MiB'})
		reload(node)
		assert body_is_taken(node)


def test_many_at_once_become_few():
	with Node() as node:
		for rps in range(1, 101):
			change(node, limits={'rps': 1000000 + rps})
			hup(node)
		eventually(lambda: any(one['text'].endswith('-> 1000100') for one in
			said(node, 'config_changed')), 'the last of them')
		eventually(lambda: not result(node)['reloading']
			and result(node)['generation'] == node.metric('config_apply_total', status='ok'), 'no other to follow')
		assert 2 <= result(node)['generation'] <= 102
		assert node.metric('config_apply_total', status='failed') == 0
		askers = [subprocess.Popen([*nodes.command(node.build, node.profile), 'reload'],
			env=node.environment, stderr=subprocess.DEVNULL) for _ in range(12)]
		assert [asker.wait(timeout=60) for asker in askers] == [0] * 12


def test_a_hundred_of_them_under_load_fail_no_write():
	with Node() as node:
		token, stop, bad, done = node.mint(), threading.Event(), [], []

		def write(account):
			with node.open_http() as connection:
				while not stop.is_set():
					body = {'batch': [{**entry('Mint', account, 1),
						'capability_ref': nodes.capability_ref(token)}]}
					answer = connection.request('POST', '/ingest', json.dumps(body).encode(),
						{'Content-Type': 'application/json', 'Authorization': f'Bearer {token}'})
					(done if answer.status == 200 else bad).append(answer)

		writers = [threading.Thread(target=write, args=(f'acct:{i}',)) for i in range(4)]
		for writer in writers:
			writer.start()
		try:
			for i in range(100):
				change(node, limits={'rps': 0 if i % 2 else 1000000},
					kms={'cache_ttl': f'{1 + i % 7}s'}, log={'level': ('info', 'debug')[i % 2]},
					wallet={'daily_ceiling': str(10 ** 22 + i)})
				hup(node)
				if i % 10 == 9:
					assert reload(node)['applied']
		finally:
			stop.set()
			for writer in writers:
				writer.join(60)
		assert not bad, bad[:3]
		assert len(done) > 100, len(done)
		assert node.metric('config_apply_total', status='failed') == 0
		assert node.metric('service_restarts_total') == 0
		node.environment['MACRONODE_TOKEN'] = token
		assert node.cli('verify').returncode == 0


def test_listeners_move_and_connections_stay():
	with Node() as node:
		old_api, old_admin = node.profile.api_address, node.profile.admin_address
		old_uds = node.profile.uds
		api, admin = nodes.free_ports(2)
		with node.open_http() as kept, node.open_http('uds') as kept_local:
			assert kept.request('GET', '/healthz').status == 200
			assert kept_local.request('GET', '/healthz').status == 200
			change(node, api={'bind_addr': f'127.0.0.1:{api}'},
				admin={'bind_addr': f'127.0.0.2:{admin}'}, uds={'path': str(node.profile.run / 'other')})
			told = reload(node)
			assert sorted(one['key'] for one in told['changed']) == \
				['admin.bind_addr', 'api.bind_addr', 'uds.path']
			assert node.http('GET', '/healthz').status == 200
			assert node.http('GET', '/readyz', plane='admin').status == 200
			assert kept.request('GET', '/healthz').status == 200, 'it was there before'
			assert kept_local.request('GET', '/healthz').status == 200
			for address in (old_api, old_admin):
				assert not answers(address)
			assert not old_uds.exists()
			node.profile.uds = node.profile.run / 'other'
			assert node.http('GET', '/healthz', plane='uds').status == 200
			change(node, uds={'path': ''})
			reload(node)
			assert not node.profile.uds.exists()
			assert kept_local.request('GET', '/healthz').status == 200
			for path in (longest(node), str(old_uds)):
				change(node, uds={'path': path})
				reload(node)
			node.profile.uds = old_uds
			assert node.http('GET', '/healthz', plane='uds').status == 200
		node.replace_worker('ingress')
		assert node.http('GET', '/healthz').status == 200
		assert node.http('GET', '/healthz', plane='uds').status == 200


def longest(node):
	"""The longest path that uds.path may have."""
	return f'{node.profile.run}/'.ljust(106, 'x')


def answers(address):
	try:
		wire.connect_tcp(address, 5).close()
	except OSError:
		return False
	return True


def test_two_addresses_change_places():
	with Node() as node:
		api, admin = node.profile.api_address, node.profile.admin_address
		change(node, api={'bind_addr': admin}, admin={'bind_addr': api})
		reload(node)
		assert node.http('GET', '/readyz', plane='admin').status == 200
		assert node.http('GET', '/metrics').status == 404, 'that is the API now'
		with socket.socket() as other:
			other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
			try:
				other.bind(('127.0.0.1', int(api.rsplit(':', 1)[1])))
				shared = True
			except OSError:
				shared = False
		assert not shared, 'another node would be told'


def test_the_group_of_the_local_socket():
	if os.geteuid() != 0:
		raise tap.Skip('only root can give a socket to another group')
	with Node() as node:
		change(node, uds={'group': 'daemon'})
		reload(node)
		gid = node.profile.uds.stat().st_gid
		assert node.profile.uds.stat().st_mode & 0o777 == 0o660 and gid != os.getegid()
		assert node.profile.run.stat().st_mode & 0o777 == 0o750
		assert node.profile.run.stat().st_gid == gid
		assert node.http('GET', '/healthz', plane='uds').status == 200
		change(node, uds={'group': ''})
		reload(node)
		assert stat.S_IMODE(node.profile.uds.stat().st_mode) == 0o600
		assert stat.S_IMODE(node.profile.run.stat().st_mode) == 0o700
		assert not list(node.profile.run.glob('*~')), 'nothing is left beside it'


def test_an_ordinary_user_reloads_his_node():
	user = 12345 if os.geteuid() == 0 else None
	with Node(user=user) as node:
		change(node, limits={'rps': 3}, uds={'path': str(node.profile.run / 'moved')})
		hup(node)
		eventually(lambda: said(node, 'config_applied'), 'the reload')
		node.profile.uds = node.profile.run / 'moved'
		assert node.http('GET', '/healthz', plane='uds').status in (200, 429)


if __name__ == '__main__':
	tap.main(globals())

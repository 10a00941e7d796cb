"""Every key of the configuration, changed while the node runs: taken at once, by another socket, or
named because it takes a restart; and for many of them, that it really has an effect.

Which key is of which class is read from the manual, whose table is made of common/config_table.h.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import tap  # noqa: E402
from certs import Certificates  # noqa: E402
from harness import BUILD, Node, entry, eventually, nodes  # noqa: E402
from reloading import change, reload, said, settings_of  # noqa: E402

MANUAL = nodes.CHECKOUT / 'man/macronode.toml.5'


def keys():
	"""Name -> whether a change takes a restart."""
	items = re.findall(r'^\.It Ic (\w+\.\w+)\n(.*?)(?=^\.It|^\.El)', MANUAL.read_text(),
		re.MULTILINE | re.DOTALL)
	found = {name: 'A change takes a restart.' in text for name, text in items}
	assert len(found) > 75, len(found)
	return found


def others(node):
	"""Another good value of each key that is not in the list below: by the kind of what it has."""
	api, admin = nodes.free_ports(2)
	special = {
		'node.data_dir': str(node.directory / 'elsewhere'), 'node.name': 'other.example',
		'node.run_dir': str(node.profile.run) + '2', 'node.uid_base': 48000,
		'node.restart_min': '90ms', 'node.restart_max': '600ms', 'node.restart_cap': '6s',
		'admin.bind_addr': f'127.0.0.1:{admin}', 'api.bind_addr': f'127.0.0.1:{api}',
		'api.host_names': ['ledger.example'], 'uds.path': str(node.profile.run / 'another'),
		'uds.allow_uids': [os.getuid(), 4711], 'uds.group': 'daemon' if os.geteuid() == 0 else None,
		'concurrency.ingress_workers': 3, 'concurrency.prevalidators': 3,
		'concurrency.compute_workers': 5, 'engine.hash': 'blake3', 'engine.disk_reserve': '2MiB',
		'log.level': 'debug', 'log.format': 'text', 'log.file': str(node.directory / 'second.log'),
		'limits.max_body_bytes': '512KiB', 'limits.rps': 123456,
		'rewarder.trust_keys': [signer()], 'rewarder.idempotency_salt': 'other',
		'rewarder.on_cost_exceed': 'dry_run', 'rewarder.invariant_latch': 'run',
		'rewarder.max_snapshot_bytes': '2MiB', 'rewarder.max_epoch_skew': '3m',
		'wallet.max_amount_per_op': '77', 'wallet.daily_ceiling': '9' * 22,
		'wallet.max_account_total': '9' * 30, 'wallet.staleness_window': '200ms',
		'objects.max_object_bytes': '32MiB', 'readiness.committer_lag_ms_max': 2000,
		'policy.file': str(node.directory / 'second.json'), 'kms.cache_ttl': '4s',
		'otel.endpoint': 'http://127.0.0.1:4318', 'otel.sample_ratio': 0.5, 'otel.environment': 'test',
		'otel.headers_file': str(node.directory / 'headers'), 'amnesia.size': '2GiB', 'brownout.exit_p95_ms': 90,
	}
	skipped = {
		'pq.mode': 'the library has no other: test_tls asks for them',
		'amnesia.enabled': 'it sets engine.mode, too', 'engine.mode': 'it sets amnesia.enabled, too',
		**({} if special['uds.group'] else {'uds.group': 'only root has another group'}),
	}
	return special, skipped


def signer():
	"""A vkey, as keygen prints it."""
	with tempfile.TemporaryDirectory() as directory:
		done = subprocess.run([str(BUILD / 'cli/macronode'), 'reward', 'policy', 'keygen',
			f'{directory}/key', '--kid', 'someone', '--json'], capture_output=True, text=True, check=True)
		return re.search(r'[\w.:-]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+', done.stdout)[0]


def another(value):
	"""Of a value as `config print --json` has it."""
	if value in ('true', 'false'):
		return value == 'false'
	if match := re.fullmatch(r'(\d+)(ms|s|m|h)', value):
		return f'{int(match[1]) * 2}{match[2]}'
	if match := re.fullmatch(r'(\d+)(B|KiB|MiB|GiB)', value):
		return f'{int(match[1]) * 2}{match[2]}'
	if re.fullmatch(r'\d+', value):
		return (int(value) or 1) * 2 if int(value) < 4 else int(value) - 1
	raise AssertionError(f'no rule for {value!r}')


def takes_or_names(node, values):
	"""Each is changed alone. Returns what was taken: name -> value."""
	classes, wanted, generation = keys(), {}, 1
	for name, value in values.items():
		section, key = name.split('.')
		before = settings_of(node)
		change(node, **{section: {key: value}})
		told = reload(node)
		generation += 1
		assert told['generation'] == generation, (name, told)
		got = [one['key'] for one in told['needs_restart' if classes[name] else 'changed']]
		assert got == [name], (name, classes[name], told)
		assert not told['changed' if classes[name] else 'needs_restart'], (name, told)
		if classes[name]:  # or it is named again and again
			node.profile.config.write_text(nodes.toml(before))
		else:
			wanted[name] = value
	assert node.metric('config_generation') == generation
	assert node.metric('service_restarts_total') == 0
	# and all of them at once are what a start would take
	assert node.cli('config', 'validate').returncode == 0
	return wanted


def test_each_key_is_taken_or_named():
	with Node() as node:
		(node.directory / 'second.json').write_text(node.profile.policy.read_text())
		special, skipped = others(node)
		now = {name: one['value'] for name, one in
			json.loads(node.cli('config', 'print', '--json').stdout).items()}
		assert set(now) == set(keys()), set(now) ^ set(keys())
		for name, why in skipped.items():
			print(f'{name} is left out: {why}')
		wanted = takes_or_names(node, {name: special[name] if name in special else another(now[name])
			for name in keys() if name not in skipped and not name.startswith('tls.')})
		assert len(wanted) > 50, len(wanted)
		node.profile.uds = node.profile.run / 'another'
		assert node.http('GET', '/healthz', plane='uds').status == 200


def test_each_key_of_tls_is_taken_or_named():
	made = Certificates()
	made.issue('server', names='DNS:localhost,IP:127.0.0.1')
	for end in ('crt', 'key'):
		shutil.copy(made.path(f'server.{end}'), made.path(f'again.{end}'))
	values = {'tls.cert_path': str(made.path('again.crt')), 'tls.key_path': str(made.path('again.key')),
		'tls.client_ca_path': str(made.path('ca.crt')), 'tls.ocsp_path': str(made.ocsp('server')),
		'tls.mtls_required': True, 'tls.handshake_timeout': '4s', 'tls.listeners': 'all',
		'tls.enabled': False}
	assert set(values) == {name for name in keys() if name.startswith('tls.')}
	with Node({'tls': made.tls()}) as node:
		assert len(takes_or_names(node, values)) == 6


def test_what_two_keys_say_together_is_named_with_both():
	with Node() as node:
		change(node, amnesia={'enabled': True})
		told = reload(node)
		assert [one['key'] for one in told['needs_restart']] == ['engine.mode', 'amnesia.enabled']
		assert told['changed'] == []
		# with what stays as it is, the rest must be what a start would take
		change(node, amnesia={'enabled': False}, uds={'path': node.profile.config.as_posix()})
		done = node.cli('reload', check=False)
		assert done.returncode == 1 and 'uds.path: cannot be bound: File exists' in done.stderr, done


def test_in_amnesia_a_user_namespace_knows_nobody_else():
	user = 12345 if os.geteuid() == 0 else None
	try:
		node = Node(user=user, amnesia=True).start()
	except nodes.NodeError as error:
		raise tap.Skip(f'no node in amnesia here: {error}')
	try:
		change(node, uds={'allow_uids': []}, limits={'rps': 9})
		told = json.loads(node.cli('reload', '--json').stdout)
		assert [one['key'] for one in told['needs_restart']] == ['uds.allow_uids'], told
		assert [one['key'] for one in told['changed']] == ['limits.rps'], told
	finally:
		node.stop()
		node.remove()


def test_limits_of_the_edge_are_those_of_the_file():
	with Node({'api': {'read_timeout': '1h', 'idle_timeout': '1h'}}) as node:
		named = {'Host': 'ledger.example'}
		assert node.http('GET', '/healthz', headers=named).status == 421
		with node.open_http() as patient, node.open_http() as idle:
			patient.send(b'GET /healthz HT')
			assert idle.request('GET', '/healthz').status == 200
			change(node, api={'host_names': ['ledger.example'], 'read_timeout': '1s',
				'idle_timeout': '1s'}, limits={'rps': 1})
			reload(node)
			assert node.http('GET', '/healthz', headers=named).status == 200
			assert b' 408 ' in node.raw(b'GET /healthz HT'), 'a head that does not come'
			assert idle.read_to_end() == b'', 'nothing is said to who is silent'
			eventually(lambda: node.http('GET', '/roots').status == 429, 'the rate')
			patient.send(b'TP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
			assert b' 200 ' in patient.read_to_end(), 'its deadline is that of its beginning'
		change(node, limits={'rps': 0})
		reload(node)
		assert all(node.http('GET', '/roots').status == 200 for _ in range(20))


def issue(node, token, amount):
	"""An operation under /v1 with the next nonce that there is; its status and document."""
	for nonce in (1, 2, 3, 4, 5, 6):
		answer = node.http('POST', '/v1/issue', {'to': 'alice', 'asset': 'ron',
			'amount_minor': str(amount), 'nonce': nonce}, token=token,
			headers={'Idempotency-Key': uuid.uuid4().hex})
		if answer.status != 409:
			return answer.status, answer.json()
	raise AssertionError(answer)


def test_ceilings_and_policy_are_those_of_the_files():
	with Node() as node:
		token = node.mint()
		assert issue(node, token, 50)[0] == 200
		change(node, wallet={'max_amount_per_op': '20'})
		reload(node)
		status, document = issue(node, token, 50)
		assert status in (400, 403, 422, 429) and 'max' in json.dumps(document).lower(), document
		assert issue(node, token, 20)[0] == 200
		node.profile.write_policy(allowed_ops=['transfer'])
		assert [one['key'] for one in reload(node)['changed']] == ['policy.file']
		status, document = issue(node, token, 10)
		assert status == 403 and 'olicy' in json.dumps(document), document
		node.profile.write_policy()
		reload(node)
		assert issue(node, token, 10)[0] == 200
		node.replace_worker('prevalidator')
		node.replace_worker('sequencer')
		assert issue(node, token, 10)[0] == 200, 'whoever comes later has it, too'


def test_the_clock_that_entries_must_keep_to():
	with Node() as node:
		token = node.mint()
		old = lambda: [entry('Mint', 'alice', 1, ts=int(time.time() * 1000) - 3600_000)]  # noqa: E731
		assert node.ingest(old(), token).status == 200
		change(node, ledger={'ts_skew': '1m'})
		reload(node)
		answer = node.ingest(old(), token)
		assert answer.status != 200 and b'ts_skew' in answer.body, answer.body
		change(node, ledger={'ts_skew': '2h'})
		reload(node)
		assert node.ingest(old(), token).status == 200


def test_the_reserve_of_the_disk():
	with Node() as node:
		token = node.mint()
		assert node.ingest([entry('Mint', 'alice', 1)], token).status == 200
		change(node, engine={'disk_reserve': '1024GiB'})
		reload(node)
		eventually(lambda: node.ingest([entry('Mint', 'alice', 1)], token).status != 200, 'a full disk')
		assert node.http('POST', '/put', b'bytes', token=token).status != 201
		change(node, engine={'disk_reserve': '1MiB'})
		reload(node)
		eventually(lambda: node.ingest([entry('Mint', 'alice', 1)], token).status == 200, 'room')
		assert node.http('POST', '/put', b'bytes', token=token).status == 201


def test_how_often_checkpoints_are_signed():
	with Node({'audit': {'root_emit_interval': '1h'}}) as node:
		token = node.mint()
		for _ in range(2):
			assert node.ingest([entry('Mint', 'alice', 1)], token).status == 200
		change(node, audit={'root_emit_interval': '100ms'})
		reload(node)
		eventually(lambda: node.http('GET', '/tlog/checkpoint').body.split(b'\n')[1] == b'2',
			'the checkpoint of what was written before')


def test_silence_is_judged_by_the_file():
	with Node({'node': {'ping_timeout': '10m'}}) as node:
		change(node, node={'ping_timeout': '2s'})
		reload(node)
		pid = node.signal_worker('wallet', signal.SIGSTOP)
		node.wait_replaced(('wallet', pid))
		assert any(one['about'] == 'wallet' for one in said(node, 'worker_hung'))


def test_the_log_goes_where_the_file_says():
	with Node() as node:
		second = node.directory / 'second.log'
		change(node, log={'file': str(second), 'format': 'text', 'level': 'debug'})
		reload(node)
		eventually(lambda: 'config_applied' in second.read_text(), 'the new file')
		assert 'config_applied' not in node.log_text()
		assert node.http('GET', '/healthz').status == 200
		eventually(lambda: 'request_answered' in second.read_text(), 'a line of a worker at debug')
		change(node, log={'file': '', 'format': 'json', 'level': 'warn'})
		reload(node)
		bytes_there = second.stat().st_size
		node.signal_worker('wallet')
		eventually(lambda: said(node, 'worker_died'), 'the old place again')
		assert second.stat().st_size == bytes_there


if __name__ == '__main__':
	tap.main(globals())

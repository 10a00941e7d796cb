#!/usr/bin/env python3
"""Paying epochs as an operator sees it: stopping and going on, who is held by a quarantine, a salt of
one's own, and numbers that move."""
import json
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import tap  # noqa: E402
from harness import entry, eventually  # noqa: E402
from reward_node import OverHttp, Payer, macronode  # noqa: E402

DAYS = [f'2026-10-{day:02}' for day in range(1, 31)]


def ask(one, what, token, of='', body=None, headers=None):
	return OverHttp(one.node, 'api').ask(what, token, of, body, headers)


def compute(one, epoch, request, token=None, **members):
	return ask(one, 'compute', token or one.runner(), epoch, {**request, **members})


def told(answer, status):
	assert answer.status == status, answer
	return json.loads(answer.body)


def ledger_of(one, epoch, request):
	return json.loads(compute(one, epoch, request).body).get('ledger', {})


def summary(one, epoch, tenant='acme'):
	return told(ask(one, 'epoch', one.inspector(tenant), epoch), 200)


def with_policy(**settings):
	one = Payer(**settings)
	policy = one.policy()
	one.put(policy)
	one.fill(100000)
	return one, policy


def readyz(one):
	return json.loads(one.node.http('GET', '/readyz', plane='admin').body)


def pool(one, tenant='acme'):
	response = one.node.http('GET', f'/v1/balance?account=sys:reward_pool:{tenant}:ron&asset=ron', token=one.all)
	return int(response.json()['amount_minor'])


# --- stopping, and going on -----------------------------------------------------------------------


def brownout(one, *words, exit_code=0):
	done = one.node.cli('reward', 'brownout', *words, check=False)
	assert done.returncode == exit_code, done
	return done.stdout


def test_an_operator_stops_payments_and_lets_them_go_on():
	one, policy = with_policy()
	with one:
		request = one.seal(policy, DAYS[0])
		assert json.loads(brownout(one, 'status', '--json')) == {'state': 'serving', 'frozen': False,
			'ledger_degraded': False}
		brownout(one, 'on', exit_code=2)  # nobody says why
		brownout(one, 'perhaps', exit_code=2)
		assert json.loads(brownout(one, 'on', '--reason', 'a doubt', '--json'))['brownout'] is True
		eventually(lambda: not readyz(one)['ledger_ok'], 'readiness says so')
		now = readyz(one)
		assert now['ready'] and now['degraded'] and now['rewarder_ready'], now
		assert 'rewards_frozen' in now['reason'], now
		assert 'frozen    yes' in brownout(one, 'status', exit_code=4)
		status = one.node.cli('status', check=False)
		assert status.returncode == 4 and 'reward brownout off' in status.stdout, status
		assert one.node.metric('readyz_degraded', cause='rewards_frozen') == 1
		eventually(lambda: one.node.metric('governance_freezes', scope='rewards') == 1, 'it is counted')
		result = told(compute(one, DAYS[0], request), 202)
		assert (result['quarantine'], result['ledger']) == (True, {'emitted': False, 'result': 'none'}), result
		assert one.node.ingest([entry('Mint', 'bob', 1)], one.all).status == 200  # all else goes on
		one.node.replace_worker('rewarder')
		one.node.wait_rewarder()
		eventually(lambda: not readyz(one)['ledger_ok'], 'another rewarder is told')
		assert told(compute(one, DAYS[0], request), 202)['ledger']['emitted'] is False
		before = pool(one)
		brownout(one, 'off', '--reason', 'it was nothing')
		eventually(lambda: summary(one, DAYS[0])['state'] == 'settled', 'what waited is paid by itself')
		eventually(lambda: pool(one) < before, 'the pool has less')
		assert json.loads(brownout(one, 'status', '--json'))['frozen'] is False
		assert told(compute(one, DAYS[0], request), 200)['ledger']['result'] == 'dup'


def test_a_freeze_of_rewards_outlives_the_node_and_is_in_the_audit_log():
	one, policy = with_policy()
	with one:
		request = one.seal(policy, DAYS[0])
		brownout(one, 'on', '--reason', 'over the weekend')
		told(compute(one, DAYS[0], request), 202)
		one.node.kill_all()
		one.node.start()
		one.node.wait_rewarder()
		eventually(lambda: 'rewards_frozen' in readyz(one).get('reason', ''), 'it still is frozen')
		assert told(compute(one, DAYS[0], request), 202)['ledger']['emitted'] is False
		brownout(one, 'off', '--reason', 'monday')
		eventually(lambda: readyz(one)['ledger_ok'], 'it is over')
		eventually(lambda: ledger_of(one, DAYS[0], request).get('emitted'), 'paid')
		one.node.stop()
		lines = [json.loads(line) for line in one.node.cli('audit', 'export').stdout.splitlines()]
		records = [json.loads(line['bytes']) for line in lines if line['type'] == 'audit']
		said = [(record['act'], record['reason']) for record in records if record.get('scope') == 'rewards']
		assert said == [('freeze', 'over the weekend'), ('unfreeze', 'monday')], records
		assert one.node.cli('verify').returncode == 0


def test_a_ledger_that_does_not_answer_is_a_brownout_that_ends_by_itself():
	one, policy = with_policy(rewarder={'ledger_deadline_ms': 100, 'ledger_max_retries': 1, 'attempt_budget': '300ms'},
		brownout={'exit_window': '1s', 'ping': '50ms'}, node={'ping_timeout': '60s'})
	with one:
		request = one.seal(policy, DAYS[0])
		dry = compute(one, DAYS[0], request, dry_run=True)
		assert dry.status == 200, dry
		one.node.signal_worker('committer', signal.SIGSTOP)  # it judges, and commits nothing
		try:
			result = told(compute(one, DAYS[0], request), 202)
			assert result['quarantine'] and result['ledger']['result'] == 'error', result
			assert one.node.metric('readyz_degraded', cause='ledger_degraded') == 1
			assert one.node.metric('io_timeouts_total', op='ledger') >= 1
		finally:
			one.node.signal_worker('committer', signal.SIGCONT)
		eventually(lambda: summary(one, DAYS[0])['state'] == 'settled', 'it is paid by itself')
		assert one.node.metric('readyz_degraded', cause='ledger_degraded') == 0
		for event in ('brownout_enter', 'brownout_exit', 'brownout_drained'):
			eventually(lambda event=event: f'"event":"{event}"' in one.node.log_text(), event)


def test_an_intent_whose_ledger_dies_is_sent_again():
	one, policy = with_policy(node={'ping_timeout': '60s'})
	with one:
		request = one.seal(policy, DAYS[0])
		one.node.signal_worker('committer', signal.SIGSTOP)
		waits = OverHttp(one.node, 'api').ask('compute', one.runner(), DAYS[0], request,
			{'X-Request-Deadline-Ms': '500'})
		assert waits.status == 202, waits
		eventually(lambda: one.node.metric('queue_depth', q='intents') == 1, 'it is with the ledger')
		one.node.replace_worker('committer')
		eventually(lambda: summary(one, DAYS[0])['state'] == 'settled', 'it is paid by itself')
		assert one.node.metric('ledger_retry_total', reason='refused') >= 1


# --- whom a quarantine holds ----------------------------------------------------------------------


def quarantine(one, request, epoch):
	"""A run of globex by acme's inputs."""
	answer = told(compute(one, epoch, request, one.runner('globex')), 409)
	assert answer['status'] == 'quarantined', answer


def release(one, epoch, tenant):
	token = one.token('--action', 'rewarder.quarantine', '--tenant', tenant, '--ttl', '1h')

	def asked():
		"""503 for as long as the quarantine itself is not in the audit log."""
		answer = OverHttp(one.node, 'uds').ask('release', token, epoch, {'reason': 'looked at'})
		return answer.status != 503 and answer
	return told(eventually(asked, 'the quarantine to be recorded'), 200)


def test_a_run_holds_itself_alone_if_so_configured():
	one, policy = with_policy(rewarder={'invariant_latch': 'run'})
	with one:
		first, second = one.seal(policy, DAYS[0]), one.seal(policy, DAYS[1])
		quarantine(one, first, DAYS[0])
		globex = one.seal(policy, DAYS[1], tenant='globex')
		one.fill(100000, 'globex')
		assert told(compute(one, DAYS[1], globex, one.runner('globex')), 200)['ledger']['emitted']
		assert told(compute(one, DAYS[1], second), 200)['ledger']['emitted']
		error = told(compute(one, DAYS[0], globex, one.runner('globex')), 409)['error']
		assert error['details']['hint'] == 'release_required', error
		release(one, DAYS[0], 'globex')
		good = one.seal(policy, DAYS[0], tenant='globex')
		assert told(compute(one, DAYS[0], good, one.runner('globex')), 200)['ledger']['emitted']


def test_a_run_holds_everybody_if_so_configured():
	one, policy = with_policy(rewarder={'invariant_latch': 'service'})
	with one:
		first, second = one.seal(policy, DAYS[0]), one.seal(policy, DAYS[1])
		assert told(compute(one, DAYS[0], first), 200)['ledger']['emitted']
		quarantine(one, first, DAYS[0])
		error = told(compute(one, DAYS[1], second), 409)['error']
		assert (error['code'], error['details']['hint']) == ('QUARANTINED', 'release_required'), error
		assert told(compute(one, DAYS[1], second, dry_run=True), 200)['ledger']['emitted'] is False
		assert summary(one, DAYS[0])['state'] == 'settled'
		one.node.replace_worker('rewarder')
		one.node.wait_rewarder()
		told(compute(one, DAYS[1], second), 409)
		release(one, DAYS[0], 'globex')
		assert told(compute(one, DAYS[1], second), 200)['ledger']['emitted']


# --- a salt of one's own --------------------------------------------------------------------------


def manifest_of(one, epoch):
	path = one.directory / f'{epoch}.json'
	path.write_bytes(ask(one, 'manifest', one.inspector(), epoch).body)
	return path


def test_a_salt_of_ones_own_changes_keys_and_pays_nothing_twice():
	salt = 'community-42'
	one, policy = with_policy(rewarder={'idempotency_salt': salt})
	with one:
		request = one.seal(policy, DAYS[0])
		inputs = max(one.directory.glob('sealed*/'), key=lambda path: path.stat().st_mtime_ns)
		assert told(compute(one, DAYS[0], request), 200)['ledger']['emitted']
		path = manifest_of(one, DAYS[0])
		manifest = json.loads(path.read_text())
		macronode('verify', path, '--inputs', inputs, '--salt', salt)
		try:
			macronode('verify', path, '--inputs', inputs)
		except AssertionError as error:
			assert 'idempotency_key' in str(error), error
		else:
			raise AssertionError('a manifest of another salt was verified')
		offline = json.loads(macronode('compute', '--offline', inputs))
		assert offline['idempotency_key'] != manifest['idempotency_key'], offline
		assert {**offline, 'idempotency_key': ''} == {**manifest, 'idempotency_key': ''}, offline
		paid = 100000 - int(manifest['payout_total_minor'])
		eventually(lambda: pool(one) == paid, 'the pool has less')
		waits = one.seal(policy, DAYS[1])
		inputs = max(one.directory.glob('sealed*/'), key=lambda path: path.stat().st_mtime_ns)
		brownout(one, 'on', '--reason', 'the salt changes')
		told(compute(one, DAYS[1], waits), 202)
		one.node.stop()
		write_salt(one, 'community-43')
		one.node.start()
		one.node.wait_rewarder()
		assert told(compute(one, DAYS[0], request), 200)['ledger']['result'] == 'dup'
		brownout(one, 'off', '--reason', 'it has changed')
		eventually(lambda: ledger_of(one, DAYS[1], waits).get('emitted'), 'what was sealed before is paid')
		manifest = manifest_of(one, DAYS[1])
		macronode('verify', manifest, '--inputs', inputs, '--salt', salt)  # with the key that it was sealed under
		once = paid - int(json.loads(manifest.read_text())['payout_total_minor'])
		eventually(lambda: pool(one) == once, 'it was paid once')
		one.node.stop()
		(one.node.profile.data / 'artifacts/registry').unlink()
		one.node.start()
		one.node.wait_rewarder()
		error = told(compute(one, DAYS[0], request), 409)
		assert error['reason'] == 'idempotency', error
		eventually(lambda: pool(one) == once, 'and never again')


def write_salt(one, salt):
	one.node.profile.write_config({'rewarder': {'enabled': True, 'trust_keys': [one.vkey],
		'idempotency_salt': salt}})


# --- what a client has already --------------------------------------------------------------------


def test_what_a_client_has_is_not_sent_again():
	one, policy = with_policy()
	with one:
		request = one.seal(policy, DAYS[0])
		told(compute(one, DAYS[0], request), 200)
		for what, token, of in (('epoch', one.inspector(), DAYS[0]), ('manifest', one.inspector(), DAYS[0]),
				('policy', one.inspector(), json.loads(policy.read_text())['id'])):
			whole = ask(one, what, token, of)
			tag = whole.headers['etag']
			assert whole.status == 200 and tag.startswith('"b3:') and whole.body, whole
			for names in (tag, f'W/{tag}', f'"x", {tag}', '*'):
				again = ask(one, what, token, of, headers={'If-None-Match': names})
				assert (again.status, again.body, again.headers['etag']) == (304, b'', tag), (what, names, again)
			for names in ('"x"', tag[1:-1], '"' + 'x' * 300 + f'", {tag}'):
				assert ask(one, what, token, of, headers={'If-None-Match': names}).body == whole.body, (what, names)
		missing = ask(one, 'epoch', one.inspector(), DAYS[9], headers={'If-None-Match': '*'})
		assert missing.status == 404, missing


# --- numbers --------------------------------------------------------------------------------------

# Of docs/metrics.md, what a page of the rewarder has: each must have moved in the end.
MOVED = (
	('reward_runs_total', {'status': 'ok'}), ('reward_runs_total', {'status': 'quarantined'}),
	('reward_runs_total', {'status': 'fail'}), ('reward_compute_latency_seconds_count', {}),
	('reward_prepare_seconds_count', {}), ('reward_invariant_fail_total', {'kind': 'conservation'}),
	('quarantine_total', {'kind': 'conservation'}), ('reward_cost_estimate_ms_count', {}),
	('reward_dust_residual_minor_units_total', {}), ('reward_pool_total_minor', {}),
	('reward_payout_total_minor', {}), ('reward_conservation_delta_minor', {}),
	('reward_capped_minor_units_total', {'cap': 'epoch'}), ('reward_capped_minor_units_total', {'cap': 'actor'}),
	('reward_capped_minor_units_total', {'cap': 'category'}), ('reward_runs_idempotent_total', {}),
	('reward_runs_conflict_total', {}), ('ledger_intents_total', {'result': 'accepted'}),
	('ledger_intents_total', {'result': 'dup'}), ('ledger_intents_total', {'result': 'error'}),
	('ledger_emit_latency_seconds_count', {}), ('ledger_egress_errors_total', {}),
	('rewarder_emissions_total', {'outcome': 'accepted'}), ('rewarder_emissions_total', {'outcome': 'dup'}),
	('rewarder_emissions_total', {'outcome': 'error'}), ('rewarder_emissions_total', {'outcome': 'quarantine'}),
	('reward_rejects_total', {'reason': 'schema'}), ('reward_rejects_total', {'reason': 'unauth'}),
	('reward_rejects_total', {'reason': 'policy_invalid'}), ('reward_rejects_total', {'reason': 'invariant'}),
	('reward_rejects_total', {'reason': 'stale'}), ('queue_capacity', {'q': 'work'}),
	('queue_capacity', {'q': 'results'}), ('queue_capacity', {'q': 'intents'}),
)
CAPPED = {'asset': 'ron', 'caps': {'actor_cap': '900u', 'category_cap': {'music': '500u'}, 'epoch_cap': '5000u'},
	'emission_curve': {'base_per_epoch': '12000u', 'kind': 'halving', 'period_epochs': 48}, 'rounding': 'floor',
	'weights': {'views': 0.7, 'likes': 0.3}}
ROWS = ['alice,music,40,3,1', 'bob,news,33,7,2', 'carol,news,1,1,1']


def test_each_number_of_a_run_moves():
	one, policy = with_policy(node={'ping_timeout': '60s'}, rewarder={'max_epoch_cost_ms': 10})
	with one:
		before = {(name, tuple(labels.items())): one.node.metric(name, **labels) for name, labels in MOVED
			if name != 'queue_capacity'}
		assert set(before.values()) == {0}, before
		capped = one.policy(id='capped', body=CAPPED)
		one.put(capped)
		short = one.seal(capped, DAYS[1], tenant='globex', pool=6000, rows=ROWS)
		request = one.seal(capped, DAYS[0], pool=6000, rows=ROWS)
		assert told(compute(one, DAYS[0], request), 200)['ledger']['result'] == 'accepted'
		totals = summary(one, DAYS[0])['totals']
		assert one.node.metric('reward_pool_total_minor') == int(totals['pool_minor_units']) == 6000
		assert one.node.metric('reward_payout_total_minor') == int(totals['payout_minor_units'])
		assert one.node.metric('reward_conservation_delta_minor') == int(totals['residual_minor_units'])
		assert one.node.metric('reward_capped_minor_units_total', cap='epoch') == 1000
		told(compute(one, DAYS[0], request), 200)
		told(compute(one, DAYS[0], one.seal(policy, DAYS[0])), 409)
		assert told(compute(one, DAYS[1], short, one.runner('globex')), 202)['ledger']['result'] == 'error'
		told(compute(one, DAYS[2], {**request, 'oops': 1}), 400)
		told(compute(one, DAYS[2], {**request, 'policy_id': 'nobody'}), 400)
		told(compute(one, DAYS[2], {**request, 'policy_hash': request['inputs_cid']}), 400)
		told(compute(one, DAYS[2], request, one.inspector()), 403)
		brownout(one, 'on', '--reason', 'a number')
		told(compute(one, DAYS[3], one.seal(policy, DAYS[3])), 202)
		told(compute(one, DAYS[4], one.seal_by_hand(policy, DAYS[4], pool=10**9)[0]), 409)
		told(compute(one, DAYS[5], one.seal(policy, DAYS[5])), 409)
		still = [(name, labels) for name, labels in MOVED if one.node.metric(name, **labels) == 0]
		assert still == [('reward_runs_total', {'status': 'fail'})], still
		fail_one(one, policy)
		eventually(lambda: one.node.metric('reward_runs_total', status='fail') == 1, 'a run failed')
		assert one.node.metric('queue_capacity', q='work') == 512


def fail_one(one, policy):
	"""A run that is not the fault of who asks: its calculator dies."""
	token = one.runner('initech')
	request = one.seal(policy, DAYS[7], tenant='initech')
	one.node.signal_worker('compute', signal.SIGSTOP)
	waits = OverHttp(one.node, 'api').ask('compute', token, DAYS[7], request, {'X-Request-Deadline-Ms': '200'})
	assert waits.status == 202, waits
	eventually(lambda: one.node.metric('queue_depth', q='work') == one.node.metric('work_queue_depth') == 1, 'it waits')
	one.node.signal_worker('compute', signal.SIGKILL)


if __name__ == '__main__':
	tap.main(globals())

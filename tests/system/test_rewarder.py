#!/usr/bin/env python3
"""Epochs paid by a real node: once, whatever dies on the way, and however large they are."""
import concurrent.futures
import json
import os
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import tap  # noqa: E402
import wire  # noqa: E402
from harness import eventually  # noqa: E402
from reward_node import CLOSED, OverHttp, Payer, macronode, trusted  # noqa: E402

# What a run touches; kms and edges hold no state of it.
ROLES = ('rewarder', 'compute', 'archive', 'sequencer', 'committer', 'kms', 'prevalidator')


def compute(one, epoch, request, dry_run=False):
	body = {**request, 'dry_run': True} if dry_run else request
	return OverHttp(one.node, 'api').ask('compute', one.runner(), epoch, body)


def settled(one, epoch, request):
	"""Asks until it is paid, as a client does that obeys."""
	def paid():
		try:
			answer = compute(one, epoch, request)
		except (OSError, wire.Closed):
			return None
		result = json.loads(answer.body)
		if answer.status == 200 and result['ledger']['emitted']:
			return result
		assert answer.status in (200, 202, 429, 500, 503), answer
		return None
	return eventually(paid, f'{epoch} is paid')


def balance(one, account):
	response = one.node.http('GET', f'/v1/balance?account={account}&asset=ron', token=one.all)
	assert response.status == 200, response
	return int(response.json()['amount_minor'])


def rows(actors, seed, categories=('music', 'news')):
	chance = random.Random(seed)
	return [f'actor{number:06},{chance.choice(categories)},{chance.randint(1, 900)},'
		f'{chance.randint(0, 90)},{chance.randint(0, 9)}' for number in range(actors)]


def paid_by(one, epoch):
	answer = OverHttp(one.node, 'api').ask('manifest', one.inspector(), epoch)
	assert answer.status == 200, answer
	return {entry['actor']: int(entry['amount_minor']) for entry in json.loads(answer.body)['allocations']}


# --- once ---------------------------------------------------------------------------------------


def test_what_the_manifest_says_is_what_the_ledger_paid():
	with Payer() as one:
		policy = one.policy()
		one.put(policy)
		one.fill(12000)
		request = one.seal(policy, '2026-10-01')
		result = settled(one, '2026-10-01', request)
		assert result['ledger']['result'] == 'accepted', result
		amounts = paid_by(one, '2026-10-01')
		assert sum(amounts.values()) == int(result['totals']['payout_minor_units'])
		for actor, amount in amounts.items():
			assert balance(one, actor) == amount, actor
		assert balance(one, 'sys:reward_pool:acme:ron') == 12000 - sum(amounts.values())
		assert settled(one, '2026-10-01', request)['ledger']['result'] == 'dup'
		assert one.node.metric('ledger_intents_total', result='accepted') == 1
		assert one.node.metric('ledger_intents_total', result='dup') == 1
		assert one.node.metric('reward_runs_total', status='ok') == 1


def test_nothing_of_a_run_lies_in_the_clear():
	with Payer() as one:
		policy = one.policy()
		one.put(policy)
		one.fill(12000)
		settled(one, '2026-10-01', one.seal(policy, '2026-10-01'))
		actor = next(iter(paid_by(one, '2026-10-01')))
		files = [path for path in (one.node.profile.data / 'artifacts').rglob('*') if path.is_file()]
		names = {path.name for path in files}
		assert {'run.json', 'commitment.txt', 'attestation.json', 'allocations'} <= names, names
		for path in files:
			assert actor.encode() not in path.read_bytes(), path
			assert path.stat().st_mode & 0o077 == 0, path


def test_an_epoch_of_many_actors_is_paid():
	"""A snapshot that archive reads faster than a calculator can parse it."""
	with Payer(rewarder={'attempt_budget': '60s'}) as one:
		policy = one.policy(body={'asset': 'ron', 'caps': {'actor_cap': '1000000000u',
			'epoch_cap': '1000000000u'}, 'emission_curve': {'base_per_epoch': '1000000000u',
			'kind': 'halving', 'period_epochs': 48}, 'rounding': 'floor', 'weights': {'views': 1}})
		one.put(policy)
		one.fill(10**9)
		request = one.seal(policy, '2026-10-01', pool=10**9, rows=[
			f'{"a" * 90}{number:06},news,{number % 900 + 1},1,1' for number in range(50000)])
		answer = compute(one, '2026-10-01', request, dry_run=True)
		assert json.loads(answer.body).get('status') == 'ok', answer
		settled(one, '2026-10-01', request)
		amounts = paid_by(one, '2026-10-01')
		assert len(amounts) == 50000
		assert balance(one, 'sys:reward_pool:acme:ron') == 10**9 - sum(amounts.values())


def test_the_real_channels_are_sealed_computed_and_paid_to_the_unit():
	folder = os.environ.get('MACRONODE_TEST_DATA')
	if not folder:
		raise tap.Skip('MACRONODE_TEST_DATA is not set')
	with Payer() as one:
		policy = one.policy(body={'asset': 'ron', 'caps': {'actor_cap': '1000000007u', 'epoch_cap': '1000000007u'},
			'emission_curve': {'base_per_epoch': '1000000007u', 'kind': 'halving', 'period_epochs': 48},
			'rounding': 'bankers', 'weights': {'views': 0.2, 'likes': 0.3, 'comments': 0.5}})
		one.put(policy)
		one.fill(1000000007)
		secret, sealed, path = (one.directory / name for name in ('token', 'channels', 'run.json'))
		secret.write_text(one.all)
		one.node.cli('reward', 'seal', '--from', f'{folder}/channel_activity.csv', '--tenant', 'acme', '--epoch',
			'2026-10-01', '--epoch-index', '0', '--window', CLOSED, '--policy', str(policy), '--actor-column',
			'channel', '--metrics', 'views,likes,comments', '-o', str(sealed), '--put', '--token-file', str(secret))
		result = settled(one, '2026-10-01', json.loads((sealed / 'request.json').read_text()))
		totals = {name: int(amount) for name, amount in result['totals'].items()}
		assert totals['pool_minor_units'] == 1000000007, totals
		path.write_bytes(OverHttp(one.node, 'api').ask('manifest', one.inspector(), '2026-10-01').body)
		macronode('verify', path, '--inputs', sealed)
		amounts = paid_by(one, '2026-10-01')
		assert len(amounts) > 1000 and sum(amounts.values()) == totals['payout_minor_units'], totals
		assert balance(one, 'sys:reward_pool:acme:ron') == totals['residual_minor_units']
		inspected = random.Random(5).sample(sorted(amounts), 50)
		for channel in (max(amounts, key=amounts.get), min(amounts, key=amounts.get), *inspected):
			assert balance(one, channel) == amounts[channel], channel
		said = json.loads(macronode('explain', path, inspected[0], '--inputs', sealed, '--json'))
		assert int(said['amount_minor']) == amounts[inspected[0]], said


# --- whatever dies ------------------------------------------------------------------------------


def test_a_pool_that_is_short_is_filled_and_the_epoch_paid():
	with Payer() as one:
		policy = one.policy()
		one.put(policy)
		request = one.seal(policy, '2026-10-01')
		answer = compute(one, '2026-10-01', request)
		result = json.loads(answer.body)
		assert (answer.status, result['quarantine'], result['ledger']['result']) == (202, True, 'error'), result
		one.fill(12000)
		assert settled(one, '2026-10-01', request)['ledger']['result'] == 'accepted'


def test_a_run_whose_artefacts_are_damaged_is_made_again_and_paid():
	with Payer() as one:
		policy = one.policy()
		one.put(policy)
		request = one.seal(policy, '2026-10-01')
		assert compute(one, '2026-10-01', request).status == 202
		before = json.loads(OverHttp(one.node, 'api').ask('epoch', one.inspector(), '2026-10-01').body)
		(path,) = (one.node.profile.data / 'artifacts').rglob('allocations')
		path.write_bytes(path.read_bytes()[:-1] + b'\0')
		one.fill(12000)
		answer = compute(one, '2026-10-01', request)
		assert (answer.status, json.loads(answer.body)['ledger']['result']) == (202, 'error'), answer
		assert settled(one, '2026-10-01', request)['ledger']['result'] == 'accepted'
		paid = sum(paid_by(one, '2026-10-01').values())
		assert balance(one, 'sys:reward_pool:acme:ron') == 12000 - paid
		after = json.loads(OverHttp(one.node, 'api').ask('epoch', one.inspector(), '2026-10-01').body)
		assert after['attestation'] == before['attestation'], (before, after)


def test_a_policy_is_signed_anew_when_the_trusted_key_changes():
	with Payer() as one:
		policy = one.policy()
		one.put(policy)
		one.fill(12000)
		request = one.seal(policy, '2026-10-01')
		key = one.directory / 'gov-2.key'
		one.node.stop()
		one.node.profile.write_config({'rewarder': {'enabled': True,
			'trust_keys': [trusted(key, 'gov-2')]}})
		one.node.start()
		one.node.wait_rewarder()
		assert compute(one, '2026-10-01', request).status == 400
		assert json.loads(one.put(policy).body)['signed'] is False
		assert json.loads(one.put(one.policy(key)).body)['signed'] is True
		settled(one, '2026-10-01', request)
		one.node.restart()
		one.node.wait_rewarder()
		assert json.loads(one.put(policy).body)['signed'] is True


# What the log says when a run has come so far.
STEPS = ('compute_start', 'compute_done', 'ledger_emit')


def count(one, event):
	return sum(f'"event":"{event}"' in line for line in one.node.log_text().splitlines())


def compute_until(one, epoch, request, step, kill):
	"""Asks for it, and kills when it has come to the step."""
	with concurrent.futures.ThreadPoolExecutor(1) as pool:
		def ask():
			try:
				compute(one, epoch, request)
			except (OSError, wire.Closed):
				pass
		before = count(one, step)
		asked = pool.submit(ask)
		eventually(lambda: count(one, step) > before, f'{epoch} comes to {step}')
		kill()
		asked.result()


def test_the_log_says_whose_run_it_was():
	with Payer() as one:
		policy = one.policy()
		one.put(policy)
		one.fill(12000)
		settled(one, '2026-11-01', one.seal(policy, '2026-11-01'))
		lines = [line for line in one.node.log() if line['event'] in STEPS]
		assert [line['event'] for line in lines] == list(STEPS), lines
		assert {line['tenant'] for line in lines} == {'acme'}, lines
		assert len({line['run_key'] for line in lines}) == 1, lines


def test_whoever_dies_an_epoch_is_paid_once():
	with Payer(brownout={'exit_window': '500ms'}) as one:
		policy = one.policy()
		one.put(policy)
		some = rows(4000, 1)
		days = (f'2026-10-{day:02}' for day in range(1, 31))
		expected = {}
		for role in ROLES:
			for step in STEPS:
				epoch = next(days)
				one.fill(12000)
				request = one.seal(policy, epoch, rows=some)
				killed = []
				compute_until(one, epoch, request, step,
					lambda role=role, killed=killed: killed.append(one.node.signal_worker(role)))
				one.node.wait_replaced((role, killed[0]))
				settled(one, epoch, request)
				for actor, amount in paid_by(one, epoch).items():
					expected[actor] = expected.get(actor, 0) + amount
		for actor in random.Random(2).sample(sorted(expected), 50):
			assert balance(one, actor) == expected[actor], actor
		runs = len(STEPS) * len(ROLES)
		assert balance(one, 'sys:reward_pool:acme:ron') == 12000 * runs - sum(expected.values())


def test_an_epoch_survives_the_whole_node():
	with Payer() as one:
		policy = one.policy()
		one.put(policy)
		some = rows(4000, 3)
		days = ('2026-10-01', '2026-10-02', '2026-10-03')
		for epoch, step in zip(days, STEPS):
			one.fill(12000)
			request = one.seal(policy, epoch, rows=some)
			compute_until(one, epoch, request, step, one.node.kill_all)
			one.node.start()
			settled(one, epoch, request)
		paid = sum(sum(paid_by(one, epoch).values()) for epoch in days)
		assert balance(one, 'sys:reward_pool:acme:ron') == 36000 - paid


if __name__ == '__main__':
	tap.main(globals())

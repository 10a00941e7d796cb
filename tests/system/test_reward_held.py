"""Epochs that the ledger does not take: one actor who may not be paid postpones all, nobody is left
out, and when nothing is in the way any more the same epoch is paid once, as it was sealed."""
import json

import tap
from harness import entry, eventually, nodes
from reward_node import OverHttp, Payer, trusted
from test_reward_refusals import nothing_paid
from test_rewarder import balance, compute, paid_by, settled

DAY = '2026-10-01'
POOL = 'sys:reward_pool:acme:ron'
ROWS = ['alice,news,500,10,1', 'bob,news,300,10,1', 'carol,news,200,10,1']
SUPPLY_MAX = 2**128 - 1


def sealed(one):
	policy = one.policy()
	one.put(policy)
	return one.seal(policy, DAY, rows=ROWS)


def kept(one):
	"""What is sealed of the epoch: it must not change any more."""
	summary = json.loads(OverHttp(one.node, 'api').ask('epoch', one.inspector(), DAY).body)
	manifest = OverHttp(one.node, 'api').ask('manifest', one.inspector(), DAY).body
	return summary['run_key'], summary['commitment'], summary['attestation'], manifest


def postponed(one, request, reason):
	"""It is told, logged and counted, so that somebody is paged; and nothing of it is paid."""
	errors, refused = one.node.metric('ledger_intents_total', result='error'), refusals(one, reason)
	emissions = one.node.metric('rewarder_emissions_total', outcome='error')
	with nothing_paid(one):
		answer = compute(one, DAY, request)
	result = json.loads(answer.body)
	assert (answer.status, result['status'], result['quarantine']) == (202, 'ok', True), answer
	assert result['ledger'] == {'emitted': False, 'result': 'error', 'reason': reason}, result
	assert one.node.metric('ledger_intents_total', result='error') == errors + 1
	assert one.node.metric('rewarder_emissions_total', outcome='error') == emissions + 1
	eventually(lambda: refusals(one, reason) == refused + 1, 'the log to say so')
	assert state(one) == 'postponed'


def refusals(one, reason):
	return sum(line['event'] == 'intent_refused' and reason in line.values() for line in one.node.log())


def state(one):
	return json.loads(OverHttp(one.node, 'api').ask('epoch', one.inspector(), DAY).body)['state']


def paid_at_last(one, request, before, had):
	"""Once, the same as was sealed; `had`: what actors had before."""
	result = settled(one, DAY, request)
	assert result['ledger']['result'] == 'accepted', result
	assert kept(one) == before
	amounts = paid_by(one, DAY)
	assert sorted(amounts) == ['alice', 'bob', 'carol'], amounts
	for actor, amount in amounts.items():
		assert balance(one, actor) == had.get(actor, 0) + amount, actor
	assert balance(one, POOL) == 12000 - sum(amounts.values())
	with nothing_paid(one):
		assert settled(one, DAY, request)['ledger']['result'] == 'dup'
	assert one.node.metric('ledger_intents_total', result='accepted') == 1


def test_an_actor_who_is_frozen_postpones_all_and_is_paid_later():
	with Payer() as one:
		one.fill(12000)
		request = sealed(one)
		one.node.cli('gov', 'freeze', '--account', 'carol', '--reason', 'a test')
		postponed(one, request, 'frozen')
		before = kept(one)
		postponed(one, request, 'frozen')
		one.node.replace_worker('rewarder')  # which takes up once what it finds
		eventually(lambda: [line for line in one.node.log() if line['event'] == 'brownout_drained'],
			'another rewarder takes it up')
		assert refusals(one, 'frozen') == 3 and state(one) == 'postponed'
		postponed(one, request, 'frozen')
		one.node.replace_worker('sequencer')
		postponed(one, request, 'frozen')
		one.node.cli('gov', 'unfreeze', '--account', 'carol', '--reason', 'a test')
		with nothing_paid(one):  # nobody asked
			one.node.replace_worker('kms')
			assert state(one) == 'postponed'
		one.node.wait_rewarder()
		paid_at_last(one, request, before, {})


def test_pool_asset_and_ledger_may_be_frozen_too():
	"""A pool of which nothing may leave, and whatever else the operator stops."""
	for what in (('--account', POOL), ('--asset', 'ron'), ('--global',)):
		with Payer() as one:
			one.fill(12000)
			request = sealed(one)
			one.node.cli('gov', 'freeze', *what, '--reason', 'a test')
			postponed(one, request, 'frozen')
			before = kept(one)
			one.node.cli('gov', 'unfreeze', *what, '--reason', 'a test')
			paid_at_last(one, request, before, {})


def test_a_pool_that_is_short_pays_nobody():
	with Payer() as one:
		one.fill(100)  # enough for one of them
		request = sealed(one)
		postponed(one, request, 'insufficient')
		before = kept(one)
		one.fill(12000 - 100)
		paid_at_last(one, request, before, {})


def test_an_actor_who_may_not_have_so_much_postpones_all():
	limits = dict.fromkeys(('max_amount_per_op', 'daily_ceiling', 'max_account_total'), '12000')
	with Payer(wallet=limits) as one:
		one.fill(12000)
		answer = one.node.ingest([entry('Mint', 'bob', 12000 - 100)], one.all)
		assert answer.status == 200, answer
		request = sealed(one)
		postponed(one, request, 'account_total')
		before = kept(one)
		answer = one.node.ingest([entry('Transfer', 'bob', 6000, counter_account='dave')], one.all)
		assert answer.status == 200, answer
		paid_at_last(one, request, before, {'bob': 12000 - 100 - 6000})


def test_a_token_that_was_taken_back_pays_nothing_that_waits():
	with Payer() as one:
		one.fill(12000)
		request = sealed(one)
		one.node.cli('gov', 'freeze', '--account', 'carol', '--reason', 'a test')
		postponed(one, request, 'frozen')
		before = kept(one)
		one.node.cli('cap', 'revoke', nodes.capability_ref(one.runner()))
		one.node.cli('gov', 'unfreeze', '--account', 'carol', '--reason', 'a test')
		with nothing_paid(one):
			eventually(lambda: compute(one, DAY, request).status == 401, 'the token is refused')
			one.node.replace_worker('rewarder')  # which has its grant, and shows it
			eventually(lambda: refusals(one, 'revoked') == 1, 'the ledger refuses it, too')
			eventually(lambda: state(one) == 'postponed', 'it still waits')
		one.tokens.clear()
		paid_at_last(one, request, before, {})


def trust_another(one):
	"""From the next start on; the policy's own key is not trusted any more."""
	key = one.directory / 'gov-2.key'
	one.node.stop()
	one.node.profile.write_config({'rewarder': {'enabled': True, 'trust_keys': [trusted(key, 'gov-2')]}})
	one.node.start()
	one.node.wait_rewarder()
	return key


def test_what_waits_is_not_paid_by_a_policy_that_nobody_trusts_any_more():
	with Payer() as one:
		one.fill(12000)
		request = sealed(one)
		one.node.cli('gov', 'freeze', '--account', 'carol', '--reason', 'a test')
		postponed(one, request, 'frozen')
		before = kept(one)
		key = trust_another(one)
		one.node.cli('gov', 'unfreeze', '--account', 'carol', '--reason', 'a test')
		with nothing_paid(one):
			for _ in range(2):
				answer = compute(one, DAY, request)
				result = json.loads(answer.body)
				assert (answer.status, result['quarantine']) == (202, True), answer
				assert result['ledger'] == {'emitted': False, 'result': 'none', 'reason': 'policy'}, result
		one.put(one.policy(key))
		paid_at_last(one, request, before, {})


def test_at_the_edge_of_all_there_can_be_an_epoch_is_paid_exactly():
	"""No more than 2^128 - 1 of an asset can be there, so no balance runs over by a reward."""
	with Payer(wallet={'max_account_total': str(SUPPLY_MAX)}) as one:
		one.fill(12000)
		rich = SUPPLY_MAX - 12000
		answer = one.node.ingest([entry('Mint', 'alice', rich)], one.all)
		assert answer.status == 200, answer
		answer = one.node.ingest([entry('Mint', 'bob', 1)], one.all)
		assert (answer.status, answer.json()['reasons'][0]['details']) == (403, 'supply'), answer
		request = sealed(one)
		settled(one, DAY, request)
		amounts = paid_by(one, DAY)
		assert balance(one, 'alice') == rich + amounts['alice'], amounts
		assert balance(one, POOL) == 12000 - sum(amounts.values())
		one.node.environment['MACRONODE_TOKEN'] = one.all
		one.node.cli('verify')  # it computes each balance anew


if __name__ == '__main__':
	tap.main(globals())

#!/usr/bin/env python3
"""What is quarantined and what is released stands in the audit chain of a real node, whatever dies or
does not answer meanwhile; an export shows it, and it verifies."""
import json
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import tap  # noqa: E402
import wire  # noqa: E402
from harness import eventually, nodes  # noqa: E402
from reward_node import OverHttp, Payer  # noqa: E402

DAY = '2026-10-01'
REASON = 'the board looked at it: "fine"'
RELEASE = ('--action', 'rewarder.quarantine,rewarder.inspect', '--ttl', '1h')


def exported(one):
	"""[(kind, name, what it says, when)] of all audit records; the export and the store verify."""
	path, secret = one.directory / 'export.jsonl', one.directory / 'auditor'
	secret.write_text(one.all)
	one.node.cli('audit', 'export', '--token-file', str(secret), '--out', str(path))
	one.node.cli('audit', 'verify', str(path))
	one.node.cli('verify', '--token-file', str(secret))
	lines = [json.loads(line) for line in path.read_text().splitlines()]
	return [(line['kind'], line['name'], json.loads(line['bytes']), line['ts']) for line in lines
		if line['type'] == 'audit']


def of(one, kind):
	return [told for number, _, told, _ in exported(one) if number == kind]


def told_of(one, kind, count=1):
	"""As many as there are to be, and no more."""
	found = eventually(lambda: (lambda told: told if len(told) >= count else None)(of(one, kind)),
		f'{count} audit records of kind {kind}')
	assert len(found) == count, found
	return found


def quarantine(one, tenant='globex', epoch=DAY, request=None):
	"""Inputs that are sealed for another tenant; their answer."""
	answer = OverHttp(one.node, 'api').ask('compute', one.runner(tenant), epoch, request)
	assert answer.status == 409, answer
	return json.loads(answer.body)


def release(one, tenant='globex', epoch=DAY, token=None, reason=REASON):
	return OverHttp(one.node, 'uds').ask('release', token or one.token(*RELEASE, '--tenant', tenant),
		epoch, {'reason': reason})


def kill(one, role):
	pid = one.node.worker(role)
	nodes.signal_process(pid, one.node.workers()[pid], signal.SIGKILL)
	eventually(lambda: pid not in one.node.workers(), f'the {role} to be gone')
	one.node.wait_rewarder()


def sealed(one):
	policy = one.policy()
	one.put(policy)
	return one.seal(policy, DAY)


def run_of(one, tenant='globex', epoch=DAY):
	answer = OverHttp(one.node, 'api').ask('epoch', one.inspector(tenant), epoch)
	assert answer.status == 200, answer
	return json.loads(answer.body)


def test_a_quarantine_and_its_release_are_audit_records():
	with Payer() as one:
		request = sealed(one)
		answer = quarantine(one, request=request)
		(record,) = told_of(one, 7)
		assert record['tenant'] == 'globex' and record['epoch_id'] == DAY, record
		assert record['kind'] == 'schema' == answer['reason'], record
		assert record['run_key'].startswith(answer['run_key']) and len(record['run_key']) == 64, record
		assert record['commitment'] == answer['commitment'], record
		assert record['detail'] == answer['details'], record
		assert len(record['capability']) == 32 and len(record['ticket']) == 16, record
		quarantine(one, request=request)  # the same answer, and nothing new to record
		other = release(one, tenant='acme')
		assert other.status == 404, other
		assert release(one, token=one.inspector('globex')).status == 403
		assert release(one, reason='x' * 513).status == 400
		assert len(of(one, 7)) == 1 and not of(one, 8)
		# that it is recorded, the rewarder may learn after us: until then it is 503
		answer = eventually(lambda: (lambda told: told.status != 503 and told)(release(one)), 'it to be known')
		assert answer.status == 200 and json.loads(answer.body)['state'] == 'released', answer
		(released,) = of(one, 8)  # was there before the answer
		assert released['reason'] == REASON, released
		assert {name: released[name] for name in ('run_key', 'tenant', 'epoch_id', 'kind', 'commitment')} == {
			name: record[name] for name in ('run_key', 'tenant', 'epoch_id', 'kind', 'commitment')}
		assert released['capability'] != record['capability'], released
		assert isinstance(released['peer_uid'], int) and isinstance(released['kid'], int), released
		assert release(one).status == 200  # again: it is released
		names = [name for _, name, _, _ in exported(one)]
		assert names.count('quarantined') == names.count('released') == 1, names


def test_what_was_postponed_and_is_paid_is_an_audit_record():
	with Payer() as one:
		one.fill(12000)
		request = sealed(one)
		one.node.cli('reward', 'brownout', 'on', '--reason', REASON)
		eventually(lambda: one.node.metric('readyz_degraded', cause='rewards_frozen') == 1, 'it is frozen')
		answer = OverHttp(one.node, 'api').ask('compute', one.runner(), DAY, request)
		assert answer.status == 202, answer
		kill(one, 'rewarder')
		assert not of(one, 11)
		one.node.cli('reward', 'brownout', 'off', '--reason', REASON)
		(drained,) = told_of(one, 11)
		assert drained == {'paid': 1, 'postponed': 0, 'quarantined': 0}, drained
		assert run_of(one, 'acme')['state'] == 'settled'
		for _ in range(2):
			kill(one, 'rewarder')
		one.node.stop()
		one.node.start()
		one.node.wait_rewarder()
		assert len(of(one, 11)) == 1  # nothing was taken up


def test_what_is_told_is_recorded_although_the_rewarder_dies():
	with Payer() as one:
		request = sealed(one)
		for number, tenant in enumerate(('one', 'two', 'three', 'four')):
			quarantine(one, tenant, request=request)
			if number % 2 == 0:
				kill(one, 'rewarder')
		found = eventually(lambda: (lambda told: told if {record['tenant'] for record in told} == {
			'one', 'two', 'three', 'four'} else None)(of(one, 7)), 'all four records')
		assert {record['run_key'] for record in found} == {run['run_key'] for run in found}
		one.node.stop()
		one.node.start()
		one.node.wait_rewarder()
		assert of(one, 7) == found  # what is recorded is not recorded again


def test_a_ledger_that_does_not_write_is_caught_up_with():
	with Payer(node={'ping_timeout': '60s'}) as one:
		request = sealed(one)
		pid = one.node.worker('committer')
		nodes.signal_process(pid, one.node.workers()[pid], signal.SIGSTOP)
		try:
			quarantine(one, request=request)  # is told: the registry has it
			answer = release(one)
			assert answer.status == 503, answer
			assert json.loads(answer.body)['error']['details']['reason'] == 'dep_outage', answer
			assert run_of(one)['state'] == 'quarantined'
			eventually(lambda: one.node.metric('reward_audits_missing') == 1, 'it is said to be missing')
		finally:
			nodes.signal_process(pid, one.node.workers()[pid], signal.SIGKILL)

		def released():
			try:
				return release(one).status == 200
			except (OSError, wire.Closed):
				return False
		eventually(released, 'the ledger to be back')
		told_of(one, 7)
		told_of(one, 8)
		eventually(lambda: one.node.metric('reward_audits_missing') == 0, 'nothing is missing')


if __name__ == '__main__':
	tap.main(globals())

#!/usr/bin/env python3
"""Epochs of a node that lacks something: a calculator, CPU time, room on the disk. Each is refused as
what comes again, or waits, and is paid once when there is what it lacks."""
import contextlib
import json
import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import tap  # noqa: E402
from harness import eventually, fill_disk, small_disk  # noqa: E402
from reward_node import OverHttp, Payer  # noqa: E402
from refusals import size_of  # noqa: E402
from test_rewarder import STEPS, balance, compute, compute_until, paid_by, rows, settled  # noqa: E402

DISK_BYTES = 64 << 20
PADDING_BYTES = 48 << 20
POOL = 'sys:reward_pool:acme:ron'


def expect_paid(one, filled, epochs):
	"""These were, once each, and nobody else was."""
	paid = sum(sum(paid_by(one, epoch).values()) for epoch in epochs)
	eventually(lambda: balance(one, POOL) <= filled - paid, 'the balance of it')
	assert balance(one, POOL) == filled - paid, (filled, paid)


# --- calculators --------------------------------------------------------------------------------


def test_epochs_of_a_calculator_that_is_stopped_are_paid_by_the_next_one():
	"""It is silent, and replaced; nobody is told that an epoch has failed."""
	with Payer(concurrency={'compute_workers': 1}) as one:
		policy = one.policy()
		one.put(policy)
		one.fill(36000)
		days = ('2026-10-01', '2026-10-02', '2026-10-03')
		requests = {day: one.seal(policy, day) for day in days}
		stopped = one.node.signal_worker('compute', signal.SIGSTOP)
		for day in days:
			answer = compute(one, day, requests[day])
			assert answer.status in (200, 202, 503), answer
			assert answer.status == 200 or answer.headers['retry-after'], answer
		one.node.wait_replaced(('compute', stopped))
		for day in days:
			settled(one, day, requests[day])
		expect_paid(one, 36000, days)
		assert one.node.metric('reward_runs_total', status='fail') == 0
		assert one.node.metric('reward_runs_total', status='ok') == 3


def test_what_waits_for_a_calculator_outlives_the_node():
	with Payer(concurrency={'compute_workers': 1}) as one:
		policy = one.policy()
		one.put(policy)
		one.fill(12000)
		request = one.seal(policy, '2026-10-01')
		one.node.signal_worker('compute', signal.SIGSTOP)
		headers = {'X-Request-Deadline-Ms': '500'}
		answer = OverHttp(one.node, 'api').ask('compute', one.runner(), '2026-10-01', request, headers)
		assert (answer.status, json.loads(answer.body)['status']) == (202, 'pending'), answer
		one.node.kill_all()
		one.node.start()
		one.node.wait_rewarder()
		settled(one, '2026-10-01', request)
		expect_paid(one, 12000, ['2026-10-01'])


# --- CPU time -----------------------------------------------------------------------------------


def padded(one, directory):
	"""The request for the inputs that were sealed there, with far more to read than they say."""
	def put(path):
		done = one.node.cli('object', 'put', str(path))
		return done.stdout.strip()
	one.node.environment['MACRONODE_TOKEN'] = one.all
	accounting = directory / 'accounting.json'
	text = accounting.read_text()
	accounting.write_text(text[:1] + ' ' * PADDING_BYTES + text[1:])
	bundle = json.loads((directory / 'bundle.json').read_text())
	bundle['accounting_cid'] = put(accounting)
	(directory / 'bundle.json').write_text(json.dumps(bundle, sort_keys=True, separators=(',', ':')))
	request = json.loads((directory / 'request.json').read_text())
	return {**request, 'inputs_cid': put(directory / 'bundle.json')}


def test_an_epoch_over_its_cpu_time_is_refused_and_the_next_one_paid():
	cheap = {'max_epoch_cost_ms': 10, 'cost_base_us': 1, 'cost_per_actor_us': 1}
	with Payer(rewarder=cheap, concurrency={'compute_workers': 1}) as one:
		policy = one.policy()
		one.put(policy)
		one.fill(12000)
		one.seal(policy, '2026-10-01')
		dear = padded(one, max(one.directory.glob('sealed?'), key=os.path.getmtime))
		calculator = one.node.worker('compute')

		def refused():
			"""The first answer may come before the run has ended."""
			answer = compute(one, '2026-10-01', dear)
			assert answer.status in (202, 500, 503), answer
			return json.loads(answer.body) if answer.status == 500 else None
		error = eventually(refused, 'its end')['error']
		assert error['code'] == 'INTERNAL' and 'CPU time' in error['message'], error
		one.node.wait_replaced(('compute', calculator))
		assert one.node.metric('reward_runs_total', status='fail') >= 1
		request = one.seal(policy, '2026-10-02')
		settled(one, '2026-10-02', request)
		expect_paid(one, 12000, ['2026-10-02'])


# --- the disk -----------------------------------------------------------------------------------


def test_a_full_disk_pays_an_epoch_whole_or_not_at_all():
	one = Payer(start=False, engine={'disk_reserve': '4MiB'}, brownout={'exit_window': '500ms'})
	with contextlib.ExitStack() as life:
		life.callback(one.__exit__, None, None, None)
		life.enter_context(small_disk(one.node, DISK_BYTES))
		one.begin()
		policy = one.policy()
		one.put(policy)
		days = ('2026-10-01', *(f'2026-10-1{number}' for number in range(len(STEPS))))
		one.fill(12000 * len(days))
		some = rows(2000, 5)
		requests = {day: one.seal(policy, day, rows=some) for day in days}
		full = one.node.profile.data / 'full'
		before = size_of(one.node)  # a ledger that lacks room tells no balances
		fill_disk(full)

		def refusal():
			"""None for as long as what is known of the free space is older than the file."""
			answer = compute(one, days[0], requests[days[0]])
			assert answer.status != 500, answer
			return answer if answer.status == 503 else None
		assert eventually(refusal, 'a refusal').headers['retry-after']
		eventually(lambda: 'disk_pressure:rewarder' in one.node.http('GET', '/readyz',
			plane='admin').body.decode(), 'the reason')
		assert size_of(one.node) == before
		full.unlink()
		settled(one, days[0], requests[days[0]])
		expect_paid(one, 12000 * len(days), days[:1])
		for number, (day, step) in enumerate(zip(days[1:], STEPS), 1):
			before = size_of(one.node)
			compute_until(one, day, requests[day], step, lambda: fill_disk(full))
			paid = size_of(one.node) - before
			full.unlink()
			settled(one, day, requests[day])
			assert paid in (0, len(paid_by(one, day))), (step, paid)
			expect_paid(one, 12000 * len(days), days[:number + 1])
		assert one.node.metric('service_restarts_total') == 0
		one.node.environment['MACRONODE_TOKEN'] = one.all
		assert one.node.cli('verify').returncode == 0


if __name__ == '__main__':
	tap.main(globals())

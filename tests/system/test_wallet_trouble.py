"""Refused under /v1 over TCP, the UNIX socket and OAP/1 for what a node, a limit or the time is to
blame for: full, slow, stopped, lost and ending nodes. What a request itself is to blame for stands in
test_wallet_refusals.py, which also asks whether a reason was left out of both."""
import contextlib
import json
import pathlib
import signal
import sys
import tempfile

import tap
import wire
from faults import FaultyNode
from harness import Node, entry, eventually, nodes
from refusals import EVERY_READ, GOOD, Refusals, minted, nothing_booked, size_of, text_of, transports_of
from test_clock import DAY_MS, HOUR_MS, Clock

# What these cases bring about; test_zz_ holds them to it.
REACHES = {'per_op_max', 'daily_ceiling', 'account_total', 'policy', 'issuance_cap', 'quota', 'issuance_not_approved',
	'token_time', 'revoked', 'hold_closed', 'expires_ts', 'rate_limited', 'capacity', 'queue_full', 'body_too_large',
	'ledger_down', 'not_ready', 'timeout', 'in_progress', 'idem_mismatch', 'outcome_unknown', 'draining',
	'disk_full', 'safe_mode', 'not_signed_yet', 'http'}
ATTEMPTS = 10  # of what depends on how far a process got before it was stopped
refusals = Refusals()


# --- limits -----------------------------------------------------------------------------------


def test_limits_bound_each_way_in():
	limits = {'max_amount_per_op': '100', 'daily_ceiling': '150', 'max_account_total': '1000'}
	with node_with_clock({'wallet': limits}) as (one, _):
		good = one.mint()
		first = transports_of(one)[0]
		for nonce in range(1, 11):
			refusals.done(first, 'issue', good, f'i{nonce}', {**GOOD['issue'], 'amount_minor': '100', 'nonce': nonce})
		refusals.done(first, 'transfer', good, 't', {**GOOD['transfer'], 'amount_minor': '100'})
		refusals.done(first, 'issue', good, 'i', {**GOOD['issue'], 'amount_minor': '100', 'nonce': 11})
		one.stop()
		one.profile.write_policy(allowed_ops=['issue', 'transfer', 'hold'], assets={
			'ron': {'issuance': nodes.ISSUANCE}, 'usd': {'issuance': {**nodes.ISSUANCE, 'cap_minor': '5'}}},
			quotas={'per_account': {'spend_minor_per_day': '120'}})
		one.start()
		with nothing_booked(one):
			for reason, op, members in (
					('per_op_max', 'transfer', {'amount_minor': '101', 'nonce': 2}),
					('per_op_max', 'issue', {'amount_minor': '101', 'nonce': 12}),
					('daily_ceiling', 'transfer', {'amount_minor': '51', 'nonce': 2}),
					('daily_ceiling', 'hold', {'amount_minor': '51', 'nonce': 2}),
					('quota', 'transfer', {'amount_minor': '21', 'nonce': 2}),
					('account_total', 'issue', {'nonce': 12}),
					('policy', 'burn', {'nonce': 2}),
					('issuance_not_approved', 'issue', {'asset': 'eur', 'nonce': 12}),
					('issuance_cap', 'issue', {'asset': 'usd', 'amount_minor': '6', 'nonce': 12})):
				for transport in transports_of(one):
					answer = refusals.operation(transport, op, good, 'k', {**GOOD[op], **members})
					refusals.check(transport, answer, reason)


@contextlib.contextmanager
def node_with_clock(overrides=None):
	"""At noon of a UTC day."""
	with tempfile.TemporaryDirectory(prefix='macronode-clock-') as directory:
		pathlib.Path(directory).chmod(0o755)
		clock = Clock(directory)
		clock.move_to(DAY_MS // 2 - clock.now_ms() % DAY_MS)
		with Node(overrides, environment={'MACRONODE_TEST_CLOCK': str(clock.path)}) as one:
			yield one, clock


def test_what_ends_in_between_has_ended():
	"""A token that is good for the head and not for the body; one that is revoked then; a hold."""
	with node_with_clock() as (one, clock):
		good = minted(one, '--action', nodes.ACTIONS, '--ttl', '240h')
		first = transports_of(one)[0]
		refusals.done(first, 'issue', good, 'i', {**GOOD['issue'], 'amount_minor': '100', 'nonce': 1})
		body = text_of(GOOD['transfer']).encode() + b' ' * 20_000  # too long to come with its head

		def in_between(transport, words, then, reason):
			narrow = minted(one, '--action', 'wallet.*', *words)
			with transport.open() as stream:
				transport.send(stream, 'POST', '/v1/transfer', narrow, None, {'Idempotency-Key': 'k',
					'Content-Length': str(len(body)), 'Expect': '100-continue'})
				assert stream.response().status == 100
				then(narrow)
				stream.send(body)
				refusals.check(transport, transport.receive(stream), reason)
		with nothing_booked(one):
			for transport in transports_of(one)[:2]:
				in_between(transport, ('--ttl', '1h'),
					lambda _: clock.move_to(clock.skew_ms + HOUR_MS + 1000), 'token_time')
				in_between(transport, ('--ttl', '1h'),
					lambda narrow: one.cli('cap', 'revoke', nodes.capability_ref(narrow)), 'revoked')
		over, back = (minted(one, '--action', 'wallet.*', '--ttl', ttl) for ttl in ('1h', '240h'))
		one.cli('cap', 'revoke', nodes.capability_ref(back))
		clock.move_to(clock.skew_ms + 2 * HOUR_MS)
		for bad, reason in ((over, 'token_time'), (back, 'revoked')):
			for transport in transports_of(one):
				refusals.check(transport, refusals.operation(transport, 'transfer', bad, 'k', GOOD['transfer']), reason)
		hold = refusals.done(first, 'hold', good, 'h',
			{**GOOD['hold'], 'expires_ts': clock.now_ms() + HOUR_MS})['txid']
		clock.move_to(clock.skew_ms + 2 * HOUR_MS)
		for op in ('capture', 'release'):  # the first of them finds it expired, which is an entry
			for transport in transports_of(one):
				answer = refusals.operation(transport, op, good, 'c', {**GOOD[op], 'nonce': 2}, hold=hold)
				refusals.check(transport, answer, 'hold_closed')
		with nothing_booked(one):
			for transport in transports_of(one):
				answer = refusals.operation(transport, 'hold', good, 'h2',
					{**GOOD['hold'], 'nonce': 2, 'expires_ts': clock.now_ms() - 1000})
				refusals.check(transport, answer, 'expires_ts')
		refusals.done(first, 'transfer', good, 't', {**GOOD['transfer'], 'amount_minor': '100', 'nonce': 2})  # it is back


# --- no room ----------------------------------------------------------------------------------


def test_a_rate_is_kept_on_every_way_in():
	with Node({'limits': {'rps': 2}}) as one:
		good = one.mint()
		for number, transport in enumerate(transports_of(one)):
			for attempt in range(1000):
				answer = refusals.operation(transport, 'burn', good, 'k', {**GOOD['burn'], 'nonce': 1})
				if answer.status == 429:
					break
			refusals.check(transport, answer, 'rate_limited')


def test_a_bound_of_bodies_is_kept_on_every_way_in():
	with Node({'limits': {'max_body_bytes': '1KiB'}}) as one:
		good = one.mint()
		for transport in transports_of(one):
			answer = refusals.operation(transport, 'transfer', good, 'k', {**GOOD['transfer'], 'memo': 'x' * 1024})
			refusals.check(transport, answer, 'body_too_large')


def test_a_full_ledger_is_busy():
	with Node({'ledger': {'dedupe_ram_entries': 1024}}) as one:
		good = one.mint()
		answer = one.ingest([entry('Mint', 'alice', 1) for _ in range(1024)], good)
		assert answer.status == 200, answer
		with nothing_booked(one):
			for transport in transports_of(one):
				answer = refusals.operation(transport, 'transfer', good, 'k', GOOD['transfer'])
				refusals.check(transport, answer, 'capacity')


SAFE_REQUESTS_MAX = 16  # at once on a connection
WINDOW = 512            # requests of an ingress at a prevalidator (proto/verbs.h)


def test_too_much_at_once_is_busy():
	with Node({'concurrency': {'ingress_workers': 1, 'prevalidators': 1}, 'node': {'ping_timeout': '10m'},
			'limits': {'req_timeout': '1m'}}) as one:
		good = one.mint()
		stopped = one.workers('prevalidator')
		for pid, start in stopped.items():
			nodes.signal_process(pid, start, signal.SIGSTOP)
		try:
			with contextlib.ExitStack() as stack:
				for _ in range(WINDOW // SAFE_REQUESTS_MAX):
					stream = stack.enter_context(one.open_http())
					stream.send(wire.request('GET', '/v1/balance?account=alice&asset=ron',
						headers={'Authorization': f'Bearer {good}'}) * SAFE_REQUESTS_MAX)
				eventually(lambda: one.metric('queue_depth', q='ingress') >= WINDOW, 'the window to be full')
				for transport in transports_of(one):
					answer = refusals.operation(transport, 'transfer', good, 'k', GOOD['transfer'])
					refusals.check(transport, answer, 'queue_full')
		finally:
			for pid, start in stopped.items():
				nodes.signal_process(pid, start, signal.SIGCONT)


# --- the node ---------------------------------------------------------------------------------


@contextlib.contextmanager
def dead(one, role):
	"""It was killed twice, and is not started again as long as node.restart_min says."""
	one.replace_worker(role)  # the first restart is at once
	one.signal_worker(role)
	yield eventually(lambda: not one.workers(role), 'its second death')


SLOW_RESTARTS = {'restart_min': '1m', 'restart_max': '1m', 'restart_cap': '1m'}


def test_without_a_ledger_what_was_never_read_is_not_told():
	with Node({'node': SLOW_RESTARTS}) as one:
		good = one.mint()
		with dead(one, 'sequencer'):
			eventually(lambda: one.http('GET', '/readyz', plane='admin').status == 503, 'its loss to be noticed')
			for transport in transports_of(one):
				refusals.check(transport, refusals.read(transport, 'balance', good, 'account=alice&asset=ron'),
					'ledger_down')
				answer = refusals.operation(transport, 'transfer', good, 'k', GOOD['transfer'])
				refusals.check(transport, answer, 'not_ready')


def test_without_keys_no_token_is_known():
	with Node({'node': SLOW_RESTARTS}) as one:
		good = one.mint()
		with dead(one, 'kms'):
			eventually(lambda: one.http('GET', '/readyz', plane='admin').status == 503, 'its loss to be noticed')
			for transport in transports_of(one):
				for what, text in EVERY_READ:
					error = refusals.check(transport, refusals.read(transport, what, good, text), 'not_ready')
					assert 'repeat the request' in error['message'], error
				answer = refusals.operation(transport, 'transfer', good, 'k', GOOD['transfer'])
				refusals.check(transport, answer, 'not_ready')


def test_what_takes_too_long_is_given_up():
	settings = {'kms': {'timeout': '2s'}, 'node': {'ping_timeout': '10m'},
		'readiness': {'committer_lag_ms_max': 60000}, 'limits': {'req_timeout': '6s'}}
	with Node(settings) as one:
		good = one.mint()
		for number, transport in enumerate(transports_of(one)):
			refusals.done(transport, 'issue', good, f'i{number}',
				{**GOOD['issue'], 'to': f'payer{number}', 'amount_minor': '9', 'nonce': 1})
		with stopped(one, 'kms'):
			for transport in transports_of(one):
				narrow = one.cli('cap', 'attenuate', '--caveat', f'max-bytes={5000 + len(transport.name)}',
					stdin=good).stdout.strip()  # one that no cache knows
				refusals.check(transport, refusals.read(transport, 'balance', narrow, 'account=alice&asset=ron'),
					'timeout')
		for number, transport in enumerate(transports_of(one)):
			key, body = f't{number}', {**GOOD['transfer'], 'from': f'payer{number}'}
			for _ in range(ATTEMPTS):  # one that the sequencer had not begun is given up as just late
				with stopped(one, 'committer'):
					reason = under_way(one, transport, good, key, body)
				if reason == 'outcome_unknown':
					break
			answer = eventually(lambda: (lambda told: told.status == 200 and told)(
				refusals.operation(transport, 'transfer', good, key, body)), 'the outcome')
			assert json.loads(answer.body)['balance_after'] == '8', answer
		assert size_of(one) == 6


@contextlib.contextmanager
def stopped(one, role):
	pid = one.signal_worker(role, signal.SIGSTOP)
	start = one.workers(role)[pid]
	try:
		yield
	finally:
		nodes.signal_process(pid, start, signal.SIGCONT)


def under_way(one, transport, good, *wish):
	"""The committer stands still: the wish is taken, and given up without an outcome."""
	with transport.open() as stream:
		transport.send_operation(stream, 'transfer', good, *wish)
		eventually(lambda: one.metric('wallet_inflight', op='transfer') == 1, 'it to be under way')
		for other in transports_of(one):
			key, body = wish
			refusals.check(other, refusals.operation(other, 'transfer', good, *wish), 'in_progress')
			answer = refusals.operation(other, 'transfer', good, key, {**body, 'amount_minor': '2'})
			refusals.check(other, answer, 'idem_mismatch')
		answer = transport.receive(stream)
		reason = json.loads(answer.body)['details']['reason']
		refusals.check(transport, answer, 'timeout' if reason == 'timeout' else 'outcome_unknown')
		return reason


def test_a_node_that_ends_takes_nothing_new():
	settings = {'concurrency': {'ingress_workers': 1}, 'limits': {'req_timeout': '1m'},
		'readiness': {'committer_lag_ms_max': 60000}, 'node': {'drain_timeout': '1m', 'ping_timeout': '10m'}}
	with Node(settings) as one:
		good = one.mint()
		ways = transports_of(one)
		refusals.done(ways[0], 'issue', good, 'i', {**GOOD['issue'], 'nonce': 1})
		with contextlib.ExitStack() as stack:
			last, probe = stack.enter_context(ways[0].open()), stack.enter_context(one.open_http())
			streams = [stack.enter_context(transport.open()) for transport in ways]
			with stopped(one, 'committer'):  # so that there is something to wait for
				ways[0].send_operation(last, 'transfer', good, 'last', GOOD['transfer'])
				eventually(lambda: one.metric('wallet_inflight') == 1, 'it to be under way')
				one.wait_accepted()
				one.child.terminate()
				one.wait_draining(probe)
				for transport, stream in zip(ways, streams):
					transport.send_operation(stream, 'transfer', good, 'k', {**GOOD['transfer'], 'nonce': 2})
					refusals.check(transport, transport.receive(stream), 'draining')
			assert ways[0].receive(last).status == 200


def test_a_full_disk_is_said():
	with FaultyNode() as one:
		good = one.mint()
		refusals.done(transports_of(one)[0], 'issue', good, 'i', {**GOOD['issue'], 'nonce': 1})
		for transport in transports_of(one):
			def asked(reason):
				answer = refusals.operation(transport, 'transfer', good, 'k', GOOD['transfer'])
				refusals.check(transport, answer, reason)
			with nothing_booked(one):
				one.fail('pwrite', 'ENOSPC')
				try:
					asked('disk_full')
					eventually(lambda: one.metric('ledger_safe_mode') == 1, 'safe mode')
					asked('disk_full')
				finally:
					one.heal()
				one.wait_ready()
		refusals.done(transports_of(one)[0], 'transfer', good, 'k', GOOD['transfer'])


def test_safe_mode_is_said():
	with FaultyNode() as one:
		good = one.mint()
		refusals.done(transports_of(one)[0], 'issue', good, 'i', {**GOOD['issue'], 'nonce': 1})
		one.fail('fdatasync', count=1)
		refusals.operation(transports_of(one)[0], 'transfer', good, 'lost', GOOD['transfer'])
		eventually(lambda: one.metric('ledger_safe_mode') == 1, 'safe mode')
		for transport in transports_of(one):
			answer = refusals.operation(transport, 'transfer', good, 'k', GOOD['transfer'])
			refusals.check(transport, answer, 'safe_mode')


def test_a_proof_needs_a_signed_tree():
	with Node({'audit': {'root_emit_interval': '1h'}}) as one:
		good = one.mint()
		for nonce in range(1, 1000):
			txid = refusals.done(transports_of(one)[0], 'issue', good, f'i{nonce}', {**GOOD['issue'], 'nonce': nonce})['txid']
			if refusals.read(transports_of(one)[0], 'tx', good, f'{txid}/proof').status == 503:
				break
		for transport in transports_of(one):
			answer = refusals.read(transport, 'tx', good, f'{txid}/proof')
			refusals.check(transport, answer, 'not_signed_yet')


def test_slow_clients_are_told_by_route():
	with Node({'api': {'read_timeout': '1s'}}) as one:
		for transport in transports_of(one)[:2]:
			for sent in (b'POST /v1/transfer HTTP/1.1\r\nHost: localhost\r\n', wire.request('POST', '/v1/transfer', None,
					{'Content-Type': 'application/json', 'Idempotency-Key': 'k', 'Content-Length': '100'}) + b'{'):
				with transport.open() as stream:
					stream.send(sent)
					refusals.check(transport, transport.receive(stream), 'http', 408)


def test_zz_the_cases_reach_what_they_say():
	if len(sys.argv) > 1:
		raise tap.Skip('asks about all cases, and only some were run')
	assert set(refusals.reached) == REACHES, set(refusals.reached) ^ REACHES
	refusals.check_ways(REACHES)


if __name__ == '__main__':
	tap.main(globals())

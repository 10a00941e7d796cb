"""Limits of the wallet at a whole node: what one operation may move, what an account may spend on a
day and have in all, what a token may, and what the policy document says; over restarts, deaths and
days."""
import contextlib
import json
import pathlib
import tempfile
import time

import tap
from harness import Node, nodes
from test_clock import DAY_MS, Clock

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / 'etc/examples'
LIMITS = {'max_amount_per_op': '40', 'daily_ceiling': '100', 'max_account_total': '1000'}


class Wallet:
	"""Operations with the next nonce of their lane; a refusal takes none."""

	def __init__(self, node, token=None):
		self.node = node
		self.token = token or node.mint()
		self.nonces = {}
		self.count = 0

	def post(self, path, lane, body, token=None):
		nonce = self.nonces.get(lane, 1)
		self.count += 1
		answer = self.node.http('POST', path, {**body, 'nonce': nonce}, token=token or self.token,
			headers={'Idempotency-Key': f'key-{self.count}'})
		if answer.status == 200:
			self.nonces[lane] = nonce + 1
		return answer

	def issue(self, to, amount, asset='ron', **more):
		return self.post('/v1/issue', ('issue', to),
			{'to': to, 'asset': asset, 'amount_minor': str(amount)}, **more)

	def debit(self, op, source, amount, asset='ron', **more):
		to = {'to': more.pop('to', 'bob')} if op == 'transfer' else {}
		path = '/v1/holds' if op == 'hold' else f'/v1/{op}'
		return self.post(path, ('debit', source),
			{'from': source, 'asset': asset, 'amount_minor': str(amount), **to}, **more)

	def transfer(self, source, amount, **more):
		return self.debit('transfer', source, amount, **more)

	def release(self, hold, amount):
		txid = hold['txid']
		return self.post(f'/v1/holds/{txid}/release', ('debit', hold['from']),
			{'from': hold['from'], 'asset': hold['asset'], 'amount_minor': str(amount)})


def done(answer):
	assert answer.status == 200, answer
	return answer.json()


def refused(answer, status, code, reason):
	error = answer.json()
	got = (answer.status, error.get('code'), error.get('details', {}).get('reason'))
	assert got == (status, code, reason), (got, answer)
	assert error['retryable'] is False, answer


def over(answer, reason):
	refused(answer, 403, 'LIMITS_EXCEEDED', reason)


@contextlib.contextmanager
def node_at_noon(overrides=None):
	"""A node whose clock stands at noon of a UTC day: what follows stays within that day."""
	with tempfile.TemporaryDirectory(prefix='macronode-clock-') as directory:
		pathlib.Path(directory).chmod(0o755)
		clock = Clock(directory)
		clock.move_to(DAY_MS // 2 - clock.now_ms() % DAY_MS)
		with Node({'wallet': LIMITS, **(overrides or {})},
				environment={'MACRONODE_TEST_CLOCK': str(clock.path)}) as node:
			yield node, clock


def mint(node, *words):
	return node.cli('cap', 'mint', '--action', nodes.ACTIONS, '--ttl', '240h', *words).stdout.strip()


def fund(wallet, account, amount, asset='ron'):
	"""In operations that are small enough."""
	while amount > 0:
		done(wallet.issue(account, min(amount, 40), asset))
		amount -= min(amount, 40)


# --- the configuration -----------------------------------------------------------------------


def test_one_operation_moves_so_much_and_no_more():
	with node_at_noon() as (node, _):
		wallet = Wallet(node)
		over(wallet.issue('alice', 41), 'per_op_max')
		fund(wallet, 'alice', 120)
		for op in ('transfer', 'burn', 'hold'):
			over(wallet.debit(op, 'alice', 41), 'per_op_max')
		done(wallet.transfer('alice', 40))


def test_a_day_is_over_at_midnight_and_not_with_the_sequencer():
	with node_at_noon() as (node, clock):
		wallet = Wallet(node, mint(node))
		fund(wallet, 'alice', 400)
		fund(wallet, 'alice', 400, 'usd')
		done(wallet.transfer('alice', 40))
		done(wallet.debit('burn', 'alice', 20))
		hold = done(wallet.debit('hold', 'alice', 30))
		over(wallet.transfer('alice', 11), 'daily_ceiling')
		done(wallet.release(hold, 30))
		over(wallet.transfer('alice', 11), 'daily_ceiling')  # Reverse gives nothing back
		done(wallet.transfer('alice', 40, asset='usd'))  # each asset for itself
		fund(wallet, 'bob', 40)  # and each account; issuing is not spending
		done(wallet.transfer('bob', 40, to='alice'))
		node.replace_worker('sequencer')
		over(wallet.transfer('alice', 11), 'daily_ceiling')
		node.restart()
		over(wallet.debit('hold', 'alice', 11), 'daily_ceiling')
		done(wallet.transfer('alice', 10))
		over(wallet.debit('burn', 'alice', 1), 'daily_ceiling')
		clock.move_to(clock.skew_ms + DAY_MS)
		done(wallet.transfer('alice', 40))
		clock.move_to(clock.skew_ms - DAY_MS)  # a clock set back brings no day back
		done(wallet.transfer('alice', 40))
		over(wallet.transfer('alice', 21), 'daily_ceiling')
		done(wallet.transfer('alice', 20))
		assert node.cli('verify', '--offline').returncode == 0


def test_what_is_on_its_way_counts_too():
	"""Operations that are sent at once, so that they meet in one batch, or in two under way."""
	with node_at_noon() as (node, _):
		wallet = Wallet(node)
		fund(wallet, 'alice', 400)
		with contextlib.ExitStack() as stack:
			# A hold of another account each, so that no nonce orders them: the ceiling alone does.
			streams = [stack.enter_context(node.open_http()) for _ in range(12)]
			for nonce, stream in enumerate(streams, 1):
				body = json.dumps({'from': 'alice', 'to': 'bob', 'asset': 'ron',
					'amount_minor': '30', 'nonce': nonce}).encode()
				stream.send((f'POST /v1/transfer HTTP/1.1\r\nHost: localhost\r\n'
					f'Authorization: Bearer {wallet.token}\r\nIdempotency-Key: at-once-{nonce}\r\n'
					f'Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n'
					).encode() + body)
			answers = [stream.response() for stream in streams]
		statuses = [answer.status for answer in answers]
		passed = statuses.count(200)
		assert 1 <= passed <= 3, statuses  # 30 + 30 + 30; the fourth is over, or behind a gap
		reasons = {answer.json()['details']['reason'] for answer in answers if answer.status != 200}
		assert reasons <= {'daily_ceiling', 'nonce_gap'}, reasons
		wallet.nonces[('debit', 'alice')] = passed + 1
		for _ in range(3 - passed):
			done(wallet.transfer('alice', 30))
		over(wallet.transfer('alice', 30), 'daily_ceiling')
		done(wallet.transfer('alice', 10))


def test_an_account_has_so_much_and_no_more_held_or_not():
	with node_at_noon({'wallet': {**LIMITS, 'max_account_total': '100'}}) as (node, _):
		wallet = Wallet(node)
		fund(wallet, 'alice', 100)
		over(wallet.issue('alice', 1), 'account_total')
		done(wallet.debit('hold', 'alice', 40))  # held is had
		over(wallet.issue('alice', 1), 'account_total')
		fund(wallet, 'bob', 10)
		over(wallet.transfer('bob', 1, to='alice'), 'account_total')
		done(wallet.debit('burn', 'alice', 5))
		done(wallet.transfer('bob', 5, to='alice'))


# --- tokens ----------------------------------------------------------------------------------


def test_a_token_has_ceilings_of_its_own():
	with node_at_noon() as (node, clock):
		wallet = Wallet(node)
		fund(wallet, 'alice', 200)
		small = mint(node, '--amount', '20', '--daily', '50')
		over(wallet.transfer('alice', 21, token=small), 'token_ceiling')
		done(wallet.transfer('alice', 20, token=small))
		done(wallet.debit('burn', 'alice', 20, token=small))
		over(wallet.transfer('alice', 11, token=small), 'token_ceiling')
		node.replace_worker('sequencer')
		over(wallet.issue('alice', 11, token=small), 'token_ceiling')  # a mint counts, for tokens
		done(wallet.issue('alice', 10, token=small))
		over(wallet.transfer('alice', 1, token=small), 'token_ceiling')
		done(wallet.transfer('alice', 40))  # the account has more left than that token
		clock.move_to(clock.skew_ms + DAY_MS)
		done(wallet.transfer('alice', 20, token=small))


# --- the policy document ---------------------------------------------------------------------


def issuance(**more):
	return {'issuance': {**nodes.ISSUANCE, **more}}


def restart_under(node, **members):
	node.stop()
	node.profile.write_policy(**members)
	node.start()


def test_nothing_is_issued_without_a_policy():
	with node_at_noon({'policy': {'file': ''}}) as (node, _):
		wallet = Wallet(node)
		refused(wallet.issue('alice', 1), 403, 'FORBIDDEN', 'issuance_not_approved')


def test_the_policy_says_which_operations_there_are():
	with node_at_noon() as (node, _):
		wallet = Wallet(node)
		fund(wallet, 'alice', 40)
		restart_under(node, allowed_ops=['transfer'])
		for role in (None, 'prevalidator', 'sequencer'):
			if role:
				node.replace_worker(role)  # the next one is told the same
			refused(wallet.issue('alice', 1), 403, 'FORBIDDEN', 'policy')
			refused(wallet.debit('burn', 'alice', 1), 403, 'FORBIDDEN', 'policy')
			refused(wallet.debit('hold', 'alice', 1), 403, 'FORBIDDEN', 'policy')
			done(wallet.transfer('alice', 1))


def test_the_policy_lowers_limits_and_raises_none():
	with node_at_noon() as (node, _):
		wallet = Wallet(node)
		fund(wallet, 'alice', 120)
		fund(wallet, 'alice', 120, 'usd')
		restart_under(node, assets={
			'ron': {'max_amount_per_op': '10', 'daily_ceiling': '15', **issuance()},
			'usd': {'max_amount_per_op': '5000', 'daily_ceiling': '5000'}})
		over(wallet.transfer('alice', 11), 'per_op_max')
		done(wallet.transfer('alice', 10))
		over(wallet.transfer('alice', 6), 'daily_ceiling')
		done(wallet.transfer('alice', 5))
		over(wallet.transfer('alice', 41, asset='usd'), 'per_op_max')
		done(wallet.transfer('alice', 40, asset='usd'))
		refused(wallet.issue('alice', 1, 'usd'), 403, 'FORBIDDEN', 'issuance_not_approved')
		restart_under(node)
		done(wallet.transfer('alice', 40))  # the same history, judged by nobody


def test_issuance_has_a_cap_and_an_end():
	with node_at_noon() as (node, clock):
		wallet = Wallet(node, mint(node))
		fund(wallet, 'alice', 40)
		tomorrow = clock.now_ms() + DAY_MS
		expiry = time.strftime('%Y-%m-%dT%H:%M:%SZ',
			time.gmtime(tomorrow // 1000))
		restart_under(node, assets={'ron': issuance(cap_minor='60', expiry=expiry)})
		over(wallet.issue('alice', 21), 'issuance_cap')
		done(wallet.issue('alice', 20))
		node.replace_worker('sequencer')
		over(wallet.issue('alice', 1), 'issuance_cap')
		done(wallet.debit('burn', 'alice', 10))
		done(wallet.issue('alice', 5))
		clock.move_to(clock.skew_ms + DAY_MS)
		refused(wallet.issue('alice', 1), 403, 'FORBIDDEN', 'issuance_not_approved')
		done(wallet.transfer('alice', 1))


# --- its quotas ------------------------------------------------------------------------------


def exhaustions(node):
	return node.metric('quota_exhaustions_total')


def test_an_account_has_a_quota_for_a_utc_day():
	with node_at_noon() as (node, clock):
		wallet = Wallet(node, mint(node))
		for account in ('alice', 'bob'):
			fund(wallet, account, 120)
		fund(wallet, 'alice', 80, 'usd')
		restart_under(node, quotas={'per_account': {'ops_per_day': 5, 'spend_minor_per_day': '60'}})
		before = exhaustions(node)
		hold = done(wallet.debit('hold', 'alice', 30))
		over(wallet.transfer('alice', 31), 'quota')  # takes nothing
		done(wallet.transfer('alice', 20))
		done(wallet.debit('burn', 'alice', 10))
		over(wallet.transfer('alice', 1), 'quota')
		done(wallet.transfer('alice', 40, asset='usd'))  # amounts: each asset for itself
		done(wallet.release(hold, 30))  # operations: whatever they are
		over(wallet.issue('alice', 1), 'quota')
		assert exhaustions(node) == before + 3
		done(wallet.transfer('bob', 40, to='carol'))
		node.replace_worker('sequencer')
		over(wallet.transfer('alice', 1, asset='usd'), 'quota')
		node.restart()
		over(wallet.transfer('alice', 1, asset='usd'), 'quota')
		clock.move_to(clock.skew_ms + DAY_MS)
		done(wallet.transfer('alice', 40))
		over(wallet.transfer('alice', 21), 'quota')
		clock.move_to(clock.skew_ms - DAY_MS)  # a clock set back brings no day back
		over(wallet.transfer('alice', 21), 'quota')
		done(wallet.transfer('alice', 20))
		restart_under(node)
		done(wallet.transfer('alice', 1))  # the same history, judged by nobody
		assert node.cli('verify', '--offline').returncode == 0


def test_a_tenant_has_a_quota_and_nobody_picks_another_one():
	with node_at_noon() as (node, clock):
		wallet = Wallet(node, mint(node))
		for account in ('alice', 'bob'):
			fund(wallet, account, 160)
		acme = mint(node, '--tenant', 'acme')
		both = mint(node, '--tenant', 'acme,other')
		signed = mint(node, '--tenant', 'other', '--form', 'signed')
		node_quotas = {'per_tenant': {'ops_per_day': 3, 'spend_minor_per_day': '50'}}
		restart_under(node, quotas=node_quotas)
		done(wallet.transfer('alice', 30))
		over(wallet.transfer('bob', 21, to='carol'), 'quota')
		done(wallet.transfer('bob', 20, to='carol'))
		over(wallet.transfer('bob', 1, to='carol'), 'quota')
		# the holder of a token makes no tenant of his own
		mine = node.cli('cap', 'attenuate', '--tenant', 'mine', stdin=wallet.token).stdout.strip()
		refused(wallet.transfer('bob', 1, to='carol', token=mine), 403, 'FORBIDDEN', 'scope')
		done(wallet.transfer('alice', 40, token=acme))
		refused(wallet.transfer('alice', 1, token=both), 403, 'FORBIDDEN', 'scope')
		other = node.cli('cap', 'attenuate', '--tenant', 'other', stdin=both).stdout.strip()
		for token in (other, signed, other):
			done(wallet.transfer('bob', 1, to='carol', token=token))
		over(wallet.transfer('bob', 1, to='carol', token=signed), 'quota')
		node.restart()
		over(wallet.transfer('bob', 1, to='carol', token=other), 'quota')
		over(wallet.transfer('alice', 11, token=acme), 'quota')
		done(wallet.transfer('alice', 10, token=acme))
		clock.move_to(clock.skew_ms + DAY_MS)
		done(wallet.transfer('alice', 30))
		done(wallet.transfer('bob', 1, to='carol', token=signed))


def test_what_was_done_is_answered_when_the_quota_is_used_up():
	with node_at_noon() as (node, _):
		wallet = Wallet(node, mint(node))
		fund(wallet, 'alice', 40)
		restart_under(node, quotas={'per_account': {'ops_per_day': 2}})
		body = {'from': 'alice', 'to': 'bob', 'asset': 'ron', 'amount_minor': '1', 'nonce': 1}
		again = lambda: node.http('POST', '/v1/transfer', body, token=wallet.token,
			headers={'Idempotency-Key': 'the-first'})
		first = again()
		wallet.nonces[('debit', 'alice')] = 2
		for _ in range(3):  # and takes nothing
			assert done(again()) == first.json()
		done(wallet.transfer('alice', 1))
		over(wallet.transfer('alice', 1), 'quota')
		assert again().body == first.body
		node.restart()  # when only the ledger knows it
		assert again().body == first.body
		over(wallet.transfer('alice', 1), 'quota')


# --- the document ----------------------------------------------------------------------------


def test_a_bad_policy_is_named_and_starts_nothing():
	with Node() as node:
		node.stop()
		node.profile.write_policy(quotas={'per_account': {'ops_per_day': 0}})
		wrong = 'quotas.per_account.ops_per_day: expected a whole number, from 1'
		for words in (('config', 'validate'), ('check',),
				('policy', 'check', str(node.profile.policy))):
			told = node.cli(*words, check=False)
			assert told.returncode == 1, told
			assert wrong in told.stdout + told.stderr, told
			assert str(node.profile.policy) in told.stdout + told.stderr, told
		told = node.cli('policy', 'check', '--json', str(node.profile.policy), check=False)
		assert json.loads(told.stdout)['problems'][0]['where'] == 'quotas.per_account.ops_per_day', told
		child = node.start(wait=False).child
		assert child.wait(60) == 3, child.returncode
		node.child = None
		assert wrong in node.log_text()
		node.profile.policy.unlink()
		told = node.cli('config', 'validate', check=False)
		assert told.returncode == 1 and 'policy.file' in told.stderr, told
		assert 'No such file' in told.stderr, told
		node.profile.write_policy()
		good = node.cli('policy', 'check', str(node.profile.policy))
		assert 'good, 4 assets' in good.stderr, good
		node.cli('policy', 'check', str(EXAMPLES / 'wallet-policy.json'))


if __name__ == '__main__':
	tap.main(globals())

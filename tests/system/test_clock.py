"""The clock of a whole node is moved under it: forwards, and back, as a wrong time server does."""
import contextlib
import pathlib
import struct
import tempfile
import time

import tap
from harness import Node, entry, eventually, nodes

HOUR_MS = 3600 * 1000
DAY_MS = 24 * HOUR_MS


class Clock:
	"""What every process of a node adds to the time (MACRONODE_TEST_CLOCK)."""

	def __init__(self, directory):
		self.path = pathlib.Path(directory) / 'clock'
		self.move_to(0)
		self.path.chmod(0o644)

	def move_to(self, skew_ms):
		self.skew_ms = skew_ms
		with open(self.path, 'r+b' if self.path.exists() else 'wb') as file:
			file.write(struct.pack('<q', skew_ms))  # one page, one write: seen whole

	def now_ms(self):
		return int(time.time() * 1000) + self.skew_ms


@contextlib.contextmanager
def moving_node():
	with tempfile.TemporaryDirectory(prefix='macronode-clock-') as directory:
		pathlib.Path(directory).chmod(0o755)
		clock = Clock(directory)
		with Node(environment={'MACRONODE_TEST_CLOCK': str(clock.path)}) as node:
			yield node, clock


def post(node, clock, token, kind, account, amount, **members):
	members.setdefault('ts', clock.now_ms())
	return node.ingest([entry(kind, account, amount, **members)], token)


def commit_times(node):
	return [row['ts'] for row in node.http('GET', '/roots?since=0').json()['roots']]


def details(response):
	return [reason.get('details') for reason in response.json()['reasons']]


def accepted(response):
	assert response.status == 200, response
	return response.json()


def test_a_clock_set_back_moves_no_commit_back_and_no_money_twice():
	with moving_node() as (node, clock):
		token = node.mint()
		first = entry('Mint', 'alice', 100, ts=clock.now_ms())
		answer = node.ingest([first], token).json()
		clock.move_to(-3 * HOUR_MS)
		repeated = node.ingest([first], token)
		assert repeated.json() == answer, repeated  # a repeat is one at any time
		assert post(node, clock, token, 'Mint', 'alice', 5).status == 200
		times = commit_times(node)
		assert len(times) == 2 and times == sorted(times), times
		assert times[-1] > clock.now_ms(), 'the commit followed the clock back'
		node.restart()  # and what is on disk is no reason not to start under that clock
		assert node.ingest([first], token).json() == answer
		assert post(node, clock, token, 'Mint', 'alice', 5).status == 200
		times = commit_times(node)
		assert len(times) == 3 and times == sorted(times), times
		assert node.cli('verify', '--offline').returncode == 0
		assert node.metric('service_restarts_total') == 0


def test_a_hold_expires_by_the_clock_and_stays_expired_when_it_goes_back():
	with moving_node() as (node, clock):
		token = node.mint()
		assert post(node, clock, token, 'Mint', 'alice', 100).status == 200
		hold = entry('Hold', 'alice', 100, ts=clock.now_ms(),
			expires_ts=clock.now_ms() + 2 * HOUR_MS)
		assert node.ingest([hold], token).status == 200
		spend = lambda **more: post(node, clock, token, 'Transfer', 'alice', 100,
			counter_account='bob', **more)
		refused = spend()
		assert refused.status == 403 and details(refused) == ['insufficient'], refused
		clock.move_to(3 * HOUR_MS)
		eventually(lambda: len(commit_times(node)) == 3, 'the release as an entry of its own')
		clock.move_to(0)
		assert spend(original_id=hold['id']).status == 403  # no capture of what has expired
		accepted(spend())


def test_a_wallet_whose_clock_went_back_learns_the_time_of_the_ledger():
	"""Nothing went through the wallet while the clock was ahead: its first operation is refused for its
	time, and the next one has the ledger's."""
	with moving_node() as (node, clock):
		token = node.cli('cap', 'mint', '--action', nodes.ACTIONS, '--ttl', '240h').stdout.strip()
		clock.move_to(2 * DAY_MS)
		assert post(node, clock, token, 'Mint', 'alice', 100).status == 200
		clock.move_to(0)

		def burn(token):
			return node.http('POST', '/v1/burn', b'{"from":"alice","asset":"ron","amount_minor":"1","nonce":1}',
				{'Content-Type': 'application/json', 'Idempotency-Key': 'k'}, token=token)
		first = burn(token)
		assert first.status == 503 and first.json()['details']['reason'] == 'timeout', first
		assert burn(token).status == 200
		over = burn(node.mint())  # a day by the clock of the node is over by that of the ledger
		assert over.status == 401 and over.json()['details']['reason'] == 'token_time', over
		assert node.cli('verify', '--offline').returncode == 0


def test_an_entry_from_another_day_is_refused_and_a_repeat_is_not():
	with moving_node() as (node, clock):
		token = node.mint()
		old = entry('Mint', 'alice', 100, ts=clock.now_ms())
		answer = node.ingest([old], token).json()
		clock.move_to(23 * HOUR_MS + HOUR_MS // 2)  # the token lives for 24 hours
		late = node.ingest([entry('Mint', 'alice', 1, ts=old['ts'] - HOUR_MS)], token)
		assert late.status == 403 and details(late) == ['ts_skew'], late
		assert node.ingest([old], token).json() == answer


def test_a_token_ends_when_the_clock_says_so():
	with moving_node() as (node, clock):
		token = node.mint()
		assert post(node, clock, token, 'Mint', 'alice', 1).status == 200
		clock.move_to(DAY_MS + 10000)
		ended = eventually(lambda: (lambda one: one.status != 200 and one)(
			post(node, clock, token, 'Mint', 'alice', 1)), 'the end of the token')
		assert ended.status == 403 and details(ended) == ['the token has expired'], ended


def test_a_daily_limit_begins_anew_with_the_utc_day_and_not_with_a_clock_set_back():
	with moving_node() as (node, clock):
		# Noon of a day: the tests below stay within it, whenever they run.
		clock.move_to(DAY_MS // 2 - clock.now_ms() % DAY_MS)
		words = ('cap', 'mint', '--action', nodes.ACTIONS, '--ttl', '240h', '--daily', '100')
		token = node.cli(*words).stdout.strip()
		assert post(node, clock, token, 'Mint', 'alice', 70).status == 200
		over = post(node, clock, token, 'Mint', 'alice', 31)
		assert over.status == 403, over
		clock.move_to(clock.skew_ms + DAY_MS)
		accepted(post(node, clock, token, 'Mint', 'alice', 90))
		clock.move_to(clock.skew_ms - DAY_MS)
		over = post(node, clock, token, 'Mint', 'alice', 11)
		assert over.status == 403, over
		assert post(node, clock, token, 'Mint', 'alice', 10).status == 200


if __name__ == '__main__':
	tap.main(globals())

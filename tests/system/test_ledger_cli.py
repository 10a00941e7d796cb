#!/usr/bin/env python3
"""The macronode command against a real node."""
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import harness  # noqa: E402
import tap  # noqa: E402

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / 'etc/examples'
MAP = 'nonce=order_id,account=payer,counter_account=payee,amount=amount_minor,memo=purpose'


class Cli:
	"""A node, and its command with a token in the environment."""

	def __init__(self, overrides=None):
		self.node = harness.Node(overrides)

	def __enter__(self):
		self.node.__enter__()
		self.node.environment['MACRONODE_TOKEN'] = self.node.mint()
		return self

	def __exit__(self, *error):
		return self.node.__exit__(*error)

	def __call__(self, *words, status=0, stdin=None):
		done = self.node.cli(*words, check=False, stdin=stdin)
		if done.returncode != status:
			raise AssertionError(f'{words}: exit {done.returncode}, not {status}: {done}')
		return done

	def json(self, *words, status=0):
		return json.loads(self(*words, '--json', status=status).stdout)

	def request(self, entries):
		ref = self.json('cap', 'inspect')['capability']
		path = self.node.directory / 'request.json'
		path.write_text(json.dumps({'batch': [{'capability_ref': ref, **one} for one in entries]}))
		return str(path)


def test_the_first_request_of_a_connection_lasts_as_long_as_it_took():
	"""Of a write over OAP/1 the log said how long the machine had been up."""
	with Cli({'log': {'level': 'debug'}}) as cli:
		path = cli.request([harness.entry('Mint', 'alice', 500)])
		with open('/proc/uptime') as uptime:
			up_ms = float(uptime.read().split()[0]) * 1000
		cli('ledger', 'ingest', '-f', path)
		lines = harness.eventually(lambda: [line for line in cli.node.log()
			if line['event'] == 'request_answered' and line['route'] == '/ingest'], 'its line')
		assert all(0 < float(line['latency_ms']) < up_ms for line in lines), lines


def test_an_ingest_is_shown_listed_repeated_and_verified():
	with Cli() as cli:
		entries = [harness.entry('Mint', 'alice', 500), harness.entry('Transfer', 'alice', 20,
			counter_account='bob', memo='rent')]
		entries[1]['ts'] = entries[0]['ts'] + 1
		path = cli.request(entries)
		first = cli.json('ledger', 'ingest', '-f', path)
		assert first['accepted'] and (first['seq_start'], first['seq_end']) == (1, 2), first
		assert cli.json('ledger', 'ingest', '-f', path) == first
		shown = cli.json('ledger', 'show', '2')
		assert shown['memo'] == 'rent' and shown['new_root'] == first['new_root'], shown
		assert 'counter_account  bob' in cli('ledger', 'show', '2').stdout
		cli('ledger', 'show', '3', status=1)
		rows = [json.loads(line) for line in cli('ledger', 'roots', '--json').stdout.splitlines()]
		assert rows[-1]['seq'] == 2 and rows[-1]['root'] == first['new_root'], rows
		assert cli('ledger', 'roots', '--since', '2').stdout == ''
		result = cli.json('verify')
		assert result['good'] and result['size'] == 2 and result['root'] == first['new_root'], result
		assert cli.json('verify', '--offline') == result
		poor = cli.request([harness.entry('Transfer', 'bob', 21, counter_account='carol')])
		refused = cli('ledger', 'ingest', '-f', poor, status=1)
		assert 'insufficient' in refused.stdout, refused


def test_status_shows_every_process_and_says_when_it_is_not_ready():
	with Cli() as cli:
		status = cli.json('status')
		roles = {one['role'] for one in status['processes']}
		assert {'ingress', 'admin', 'prevalidator', 'kms', 'sequencer', 'committer'} <= roles, roles
		text = cli('status').stdout
		for one in status['processes']:
			name = 'admin-check' if one['instance'] == 16 else one['role']
			assert re.search(rf'  {name} {one["instance"]} .* {one["pid"]} ', text), text
		killed = cli.node.signal_worker('prevalidator')
		harness.eventually(lambda: f'pid {killed}' in cli.node.cli('status', check=False).stdout,
			'the death is shown')
		harness.eventually(lambda: cli.node.cli('status', check=False).returncode == 0,
			'it is ready again')


def test_a_new_root_key_follows_the_active_one_and_older_tokens_stay_good():
	with Cli() as cli:
		older = cli.node.mint()
		assert cli.json('cap', 'rotate', '1') == {'active_key': 2}
		cli('cap', 'rotate', '1', status=1)  # a command repeated by mistake makes no third
		cli('cap', 'rotate', 'x', status=2)
		for token in (older, cli.node.mint()):
			response = cli.node.ingest([harness.entry('Mint', 'alice', 1)], token)
			assert response.status == 200, response
		first, second = (cli.node.http('GET', f'/entries/{seq}', token=older).json()['kid']
			for seq in (1, 2))
		assert (first, second) == (1, 2)


def test_a_token_is_minted_listed_and_revoked():
	with Cli() as cli:
		minted = cli.json('cap', 'mint', '--action', 'ledger.ingest,gov.mint', '--ttl', '1h',
			'--amount', '10')
		listed = [json.loads(line) for line in cli('cap', 'list', '--json').stdout.splitlines()]
		found = [one for one in listed if one.get('capability') == minted['capability']]
		assert len(found) == 1 and found[0]['revoked'] is None, listed
		assert 'amount<=10' in found[0]['caveats'], found
		mint = [harness.entry('Mint', 'alice', 10)]
		assert cli.node.ingest(mint, minted['token']).status == 200
		cli('cap', 'revoke', minted['capability'])
		again = cli.node.ingest([harness.entry('Mint', 'alice', 10)], minted['token'])
		assert again.status in (401, 403), again
		cli('cap', 'revoke', minted['capability'])  # twice is once
		cli('cap', 'revoke', '0' * 31 + '1', status=1)
		listed = [json.loads(line) for line in cli('cap', 'list', '--json').stdout.splitlines()]
		assert [one for one in listed if one.get('capability') == minted['capability']][0]['revoked']
		cli('cap', 'mint', '--action', 'audit.read', status=1)  # without an end
		cli('cap', 'mint', '--ttl', '1h', status=1)             # without an action


def test_a_freeze_holds_until_it_is_taken_back():
	with Cli() as cli:
		cli('ledger', 'ingest', '-f', cli.request([harness.entry('Mint', 'alice', 500)]))
		cli('gov', 'freeze', '--account', 'alice', status=2)  # no reason
		cli('gov', 'freeze', '--account', 'alice', '--reason', 'stolen card')
		one = cli.request([harness.entry('Transfer', 'alice', 20, counter_account='bob')])
		assert 'frozen' in cli('ledger', 'ingest', '-f', one, status=1).stdout
		cli('gov', 'unfreeze', '--account', 'alice', '--reason', 'found again')
		cli('ledger', 'ingest', '-f', one)
		assert cli.json('verify')['good']


def test_an_import_twice_is_an_import_once():
	with Cli() as cli:
		words = ('ledger', 'import', '--map', MAP, '--fund-by-mint',
			str(EXAMPLES / 'standing-orders.csv'))
		first = cli.json(*words)
		assert first == {'rows': 12, 'funded': 4, 'sent': 16, 'new': 16, 'repeated': 0,
			'refused': 0}, first
		again = cli.json(*words)
		assert (again['new'], again['repeated'], again['refused']) == (0, 16, 0), again
		more = cli.node.directory / 'more.csv'
		more.write_text((EXAMPLES / 'standing-orders.csv').read_text()
			+ '7013,alice,QX,ext_QX_100200,1,MORE\n')
		grown = cli('ledger', 'import', '--map', MAP, '--fund-by-mint', str(more), status=1)
		assert '--fund-label' in grown.stderr, grown
		result = cli.json('verify')
		assert result['good'] and result['size'] == 16, result


def test_a_row_that_is_refused_is_named_with_its_line():
	with Cli() as cli:
		done = cli('ledger', 'import', '--map', MAP, str(EXAMPLES / 'standing-orders.csv'), status=1)
		assert 'standing-orders.csv:2: policy_denied, insufficient' in done.stderr, done
		assert '0 new, 0 repeated, 12 refused' in done.stdout, done


def test_a_stopped_nodes_store_is_verified_in_place():
	with Cli() as cli:
		cli('ledger', 'ingest', '-f', cli.request([harness.entry('Mint', 'alice', 500)]))
		root = cli.json('verify')['root']
		cli('stop')
		cli.node.stop()
		cli('status', status=3)
		result = cli.json('verify')
		assert result['good'] and result['root'] == root, result
		cli.node.start()  # what the reading left behind is no obstacle
		assert cli.json('verify')['root'] == root


def test_verify_that_may_not_look_has_found_nothing_bad():
	with Cli() as cli:
		blind = cli('cap', 'mint', '--action', 'ledger.ingest', '--ttl', '1h').stdout.strip()
		cli.node.environment['MACRONODE_TOKEN'] = blind
		assert 'the node refused' in cli('verify', status=3).stderr


if __name__ == '__main__':
	tap.main(globals())

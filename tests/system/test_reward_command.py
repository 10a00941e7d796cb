"""macronode reward against a node that pays: policy put and get, compute, show, runs, release; what it
pays is what the second implementation computes, and what balances say."""
import json
import signal
import subprocess

import harness
import tap
from harness import BUILD, nodes
from reward_node import CLOSED, EXAMPLES, Payer, macronode

DAY = '2026-10-01'
ACTIONS = ('--action', 'rewarder.*', '--tenant', 'acme', '--ttl', '1h')
shared = {}


def payer():
	if 'payer' not in shared:
		# one case lets a calculator stand still until a request is given up, and no longer
		one = shared['payer'] = Payer(node={'ping_timeout': '60s'}, limits={'req_timeout': '5s'})
		one.secret = one.directory / 'reward-token'
		one.secret.write_text(one.token(*ACTIONS))
		one.signed = one.policy()
	return shared['payer']


def reward(*words, status=0, token=True, says=''):
	one = payer()
	more = ('--token-file', str(one.secret)) if token else ()
	done = one.node.cli('reward', *map(str, words), *more, check=False)
	assert done.returncode == status and says in done.stdout + done.stderr, (words, done)
	return done


def told(*words, **more):
	return json.loads(reward(*words, '--json', **more).stdout)


def sealed(epoch, **more):
	"""The directory that `reward seal --put` made."""
	one = payer()
	one.seal(one.signed, epoch, **more)
	return max(one.directory.glob('sealed*/request.json'), key=lambda path: path.stat().st_mtime_ns).parent


def paid():
	"""An epoch that was paid, in its directory."""
	if 'paid' not in shared:
		one = payer()
		one.fill(30000)
		reward('policy', 'put', one.signed)
		shared['paid'] = sealed(DAY)
		result = told('compute', shared['paid'])
		assert result['ledger']['result'] == 'accepted' and result['status'] == 'ok', result
	return shared['paid']


def test_a_policy_is_put_and_shown():
	one = payer()
	document = json.loads((EXAMPLES / 'reward-policy.json').read_text())
	reward('policy', 'put', EXAMPLES / 'reward-policy.json', status=1, says='BAD_REQUEST: ')
	put = told('policy', 'put', one.signed)
	assert put['signed'] is True and put['id'] == document['id'], put
	got = told('policy', 'get', document['id'])
	assert got == put and got['body'] == document['body'], got
	assert f'hash  {got["hash"]}' in ' '.join(reward('policy', 'get', document['id']).stdout.split()).replace(
		'hash ', 'hash  '), got
	reward('policy', 'get', 'nobody', status=1, says='NOT_FOUND: ')


def test_an_epoch_is_paid_once_and_as_two_implementations_compute_it():
	one, directory = payer(), paid()
	for _ in range(2):
		again = told('compute', directory)
		assert again['ledger']['result'] == 'dup', again
	reward('show', DAY, '--manifest', '-o', one.directory / 'run.json')
	manifest = (one.directory / 'run.json').read_bytes()
	macronode('compute', '--offline', directory, '-o', one.directory / 'here.json')
	assert manifest == (one.directory / 'here.json').read_bytes()
	assert reward('show', DAY, '--manifest').stdout.encode() == manifest
	(one.directory / 'attestation.json').write_text(json.dumps(told('show', DAY)['attestation']))
	vkey = json.loads(one.node.cli('key', 'show', '--json').stdout)['vkey']
	done = subprocess.run([BUILD / 'client/rewardverify', '-a', one.directory / 'attestation.json', '-k', vkey,
		one.directory / 'run.json', directory], capture_output=True, text=True, timeout=60,
		env=harness.clean_environment())
	assert done.returncode == 0 and 'good: ' in done.stdout, done
	for row in json.loads(manifest)['allocations']:
		balance = one.node.http('GET', f'/v1/balance?account={row["actor"]}&asset=ron', token=one.all).json()
		assert balance['amount_minor'] == row['amount_minor'], (row, balance)


def test_a_dry_run_pays_nothing():
	paid()
	directory = sealed('2026-10-02')
	result = told('compute', directory, '--dry-run', '--notes', 'only to see')
	assert result['ledger'] == {'emitted': False, 'result': 'none'}, result
	reward('show', '2026-10-02', status=1, says='NOT_FOUND: ')


def test_a_request_may_be_said_in_words():
	request = json.loads((paid() / 'request.json').read_text())
	words = ('--epoch', DAY, '--inputs', request['inputs_cid'], '--policy', request['policy_id'],
		'--policy-hash', request['policy_hash'])
	assert told('compute', *words)['ledger']['result'] == 'dup'
	for left_out in range(0, len(words), 2):
		reward('compute', *words[:left_out], *words[left_out + 2:], status=2, says='--policy-hash')
	reward('compute', paid(), *words[:2], status=2, says='DIR says')
	reward('compute', paid(), '--offline', paid(), status=2, says='--offline DIR does not')
	reward('compute', payer().directory, status=3, says='request.json')
	reward('compute', '--epoch', 'demo', *words[2:], status=1, says='epoch_id: expected ')


def test_what_is_not_paid_yet_has_an_exit_status_of_its_own():
	paid()
	one, directory = payer(), sealed('2026-10-04', pool=10000)
	pid = one.node.worker('compute')
	nodes.signal_process(pid, one.node.workers()[pid], signal.SIGSTOP)
	try:
		reward('compute', directory, status=4, says='still being computed')
	finally:
		nodes.signal_process(pid, one.node.workers()[pid], signal.SIGCONT)
	harness.eventually(lambda: told('show', '2026-10-04')['state'] == 'settled', 'it to be paid')


def test_runs_are_listed_and_a_quarantined_one_released():
	"""Last: the tenant is not paid until then."""
	one = payer()
	paid()
	directory = sealed('2026-10-05')
	bundle = json.loads((directory / 'bundle.json').read_text())
	(directory / 'bundle.json').write_text(json.dumps({**bundle, 'epoch_id': '2026-10-06'}))
	reward('compute', directory, status=1, says='QUARANTINED: ')  # it is sealed for another epoch
	assert [run['epoch_id'] for run in told('runs', '--held')['runs']] == ['2026-10-06']
	lines = reward('runs').stdout.splitlines()
	assert [line.split()[0] for line in lines] == [DAY, '2026-10-04', '2026-10-06'], lines
	assert lines[0].split()[2:] == ['ok', 'settled'], lines
	assert reward('runs', '--after', DAY).stdout.splitlines() == lines[1:]
	reward('compute', sealed('2026-10-07', window=CLOSED, pool=9000), status=1, says='QUARANTINED: ')
	reward('release', '2026-10-06', status=2, says='--reason')
	reward('release', '2026-10-07', '--reason', 'x', status=1)
	words = ('release', '2026-10-06', '--reason', 'the directory was edited by hand')
	# 503 for as long as the quarantine itself is not in the audit log
	harness.eventually(lambda: one.node.cli('reward', *words, '--token-file', str(one.secret),
		check=False).returncode == 0, 'the quarantine to be recorded')
	released = told(*words)
	assert released['state'] == 'released', released
	assert told('runs', '--held')['runs'] == []
	harness.eventually(lambda: [line for line in one.node.log() if line.get('event') == 'quarantine_released'
		and 'the directory was edited by hand' in json.dumps(line)], 'the log to say so')


def test_who_may_not_is_told():
	paid()
	one = payer()
	one.secret.write_text(one.token('--action', 'rewarder.*', '--ttl', '1h'))
	reward('show', DAY, status=1, says='UNAUTHORIZED: the token names no single tenant')
	one.secret.write_text(one.token(*ACTIONS))
	reward('show', DAY, '-o', 'x', status=2, says='for --manifest')


if __name__ == '__main__':
	try:
		tap.main(globals())
	finally:
		if 'payer' in shared:
			shared['payer'].node.stop()
			shared['payer'].node.remove()

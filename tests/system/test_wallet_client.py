"""libmacronode against a real node: the example program pays, built as its users build it, and
pays exactly once while the processes that it depends on are killed."""
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import tempfile
import threading

import tap
from harness import BUILD, Node, eventually, nodes

PAYMENTS = 1000
EAGER_KILLS = 6
KILLED = ('sequencer', 'committer', 'wallet')
EXAMPLE = nodes.CHECKOUT / 'client/examples/pay.c'
TXID = 'tx_01JFA7Z2A7YQ4QW3EJ7N3N6D1X'  # of nothing
shared = {}


def node():
	if 'node' not in shared:
		# one case lets a process stand still until a request is given up, and no longer
		shared['node'] = Node({'node': {'ping_timeout': '60s'}, 'limits': {'req_timeout': '5s'}}).start()
		shared['token'] = shared['node'].mint()
		issue('alice', 10_000, 1)
	return shared['node']


def issue(account, amount, nonce):
	answer = node().http('POST', '/v1/issue', {'to': account, 'asset': 'ron',
		'amount_minor': str(amount), 'nonce': nonce}, {'Idempotency-Key': f'issue-{account}-{nonce}'},
		token=shared['token'])
	assert answer.status == 200, answer


def pay(*words, program=BUILD / 'client/pay', socket=None, check=0, seconds=600):
	done = subprocess.run([str(program), str(socket or node().profile.uds), *map(str, words)],
		text=True, capture_output=True, timeout=seconds,
		env={**os.environ, 'MACRONODE_TOKEN': shared['token']})
	assert done.returncode == check, done
	return done


def available(account):
	done = node().cli('ledger', 'balance', account, '--json', '--token-file', token_file())
	return int(json.loads(done.stdout)['amount_minor'])


def token_file():
	path = node().directory / 'token-of-test'
	path.write_text(shared['token'])
	path.chmod(0o644)
	return str(path)


def last_seq():
	seq = 0
	while True:
		page = node().http('GET', f'/roots?since={seq}').json()['roots']
		if not page:
			return seq
		seq = page[-1]['seq']


def test_the_example_pays():
	node()
	paid = pay('alice', 'bob', 7)
	assert re.fullmatch(r'tx_[0-9A-HJKMNP-TV-Z]{26} seq \d+, 9993 left\n', paid.stdout), paid
	assert available('bob') == 7


def test_the_example_says_why_it_did_not_pay():
	assert 'not paid: ' in pay('alice', 'bob', 10**9, check=1).stderr
	assert '(INSUFFICIENT_FUNDS)' in pay('alice', 'bob', 10**9, check=1).stderr
	assert '(BAD_REQUEST)' in pay('alice', 'alice', 1, check=1).stderr
	assert pay('alice', check=2).stderr.startswith('usage: ')


def test_pkg_config_builds_the_example_against_the_library():
	for tool in ('pkg-config', 'cc'):
		if shutil.which(tool) is None:
			raise tap.Skip(f'{tool} is not installed')
	node()
	environment = {**os.environ, 'PKG_CONFIG_PATH': str(BUILD / 'meson-uninstalled')}
	flags = subprocess.run(['pkg-config', '--cflags', '--libs', 'libmacronode'], text=True,
		capture_output=True, env=environment, check=True).stdout.split()
	with tempfile.TemporaryDirectory(prefix='macronode-test-') as directory:
		program = pathlib.Path(directory, 'pay')
		subprocess.run(['cc', '-Wall', '-Wextra', '-Wpedantic', '-Werror', '-std=c99', str(EXAMPLE),
			*flags, f'-Wl,-rpath,{BUILD}/client', '-o', str(program)], check=True)
		linked = subprocess.run(['ldd', str(program)], text=True, capture_output=True).stdout
		assert 'libmacronode.so.0 => ' in linked, linked
		assert ' seq ' in pay('alice', 'bob', 1, program=program).stdout


def test_the_header_is_good_for_cpp_and_alone():
	if shutil.which('c++') is None:
		raise tap.Skip('c++ is not installed')
	subprocess.run(['c++', '-Wall', '-Wextra', '-Werror', '-fsyntax-only', '-x', 'c++',
		str(nodes.CHECKOUT / 'client/macronode.h')], check=True)


def test_the_library_exports_what_its_header_declares():
	if shutil.which('nm') is None:
		raise tap.Skip('nm is not installed')
	header = (nodes.CHECKOUT / 'client/macronode.h').read_text()
	declared = set(re.findall(r'^(?!typedef)[a-z][\w ]*[ *](mn_\w+)\(', header, re.MULTILINE))
	listed = subprocess.run(['nm', '-D', '--defined-only', str(BUILD / 'client/libmacronode.so')],
		text=True, capture_output=True, check=True).stdout
	exported = {line.split()[-1] for line in listed.splitlines()}
	assert exported == declared, exported ^ declared


# --- the command ---------------------------------------------------------------------------


def wallet(*words, check=True):
	return node().cli('wallet', *words, '--token-file', token_file(), check=check)


def test_the_command_shows_what_an_account_has():
	issue('carol', 500, 1)
	pay('carol', 'dave', 20)
	wallet('hold', '--from', 'carol', '--amount', '30')
	line = r'450 ron, and 30 held \(as of seq \d+, \S+Z(, \d+ ms old)?\)\n'
	for words in (('wallet', 'balance', 'carol'), ('ledger', 'balance', 'carol'),
			('ledger', 'balance', 'carol', '--at', str(last_seq()))):
		told = node().cli(*words, '--token-file', token_file())
		assert re.fullmatch(line, told.stdout), (words, told)
	shown = json.loads(wallet('balance', 'dave', '--json').stdout)
	assert (shown['account'], shown['amount_minor'], shown['asset']) == ('dave', '20', 'ron')
	for words in (('balance', 'no account'), ('balance', 'dave', '--asset', 'RON'), ('balance',)):
		assert wallet(*words, check=False).returncode == 2, words


def test_the_command_shows_a_receipt_byte_for_byte_and_proves_it():
	done = json.loads(wallet('transfer', '--from', 'alice', '--to', 'bob', '--amount', '3',
		'--json').stdout)
	shown = wallet('tx', done['txid'], '--json').stdout
	assert json.loads(shown) == done
	assert 'amount_minor' in wallet('tx', done['txid']).stdout
	proof = eventually(lambda: wallet('tx', done['txid'], '--proof', check=False).stdout,
		'a checkpoint behind it')
	assert proof.startswith('c2sp.org/tlog-proof@v1\n'), proof
	unknown = wallet('tx', 'tx_01JFA7Z2A7YQ4QW3EJ7N3N6D1X', check=False)
	assert unknown.returncode == 1 and 'NOT_FOUND' in unknown.stderr, unknown


def test_the_command_shows_what_changed_an_account_page_by_page():
	issue('erin', 100, 1)
	for amount in (1, 2, 3):
		pay('erin', 'frank', amount)
	first = wallet('history', 'erin', '--limit', '2').stdout.splitlines()
	assert len(first) == 3 and '-3 = 94  frank' in first[0], first
	more = wallet('history', 'erin', *first[2].split(': ')[1].split()).stdout.splitlines()
	assert len(more) == 2 and '+100 = 100' in more[1] and '-1 = 99  frank' in more[0], more
	page = json.loads(wallet('history', 'erin', '--json').stdout)
	assert [item['change_minor'] for item in page['items']] == ['-3', '-2', '-1', '100']
	for words in (('--before', 'x'), ('--limit', '201'), ('--limit', '-1')):
		assert wallet('history', 'erin', *words, check=False).returncode == 2, words


def test_the_command_watches_across_a_restart():
	before = last_seq()
	watching = subprocess.Popen([*nodes.command(BUILD, node().profile), 'wallet', 'watch', '--json',
		'--after', str(before), '--count', '4', '--token-file', token_file()], text=True,
		stdout=subprocess.PIPE, stderr=subprocess.PIPE)
	try:
		pay('alice', 'bob', 1)
		first = json.loads(watching.stdout.readline())
		assert first['seq'] == before + 1 and first['counter_account'] == 'bob', first
		node().restart()
		pay('alice', 'bob', 1, 3)
		out, err = watching.communicate(timeout=120)
	finally:
		watching.kill()
		watching.wait()
	assert watching.returncode == 0, err
	assert [json.loads(line)['seq'] for line in out.splitlines()] == [before + i for i in (2, 3, 4)]


def test_what_the_token_may_not_see_is_refused():
	done = wallet('watch', '--count', '1', '--after', 'x', check=False)
	assert done.returncode == 2, done
	blind = node().mint('wallet.issue')
	path = node().directory / 'blind'
	path.write_text(blind)
	for words in (('balance', 'alice'), ('history', 'alice'), ('watch',)):
		done = node().cli('wallet', *words, '--token-file', str(path), check=False)
		assert done.returncode == 1 and done.stderr, (words, done)


def test_the_command_says_why_it_does_not_do_it():
	"""2: the command line; 1: the node's sentence, and its ApiError on stdout with --json; 3: no node."""
	pay = ('--from', 'gina', '--amount', '1')
	usage = [(('issue',), '--to ACCOUNT'), (('issue', '--to', 'gina'), '--amount N'), (('transfer', *pay), '--to ACCOUNT'),
		(('burn', *pay, '--nonce', '0'), 'from 1'), (('burn', *pay, '--nonce', '1x'), 'from 1'),
		(('hold', *pay, '--expires', 'x'), 'from 1'), (('capture', *pay, '--to', 'bob'), 'needs TXID'),
		(('burn', *pay, '--idempotency-key', 'mine'), '--nonce N beside --idempotency-key'),
		(('release', TXID, *pay, '--to', 'bob'), "no option '--to'"), (('balance',), 'needs ACCOUNT'),
		(('balance', 'a b'), 'no account'), (('tx',), 'needs TXID'), (('history', 'gina', '--limit', '0'), 'from 1 to 200'),
		(('history', 'gina', '--before', '0'), 'from 1'), (('watch', '--count', '0'), 'from 1'), (('pay',), 'no command')]
	for words, text in usage:
		told = wallet(*words, check=False)
		assert told.returncode == 2 and text in told.stderr and told.stdout == '', (words, told)
	issue('gina', 10, 1)
	refused = [(('issue', '--to', 'a b', '--amount', '1'), 'BAD_REQUEST: to: expected an account'),
		(('issue', '--to', 'gina', '--amount', '01'), 'BAD_REQUEST: amount_minor: expected a string'),
		(('transfer', *pay, '--to', 'gina'), 'BAD_REQUEST: from and to are one account'),
		(('burn', *pay, '--nonce', '1', '--idempotency-key', 'a b'), 'BAD_REQUEST: idempotency_key: expected'),
		(('burn', '--from', 'gina', '--amount', '11'), 'INSUFFICIENT_FUNDS: insufficient funds'),
		(('burn', *pay, '--nonce', '7'), 'NONCE_CONFLICT: nonce conflict: one before it'),
		(('hold', *pay, '--expires', '5'), 'BAD_REQUEST: expires_ts: expected'),
		(('capture', TXID, *pay, '--to', 'bob'), 'NOT_FOUND: there is no such hold'),
		(('release', 'tx_1', *pay), 'BAD_REQUEST: hold: expected the txid'),
		(('tx', 'tx_1'), 'BAD_REQUEST: txid: expected'), (('tx', TXID, '--proof'), 'NOT_FOUND: there is no such thing'),
		(('watch', '--after', '1000000'), 'NOT_FOUND: there is no such thing')]
	for words, text in refused:
		told = wallet(*words, check=False)
		assert told.returncode == 1 and f'the node refused: {text}' in told.stderr and told.stdout == '', (words, told)
		assert ('next is --nonce 1' in told.stderr) == ('7' in words), (words, told)
		told = wallet(*words, '--json', check=False)
		assert told.returncode == 1 and json.loads(told.stdout)['code'] == text.split(':')[0], (words, told)
	blind = node().directory / 'blind-payer'
	blind.write_text(node().mint('wallet.burn'))
	told = node().cli('wallet', 'burn', *pay, '--token-file', str(blind), check=False)
	assert told.returncode == 1 and 'may not read the account' in told.stderr, told
	elsewhere = subprocess.run([str(BUILD / 'cli/macronode'), 'wallet', 'burn', *pay, '--uds', '/nonexistent/socket',
		'--token-file', token_file()], text=True, capture_output=True, timeout=60)
	assert elsewhere.returncode == 3 and 'no node is listening' in elsewhere.stderr, elsewhere


def test_the_command_does_not_call_refused_what_may_be_done():
	issue('hugo', 10, 1)
	words = ('burn', '--from', 'hugo', '--amount', '4', '--nonce', '1', '--idempotency-key', 'slow')
	node().signal_worker('sequencer', signal.SIGSTOP)
	try:
		told = wallet(*words, check=False)
		asked = wallet('burn', '--from', 'hugo', '--amount', '4', check=False)
	finally:
		node().signal_worker('sequencer', signal.SIGCONT)
	assert told.returncode == 3 and 'UPSTREAM_UNAVAILABLE' in told.stderr and 'may be done' in told.stderr, told
	assert asked.returncode == 3 and 'nothing was asked for' in asked.stderr, asked
	eventually(lambda: wallet(*words, check=False).returncode == 0, 'the same to be done')
	assert available('hugo') == 6


# --- kills ---------------------------------------------------------------------------------


def kill_until(done, killed):
	"""One of them after the other, each once the node has recovered."""
	choice = random.Random(3)
	while not done.is_set():
		role = choice.choice(KILLED)
		try:
			node().signal_worker(role)
		except AssertionError:
			continue # it is not there yet
		killed.append(role)
		eventually(lambda: done.is_set() or node().http('GET', '/readyz', plane='admin').status == 200,
			'the node to recover')
		# How far it gets is up to chance; then longer than a client's longest pause between attempts.
		done.wait(choice.uniform(0.02, 0.1) if len(killed) < EAGER_KILLS else choice.uniform(2, 3))


def test_each_payment_is_done_once_while_its_processes_are_killed():
	before, bob = last_seq() if node() else 0, available('bob')
	done, killed = threading.Event(), []
	killer = threading.Thread(target=kill_until, args=(done, killed))
	killer.start()
	try:
		paid = pay('alice', 'bob', 1, PAYMENTS)
	finally:
		done.set()
		killer.join()
	eventually(node().is_ready, 'whoever died last to be back')
	node().wait_ready()
	lines = paid.stdout.splitlines()
	print(f'{len(killed)} killed; {sum("seemed to fail" in line for line in lines)} were replayed')
	assert len(lines) == PAYMENTS and len(killed) >= 3, (len(lines), killed)
	assert len({line.split()[0] for line in lines}) == PAYMENTS
	seqs = [int(re.search(r'seq (\d+)', line)[1]) for line in lines]
	assert seqs == list(range(before + 1, before + 1 + PAYMENTS)), (before, seqs)
	assert last_seq() == before + PAYMENTS
	assert available('bob') == bob + PAYMENTS
	assert node().cli('verify', '--token-file', token_file()).returncode == 0


def test_a_node_that_comes_late_is_waited_for():
	one = node()
	one.stop()
	payment = threading.Thread(target=lambda: shared.update(late=pay('alice', 'bob', 1)))
	payment.start()
	one.start()
	payment.join()
	assert ' seq ' in shared['late'].stdout


if __name__ == '__main__':
	try:
		tap.main(globals())
	finally:
		if 'node' in shared:
			shared['node'].stop()
			shared['node'].remove()

#!/usr/bin/env python3
"""The macronode command where it needs no node: usage, configuration, tokens, files, checks."""
import atexit
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import harness  # noqa: E402
import tap  # noqa: E402

MACRONODE = str(harness.BUILD / 'cli/macronode')
VECTORS = pathlib.Path(__file__).resolve().parents[1] / 'vectors/macaroon.txt'
EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / 'etc/examples'
IN_TIME = '1800000000'
MAP = 'nonce=order_id,account=payer,counter_account=payee,amount=amount_minor,memo=purpose'


def cli(*words, stdin='', environment=None):
	return subprocess.run([MACRONODE, *words], input=stdin, capture_output=True, text=True,
		timeout=60, env={**harness.clean_environment(), **(environment or {})})


def expect(done, status, *texts):
	if done.returncode != status:
		raise AssertionError(f'exit {done.returncode}, not {status}: {done.stdout}{done.stderr}')
	for text in texts:
		if text not in done.stdout + done.stderr:
			raise AssertionError(f'{text!r} is not in {done.stdout + done.stderr!r}')
	return done


def place():
	"""A directory that others may pass through; gone at the end."""
	directory = pathlib.Path(tempfile.mkdtemp(prefix='macronode-cli-'))
	atexit.register(shutil.rmtree, directory, ignore_errors=True)
	directory.chmod(0o755)
	return directory


def written(text, name='macronode.toml'):
	path = place() / name
	path.write_bytes(text if isinstance(text, bytes) else text.encode())
	return path


def vector(name='ours'):
	for line in VECTORS.read_text().splitlines():
		fields = line.split(' ')
		if fields[0] == name:
			return fields[6]
	raise AssertionError(f'no vector {name}')


def caveats(token):
	return json.loads(expect(cli('cap', 'inspect', '--json', stdin=token), 0).stdout)['caveats']


# --- usage --------------------------------------------------------------------------------


def test_a_wrong_command_line_exits_2_and_says_why():
	expect(cli(), 2, 'usage:')
	expect(cli('bogus'), 2, "no command 'bogus'")
	expect(cli('cap'), 2, 'another word')
	group = expect(cli('wallet', '--help'), 0, 'usage: macronode wallet COMMAND', 'wallet issue  ', 'wallet watch  ')
	assert 'ledger' not in group.stdout, group
	expect(cli('status', '--bogus'), 2, "no option '--bogus'")
	expect(cli('ledger', 'show'), 2, 'SEQ')
	expect(cli('ledger', 'show', '0'), 2, 'from 1')
	expect(cli('cap', 'mint', '--ttl'), 2, 'needs a value')
	expect(cli('gov', 'freeze', '--global', '--account', 'a', '--reason', 'r'), 2, 'one of')
	expect(cli('cap', 'mint', '--action', 'wallet.reed', '--ttl', '1h'), 2, 'wallet.read')


def test_every_command_has_help():
	usage = expect(cli('help'), 0).stdout
	rows = [line for line in usage.splitlines() if line.startswith('  ') and not line.startswith('  -')]
	names = [row[2:28].strip() for row in rows if row[2] != ' ']
	assert len(names) > 15, names
	for row in rows:  # a command, what it does, or both, each in its column
		assert len(row[2:].split('  ')[0]) > 26 or row[28] == ' ' and row[29] != ' ', row
	for name in names:
		words = [word for word in name.split(' ') if word.islower() and '|' not in word]
		expect(cli(*words, '--help'), 0, 'usage: macronode ' + ' '.join(words))
		expect(cli('help', *words), 0, 'usage: macronode ' + ' '.join(words))


def test_version_says_what_it_was_built_from():
	expect(cli('version'), 0, 'macronode ', 'commit')
	version = json.loads(expect(cli('version', '--json'), 0).stdout)
	assert version['service'] == 'macronode' and version['api']['http'] == 'v1', version


# --- configuration ------------------------------------------------------------------------


def test_validate_names_file_line_and_column():
	bad = written('[node]\nfoo = 1\n[api]\nbind_addr = 3\n')
	expect(cli('config', 'validate', str(bad)), 1, f'{bad}:2:1: ', f'{bad}:4:')
	problems = json.loads(expect(cli('config', 'validate', str(bad), '--json'), 1).stdout)
	assert len(problems['problems']) == 2 and not problems['good'], problems
	expect(cli('config', 'validate', '/nonexistent'), 3, '/nonexistent')
	expect(cli('config', 'validate', str(EXAMPLES.parent / 'macronode.toml')), 0, 'good')


def test_print_shows_where_each_value_comes_from():
	file = written('[limits]\nrps = 5\n')
	done = expect(cli('config', 'print', '--config', str(file), '--api.max_conns', '7',
		environment={'RON_LOG': 'debug'}), 0)
	lines = done.stdout.splitlines()
	assert any(line.startswith('rps = 5') and f'{file}:2' in line for line in lines), lines
	assert any(line.startswith('level = "debug"') and 'RON_LOG' in line for line in lines), lines
	values = json.loads(expect(cli('config', 'print', '--json', '--config', str(file)), 0).stdout)
	assert values['limits.rps'] == {'value': '5', 'from': 'file'}, values['limits.rps']


def test_an_unknown_key_as_a_flag_is_a_problem():
	expect(cli('config', 'print', '--limits.rsp', '7'), 1, 'no such key')


def test_the_value_of_one_key():
	words = ('--config', str(written('[limits]\nrps = 5\n')), '--api.max_conns', '7')
	assert expect(cli('config', 'print', 'api.max_conns', *words), 0).stdout == '7\n'
	one = json.loads(expect(cli('config', 'print', 'api.max_conns', '--json', *words), 0).stdout)
	assert one == {'api.max_conns': {'value': '7', 'from': 'flag'}}, one
	expect(cli('config', 'print', 'api.max_conn'), 2, 'did you mean api.max_conns?')


# --- tokens -------------------------------------------------------------------------------


def test_inspect_shows_what_a_token_says():
	expect(cli('cap', 'inspect', stdin=vector()), 0, '000102030405060708090a0b0c0d0e0f', 'root key')
	expect(cli('cap', 'inspect', environment={'MACRONODE_TOKEN': vector()}), 0, 'caveat')
	expect(cli('cap', 'inspect', '--token-file', str(written(vector() + '\n', 'token'))), 0)
	expect(cli('cap', 'inspect', stdin='AgIF'), 1)
	expect(cli('cap', 'inspect', stdin=''), 3, 'empty')


def test_attenuate_adds_caveats_that_the_holder_cannot_take_back():
	token = vector()
	narrow = expect(cli('cap', 'attenuate', '--amount', '7', '--caveat', 'asset=ron',
		stdin=token), 0).stdout
	assert caveats(narrow) == caveats(token) + ['amount<=7', 'asset=ron']
	expect(cli('cap', 'attenuate', stdin=token), 2)
	expect(cli('cap', 'attenuate', '--amount', '01', stdin=token), 2)


def test_test_says_which_caveat_refuses():
	token = vector()
	good = ['--action', 'wallet.read', '--account', 'acc_a1', '--at', IN_TIME]
	expect(cli('cap', 'test', *good, stdin=token), 0, 'allowed')
	expect(cli('cap', 'test', '--action', 'gov.mint', *good[2:], stdin=token), 1,
		'REFUSES  action=')
	expect(cli('cap', 'test', *good[:2], '--account', 'other', '--at', IN_TIME, stdin=token), 1,
		'REFUSES  account=')
	expect(cli('cap', 'test', *good[:4], '--at', '1900000000', stdin=token), 1, 'REFUSES  exp=')
	expect(cli('cap', 'test', *good, '--node', 'other', stdin=token), 1, 'REFUSES  node=')
	expect(cli('cap', 'test', '--action', 'bogus', stdin=token), 2)


def test_a_token_is_never_printed_by_a_failure():
	token = vector()
	for words in (['ledger', 'show', '1'], ['verify'], ['cap', 'attenuate', '--amount', 'x']):
		done = cli(*words, '--uds', '/nonexistent/s', environment={'MACRONODE_TOKEN': token})
		assert done.returncode in (2, 3), done
		assert token not in done.stdout + done.stderr, done


# --- where no node is ---------------------------------------------------------------------


def test_without_a_node_commands_exit_3():
	empty = written('[node]\ndata_dir = "/nonexistent/data"\nrun_dir = "/nonexistent/run"\n'
		'[uds]\npath = "/nonexistent/run/s"\n')
	token = {'MACRONODE_TOKEN': vector()}
	for words in (['status'], ['stop'], ['cap', 'list'], ['ledger', 'roots'], ['ledger', 'show', '1'],
			['verify'], ['cap', 'mint', '--action', 'audit.read', '--ttl', '1h']):
		done = expect(cli('--config', str(empty), *words, environment=token), 3, '/nonexistent')
		assert not done.stdout, done
	expect(cli('--config', str(empty), 'ledger', 'show', '1'), 3, 'MACRONODE_TOKEN')


def test_an_import_reads_the_whole_file_before_it_sends():
	csv = EXAMPLES / 'standing-orders.csv'
	expect(cli('ledger', 'import', '--map', MAP, '--dry-run', str(csv)), 0, '12 rows')
	bad = written(csv.read_text() + '9999,eve,QX,ext_1,1.5,X\n', 'orders.csv')
	expect(cli('ledger', 'import', '--map', MAP, str(bad)), 1, f'{bad}:14: amount')
	bad = written(csv.read_text() + '9999,eve,QX\n', 'orders.csv')
	expect(cli('ledger', 'import', '--map', MAP, str(bad)), 1, f'{bad}:14: fewer fields')
	expect(cli('ledger', 'import', '--map', 'order_id=nonce', str(csv)), 2, 'field first')
	expect(cli('ledger', 'import', '--map', 'account=nobody', str(csv)), 2, "'nobody'")


# --- check --------------------------------------------------------------------------------


def checked(directory, *words, **settings):
	lines = [f'[node]\ndata_dir = "{directory}/data"\nrun_dir = "{directory}/run"\nuid_base = 47000\n',
		f'[uds]\npath = "{directory}/run/macronode.sock"\n',
		f'[api]\nbind_addr = "127.0.0.1:{settings.get("port", 0)}"\n',
		'[admin]\nbind_addr = "127.0.0.1:0"\n']
	file = written(''.join(lines))
	libexec = directory / 'libexec'
	if not libexec.exists():
		libexec.mkdir()
		for role in ('admin', 'ingress', 'prevalidator', 'kms', 'sequencer', 'committer', 'archive',
			'wallet', 'rewarder', 'compute', 'otel'):
			(libexec / f'mn-{role}').symlink_to('/bin/true')
	return cli('check', '--config', str(file), '--libexec', str(libexec), *words)


def test_check_finds_nothing_wrong_with_a_good_machine():
	done = expect(checked(place(), '--json'), 0)
	findings = json.loads(done.stdout)
	assert findings['good'] and len(findings['checks']) >= 8, findings


def test_check_finds_nothing_wrong_with_what_a_first_start_left():
	directory = place()
	for name, mode in (('data', 0o711), ('run', 0o700)):
		(directory / name).mkdir()
		(directory / name).chmod(mode)
	expect(checked(directory), 0)


def test_check_names_a_port_in_use():
	with socket.socket() as taken:
		taken.bind(('127.0.0.1', 0))
		taken.listen()
		port = taken.getsockname()[1]
		expect(checked(place(), port=port), 1, f'port {port}')


def test_check_names_the_parent_that_cannot_be_searched():
	directory = place()
	directory.chmod(0o600)
	if os.geteuid() == 0:
		libexec = directory / 'libexec'
		expect(checked(directory), 1, f'{directory} cannot be passed through')
		assert libexec.exists()
	directory.chmod(0o755)


def test_check_names_what_is_missing():
	file = written('[node]\ndata_dir = "/nonexistent/a/b"\nrun_dir = "/nonexistent/c/d"\n')
	expect(cli('check', '--config', str(file), '--libexec', '/nonexistent'), 1, '/nonexistent/a',
		'workers      /nonexistent: No such file')
	expect(cli('check', '--config', str(written('[node]\nfoo = 1\n'))), 1, 'foo')
	expect(cli('check', '--config', '/nonexistent'), 3)


if __name__ == '__main__':
	tap.main(globals())

"""The README's tour, typed as it stands there, on a node of `scripts/dev`."""
import json
import pathlib
import re
import subprocess
import tempfile

import tap
from harness import BUILD, GENEROUS_SECONDS, Node, clean_environment, nodes

README = nodes.CHECKOUT / 'README.md'
STEPS = ('look', 'ingest', 'read', 'tokens', 'once', 'hold', 'pay', 'prove', 'receipt', 'freeze', 'kill',
	'reward', 'stop')
FAILED = '[failed]'
NEXT = '[next]'


def shell_block(section):
	"""The one block of shell below a heading."""
	text = README.read_text().split(f'\n## {section}\n')[1].split('\n## ')[0]
	blocks = re.findall(r'^```sh\n(.*?)^```$', text, re.DOTALL | re.MULTILINE)
	assert len(blocks) == 1, (section, len(blocks))
	return blocks[0]


def script_of(steps):
	"""One bash for all steps, so that variables and functions last; says which command failed."""
	lines = [f"trap 'echo \"{FAILED} $BASH_COMMAND\"' ERR"]
	for step in steps:
		lines += [step, f'echo "{NEXT}"']
	return '\n'.join(lines)


def tour(directory):
	"""What each step printed."""
	steps = shell_block('Five minutes').rstrip().split('\n\n')
	done = subprocess.run(['bash', '-c', script_of(steps)], cwd=directory, text=True,
		env=clean_environment(), stdin=subprocess.DEVNULL, capture_output=True,
		timeout=GENEROUS_SECONDS * 4)
	assert done.returncode == 0, done
	outputs = done.stdout.split(f'{NEXT}\n')
	assert len(outputs) == len(steps) + 1 and outputs[-1] == '', outputs
	return dict(zip(STEPS,
		outputs[:-1], strict=True)), done.stderr


def check_requests(said):
	health, ready = map(json.loads, said['look'].splitlines())
	assert health['ok'] and ready['ready'], said['look']
	first, again = map(json.loads, said['ingest'].splitlines())
	assert first['accepted'] and (first['seq_start'], first['seq_end']) == (1, 4), first
	assert again == first
	roots, shown = said['read'].strip().split('\n', 1)
	shown, status = shown.rsplit('\n', 1)
	told = json.loads(status)
	assert told['ready'] and len(told['ledger']['root']) == 64, told
	assert [(one['seq'], one['root']) for one in json.loads(roots)['roots']] == [
		(4, first['new_root'])], roots
	assert re.search(r'^memo +rent, first half$', shown, re.MULTILINE), shown
	assert shown.count('serving') == 1 + len(told['processes']) == 10, shown


def check_wallet(said, errors):
	assert re.search(r'caveat +account=alice\n', said['tokens']), said['tokens']
	assert said['once'].lower().split() == ['idempotency-replayed:', 'true'], said['once']
	lines = said['hold'].splitlines()
	assert lines[0] == 'capture 4200 ron' and lines[2] == 'release 800 ron', lines
	assert re.fullmatch(r'tx_\w{26}, seq 7, available 480810, before 480810', lines[1]), lines
	assert re.fullmatch(r'tx_\w{26}, seq 8, available 481610, before 480810', lines[3]), lines
	assert re.match(r'481610 ron \(as of seq 8, ', lines[4]), lines
	assert 'INSUFFICIENT_FUNDS' in errors, errors
	assert said['receipt'].startswith('good: the entry with seq 5 is in the log '), said['receipt']


def check_payments(said):
	assert said['pay'].splitlines()[:3] == [
		'12 rows, 4 accounts funded: 16 new, 0 repeated, 0 refused',
		'12 rows, 4 accounts funded: 0 new, 16 repeated, 0 refused',
		'good: 24 entries'], said['pay']
	assert said['prove'].startswith('good: the entry with seq 2 is in the log '), said['prove']
	assert [line for line in said['freeze'].splitlines() if line.startswith('12 rows')] == [
		'12 rows, 4 accounts funded: 13 new, 0 repeated, 3 refused',
		'12 rows, 4 accounts funded: 3 new, 13 repeated, 0 refused'], said['freeze']
	assert said['freeze'].startswith('froze bob: in force after seq 24\n'), said['freeze']
	assert 'released bob: in force after seq 37' in said['freeze'], said['freeze']
	lines = said['kill'].splitlines()
	assert lines[0] == '12 rows, 4 accounts funded: 0 new, 16 repeated, 0 refused', lines
	assert lines[1].startswith('macronode ') and ', ready,' in lines[1], lines
	assert any('sequencer' in line and 'signal 9 (KILL)' in line for line in lines), lines
	assert 'good: 40 entries' in lines, lines
	assert re.match(r'good: size \d+ continues size \d+ of the log ', lines[-1]), lines


def check_reward(said, errors):
	lines = said['reward'].splitlines()
	assert re.match(r'treasurer\+[0-9a-f]{8}\+', lines[0]), lines
	assert 'dave of acme is paid 3500 ron in 2026-11-01.' in lines, lines
	assert 'good: epoch 2026-11-01 of acme pays 9226 of 12000 ron to 5 actors' in lines, lines
	assert 'ok: 5 of 6 actors get 9226 of 12000 ron' in errors, errors


def test_the_tour_does_what_it_says():
	with tempfile.TemporaryDirectory(prefix='macronode-tour-') as name:
		directory = pathlib.Path(name)
		directory.chmod(0o755)
		(directory / 'etc').symlink_to(nodes.CHECKOUT / 'etc')
		nodes.up(BUILD, directory / '.dev')
		pid, start = nodes.Profile(directory / '.dev').recorded()
		try:
			said, errors = tour(directory)
			check_requests(said)
			check_wallet(said, errors)
			check_payments(said)
			check_reward(said, errors)
			failed = [line for text in said.values() for line in text.splitlines()
				if line.startswith(FAILED)]
			assert len(failed) == 2 and 'wallet transfer' in failed[0] and 'ledger import' in failed[1], failed
			assert errors.count('policy_denied, frozen') == 3, errors
			assert 'stopped' in errors and nodes.wait_gone({pid: start}, GENEROUS_SECONDS)
		finally:
			nodes.down(directory / '.dev', quiet=True)


# What README's `Operate` takes for granted, and a node of `scripts/dev` has elsewhere.
PLACES = (('http://127.0.0.1:8080', '$ADMIN_URL'), ('http://127.0.0.1:5082', '$BASE_URL'), ("'$BASE_URL/roots?since=0'", '"$BASE_URL/roots?since=0"'),
	('/var/backups/macronode', 'backups'), ('/var/lib/macronode', '$DATA'),
	('macronode trace ', 'whole_trace '),  # a person is slower than the records of several processes
	('macronode doctor', 'macronode doctor --libexec $LIBEXEC || [ $? = 4 ]'))  # 4: weaker than it could be
WHOLE_TRACE = '''whole_trace() {
	until macronode trace "$1" 2>/dev/null | grep -q 'archive 0'; do sleep 0.05; done
	macronode trace "$1"
}'''
OF_SYSTEMD = ('journalctl -u macronode', 'sudoedit /etc/macronode/macronode.toml')


def operating():
	"""As it stands there, but for those places, and what needs a machine of its own."""
	text = shell_block('Operate')
	for there, here in PLACES:
		assert there in text, there
		text = text.replace(there, here)
	lines = text.splitlines()
	left = [line for line in lines if not line.startswith(OF_SYSTEMD)]
	assert len(left) == len(lines) - len(OF_SYSTEMD)
	return '\n'.join(left)


def test_operating_it_does_what_it_says():
	with Node() as node:
		node.profile.write_env(node.child.pid, node.mint(), nodes.command(node.build, node.profile))
		script = '\n'.join((f'. {node.profile.env}', f'DATA={node.profile.data} LIBEXEC={nodes.libexec(node.build)}',
			'macronode() { $MACRONODE "$@"; }', WHOLE_TRACE, operating(), ''))
		done = subprocess.run(['bash', '-ec', script], cwd=node.directory, text=True, env=node.environment, stdin=subprocess.DEVNULL,
			capture_output=True, timeout=GENEROUS_SECONDS * 2)
		assert done.returncode == 0, done
		said = done.stdout
		assert ', ready,' in said and 'ledger_safe_mode 0' in said, said
		assert 'svc.ron-ledger.archive.roots  (archive 0)' in said, said
		told = json.loads(said.splitlines()[-1])
		assert told.get('applied') and told['generation'] == 3, told
		assert (node.directory / 'backups/ledger.tar.zst').stat().st_size > 0
		assert sorted(path.name for path in (node.directory / 'backups/keys').iterdir()) == sorted(
			path.name for path in (node.profile.data / 'keys').iterdir())


def test_setting_up_is_two_commands():
	commands = [line.split('#')[0].strip() for line in shell_block('Set up').splitlines()]
	assert commands == ['scripts/dev run', 'scripts/dev test'], commands


def test_what_run_suggests_is_shell_that_works():
	with Node() as node:
		node.profile.write_env(node.child.pid, node.mint(),
			nodes.command(node.build, node.profile))
		text = nodes.what_to_try(node.profile)
		commands = [line for line in text.splitlines() if line.startswith('  ')]
		done = subprocess.run(['bash', '-ec', '\n'.join(commands)], text=True,
			env=node.environment, capture_output=True, timeout=GENEROUS_SECONDS)
		assert done.returncode == 0 and 'good: 0 entries' in done.stdout, done


if __name__ == '__main__':
	tap.main(globals())

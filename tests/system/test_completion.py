#!/usr/bin/env python3
"""The completion scripts, asked in the shells that they are for: each question in each shell."""
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import harness  # noqa: E402
import tap  # noqa: E402

MACRONODE = str(harness.BUILD / 'cli/macronode')
LIMIT_S = 60  # of a shell that is waited for on a loaded machine

# What was typed, the last word in the making -> what may stand there. Files are those of the
# directory that all are asked in.
FILES = ['orders.csv', 'other.toml']
QUESTIONS = {
	'macronode snap': ['snapshot'],
	'macronode cap m': ['mint'],
	'macronode cap mint --fo': ['--form'],
	'macronode cap mint --form ': ['macaroon', 'signed'],
	'macronode cap mint --form=si': ['signed'],
	'macronode cap mint --kind Transfer,M': ['Transfer,Mint'],
	'macronode cap test --method P': ['PATCH', 'POST', 'PUT'],
	'macronode --json cap revoke --k': ['--key'],
	'macronode --config other.toml cap ro': ['rotate'],
	'macronode --config ot': ['other.toml'],
	'macronode --amnesia ru': ['run'],
	'macronode reward policy k': ['keygen'],
	'macronode reward compute --offline ': ['data'],
	'macronode verify --offline --tok': ['--token-file'],
	'macronode verify --tiles ': ['data'],
	'macronode ledger import o': FILES,
	'macronode ledger import orders.csv --dry': ['--dry-run'],
	'macronode ledger import --fund-by-mint orders.csv --pre': ['--prefix'],
	'macronode wallet transfer --amount ': [],
	'macronode completion f': ['fish'],
	'macronode config print admin.bind': ['admin.bind_addr'],
	'macronode --json config print limits.r': ['limits.req_timeout', 'limits.rps'],
	'macronode help sna': ['snapshot'],
}


def script(shell):
	done = subprocess.run([MACRONODE, 'completion', shell], capture_output=True, text=True, check=True,
		env=harness.clean_environment(), timeout=60)
	return done.stdout


def place():
	directory = tempfile.TemporaryDirectory()
	for name in FILES:
		(pathlib.Path(directory.name) / name).touch()
	(pathlib.Path(directory.name) / 'data').mkdir()
	return directory


def need(shell):
	if shutil.which(shell) is None:
		raise tap.Skip(f'{shell} is not installed')


def compare(answers):
	"""Some shells say the whole word, and that a directory is one."""
	answers = {asked: sorted(one.removeprefix('--form=').rstrip('/') for one in told) for asked, told in answers.items()}
	wrong = {asked: (answers.get(asked), wanted) for asked, wanted in QUESTIONS.items() if answers.get(asked) != wanted}
	assert not wrong, wrong


def in_directory(shell, text):
	with place() as directory:
		done = subprocess.run(shell, input=text, capture_output=True, text=True, cwd=directory, timeout=LIMIT_S,
			env={**harness.clean_environment(), 'HOME': directory})
	assert done.returncode == 0 and done.stderr == '', done
	return done.stdout


def answers_of(text):
	found = {}
	for block in text.split('ASKED ')[1:]:
		asked, *answers = block.splitlines()
		found[asked] = sorted(answers)
	return found


def test_bash():
	ask = [script('bash')]
	for asked in QUESTIONS:
		# as readline cuts words: `=` is one
		words = [word for part in asked.split(' ') for word in re.split('(=)', part) if word or part == '']
		quoted = ' '.join(f"'{word}'" for word in words)
		ask.append(f"echo 'ASKED {asked}'; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; COMPREPLY=(); _macronode\n"
			'[ ${#COMPREPLY[@]} = 0 ] || printf "%s\\n" "${COMPREPLY[@]}"')
	compare(answers_of(in_directory(['bash', '--norc'], '\n'.join(ask) + '\ntrue\n')))


def test_fish():
	need('fish')
	ask = [script('fish')]
	for asked in QUESTIONS:
		ask.append(f"echo 'ASKED {asked}'; complete -C '{asked}' | string replace -r '\\t.*' ''")
	found = answers_of(in_directory(['fish', '--no-config'], '\n'.join(ask) + '\ntrue\n'))
	compare(found)


class Zsh:
	"""An interactive zsh, whose own completion runs; it answers through a file."""

	def __init__(self, directory):
		self.answer = pathlib.Path(directory) / '.answer'
		pid, self.terminal = pty.fork()
		if pid == 0:
			os.chdir(directory)
			os.execvpe('zsh', ['zsh', '-f', '-i'], {**harness.clean_environment(), 'HOME': directory, 'TERM': 'dumb'})
		self.pid = pid

	def type(self, text):
		os.write(self.terminal, text.encode())

	def wait_for(self, condition):
		end = time.monotonic() + LIMIT_S
		while not condition():
			if time.monotonic() > end:
				raise AssertionError('zsh does not answer')
			if select.select([self.terminal], [], [], 0.02)[0]:  # or it would wait for its terminal
				os.read(self.terminal, 65536)

	def finish(self):
		os.close(self.terminal)
		os.waitpid(self.pid, 0)


# Completes what is in the line editor, and writes down what was offered instead of inserting it.
ZSH = r'''
fpath=(./.functions $fpath)
autoload -Uz compinit; compinit -u -D
[[ -e .completion ]] && source ./.completion
compadd() {
	local -a found
	builtin compadd -O found "$@"
	print -rl -- ${found/#/$IPREFIX} >>.found
	builtin compadd "$@"
}
offered() { _main_complete; compstate[insert]=''; compstate[list]='' }
answer() {
	print -r -- "ASKED $BUFFER" >>.all
	[[ -e .found ]] && sort -u .found >>.all && rm .found
	BUFFER=''
	print -r done >>.answer
}
zle -C offered complete-word offered
zle -N answer
bindkey '^T' offered
bindkey '^X' answer
print -r ready >.answer
'''


def asked_in_zsh(name, questions):
	"""With the script in the file of that name."""
	need('zsh')
	with place() as directory:
		where = pathlib.Path(directory)
		(where / '.functions').mkdir()
		(where / name).write_text(script('zsh'))
		(where / '.setup').write_text(ZSH)
		zsh = Zsh(directory)
		try:
			zsh.type('source ./.setup\n')
			zsh.wait_for(zsh.answer.exists)
			for number, asked in enumerate(questions):
				zsh.type(asked + '\x14\x18')
				zsh.wait_for(lambda: zsh.answer.read_text().count('done') > number)
			return answers_of((where / '.all').read_text())
		finally:
			zsh.finish()


def test_zsh():
	compare(asked_in_zsh('.functions/_macronode', QUESTIONS))


def test_zsh_that_reads_the_script_itself():
	asked = 'macronode cap m'
	assert asked_in_zsh('.completion', [asked]) == {asked: QUESTIONS[asked]}


def test_another_shell_is_refused():
	done = subprocess.run([MACRONODE, 'completion', 'csh'], capture_output=True, text=True, check=False,
		env=harness.clean_environment(), timeout=60)
	assert done.returncode == 2 and 'bash, zsh or fish' in done.stderr, done


if __name__ == '__main__':
	tap.main(globals())

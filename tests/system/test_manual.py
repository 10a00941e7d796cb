#!/usr/bin/env python3
"""The manual against the command: each command is described once, whole, and each page is installed."""
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import harness  # noqa: E402
import tap  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAN = ROOT / 'man'
TABLE = re.compile(r'\.\\" table commands (?P<page>[\w-]+)\n(?P<text>.*?)\.\\" end\n', re.DOTALL)
COMMON = {'--config', '--json', '--help'}


def said(*words):
	done = subprocess.run([str(harness.BUILD / 'cli/macronode'), *words], capture_output=True, text=True,
		check=True, env=harness.clean_environment(), timeout=60)
	return done.stdout


def commands():
	"""Name -> options, as the command itself tells them."""
	options = {}
	for name in re.findall(r'^  ([a-z]+(?: [a-z]+)*?)(?:  | [A-Z[]| \S+\|)', said('help'), re.MULTILINE):
		found = re.findall(r'^  (--?[\w-]+)', said(*name.split(' '), '--help'), re.MULTILINE)
		options[name] = set(found) - COMMON
	return options


def described():
	"""(page, name, options) of each command that a page describes."""
	for path in sorted(MAN.glob('*.1')):
		for table in TABLE.finditer(path.read_text()):
			assert table['page'] + '.1' == path.name, (path.name, table['page'])
			for item in re.split(r'^\.It Ic ', table['text'], flags=re.MULTILINE)[1:]:
				name = re.match(r'[a-z]+(?: [a-z]+)*', item)[0]
				yield path.name, name, {'-' + one for one in re.findall(r'^\.It Fl (\S+)', item, re.MULTILINE)}


def test_each_command_is_described_on_one_page_with_all_its_options():
	pages = {}
	wanted = commands()
	assert len(wanted) > 40, wanted
	for page, name, options in described():
		assert name not in pages, f'{name} is on {pages[name]} and on {page}'
		assert name in wanted, f'{page} has {name}, which is no command'
		assert options == wanted[name], (page, name, options ^ wanted[name])
		pages[name] = page
	assert set(pages) == set(wanted), set(wanted) - set(pages)


def test_the_index_leads_to_the_page_of_each_command():
	index = (MAN / 'macronode.1').read_text().split('.\\" table command_index\n')[1].split('.\\" end\n')[0]
	page, found = '', {}
	for line in index.splitlines():
		if line.startswith('.Xr '):
			page = line.split(' ')[1] + '.1'
		elif line.startswith('.It Ic '):
			found[re.match(r'[a-z]+(?: [a-z]+)*', line[7:])[0]] = page
	assert found == {name: page for page, name, _ in described() if page != 'macronode.1'}


def test_each_page_is_installed_and_each_page_that_one_refers_to_is_there():
	pages = {path.name for path in MAN.glob('*.[1-9]')}
	build = (MAN / 'meson.build').read_text()
	assert set(re.findall(r"'([\w.-]+\.[1-9])'", build)) == pages
	for path in MAN.glob('*.[1-9]'):
		for name, chapter in re.findall(r'\.?Xr (\S*(?:macronode|verify)\S*) (\d)', path.read_text()):
			assert f'{name}.{chapter}' in pages, f'{path.name} refers to {name}({chapter})'


if __name__ == '__main__':
	tap.main(globals())

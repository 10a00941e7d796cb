#!/usr/bin/env python3
"""Adds test logs up: names what was skipped and what failed, ends with `N passed, M failed`.

Reads meson's testlog.json files (one JSON object a line) and TAP files. A test that speaks
TAP counts once for each of its cases, any other counts once. A program that fails without a
failed case (it crashed, timed out, or ran fewer cases than its plan) counts as one failure.
"""
import json
import re
import sys

CASE = re.compile(r'^(not )?ok\b *(\d+)?(?: *- *| +)?(.*)$')
DIRECTIVE = re.compile(r'(.*?)\s*#\s*(SKIP|TODO)\b\s*(.*)$', re.IGNORECASE)
PLAN = re.compile(r'^1\.\.(\d+)(?:\s*#\s*SKIP\S*\s*(.*))?$', re.IGNORECASE)
GOOD = {'OK', 'EXPECTEDFAIL'}


class Sum:
	def __init__(self):
		self.passed = 0
		self.failed = []
		self.skipped = []

	def add_tap(self, name, text):
		"""Counts the cases of one program; returns whether its cases explain a failure."""
		planned, seen, bad = None, 0, 0
		for line in text.splitlines():
			plan = PLAN.match(line)
			if plan:
				planned = (planned or 0) + int(plan[1])
				if plan[1] == '0':
					self.skipped.append((name, plan[2] or 'nothing to run'))
				continue
			case = CASE.match(line)
			if not case:
				continue
			seen += 1
			title, directive, reason = case[3], None, ''
			found = DIRECTIVE.match(title)
			if found:
				title, directive, reason = found[1], found[2].upper(), found[3]
			if directive == 'SKIP':
				self.skipped.append((f'{name}: {title or reason}', reason))
			elif case[1] and directive != 'TODO':
				bad += 1
				self.failed.append(f'{name}: {title}')
			else:
				self.passed += 1
		if planned is not None and planned != seen:
			bad += 1
			self.failed.append(f'{name}: planned {planned} cases, ran {seen}')
		return bad > 0, planned is not None

	def add_meson(self, record):
		# meson writes project:suite / name
		name, result = record['name'].partition(':')[2] or record['name'], record['result']
		explained, is_tap = self.add_tap(name, record.get('stdout') or '')
		if result == 'SKIP':
			if not is_tap:
				self.skipped.append((name, last_line(record)))
		elif result in GOOD:
			if not is_tap:
				self.passed += 1
		elif not explained:
			self.failed.append(f'{name}: {result.lower()}')

	def add_file(self, path):
		try:
			with open(path, encoding='utf-8', errors='replace') as file:
				text = file.read()
		except FileNotFoundError:
			return  # a suite that has no test leaves no log
		if path.endswith('.json'):
			for line in text.splitlines():
				self.add_meson(json.loads(line))
		else:
			self.add_tap(path.rsplit('/', 1)[-1].split('.')[0], text)

	def report(self):
		for name, reason in self.skipped:
			print(f'skipped: {name}' + (f' ({reason})' if reason else ''))
		for name in self.failed:
			print(f'failed: {name}')
		print(f'{self.passed} passed, {len(self.failed)} failed', flush=True)
		return 1 if self.failed or self.passed == 0 else 0


def last_line(record):
	text = (record.get('stdout') or '') + (record.get('stderr') or '')
	lines = text.strip().splitlines()
	return lines[-1] if lines else ''


def main(arguments):
	total = Sum()
	for argument in arguments:
		if argument.startswith('--failed='):
			total.failed.append(argument.removeprefix('--failed='))
		else:
			total.add_file(argument)
	return total.report()


if __name__ == '__main__':
	sys.exit(main(sys.argv[1:]))

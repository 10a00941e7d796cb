"""Reads the part of YAML that docs/openapi is written in, and refuses the rest: Python has no YAML,
and a check that guesses is none. Maps and lists in blocks, lists and maps of one line, texts
behind `|`, plain and quoted scalars, lines of comment. What it makes of a document is what a whole
YAML reader makes of it (tests/lint/test_scripts.py).
"""
import re

KEY = re.compile(r"""('(?P<quoted>(?:[^']|'')*)'|(?P<plain>[^\s'"\[\]{}#&*!|>%@`,-].*?)):(?: +(?P<value>.*))?$""")
FLOW = re.compile(r"""\s*(?:(?P<mark>[\[\]{},:])|'(?P<quoted>(?:[^']|'')*)'|(?P<plain>[^\s'"\[\]{},:#&*!|>%@`][^'"\[\]{},:#]*))""")
NUMBER = re.compile(r'-?(?:0|[1-9][0-9]*)')
WORDS = {'true': True, 'false': False, 'null': None}


class YamlError(Exception):
	pass


def scalar(text):
	if text.startswith("'"):
		if not re.fullmatch(r"'(?:[^']|'')*'", text):
			raise YamlError(f'not a quoted text: {text}')
		return text[1:-1].replace("''", "'")
	if text[0] in '"[]{}#&*!|>%@`' or ': ' in text or ' #' in text or text.endswith(':'):
		raise YamlError(f'quote this with single quotes: {text}')
	if NUMBER.fullmatch(text):
		return int(text)
	return WORDS.get(text, text)


class Flow:
	"""[a, b] and {a: b}, of one line."""

	def __init__(self, text):
		self.tokens, at = [], 0
		while at < len(text.rstrip()):
			match = FLOW.match(text, at)
			if match is None:
				raise YamlError(f'not understood: {text[at:]}')
			self.tokens.append((match['mark'], match))
			at = match.end()

	def take(self):
		if not self.tokens:
			raise YamlError('a bracket is not closed')
		return self.tokens.pop(0)

	def closes(self, mark):
		if self.tokens and self.tokens[0][0] == mark:
			self.tokens.pop(0)
			return True
		return False

	def value(self):
		mark, match = self.take()
		if mark == '[':
			return self.items(']', list(), lambda into: into.append(self.value()))
		if mark == '{':
			return self.items('}', dict(), self.member)
		if mark is not None:
			raise YamlError(f'{mark} is not expected')
		if match['quoted'] is not None:
			return match['quoted'].replace("''", "'")
		return scalar(match['plain'].strip())

	def member(self, into):
		key = self.value()
		if self.take()[0] != ':' or key in into:
			raise YamlError(f'{key}: not one member')
		into[key] = self.value()

	def items(self, end, into, take_one):
		while not self.closes(end):
			take_one(into)
			if not self.closes(','):
				if not self.closes(end):
					raise YamlError(f'{end} is expected')
				break
		return into

	def whole(self):
		value = self.value()
		if self.tokens:
			raise YamlError('more behind a bracket')
		return value


class Blocks:
	def __init__(self, text):
		self.lines = text.split('\n')
		self.at = 0

	def peek(self):
		"""Indentation and text of the next line that says something; -1 at the end."""
		while self.at < len(self.lines):
			line = self.lines[self.at]
			text = line.lstrip(' ')
			if '\t' in line:
				raise YamlError('a tab')
			if text and not text.startswith('#'):
				return len(line) - len(text), text.rstrip(' ')
			self.at += 1
		return -1, ''

	def block(self, parent):
		indent, text = self.peek()
		if indent <= parent:
			raise YamlError('a value is expected, deeper than its key')
		value = self.list(indent) if text.startswith('- ') else self.map(indent)
		if self.peek()[0] > parent and self.peek()[0] != -1:
			raise YamlError('this stands too deep, or not deep enough')
		return value

	def list(self, indent):
		found = []
		while (line := self.peek())[0] == indent and line[1].startswith('- '):
			rest = line[1][2:].lstrip(' ')
			if KEY.fullmatch(rest) and not rest.startswith('{'):
				self.lines[self.at] = ' ' * (indent + 2) + rest
				found.append(self.map(indent + 2))
			else:
				self.at += 1
				found.append(self.value(rest, indent))
		return found

	def map(self, indent):
		found = {}
		while (line := self.peek())[0] == indent:
			match = KEY.fullmatch(line[1])
			if match is None:
				raise YamlError(f'a key is expected: {line[1]}')
			key = scalar(match['plain']) if match['plain'] else match['quoted'].replace("''", "'")
			if key in found:
				raise YamlError(f'{key} is there twice')
			self.at += 1
			found[key] = self.value(match['value'] or '', indent)
		return found

	def value(self, text, indent):
		if text == '':
			return self.block(indent)
		if text == '|':
			return self.literal(indent)
		if text[0] in '[{':
			return Flow(text).whole()
		return scalar(text)

	def literal(self, parent):
		found, indent = [], None
		while self.at < len(self.lines):
			line = self.lines[self.at]
			depth = len(line) - len(line.lstrip(' '))
			if line.strip() and depth <= parent:
				break
			if indent is None and line.strip():
				indent = depth
			found.append(line[indent or 0:])
			self.at += 1
		return '\n'.join(found).rstrip('\n') + '\n'


def load(text):
	"""The value of a document; YamlError names the line."""
	blocks = Blocks(text)
	try:
		value = blocks.block(-1)
		if blocks.peek()[0] != -1:
			raise YamlError('not understood')
		return value
	except YamlError as error:
		raise YamlError(f'line {blocks.at + 1}: {error}') from None

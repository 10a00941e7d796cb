"""docs/openapi, for those who hold it to the code and to what a node answers: the document, its
operations, and values judged by its schemas. A keyword that this does not judge is an error, so
that nothing passes unread.
"""
import pathlib
import re

import yaml_subset

PATH = 'docs/openapi/macronode.yaml'
METHODS = ('get', 'put', 'post', 'delete', 'patch')
TYPES = {
	'object': lambda value: isinstance(value, dict),
	'array': lambda value: isinstance(value, list),
	'string': lambda value: isinstance(value, str),
	'integer': lambda value: isinstance(value, int) and not isinstance(value, bool),
	'boolean': lambda value: isinstance(value, bool),
	'null': lambda value: value is None,
}
FORMATS = {
	'date-time': r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)',
	'uuid': r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}',
	'int64': None,  # of numbers: see below
	'binary': '(?s).*',
}
SAYINGS = {'description', 'default', 'example', 'examples'}
INT64 = range(-1 << 63, 1 << 63)


class Invalid(Exception):
	"""Where, and what was expected there."""


class Document:
	def __init__(self, root):
		self.value = yaml_subset.load((pathlib.Path(root) / PATH).read_text())

	def follow(self, node):
		"""What a $ref stands for; anything else itself."""
		while '$ref' in node:
			if len(node) != 1 or not node['$ref'].startswith('#/'):
				raise Invalid(f'{node}: no reference into this document')
			found = self.value
			for part in node['$ref'][2:].split('/'):
				found = found[part.replace('~1', '/').replace('~0', '~')]
			node = found
		return node

	def operations(self):
		"""{(method, path): operation}, with the servers that it is answered on."""
		return {(method.upper(), path): {'servers': self.value['servers'], **item[method]}
			for path, item in self.value['paths'].items() for method in METHODS if method in item}

	def responses(self, operation):
		return {status: self.follow(one) for status, one in operation['responses'].items()}

	def parameters(self, operation):
		return [self.follow(one) for one in operation.get('parameters', [])]

	def examples(self, content):
		"""Of one media type."""
		if 'example' in content:
			return [content['example']]
		return [self.follow(one)['value'] for one in content.get('examples', {}).values()]

	# --- values ---

	def check(self, value, schema, where='$'):
		"""Invalid, or nothing."""
		schema = self.follow(schema)
		for keyword, wanted in schema.items():
			if keyword not in SAYINGS:
				rule = RULES.get(keyword)
				if rule is None:
					raise Invalid(f'{where}: the check has no rule for {keyword}')
				rule(self, value, wanted, schema, where)


def fail_unless(truth, where, expected, value):
	if not truth:
		raise Invalid(f'{where}: expected {expected}, not {value!r:.200}')


def check_type(_, value, wanted, schema, where):
	kinds = wanted if isinstance(wanted, list) else [wanted]
	fail_unless(any(TYPES[kind](value) for kind in kinds), where, ' or '.join(kinds), value)


def check_properties(document, value, wanted, schema, where):
	if isinstance(value, dict):
		for name in value.keys() & wanted.keys():
			document.check(value[name], wanted[name], f'{where}.{name}')


def check_closed(_, value, wanted, schema, where):
	if wanted is not False:
		raise Invalid(f'{where}: additionalProperties is false or not there')
	if isinstance(value, dict):
		unknown = sorted(value.keys() - schema.get('properties', {}).keys())
		fail_unless(not unknown, where, 'no other members', unknown)


def check_required(_, value, wanted, schema, where):
	if isinstance(value, dict):
		missing = sorted(set(wanted) - value.keys())
		fail_unless(not missing, where, f'the members {missing}', value)


def check_items(document, value, wanted, schema, where):
	if isinstance(value, list):
		for index, one in enumerate(value):
			document.check(one, wanted, f'{where}[{index}]')


def check_format(_, value, wanted, schema, where):
	pattern = FORMATS[wanted]
	if wanted == 'int64':
		fail_unless(not TYPES['integer'](value) or value in INT64, where, wanted, value)
	elif isinstance(value, str):
		fail_unless(re.fullmatch(pattern, value), where, wanted, value)


def check_one_of(document, value, wanted, schema, where):
	found, faults = 0, []
	for one in wanted:
		try:
			document.check(value, one, where)
			found += 1
		except Invalid as fault:
			faults.append(str(fault))
	fail_unless(found == 1, where, f'exactly one of {len(wanted)} forms ({"; ".join(faults)})', value)


def check_all_of(document, value, wanted, schema, where):
	for one in wanted:
		document.check(value, one, where)


def when(kind, holds, words):
	"""A rule about values of one type alone."""
	def rule(_, value, wanted, schema, where):
		fail_unless(not isinstance(value, kind) or isinstance(value, bool) or holds(value, wanted),
			where, f'{words} {wanted}', value)
	return rule


RULES = {
	'type': check_type,
	'enum': lambda _, value, wanted, schema, where: fail_unless(
		value in wanted, where, f'one of {wanted}', value),
	'properties': check_properties,
	'additionalProperties': check_closed,
	'required': check_required,
	'items': check_items,
	'format': check_format,
	'oneOf': check_one_of,
	'allOf': check_all_of,
	'pattern': when(str, lambda value, wanted: re.search(wanted, value), 'what matches'),
	'minLength': when(str, lambda value, wanted: len(value) >= wanted, 'a length of at least'),
	'maxLength': when(str, lambda value, wanted: len(value) <= wanted, 'a length of at most'),
	'minItems': when(list, lambda value, wanted: len(value) >= wanted, 'items, at least'),
	'maxItems': when(list, lambda value, wanted: len(value) <= wanted, 'items, at most'),
	'minimum': when(int, lambda value, wanted: value >= wanted, 'at least'),
	'maximum': when(int, lambda value, wanted: value <= wanted, 'at most'),
}

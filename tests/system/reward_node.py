"""A node that pays epochs, for tests: keys that sign policies, sealed epochs, a filled pool; and a
request under /rewarder over TCP, the UNIX socket and OAP/1."""
import collections
import contextlib
import itertools
import json
import shutil
import subprocess
import tempfile
import pathlib

import harness
import wire
from harness import BUILD, Node, entry, nodes

EXAMPLES = nodes.CHECKOUT / 'etc/examples'
SECONDS = 120
PATIENT = {'ledger_deadline_ms': 10000, 'attempt_budget': '60s'}  # as in the harness
CLOSED = '2026-10-01T00:00:00Z/2026-11-01T00:00:00Z'
RUN = ('--action', 'rewarder.run', '--ttl', '1h')
INSPECT = ('--action', 'rewarder.inspect', '--ttl', '1h')

# name: verb of OAP/1, method, path; whether its body is the request
ROUTES = {
	'compute': (0x30, 'POST', '/rewarder/epochs/{}/compute'),
	'epoch': (0x31, 'GET', '/rewarder/epochs/{}'),
	'manifest': (0x32, 'GET', '/rewarder/epochs/{}/manifest'),
	'runs': (0x33, 'GET', '/rewarder/runs'),
	'release': (0x34, 'POST', '/rewarder/epochs/{}/release'),
	'policy_put': (0x35, 'POST', '/rewarder/policy'),
	'policy': (0x36, 'GET', '/rewarder/policy/{}'),
}
Answer = collections.namedtuple('Answer', 'status body headers corr_id')  # headers: None over OAP/1


def macronode(*words):
	done = subprocess.run([str(word) for word in (BUILD / 'cli/macronode', 'reward', *words)],
		capture_output=True, text=True, timeout=SECONDS, env=harness.clean_environment())
	if done.returncode != 0:
		raise AssertionError(f'{words}: {done}')
	return done.stdout


def trusted(key, kid):
	"""Makes the key; what rewarder.trust_keys says of it."""
	return json.loads(macronode('policy', 'keygen', '--kid', kid, key, '--json'))['vkey']


class OverHttp:
	is_http = True

	def __init__(self, node, plane):
		self.node, self.plane = node, plane
		self.name = 'UNIX' if plane == 'uds' else 'TCP'

	def open(self):
		return self.node.open_http(self.plane)

	def ask(self, what, token, of='', body=None, headers=None, query='', stream=None):
		"""`of`: the epoch, or the id of the policy. `body`: members, or bytes. `stream`: one that is
		open already."""
		_, method, path = ROUTES[what]
		fields = {'Content-Type': 'application/json'} if method == 'POST' else {}
		if token:
			fields['Authorization'] = f'Bearer {token}'
		fields.update(headers or {})
		fields = {name: value for name, value in fields.items() if value is not None}
		if isinstance(body, dict):
			body = json.dumps(body).encode()
		with contextlib.nullcontext(stream) if stream else self.open() as stream:
			response = stream.request(method, path.format(of) + (query and f'?{query}'), body, fields)
		return Answer(response.status, response.body, response.headers,
			response.headers['x-corr-id'])


class OverOap:
	is_http = False
	name = 'OAP/1'

	def __init__(self, node):
		self.node = node
		self.numbers = itertools.count(1)

	def open(self):
		return self.node.open_oap()

	def ask(self, what, token, of='', body=None, headers=None, query='', stream=None):
		verb, method, _ = ROUTES[what]
		if method == 'GET':
			payload = (of or query).encode()
		elif isinstance(body, dict):
			beside = {'epoch_id': of} if what in ('compute', 'release') else {}
			payload = json.dumps({**beside, **body}).encode()
		else:
			payload = body
		corr_id = next(self.numbers)
		with contextlib.nullcontext(stream) if stream else self.open() as stream:
			joined, _ = stream.call(verb, wire.write_payload(token or '', payload), corr_id)
		return Answer(None, joined, None, str(corr_id))


def ways(node):
	return OverHttp(node, 'api'), OverHttp(node, 'uds'), OverOap(node)


class Payer:
	"""A node with one trusted key, and a directory for what is sealed."""

	def __init__(self, options=None, start=True, **settings):
		"""`options`: of the Node, besides its settings. Who starts it himself, says so by begin()."""
		self.directory = pathlib.Path(tempfile.mkdtemp(prefix='macronode-reward-'))
		self.key = self.directory / 'gov-1.key'
		self.vkey = trusted(self.key, 'gov-1')
		overrides = {'rewarder': {'enabled': True, 'trust_keys': [self.vkey], **PATIENT,
			**settings.pop('rewarder', {})},
			# one, however many processors there are: which one a case stops or kills must not be chance
			'concurrency': {'compute_workers': 1, **settings.pop('concurrency', {})}, **settings}
		self.node = Node(overrides, **(options or {}))
		self.sealed = itertools.count(1)
		if start:
			self.node.start()
			self.begin()

	def begin(self):
		"""With tokens of the node as it runs now."""
		self.node.wait_rewarder()
		self.all = self.node.mint()
		self.tokens = {}

	def __enter__(self):
		return self

	def __exit__(self, *words):
		self.node.__exit__(*words)
		shutil.rmtree(self.directory, ignore_errors=True)

	def token(self, *words):
		"""Each is minted once."""
		if words not in self.tokens:
			self.tokens[words] = self.node.cli('cap', 'mint', *words).stdout.strip()
		return self.tokens[words]

	def runner(self, tenant='acme', *more):
		return self.token(*RUN, '--tenant', tenant, *more)

	def inspector(self, tenant='acme', *more):
		return self.token(*INSPECT, '--tenant', tenant, *more)

	def fill(self, amount, tenant='acme', asset='ron'):
		response = self.node.ingest([entry('Mint', f'sys:reward_pool:{tenant}:{asset}', amount)],
			self.all)
		assert response.status == 200, response

	def policy(self, key=None, **changes):
		"""The path of the example's policy, changed and signed."""
		number = next(self.sealed)
		plain, signed = self.directory / f'plain{number}', self.directory / f'policy{number}'
		document = json.loads((EXAMPLES / 'reward-policy.json').read_text())
		plain.write_text(json.dumps({**document, **changes}))
		macronode('policy', 'sign', '--key', key or self.key, plain, '-o', signed)
		return signed

	def put(self, path, status=200):
		answer = OverHttp(self.node, 'api').ask('policy_put', self.runner(), body=path.read_bytes())
		assert answer.status == status, answer
		return answer

	def put_object(self, data):
		"""Its cid."""
		response = self.node.http('POST', '/put', data, token=self.all)
		assert response.status == 201, response
		return response.json()['id']

	def seal_by_hand(self, policy, epoch, tenant='acme', pool=12000, rows=(('alice', {'views': 1}),),
			**changes):
		"""As seal, but nobody looks whether it makes sense. `changes`: what becomes of the accounting,
		the ledger or the bundle before it is named: a function of the document, which gives another
		one, or bytes. Returns the body of the request and a directory with the inputs."""
		directory = self.directory / f'sealed{next(self.sealed)}'
		directory.mkdir()
		policy_hash = json.loads(self.put(policy).body)['hash']
		(directory / 'policy.json').write_bytes(policy.read_bytes())

		def sealed(name, document):
			document = changes.get(name, dict)(document)
			data = document if isinstance(document, bytes) else json.dumps(document).encode()
			(directory / f'{name}.json').write_bytes(data)
			return self.put_object(data)
		usual = {'v': 1, 'tenant': tenant, 'epoch_id': epoch}
		start, _, end = CLOSED.partition('/')
		cids = {'accounting_cid': sealed('accounting', {**usual, 'kind': 'ron.accounting.snapshot',
			'actors': len({actor for actor, _ in rows}), 'events': len(rows), 'rows': [{'actor': actor,
			'category': '', 'counts': {name: str(count) for name, count in counts.items()}}
			for actor, counts in rows]}),
			'ledger_cid': sealed('ledger', {**usual, 'kind': 'ron.ledger.snapshot', 'asset': 'ron',
			'seq': 1, 'root': 'ab' * 32, 'pool_account': f'sys:reward_pool:{tenant}:ron',
			'pool_total_minor': str(pool)})}
		inputs = sealed('bundle', {**usual, **cids, 'kind': 'ron.rewarder.inputs', 'asset': 'ron',
			'epoch_index': 0, 'policy_cid': policy_hash, 'window': {'start': start, 'end': end}})
		request = {'inputs_cid': inputs, 'policy_id': json.loads(policy.read_text())['id'],
			'policy_hash': policy_hash}
		return request, directory

	def seal(self, policy, epoch, tenant='acme', pool=12000, window=CLOSED, rows=None):
		"""The body of the request for it; the inputs are objects of the node."""
		directory = self.directory / f'sealed{next(self.sealed)}'
		source = EXAMPLES / 'reward-activity.csv'
		if rows is not None:
			source = directory.with_suffix('.csv')
			source.write_text('\n'.join(['creator,topic,views,likes,comments', *rows]) + '\n')
		secret = self.directory / 'token'
		secret.write_text(self.all)
		self.node.cli('reward', 'seal', '--from', str(source), '--tenant', tenant, '--epoch', epoch,
			'--epoch-index', '0', '--window', window, '--policy', str(policy), '--actor-column',
			'creator', '--category-column', 'topic', '--metrics', 'views,likes,comments', '--pool',
			str(pool), '-o', str(directory), '--put', '--token-file', str(secret))
		return json.loads((directory / 'request.json').read_text())

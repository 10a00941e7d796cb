"""Whole epochs for scripts/bench: sealed as an operator does it, by the command, and paid by a node."""
import base64
import datetime
import http.client
import json
import os
import re
import subprocess
import time
import uuid

import node as nodes

TENANT, ASSET = 'bench', 'ron'
POOL = f'sys:reward_pool:{TENANT}:{ASSET}'
POOL_MINOR = 10**9
CATEGORIES = 10  # a row of each actor in each
SIZES = {'S': 1000, 'M': 10000, 'L': 50000}  # actors (spec/rewarder.md 13)
ACTIONS = 'rewarder.run,rewarder.inspect'
WINDOW = '2026-01-01T00:00:00Z/2026-01-02T00:00:00Z'
STEPS = {'on_disk_s': 'reward_compute_latency_seconds_sum', 'settled_s': 'ledger_emit_latency_seconds_sum'}
SETTLE_SECONDS_MAX = 600


class EpochError(Exception):
	"""An epoch was not paid."""


class Epochs:
	def __init__(self, build, profile, size):
		self.build, self.profile = build, profile
		self.directory = profile.directory / 'epochs'
		self.directory.mkdir()
		self.days = (datetime.date(2025, 1, 1) + datetime.timedelta(number) for number in range(365))
		key = self.directory / 'key'
		self.vkey = json.loads(self.reward('policy', 'keygen', '--kid', 'bench', key, '--json'))['vkey']
		plain, self.policy = self.directory / 'plain.json', self.directory / 'policy.json'
		cap = str(POOL_MINOR)
		plain.write_text(json.dumps({'id': 'bench', 'version': '1.0.0', 'body': {'asset': ASSET,
			'weights': {'likes': 0.4, 'views': 0.6}, 'caps': {'epoch_cap': cap, 'actor_cap': cap},
			'emission_curve': {'kind': 'halving', 'base_per_epoch': cap, 'period_epochs': 400}}}))
		self.reward('policy', 'sign', '--key', key, plain, '-o', self.policy)
		self.table = self.directory / 'activity.csv'
		with open(self.table, 'w', encoding='ascii') as table:
			table.write('creator,topic,views,likes\n')
			for number in range(SIZES[size] * CATEGORIES):
				table.write(f'user{number // CATEGORIES:07},topic{number % CATEGORIES},'
					f'{1 + number * 7919 % 4093},{number * 104729 % 61}\n')

	def settings(self):
		return {'rewarder': {'enabled': True, 'trust_keys': [self.vkey], 'attempt_budget': '60s'}}

	# --- words to the node ------------------------------------------------------------

	def reward(self, *words):
		command = [self.build / 'cli/macronode', 'reward', *words]
		return self.run([str(word) for word in command])

	def cli(self, *words):
		return self.run([*nodes.command(self.build, self.profile), *map(str, words)])

	def run(self, words):
		done = subprocess.run(words, capture_output=True, text=True, timeout=SETTLE_SECONDS_MAX, check=False)
		if done.returncode != 0:
			raise EpochError(f'{words}: {done.stderr}')
		return done.stdout

	def post(self, path, body, token):
		connection = http.client.HTTPConnection(self.profile.api_address, timeout=60)
		try:
			connection.request('POST', path, body, {'Authorization': f'Bearer {token}',
				'Content-Type': 'application/json'})
			response = connection.getresponse()
			return response.status, json.loads(response.read())
		finally:
			connection.close()

	def seconds(self):
		"""{step: how long all runs took for it so far}"""
		connection = http.client.HTTPConnection(self.profile.admin_address, timeout=60)
		try:
			connection.request('GET', '/metrics')
			text = connection.getresponse().read().decode()
		finally:
			connection.close()
		return {step: sum(float(value) for value in re.findall(rf'^{name}(?:{{.*}})? (\S+)', text, re.MULTILINE))
			for step, name in STEPS.items()}

	# --- an epoch ---------------------------------------------------------------------

	def begin(self, token):
		"""On a node that was started with our settings."""
		deadline = time.monotonic() + 60
		while not json.loads(nodes.readyz(self.profile.admin_address)[1])['rewarder_ready']:
			if time.monotonic() > deadline:
				raise EpochError('the rewarder is not ready')
			time.sleep(0.01)
		self.secret = self.directory / 'token'
		self.secret.write_text(token)
		self.runner = self.cli('cap', 'mint', '--action', ACTIONS, '--tenant', TENANT, '--ttl', '4h').strip()
		status, answer = self.post('/rewarder/policy', self.policy.read_bytes(), self.runner)
		if status != 200:
			raise EpochError(f'the policy: {status} {answer}')

	def fill(self, token):
		one = {'id': str(uuid.uuid4()), 'ts': int(time.time() * 1000), 'kind': 'Mint', 'account': POOL,
			'amount': str(POOL_MINOR), 'nonce': base64.b64encode(os.urandom(16)).decode(), 'v': 1,
			'capability_ref': nodes.capability_ref(token)}
		status, answer = self.post('/ingest', json.dumps({'batch': [one]}), token)
		if status != 200:
			raise EpochError(f'the pool: {status} {answer}')

	def seal(self, token):
		"""(epoch, body of the request); its inputs are objects of the node, its pool is filled."""
		epoch = next(self.days).isoformat()
		directory = self.directory / epoch
		self.fill(token)
		self.cli('reward', 'seal', '--from', self.table, '--tenant', TENANT, '--epoch', epoch, '--epoch-index', 0,
			'--window', WINDOW, '--policy', self.policy, '--actor-column', 'creator', '--category-column',
			'topic', '--metrics', 'views,likes', '--pool', POOL_MINOR, '-o', directory, '--put',
			'--token-file', self.secret)
		return epoch, (directory / 'request.json').read_bytes()

	def pay(self, epoch, request):
		"""What it took from the request until the ledger has the payments."""
		before, began = self.seconds(), time.monotonic()
		while True:
			status, answer = self.post(f'/rewarder/epochs/{epoch}/compute', request, self.runner)
			if status == 200 and answer['ledger']['emitted']:
				break
			if status not in (202, 429, 503) or time.monotonic() - began > SETTLE_SECONDS_MAX:
				raise EpochError(f'{epoch}: {status} {answer}')
		took = time.monotonic() - began
		after = self.seconds()
		return {'epoch': epoch, 'seconds': round(took, 3), 'cpu_ms': answer['metrics']['compute_ms'],
			'entries': answer['ledger']['seq_end'] - answer['ledger']['seq_start'] + 1,
			**{step: round(after[step] - before[step], 3) for step in STEPS}}

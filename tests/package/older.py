"""An older release of this project fills a ledger, and today's packages take it over: the same roots,
the same answers byte for byte, and what was given away still holds.

There is no release yet. Of what was before it we take the build that had packages first: it knows
no TLS, no limits, no traces and no admin API.
"""
import json
import os
import pathlib
import shutil
import subprocess
import uuid

import tap
from debian_root import run
from harness import entry, eventually, nodes

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMIT = 'a64b34ded8d312505fd6a7fdc18e401713f5597d'
ACTIONS = 'ledger.ingest,gov.mint,wallet.transfer,wallet.hold,wallet.read,audit.read'
BATCHES, ENTRIES = 20, 100

node = None  # a system of its own, with nothing installed
old = None   # {part: package}; None: they cannot be built here
new = None   # of today


# --- packages ------------------------------------------------------------------------------


def has_commit():
	done = run('git', '-C', ROOT, 'cat-file', '-e', f'{COMMIT}^{{commit}}', check=False)
	return done.returncode == 0


def build(directory):
	"""Into a directory that is kept: nobody changes that commit any more."""
	place = directory / f'older-{COMMIT[:12]}'
	if place.exists() or not has_commit():
		return
	source = directory / 'older/source'
	shutil.rmtree(source.parent, ignore_errors=True)
	source.mkdir(parents=True)
	archive = subprocess.run(['git', '-C', ROOT, 'archive', COMMIT], check=True, capture_output=True)
	subprocess.run(['tar', '-C', source, '-x'], input=archive.stdout, check=True)
	options = f'nocheck noautodbgsym parallel={os.cpu_count()}'
	run('dpkg-buildpackage', '--build=binary', '--no-sign', cwd=source,
		env={**os.environ, 'DEB_BUILD_OPTIONS': options})
	shutil.rmtree(source)
	source.parent.rename(place)


def packages_in(directory):
	place = directory / f'older-{COMMIT[:12]}'
	return list(place.glob('macronode_*.deb')) if place.exists() else None


# --- what the old node was asked, and answered -----------------------------------------------


class Past:
	def __init__(self):
		self.asked = {}  # target: (body, headers, answer)
		self.roots = self.receipt = self.checkpoint = self.vkey = None
		self.revoked = None
		self.hold = None


past = Past()


def post(target, document, headers=None):
	head = {'Authorization': f'Bearer {node.token}', 'Content-Type': 'application/json', **(headers or {})}
	return node.http('POST', target, json.dumps(document).encode(), head)


def get(target):
	return node.http('GET', target, headers={'Authorization': f'Bearer {node.token}'})


def ask(name, target, document, key=None):
	"""Something that can be asked again: with the answer."""
	headers = {'Idempotency-Key': key} if key else {}
	answer = post(target, document, headers)
	assert answer.status == 200, answer
	past.asked[name] = (target, document, headers, answer)
	return answer.json()


def wish(source, amount, nonce, **more):
	return {'from': source, 'asset': 'ron', 'amount_minor': str(amount), 'nonce': nonce, **more}


def refusal(answer):
	assert answer.status != 200, answer
	return answer.body.decode()


# --- the story -----------------------------------------------------------------------------


def needs_old():
	if not old:
		raise tap.Skip(f'no commit {COMMIT[:12]} in this clone')


def test_an_older_release_fills_a_ledger():
	needs_old()
	node.root.install(*old)
	node.start()
	node.token = nodes.mint(['chroot', str(node.root.path), 'macronode'], ACTIONS)
	ref = nodes.capability_ref(node.token)
	for at in range(BATCHES):
		ask(f'batch {at}', '/ingest', {'batch': [entry('Mint', ('alice', 'carol')[one % 2], 5,
			capability_ref=ref) for one in range(ENTRIES)]})
	past.receipt = ask('transfer', '/v1/transfer', wish('alice', 700, 1, to='bob'), 'tea-1')
	past.hold = ask('hold', '/v1/holds', wish('alice', 300, 2), 'hold-1')['txid']
	node.macronode('gov', 'freeze', '--account', 'carol', '--reason', 'lost her phone')
	past.revoked = nodes.mint(['chroot', str(node.root.path), 'macronode'], ACTIONS)
	node.macronode('cap', 'revoke', nodes.capability_ref(past.revoked))
	past.roots = get('/roots?since=0').body
	height = BATCHES * ENTRIES + 2

	def signed():
		seen = get('/tlog/checkpoint').body
		return seen if seen.split(b'\n')[1:2] == [str(height).encode()] else None
	past.checkpoint = eventually(signed, 'a checkpoint of all of it')
	past.vkey = next(line.split()[1] for line in node.macronode('key', 'show').stdout.splitlines()
		if line.startswith('vkey'))
	(node.root.path / 'tmp/checkpoint').write_bytes(past.checkpoint)
	node.macronode('snapshot', 'create', '/tmp/old.tar.zst')


def test_todays_packages_are_installed_over_it_while_it_runs():
	needs_old()
	before = node.workers()
	node.root.install(new['macronode'])
	assert node.workers() == before, 'it runs on until it is restarted'
	assert get('/roots?since=0').body == past.roots
	node.stop()
	node.start()
	found = json.loads(node.macronode('doctor', '--json', check=False).stdout)
	assert not [check for check in found['checks'] if check['result'] == 'bad'], found


def test_roots_receipts_and_answers_are_the_same_bytes():
	needs_old()
	assert get('/roots?since=0').body == past.roots
	for name, (target, document, headers, answer) in past.asked.items():
		again = post(target, document, headers)
		assert (again.status, again.body) == (200, answer.body), (name, answer, again)
		assert not headers or again.headers['idempotency-replayed'] == 'true', again
	assert get('/v1/tx/' + past.receipt['txid']).json() == past.receipt
	assert get('/roots?since=0').body == past.roots, 'nothing was done twice'


def test_what_was_promised_holds_and_what_was_taken_back_stays_so():
	needs_old()
	paid = post(f'/v1/holds/{past.hold}/capture', wish('alice', 200, 3, to='bob'),
		{'Idempotency-Key': 'capture-1'})
	assert paid.status == 200, paid
	frozen = post('/v1/transfer', wish('carol', 1, 1, to='bob'), {'Idempotency-Key': str(uuid.uuid4())})
	assert 'frozen' in refusal(frozen), frozen
	kept, node.token = node.token, past.revoked
	refused = post('/v1/transfer', wish('alice', 1, 4, to='bob'), {'Idempotency-Key': str(uuid.uuid4())})
	node.token = kept
	assert refused.status == 401, refused


def test_what_the_old_release_signed_is_continued():
	needs_old()
	node.macronode('verify')
	node.macronode('snapshot', 'verify', '--vkey', past.vkey, '/tmp/old.tar.zst')
	assert past.vkey in node.macronode('key', 'show').stdout
	node.macronode('proof', 'consistency', '--vkey', past.vkey, '--from', '/tmp/checkpoint')
	node.macronode('verify', '--vkey', past.vkey, '--checkpoint', '/tmp/checkpoint')


def test_an_older_package_does_not_come_back_unasked():
	needs_old()
	done = node.root.run('apt-get', '-q', '-y', 'install', '--no-install-recommends',
		f'/tmp/{old[0].name}', check=False)
	assert done.returncode != 0 and 'downgrade' in done.stdout + done.stderr, done
	node.stop()
	node.macronode('verify', '--offline')

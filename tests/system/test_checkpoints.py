"""Signed checkpoints, audit records, and the fork rule on a real node. What is signed is checked
with openssl and code of its own, never with ours."""
import base64
import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import sqlite3
import struct
import subprocess
import tempfile

import tap
from harness import Node, entry, eventually

KINDS = {1: 'governance', 2: 'revocation', 3: 'start', 4: 'stop', 6: 'origin_changed',
	7: 'quarantined', 8: 'released',
	16: 'key_created', 17: 'minted', 18: 'revoked', 19: 'rotated'}
OFTEN = {'audit': {'root_emit_interval': '100ms'}}
# RFC 8410: the DER of an Ed25519 public key is this and its 32 bytes.
SPKI = bytes.fromhex('302a300506032b6570032100')


def needs_openssl():
	if shutil.which('openssl') is None:
		raise tap.Skip('needs openssl')


# --- notes, read and verified anew ------------------------------------------------------------

def parse_vkey(text):
	name, key_id, key = text.split('+', 2)
	key = base64.b64decode(key, validate=True)
	assert key[0] == 1 and len(key) == 33, text
	digest = hashlib.sha256(name.encode() + b'\n' + key).digest()[:4]
	assert digest.hex() == key_id, text
	return name, digest, key[1:]


def openssl_verifies(public, message, signature):
	with tempfile.TemporaryDirectory() as directory:
		files = {name: pathlib.Path(directory, name) for name in ('key', 'text', 'signature')}
		files['key'].write_bytes(SPKI + public)
		files['text'].write_bytes(message)
		files['signature'].write_bytes(signature)
		done = subprocess.run(['openssl', 'pkeyutl', '-verify', '-pubin', '-keyform', 'DER',
			'-inkey', files['key'], '-rawin', '-in', files['text'], '-sigfile',
			files['signature']], capture_output=True)
		return done.returncode == 0


def open_note(note, vkey):
	"""The lines of its text, after its one signature was verified."""
	name, key_id, public = parse_vkey(vkey)
	text, _, lines = note.partition(b'\n\n')
	text += b'\n'
	assert lines.endswith(b'\n') and lines.count(b'\n') == 1, note
	dash, signer, signature = lines.decode().strip().split(' ')
	signature = base64.b64decode(signature, validate=True)
	assert (dash, signer) == ('\u2014', name), note
	assert signature[:4] == key_id and len(signature) == 68, note
	assert openssl_verifies(public, text, signature[4:]), note
	assert not openssl_verifies(public, text + b'x', signature[4:])
	return text.decode().split('\n')[:-1]


# --- the store, read beside the node ----------------------------------------------------------

@contextlib.contextmanager
def store(node):
	path = node.profile.data / 'store/ledger.db'
	connection = sqlite3.connect(f'file:{path}?mode=ro', uri=True, timeout=20)
	try:
		yield connection
	finally:
		connection.close()


def kept(node):
	"""(size, root, audit_count, audit_head, checkpoint, audit note) or None."""
	with store(node) as db:
		return db.execute('SELECT size, root, audit_count, audit_head, checkpoint, audit'
			' FROM checkpoints').fetchone()


def audits(node):
	"""[(kind, document)], the chain and the spelling of each checked."""
	found, before = [], bytes(32)
	with store(node) as db:
		rows = db.execute('SELECT idx, record, hash FROM audits ORDER BY idx').fetchall()
	for number, (index, record, digest) in enumerate(rows, 1):
		before = hashlib.sha256(before + record).digest()
		assert (index, digest) == (number, before), index
		_, kind, length = struct.unpack_from('<QHH', record)
		text = record[12:]
		assert length == len(text)
		document = json.loads(text)
		spelled = json.dumps(document, sort_keys=True, separators=(',', ':'), ensure_ascii=False)
		assert spelled.encode() == text, text
		found.append((KINDS[kind], document))
	return found


def of_kind(node, kind):
	return [document for one, document in audits(node) if one == kind]


def show_key(node):
	return json.loads(node.cli('key', 'show', '--json').stdout)


def mint(node, token, account='alice', amount=5):
	answer = node.ingest([entry('Mint', account, amount)], token)
	assert answer.status == 200, answer
	return answer.json()['seq_end']


def reason(node):
	return node.http('GET', '/readyz', plane='admin').json().get('reason', '')


# --- signing ----------------------------------------------------------------------------------

def test_a_checkpoint_follows_an_entry_and_is_signed_by_the_shown_key():
	needs_openssl()
	with Node(OFTEN) as node:
		token = node.mint()
		vkey = show_key(node)['vkey']
		sizes = []
		for _ in range(3):
			size = mint(node, token)
			row = eventually(lambda: (kept(node) or [0])[0] == size and kept(node), 'a checkpoint')
			lines = open_note(row[4], vkey)
			assert lines[0] == parse_vkey(vkey)[0], lines
			assert lines[1] == str(size) and len(lines) == 3, lines
			assert base64.b64decode(lines[2]) == row[1], lines
			with store(node) as db:
				root, = db.execute('SELECT root FROM roots WHERE last_seq = ?', [size]).fetchone()
			assert root == row[1]
			sizes.append(size)
		assert sizes == sorted(set(sizes))
		shown = show_key(node)
		assert shown['signed_size'] == sizes[-1] and shown['signed_root'] == row[1].hex()
		assert node.metric('ledger_checkpoints_signed_total') >= 3
		assert node.metric('ledger_checkpoint_size') == sizes[-1]
		assert node.metric('pq_signature_total', algo='ed25519', op='sign') >= 6


def test_the_audit_note_is_over_the_chain():
	needs_openssl()
	with Node(OFTEN) as node:
		node.mint()
		count = lambda: len(audits(node))
		row = eventually(lambda: kept(node) and kept(node)[2] == count() and kept(node), 'a note')
		lines = open_note(row[5], show_key(node)['vkey'])
		assert lines[0] == 'macronode.audit/v1', lines
		assert lines[1] == show_key(node)['origin'] and lines[2] == str(row[2]), lines
		assert base64.b64decode(lines[3]) == row[3], lines
		with store(node) as db:
			head, = db.execute('SELECT hash FROM audits WHERE idx = ?', [row[2]]).fetchone()
		assert head == row[3]


def test_an_orderly_stop_signs_all_there_is():
	needs_openssl()
	with Node({'audit': {'root_emit_interval': '1h'}}) as node:
		vkey = show_key(node)['vkey']
		token = node.mint()
		size = mint(node, token)
		assert node.stop() == 0
		row = kept(node)
		assert row[0] == size, row
		assert open_note(row[4], vkey)[1] == str(size)
		records = audits(node)
		assert records[-1][0] == 'stop' and row[2] == len(records), records
		assert records[-1][1]['size'] == size
		node.start()
		assert show_key(node)['vkey'] == vkey
		assert show_key(node)['signed_size'] == size


def test_key_show_for_people_and_without_a_node():
	with Node() as node:
		shown = show_key(node)
		text = node.cli('key', 'show').stdout
		for value in (shown['vkey'], shown['origin'], shown['key_id']):
			assert value in text, text
		assert shown['vkey'].startswith(f'{shown["origin"]}+{shown["key_id"]}+'), shown
		assert node.cli('key', 'show', 'me', check=False).returncode == 2
		node.stop()
		assert node.cli('key', 'show', check=False).returncode == 3


# --- audit records ----------------------------------------------------------------------------

def test_each_event_is_recorded_once_across_deaths():
	with Node(OFTEN) as node:
		first = node.mint()
		second = node.mint()
		node.replace_worker('committer')
		listed = [json.loads(line) for line in node.cli('cap', 'list', '--json').stdout.split('\n')
			if line]
		capabilities = [one['capability'] for one in listed if 'capability' in one]
		assert len(capabilities) == 2
		node.cli('cap', 'revoke', capabilities[1])
		node.replace_worker('kms')
		node.cli('cap', 'rotate', '1')
		node.wait_replaced(*((role, node.signal_worker(role)) for role in ('kms', 'committer')))
		node.cli('gov', 'freeze', '--account', 'alice', '--reason', 'test')
		mint(node, node.mint() if capabilities[1] in second else first)
		node.replace_worker('committer')
		minted = lambda: len(of_kind(node, 'minted')) >= 2 and of_kind(node, 'rotated')
		eventually(minted, 'events of the keyring')
		node.kill_all()
		node.start()
		node.stop()
		records = audits(node)
		events = [document['event'] for kind, document in records
			if kind in ('key_created', 'minted', 'revoked', 'rotated')]
		assert events == sorted(set(events)) == list(range(1, len(events) + 1)), events
		names = [kind for kind, _ in records]
		assert names.count('key_created') == 2, names
		assert [one['capability'] for one in of_kind(node, 'minted')][:2] == capabilities
		assert [one['capability'] for one in of_kind(node, 'revoked')] == [capabilities[1]]
		assert [one['kid'] for one in of_kind(node, 'rotated')] == [2]
		assert names.count('revocation') == 1 and names.count('governance') == 1, names
		assert names.count('stop') == 1 and names[-1] == 'stop', names
		starts = of_kind(node, 'start')
		assert starts[0]['after'] == 'genesis', starts
		assert {one['after'] for one in starts[1:]} == {'crash'}, starts
		fences = [one['fence'] for one in starts]
		assert fences == sorted(set(fences)), fences


# --- the fork rule ----------------------------------------------------------------------------

def copy(source, target):
	"""With owners and modes, in place of what is there."""
	if target.exists():
		shutil.rmtree(target)
	subprocess.run(['cp', '-a', source, target], check=True)


def served(node, amount_of_entries):
	"""Entries, and an orderly stop behind them."""
	token = node.mint()
	for _ in range(amount_of_entries):
		mint(node, token)
	assert node.stop() == 0
	return token


def assert_safe_mode(node, token, word, *words):
	node.start(wait=False)
	said = eventually(lambda: f'safe_mode:{word}' in reason(node) and reason(node), 'safe mode')
	for one in words:
		assert one in said, (said, one)
	status = json.loads(node.cli('status', '--json', check=False).stdout)
	assert status['ledger']['safe_mode'] is True, status
	assert word in status['reason'], status
	eventually(lambda: any(word in one.get('text', '') for one in node.log()
		if one.get('event') == 'safe_mode_entered'), f'the log names {word}')
	eventually(lambda: node.http('GET', '/roots').status == 200, 'reads go on')
	assert node.ingest([entry('Mint', 'alice', 1)], token).status == 503
	assert node.stop() == 0


def test_an_older_copy_of_the_store_is_not_written():
	with Node(OFTEN) as node:
		stored, older = node.profile.data / 'store', node.profile.data / 'older'
		served(node, 3)
		copy(stored, older)
		node.start()
		token = served(node, 2)
		newer = node.profile.data / 'newer'
		copy(stored, newer)
		root = kept(node)[1].hex()
		copy(older, stored)
		assert_safe_mode(node, token, 'acknowledged_tail_missing: 5 entries', root, '3 with root')
		copy(newer, stored)  # what was signed is there again, and nothing was written meanwhile
		node.start()
		assert mint(node, token) == 6


def test_another_history_under_the_same_keys_is_a_fork():
	with Node(OFTEN) as node:
		data, copied = node.profile.data, node.profile.data.parent / 'copied'
		served(node, 2)
		copy(data / 'store', copied)
		keys = node.profile.data.parent / 'keys-of-then'
		copy(data / 'keys', keys)
		node.start()
		served(node, 2)
		# the other copy of store and keys goes another way, and further
		copy(data / 'store', data.parent / 'ours')
		copy(data / 'keys', data.parent / 'keys-of-now')
		copy(copied, data / 'store')
		copy(keys, data / 'keys')
		node.start()
		served(node, 5)
		# its store under our keys
		copy(data.parent / 'keys-of-now', data / 'keys')
		node.start(wait=False)
		said = eventually(lambda: 'safe_mode:fork: root ' in reason(node) and reason(node), 'fork')
		assert 'was signed at 4 entries' in said, said
		eventually(lambda: node.http('GET', '/roots').status == 200, 'reads go on')
		assert node.stop() == 0
		copy(data.parent / 'ours', data / 'store')
		node.start()
		assert node.stop() == 0


def test_a_store_of_another_node_is_not_written():
	with Node() as node, Node() as other:
		served(node, 1)
		served(other, 2)
		copy(other.profile.data / 'store', node.profile.data / 'store')
		before = len(audits(node))
		node.start(wait=False)
		eventually(lambda: 'is the ledger of' in node.log_text(), 'its refusal')
		assert node.http('GET', '/readyz', plane='admin').status == 503
		node.stop()
		assert len(audits(node)) == before


def test_a_new_origin_goes_on_from_an_older_copy():
	needs_openssl()
	with Node(OFTEN) as node:
		keys, stored = node.profile.data / 'keys', node.profile.data / 'store'
		served(node, 3)
		copy(stored, node.profile.data / 'older')
		node.start()
		shown = show_key(node)
		token = served(node, 2)
		abandoned = kept(node)
		copy(node.profile.data / 'older', stored)
		size, root = kept(node)[:2]
		request = keys / 'new-origin'
		request.write_text(f'macronode new-origin v1\n{shown["origin"]}\n{size}\n{root.hex()}\n')
		request.chmod(0o600)
		os.chown(request, keys.stat().st_uid, keys.stat().st_gid)
		node.start()
		assert not request.exists()
		now = show_key(node)
		assert now['origin'] == shown['origin'] + '/1' and now['vkey'] != shown['vkey'], now
		answer = node.ingest([entry('Mint', 'alice', 1)], token)
		assert answer.status in (401, 403), answer  # it was bound to the name that was given up
		token = node.mint()
		assert mint(node, token) == 4
		row = eventually(lambda: kept(node)[0] == 4 and kept(node), 'a checkpoint')
		assert open_note(row[4], now['vkey'])[0] == now['origin']
		node.restart()
		changed, = of_kind(node, 'origin_changed')
		assert changed['abandoned_size'] == abandoned[0] == 5
		assert changed['abandoned_root'] == abandoned[1].hex()
		assert (changed['old_origin'], changed['new_origin']) == (shown['origin'], now['origin'])
		assert [one['origin'] for one in of_kind(node, 'key_created') if one['key'] == 'node'] == [
			shown['origin'], now['origin']]


def test_keys_without_their_memory_do_not_start():
	with Node(OFTEN) as node:
		served(node, 1)
		(node.profile.data / 'keys/signed').unlink()
		node.start(wait=False)
		eventually(lambda: 'keys/signed is missing' in node.log_text(), 'its refusal')
		node.stop()


if __name__ == '__main__':
	tap.main(globals())

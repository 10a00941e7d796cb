#!/usr/bin/env python3
"""macronode reward: policies, sealed inputs, an epoch computed, explained and verified. What the
node's code computes is held to rewardverify, which shares none of it, and to Fractions here."""
import base64
import contextlib
import copy
import csv
import fractions
import hashlib
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import harness  # noqa: E402
import tap  # noqa: E402
from harness import BUILD, Node, entry, nodes  # noqa: E402

VECTORS = nodes.CHECKOUT / 'tests/vectors/v1'
EXAMPLES = nodes.CHECKOUT / 'etc/examples'
SECONDS = 120
DOCUMENTS = ('policy', 'accounting', 'ledger', 'bundle')
EPOCH = '2026-11-01'
AMOUNT_MAX = 2**127 - 1


@contextlib.contextmanager
def scratch():
	with tempfile.TemporaryDirectory(prefix='macronode-reward-') as name:
		yield pathlib.Path(name)


def run(words, status=0, says='', **more):
	done = subprocess.run([str(word) for word in words], capture_output=True, text=True,
		timeout=SECONDS, env=harness.clean_environment(), **more)
	if done.returncode != status or says not in done.stdout + done.stderr:
		raise AssertionError(f'{words}: expected exit {status} and {says!r}, got {done}')
	return done


def macronode(*words, **more):
	return run([BUILD / 'cli/macronode', 'reward', *words], **more)


def rewardverify(*words, **more):
	return run([BUILD / 'client/rewardverify', *words], **more)


def canonical(document):
	return json.dumps(document, sort_keys=True, separators=(',', ':'), ensure_ascii=False)


def cid(text):
	return 'b3:' + subprocess.run(['b3sum', '--no-names'], input=text.encode(), check=True,
		capture_output=True, timeout=SECONDS).stdout.decode().strip()


def golden(directory):
	for name in DOCUMENTS:
		shutil.copy(VECTORS / f'golden_{name}.json', directory / f'{name}.json')
	return VECTORS / 'golden_manifest.json'


def example(directory, *more, source=EXAMPLES / 'reward-activity.csv', **expected):
	"""The words of `seal` for the example, with others behind them."""
	return macronode('seal', '--from', source, '--tenant', 'acme', '--epoch', EPOCH,
		'--epoch-index', 0, '--window', '2026-11-01T00:00:00Z/2026-12-01T00:00:00Z', '--policy',
		EXAMPLES / 'reward-policy.json', '--actor-column', 'creator', '--category-column',
		'topic', '--metrics', 'views,likes,comments', '--pool', 12000, '-o', directory, *more,
		**expected)


def computed(directory, **expected):
	path = directory / 'run.json'
	macronode('compute', '--offline', directory, '-o', path, **expected)
	return path


# --- the golden chain ------------------------------------------------------------------------


def test_the_golden_chain_is_computed_explained_and_verified():
	with scratch() as directory:
		manifest = golden(directory)
		assert computed(directory).read_bytes() == manifest.read_bytes()
		rewardverify(manifest, directory, says='pays 999 of 1001 ron to 3 actors')
		macronode('verify', manifest, '--inputs', directory, says='good: epoch 2025-10-01 of acme')
		said = macronode('explain', manifest, 'did:ron:alice', '--inputs', directory).stdout
		assert '300 * 10 / 17 = 176 + 8/17: 176, rounded down\n' in said, said
		assert '700 * 3 / 7 = 300 + 0/7: 300, exactly\n' in said, said


def vkey_of(name, public_key):
	"""The C2SP form, made here."""
	typed = b'\1' + public_key
	key_id = hashlib.sha256(name.encode() + b'\n' + typed).hexdigest()[:8]
	return f'{name}+{key_id}+{base64.b64encode(typed).decode()}'


def test_the_attestation_of_the_golden_chain_is_verified():
	chain = json.loads((VECTORS / 'golden_chain.json').read_text())
	vkey = vkey_of('node', bytes.fromhex(chain['signing_public_key']))
	other = vkey_of('node', bytes.fromhex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325'
		'af021a68f707511a'))
	attestation = {'sig_ed25519': chain['attestation_signature'],
		'signed_at': '2025-10-01T12:34:56Z'}
	with scratch() as directory:
		manifest, path = golden(directory), directory / 'attestation.json'

		def check(status, key=vkey, says='', **changes):
			path.write_text(json.dumps({**attestation, **changes}))
			rewardverify('-a', path, '-k', key, manifest, directory, status=status, says=says)
			macronode('verify', manifest, '--inputs', directory, '--attestation', path, '--vkey',
				key, status=status, says=says)
		check(0)
		check(0, public_key=chain['signing_public_key'])
		check(1, public_key='00' * 32, says='public_key: expected that of the key, ' + chain['signing_public_key'])
		check(1, public_key=7, says='public_key: expected')
		check(1, other, says='not this key\'s')
		check(1, signed_at='2025-10-01T12:34:57Z', says='not this key\'s')
		check(1, sig_ed25519='base64:' + 'A' * 86 + '==', says='not this key\'s')
		check(1, sig_ed25519='base64:AAAA', says='no attestation')
		check(1, more=1, says='no attestation')
		check(2, vkey[:-4] + 'AAAA', says='its id is not')
		path.unlink()
		rewardverify('-a', path, '-k', vkey, manifest, directory, status=3)


# --- keys and policies -------------------------------------------------------------------------


def test_a_key_is_its_users_alone_and_openssl_reads_it():
	with scratch() as directory:
		key = directory / 'key'
		vkey = macronode('policy', 'keygen', key, '--kid', 'gov-1').stdout.strip()
		assert key.stat().st_mode & 0o777 == 0o600
		public = run(['openssl', 'pkey', '-in', key, '-pubout', '-outform', 'DER', '-out',
			directory / 'public']) and (directory / 'public').read_bytes()[-32:]
		assert vkey == vkey_of('gov-1', public), vkey
		before = key.read_bytes()
		macronode('policy', 'keygen', key, '--kid', 'gov-1', status=3, says='stays as it is')
		assert key.read_bytes() == before
		macronode('policy', 'keygen', directory / 'no', '--kid', 'a b', status=2, says='--kid a b')
		macronode('policy', 'keygen', directory / 'no', status=2, says='--kid')
		policy = EXAMPLES / 'reward-policy.json'
		for mode in (0o640, 0o604, 0o660):
			key.chmod(mode)
			macronode('policy', 'sign', '--key', key, policy, status=3, says='open to others')
		key.chmod(0o600)
		macronode('policy', 'sign', '--key', directory, policy, status=3, says='no regular file')
		text = before.decode()
		for broken in ('', text[1:], text + '\n', text.replace('kid: gov-1\n', ''),
				text.replace('MC4C', 'MC4D'), text.replace('gov-1', 'gov 1'), text[:-2], 'x' * 600):
			key.write_text(broken)
			done = macronode('policy', 'sign', '--key', key, policy, status=3)
			assert text.split('\n')[2] not in done.stderr and done.stdout == '', done
		macronode('policy', 'sign', policy, status=2, says='--key')


def test_a_key_of_openssl_signs_and_openssl_verifies():
	with scratch() as directory:
		key, signed = directory / 'key', directory / 'signed.json'
		run(['openssl', 'genpkey', '-algorithm', 'ed25519', '-out', directory / 'pem'])
		key.write_text('kid: treasurer\n' + (directory / 'pem').read_text())
		key.chmod(0o600)
		macronode('policy', 'sign', '--key', key, EXAMPLES / 'reward-policy.json', '-o', signed)
		document = json.loads(signed.read_text())
		signature = document.pop('signatures')[0]
		assert signature['kid'] == 'treasurer' and signature['alg'] == 'ed25519'
		(directory / 'sig').write_bytes(base64.b64decode(signature['sig'][len('base64:'):]))
		hashed = signed.read_text().strip().replace(',"signatures":' + canonical([signature]), '')
		(directory / 'message').write_text(cid(hashed))
		run(['openssl', 'pkeyutl', '-verify', '-rawin', '-inkey', directory / 'pem', '-sigfile',
			directory / 'sig', '-in', directory / 'message'])
		assert document == json.loads((EXAMPLES / 'reward-policy.json').read_text())


def test_show_tells_good_signatures_from_others():
	with scratch() as directory:
		keys = {name: directory / name for name in ('ann', 'ben')}
		vkeys = {name: macronode('policy', 'keygen', path, '--kid', name).stdout.strip()
			for name, path in keys.items()}
		plain, signed = EXAMPLES / 'reward-policy.json', directory / 'signed.json'

		def standings(path, *trusted, status):
			options = [word for one in trusted for word in ('--vkey', one)]
			shown = json.loads(macronode('policy', 'show', path, *options, '--json',
				status=status).stdout)
			assert shown['hash'] == json.loads(macronode('policy', 'show', plain,
				'--json').stdout)['hash']
			return shown['signed'], [(one['kid'], one['standing']) for one in shown['signatures']]
		assert standings(plain, status=0) == (False, [])
		assert standings(plain, vkeys['ann'], status=1) == (False, [])
		macronode('policy', 'sign', '--key', keys['ann'], plain, '-o', signed)
		assert standings(signed, status=0) == (False, [('ann', 'unknown_key')])
		assert standings(signed, vkeys['ann'], status=0) == (True, [('ann', 'good')])
		assert standings(signed, vkeys['ben'], status=1) == (False, [('ann', 'unknown_key')])
		macronode('policy', 'sign', '--key', keys['ben'], '--key', keys['ann'], signed, '-o',
			directory / 'both.json')
		assert standings(directory / 'both.json', *vkeys.values(), status=0) == (True,
			[('ann', 'good'), ('ben', 'good')])
		forged = json.loads(signed.read_text())
		forged['signatures'][0]['kid'] = 'ben'
		(directory / 'forged.json').write_text(json.dumps(forged))
		assert standings(directory / 'forged.json', vkeys['ben'], status=1) == (False,
			[('ben', 'forged')])
		changed = json.loads(signed.read_text())
		changed['version'] = '1.0.1'
		(directory / 'changed.json').write_text(json.dumps(changed))
		macronode('policy', 'show', directory / 'changed.json', '--vkey', vkeys['ann'], status=1,
			says='FORGED')
		macronode('policy', 'show', signed, '--vkey', 'nonsense', status=2, says='--vkey')
		macronode('policy', 'show', directory / 'none', status=3)
		(directory / 'bad.json').write_text('{"id":1}')
		macronode('policy', 'show', directory / 'bad.json', status=1, says='policy, byte 6: expected')


# --- sealing -----------------------------------------------------------------------------------


def test_what_is_sealed_has_the_hashes_that_b3sum_computes():
	with scratch() as directory:
		said = json.loads(example(directory / 'a', '--json').stdout)
		text = {name: (directory / f'a/{name}.json').read_text() for name in DOCUMENTS}
		assert said['accounting_cid'] == cid(text['accounting'])
		assert said['ledger_cid'] == cid(text['ledger'])
		assert said['inputs_cid'] == cid(text['bundle'])
		assert said['policy_hash'] == cid(canonical(json.loads(text['policy'])))
		request = json.loads((directory / 'a/request.json').read_text())
		assert json.loads(said['body']) == request == {'dry_run': False,
			'inputs_cid': said['inputs_cid'], 'policy_hash': said['policy_hash'],
			'policy_id': 'creators-2026'}
		assert (said['method'], said['path']) == ('POST', f'/rewarder/epochs/{EPOCH}/compute')
		for name in ('accounting', 'ledger', 'bundle'):
			assert text[name] == canonical(json.loads(text[name])), name
		assert json.loads(text['ledger'])['pool_account'] == 'sys:reward_pool:acme:ron'


def test_the_order_of_lines_and_columns_does_not_matter():
	with scratch() as directory:
		lines = list(csv.reader((EXAMPLES / 'reward-activity.csv').open()))
		expected = json.loads(example(directory / 'first', '--json').stdout)
		for seed in range(4):
			chance = random.Random(seed)
			columns = chance.sample(range(len(lines[0])), len(lines[0]))
			rows = [lines[0], *chance.sample(lines[1:], len(lines) - 1)]
			path = directory / f'{seed}.csv'
			with path.open('w', newline='') as out:
				csv.writer(out, quoting=csv.QUOTE_ALL if seed % 2 else csv.QUOTE_MINIMAL).writerows(
					[[row[column] for column in columns] for row in rows])
			assert json.loads(example(directory / str(seed), '--json', source=path).stdout) == expected


def test_what_is_wrong_with_a_table_is_said_with_line_and_column():
	head = 'creator,topic,views,likes,comments\n'
	cases = {
		'': ':1: the file is empty',
		'creator,topic,views,likes\n': ":1: there is no column 'comments'",
		'creator,topic,views,likes,comments,likes\n': ":1: column 'likes' is there twice",
		head + 'alice,music,1,2\n': ':2: fewer fields',
		head + 'alice,music,1,2,3\nbob,news,1,-2,3\n': ":3: column 'likes': expected a count of 0",
		head + 'alice,music,1,2,-0\n': ":2: column 'comments'",
		head + 'alice,music,1.0,2,3\n': ":2: column 'views'",
		head + 'alice,music,01,2,3\n': ":2: column 'views'",
		head + 'alice,music,,2,3\n': ":2: column 'views'",
		head + 'alice,music, 1,2,3\n': ":2: column 'views'",
		head + f'alice,music,{2**63},2,3\n': 'which is more',
		head + 'alice,music,-1,2,3\n': 'which is below 0',
		head + 'alice,music,1,2,3\nbob,news,1,2,3\nalice,music,4,5,6\n':
			":4: column 'creator': 'alice' is there already, in line 2",
		head + ',music,1,2,3\n': ":2: column 'creator': expected an actor",
		head + 'sys:x,music,1,2,3\n': ":2: column 'creator': expected an actor",
		head + 'a b,music,1,2,3\n': ":2: column 'creator': expected an actor",
		head + 'a' * 129 + ',music,1,2,3\n': ":2: column 'creator': expected an actor",
		head + 'alice,Music,1,2,3\n': ":2: column 'topic': expected a category",
		head + 'alice,"music,1,2,3\n': ':3: the file ends inside a quoted field',
		head + 'alice,\xff,1,2,3\n': ':2: a field is not UTF-8',
	}
	with scratch() as directory:
		for text, says in cases.items():
			path = directory / 'table.csv'
			path.write_bytes(text.encode('latin-1'))
			example(directory / 'sealed', source=path, status=1, says=f'{path}{says}'
				if says.startswith(':') else says)
			assert not (directory / 'sealed').exists(), text
		path.write_text(head + f'alice,music,{2**63 - 1},2,3\nalice,news,0,0,0\n')
		example(directory / 'sealed', source=path)
		example(directory / 'none', source=directory / 'missing', status=3)


def test_the_options_of_seal_are_checked():
	cases = [
		(('--tenant', 'a:b'), '--tenant a:b'),
		(('--tenant', '.a'), '--tenant .a'),
		(('--epoch', '2026-02-29'), '--epoch 2026-02-29'),
		(('--epoch-index', '-1'), '--epoch-index -1'),
		(('--epoch-index', str(2**53)), '--epoch-index'),
		(('--window', '2026-11-01T00:00:00Z'), '--window'),
		(('--window', '2026-12-01T00:00:00Z/2026-11-01T00:00:00Z'), '--window'),
		(('--window', '2026-11-01T00:00:30Z/2026-12-01T00:00:00Z'), '--window'),
		(('--metrics', 'views,likes'), 'lacks comments, which the policy weighs'),
		(('--metrics', 'views,,likes'), "metric ''"),
		(('--metrics', 'views,views'), 'is there twice'),
		(('--metrics', 'Views'), "metric 'Views'"),
		(('--category', 'x'), 'one of the two'),
		(('--actor-prefix', 'sys:'), '--actor-prefix'),
		(('--pool', '1.5'), '--pool 1.5'),
		(('--pool', str(AMOUNT_MAX + 1)), '--pool'),
		(('--seq', '3'), 'go together'),
		(('--seq', '3', '--root', 'AB'), '--root AB'),
		(('--seq', 'x', '--root', '0' * 64), '--seq x'),
	]
	with scratch() as directory:
		for words, says in cases:
			example(directory / 'sealed', *words, status=2, says=says)
		macronode('seal', '--from', 'x', status=2, says='needs --tenant')
		assert not (directory / 'sealed').exists()
		example(directory / 'sealed', '--seq', 31, '--root', 'ab' * 32, '--actor-prefix', 'yt_',
			'--metrics', 'views,likes,comments,reach=views')
		ledger = json.loads((directory / 'sealed/ledger.json').read_text())
		assert (ledger['seq'], ledger['root']) == (31, 'ab' * 32)
		row = json.loads((directory / 'sealed/accounting.json').read_text())['rows'][0]
		assert row == {'actor': 'yt_alice', 'category': 'music', 'counts': {'comments': '44',
			'likes': '310', 'reach': '5200', 'views': '5200'}}


def test_what_would_be_quarantined_is_not_sealed_and_what_was_sealed_is_kept():
	with scratch() as directory:
		example(directory / 'sealed', '--pool', 20001, status=1, says='conservation: pool_total exceeds')
		assert not (directory / 'sealed').exists()
		example(directory / 'sealed', '--epoch-index', 48, status=1, says='conservation')
		example(directory / 'sealed')
		before = {path.name: path.read_bytes() for path in (directory / 'sealed').iterdir()}
		example(directory / 'sealed', '--pool', 1, status=3, says='stay as they are')
		assert before == {path.name: path.read_bytes() for path in (directory / 'sealed').iterdir()}
		assert sorted(before) == ['accounting.json', 'bundle.json', 'ledger.json', 'policy.json',
			'request.json']


def test_seal_takes_the_pool_from_a_running_node():
	with Node() as node, scratch() as directory:
		pool = 'sys:reward_pool:acme:ron'
		for amount in (7000, 5000):  # the status of just now is not the newest
			paid_in = json.loads(node.ingest([entry('Mint', pool, amount)], node.mint()).body)
		words = ['reward', 'seal', '--from', EXAMPLES / 'reward-activity.csv', '--tenant', 'acme',
			'--epoch', EPOCH, '--epoch-index', 0, '--window',
			'2026-11-01T00:00:00Z/2026-12-01T00:00:00Z', '--policy',
			EXAMPLES / 'reward-policy.json', '--actor-column', 'creator', '--metrics',
			'views,likes,comments', '-o', directory / 'sealed']
		(directory / 'token').write_text(node.mint())
		done = node.cli(*map(str, words), '--token-file', str(directory / 'token'))
		ledger = json.loads((directory / 'sealed/ledger.json').read_text())
		assert (ledger['seq'], ledger['root']) == (2, paid_in['new_root']), (ledger, done)
		assert (ledger['pool_account'], ledger['pool_total_minor']) == (pool, '12000'), ledger

		# The same again elsewhere, and put: each name leads to its document.
		words[-1] = directory / 'put'
		token = ('--token-file', str(directory / 'token'))
		said = json.loads(node.cli(*map(str, words), '--put', '--json', *token).stdout)
		for name, file in (('accounting_cid', 'accounting'), ('ledger_cid', 'ledger'),
				('inputs_cid', 'bundle'), ('policy_hash', 'rules')):
			node.cli('object', 'get', said[name], '-o', str(directory / file), *token)
			if file != 'rules':
				assert (directory / file).read_bytes() == (
					directory / f'put/{file}.json').read_bytes(), file
		assert json.loads((directory / 'rules').read_text()) == json.loads(
			(EXAMPLES / 'reward-policy.json').read_text())
		(directory / 'token').write_text(node.mint('wallet.read'))
		words[-1] = directory / 'refused'
		refused = node.cli(*map(str, words), '--put', *token, check=False)
		assert refused.returncode == 1 and 'object.put' not in refused.stdout, refused


# --- explaining --------------------------------------------------------------------------------


def test_explain_ends_in_what_the_manifest_pays():
	with scratch() as directory:
		policy = policy_of(rounding='bankers', actor_cap=900, categories={'a': 300})
		rows = [row('x', 'a', 5, 7), row('x', 'b', 1, 0), row('y', 'a', 2, 9), row('z', 'c', 0, 3),
			row('w', 'c', 3, 0), row('x', 'a', 4, 4)]
		write_inputs(directory, policy, rows, 5003)
		path = computed(directory)
		manifest = json.loads(path.read_text())
		paid = {one['actor']: one for one in manifest['allocations']}
		for actor in ('w', 'x', 'y', 'z'):
			said = json.loads(macronode('explain', path, actor, '--inputs', directory,
				'--json').stdout)
			assert said['amount_minor'] == paid[actor]['amount_minor'], said
			assert said['explain'] == paid[actor]['explain'], said
			check_explanation(said)
			text = macronode('explain', path, actor, '--inputs', directory).stdout
			assert f'\npaid: {paid[actor]["amount_minor"]}, as the manifest says: ' in text, text
		macronode('explain', path, 'nobody', '--inputs', directory, status=1, says='no row')
		path.write_text(path.read_text().replace('"y"', '"v"'))
		macronode('explain', path, 'x', '--inputs', directory, status=1,
			says='is not what these inputs give')


def check_explanation(said):
	"""Each fraction is the one that its parts make, and the sums are the sums."""
	total = 0
	for metric in said['metrics']:
		pool, billion = int(metric['pool_minor']), 10**9
		assert fractions.Fraction(int(said['shared_minor']) * metric['weight_billionths'], billion) \
			== pool + fractions.Fraction(int(metric['pool_remainder_billionths']), billion), metric
		for share in metric['shares']:
			count, all_counts = int(share['count']), int(metric['total_count'])
			quotient, remainder = int(share['quotient']), int(share['remainder'])
			assert fractions.Fraction(pool * count, all_counts) == quotient + fractions.Fraction(
				remainder, all_counts), share
			assert int(share['amount_minor']) == quotient + share['rounded_up'] - share['repaired']
		assert int(metric['sum_minor']) == sum(int(one['amount_minor']) for one in metric['shares'])
		total += int(metric['sum_minor'])
	assert total == sum(int(one['sum_minor']) for one in said['categories']), said
	left = sum(int(one['sum_minor']) - int(one['cut_minor']) for one in said['categories'])
	assert left - int(said['actor_cut_minor']) == int(said['amount_minor']), said


# --- inputs as one likes them ------------------------------------------------------------------


def policy_of(rounding='floor', actor_cap=AMOUNT_MAX, epoch_cap=AMOUNT_MAX, categories=None,
		weights='{"m":0.7,"n":0.3}', base=AMOUNT_MAX):
	"""As text: weights are decimals, which Python would write as it likes."""
	category_cap = '' if categories is None else ',"category_cap":' + canonical(
		{name: str(cap) for name, cap in categories.items()})
	return (f'{{"body":{{"asset":"ron","caps":{{"actor_cap":"{actor_cap}"{category_cap},'
		f'"epoch_cap":"{epoch_cap}u"}},"emission_curve":{{"base_per_epoch":"{base}",'
		f'"kind":"halving","period_epochs":10}},"rounding":"{rounding}","weights":{weights}}},'
		'"id":"p1","version":"1.0.0"}')


def row(actor, category, *counts):
	return {'actor': actor, 'category': category, 'counts': {name: str(count)
		for name, count in zip('mn', counts)}}


def write_inputs(directory, policy, rows, pool, accounting=None, ledger=None, bundle=None):
	"""accounting, ledger, bundle: change a document, or give its text, before it is named."""
	def text_of(document, change):
		if change is not None:
			document = change(document) or document
		return document if isinstance(document, str) else canonical(document)
	texts, rows = {'policy': policy}, copy.deepcopy(rows)
	texts['accounting'] = text_of({'v': 1, 'kind': 'ron.accounting.snapshot', 'tenant': 'acme',
		'epoch_id': EPOCH, 'actors': len({one['actor'] for one in rows}), 'events': len(rows),
		'rows': rows}, accounting)
	texts['ledger'] = text_of({'v': 1, 'kind': 'ron.ledger.snapshot', 'tenant': 'acme',
		'epoch_id': EPOCH, 'asset': 'ron', 'seq': 9, 'root': 'ab' * 32,
		'pool_account': 'sys:reward_pool:acme:ron', 'pool_total_minor': str(pool)}, ledger)
	texts['bundle'] = text_of({'v': 1, 'kind': 'ron.rewarder.inputs', 'tenant': 'acme',
		'epoch_id': EPOCH, 'epoch_index': 0, 'asset': 'ron', 'policy_cid': cid(policy),
		'accounting_cid': cid(texts['accounting']), 'ledger_cid': cid(texts['ledger']),
		'window': {'start': '2026-11-01T00:00:00Z', 'end': '2026-11-02T00:00:00Z'}}, bundle)
	for name, text in texts.items():
		(directory / f'{name}.json').write_text(text)


def test_rewardverify_compiles_alone_and_takes_nothing_of_core():
	sources = [nodes.CHECKOUT / 'client/rewardverify.c',
		*sorted((nodes.CHECKOUT / 'client').glob('rv*.c'))]
	included = {line.split('"')[1] for source in sources for line in source.read_text().splitlines()
		if line.startswith('#include "')}
	assert included == {'client/rv.h', 'client/rewardverify.h'}, included
	with scratch() as directory:
		compiler = shutil.which('cc')
		if compiler is None:
			raise tap.Skip('no cc')
		alone = directory / 'alone'
		run([compiler, '-I', nodes.CHECKOUT, '-o', alone, *sources, '-lyajl', '-lhogweed', '-lnettle',
			'-lgmp'])
		run([alone, golden(directory), directory], says='pays 999 of 1001 ron to 3 actors')


# --- two implementations -----------------------------------------------------------------------


def random_epoch(directory, seed):
	chance = random.Random(seed)
	biggest = chance.choice((3, 50, 10**6, 2**63 - 1))
	pool = chance.randrange(1 + chance.choice((10, 300, 10**12, AMOUNT_MAX)))
	caps = (AMOUNT_MAX, pool // 2, pool // 5, 3)
	rows = [row(f'actor{chance.randrange(9)}', chance.choice(('', 'a', 'b')),
		*(chance.choice((0, chance.randrange(biggest + 1))) for _ in range(2)))
		for _ in range(chance.randrange(30))]
	weights = chance.choice(('{"m":0.7,"n":0.3}', '{"m":1}', '{"m":0.000000001,"n":0.999999999}',
		'{"m":0.333333333,"n":0.333333333,"o":0.333333334}'))
	write_inputs(directory, policy_of(chance.choice(('floor', 'bankers')), chance.choice(caps),
		chance.choice(caps), chance.choice((None, {'a': chance.choice(caps)}, {'': 7, 'b': 0})),
		weights), rows, pool)


def test_random_epochs_are_the_same_in_both_implementations():
	for seed in range(60):
		with scratch() as directory:
			random_epoch(directory, seed)
			manifest = computed(directory)
			rewardverify(manifest, directory, says=f'good: epoch {EPOCH} of acme pays ')
			if seed % 10 == 0:  # and a wrong unit is found in each of them
				wrong = json.loads(manifest.read_text())
				wrong['residual']['dust'] = str(int(wrong['residual']['dust']) + 1)
				manifest.write_text(canonical(wrong))
				rewardverify(manifest, directory, status=1, says='residual.dust: expected')


def test_hashes_agree_at_the_borders_of_their_chunks():
	rows = [row('x', 'a', 5, 7)]
	for size in (1023, 1024, 1025, 2048, 2049, 3072, 3073, 4097, 7 * 1024, 31 * 1024 + 1, 64 * 1024,
			100 * 1024 + 5):
		with scratch() as directory:
			write_inputs(directory, policy_of(), rows, 100,
				accounting=lambda document: canonical(document).ljust(size))
			assert (directory / 'accounting.json').stat().st_size == size
			rewardverify(computed(directory), directory, says='pays 100 of 100 ron to 1 actors')


def set_to(**members):
	return lambda document: document.update(members)


def change_row(**members):
	return lambda document: document['rows'][0].update(members)


def faults():
	"""kind: what is done to the inputs."""
	yield 'negative', {'accounting': change_row(counts={'m': '-5', 'n': '1'})}
	yield 'overflow', {'accounting': change_row(counts={'m': str(2**63), 'n': '1'})}
	yield 'negative', {'ledger': set_to(pool_total_minor='-1')}
	yield 'overflow', {'ledger': set_to(pool_total_minor=str(AMOUNT_MAX + 1))}
	yield 'overflow', {'ledger': set_to(pool_total_minor='9' * 128)}
	yield 'conservation', {'bundle': set_to(epoch_index=9 * 10**6)}
	for text in ('007', '', 'x', '1.0', '-0', '9' * 129):
		yield 'schema', {'ledger': set_to(pool_total_minor=text)}
	for members in ({'v': 2}, {'v': '1'}, {'kind': 'x'}, {'tenant': 'other'}, {'asset': 'eur'},
			{'epoch_id': '2026-11-02'}, {'epoch_id': '2026-02-30'}, {'more': 1}, {'root': 'AB' * 32},
			{'seq': -1}, {'seq': 1.5}, {'pool_account': 'sys:reward_pool:other:ron'}):
		yield 'schema', {'ledger': set_to(**members)}
	for members in ({'v': 2}, {'kind': 'x'}, {'tenant': 'other'}, {'epoch_id': '2026-11-02'},
			{'actors': 3}, {'events': 3}, {'events': '2'}, {'rows': {}}, {'more': None},
			{'rows': [[]]}):
		yield 'schema', {'accounting': set_to(**members)}
	for members in ({'actor': 'sys:pool'}, {'actor': 'a b'}, {'actor': ''}, {'category': 'A'},
			{'category': None}, {'more': 1}, {'counts': []}, {'counts': {'m': 1}},
			{'counts': {'m': '01'}}, {'counts': {'M': '1'}}, {'counts': {'m': '-0'}}):
		yield 'schema', {'accounting': change_row(**members)}
	for members in ({'asset': 'eur'}, {'policy_cid': 'b3:' + '0' * 64}):
		yield 'schema', {'bundle': set_to(**members)}
	# Broken text: what stands before the mistake counts.
	yield 'schema', {'accounting': lambda document: canonical(document)[:-1]}
	yield 'schema', {'accounting': lambda document: canonical(document) + '{}'}
	yield 'schema', {'accounting': lambda document: canonical(document).replace('"v"', '"tenant"')}
	yield 'negative', {'accounting': lambda document: canonical(document).replace('"m":"5"',
		'"m":"-5"')[:-1]}
	yield 'schema', {'ledger': lambda document: canonical(document).replace('"seq":9', '"seq":09')}
	yield 'schema', {'ledger': lambda document: '{"v":1,' + canonical(document)[1:]}


def test_quarantines_are_the_same_in_both_implementations():
	rows = [row('x', 'a', 5, 7), row('y', 'a', 2, 9)]
	count = 0
	for kind, changes in faults():
		with scratch() as directory:
			write_inputs(directory, policy_of(), rows, 100, **changes)
			manifest = computed(directory, status=1, says=f'quarantined, nobody is paid: {kind}: ')
			rewardverify(manifest, directory, says=f'is quarantined ({kind})')
			macronode('explain', manifest, 'x', '--inputs', directory, status=1, says=kind)
			wrong = json.loads(manifest.read_text())
			wrong['quarantine']['kind'] = 'dust_policy'
			manifest.write_text(canonical(wrong))
			rewardverify(manifest, directory, status=1,
				says=f'quarantine.kind: expected {kind}, found dust_policy')
			count += 1
	assert count > 45, count


SCRAPS = ('"', '\\', '{', '}', '[', ']', ',', ':', '-', '0', '00', '1', ' ', '\n', '\\u0061', '\\u0000',
	'\\ud800', 'é', '\0', '\x7f', 'null', 'true', '1e1', '.5', '"m":"1",', '{},', '99999999999999999999')


def mangled(text, chance):
	"""With one to three places cut out or filled with scraps."""
	for _ in range(chance.randint(1, 3)):
		at = chance.randrange(len(text))
		text = text[:at] + chance.choice(('', *SCRAPS)) + text[at + chance.choice((0, 1, 1, 2)):]
	return text


def test_mangled_snapshots_mean_the_same_to_both_implementations():
	"""They are sealed as they are, so whatever comes out, both must say it."""
	rows = [row('x', 'a', 5, 7), row('y', 'a', 2, 9)]
	kinds = set()
	for seed in range(int(os.environ.get('MACRONODE_TEST_CASES', 150))):
		chance = random.Random(seed)
		with scratch() as directory:
			write_inputs(directory, policy_of(), rows, 100, **{chance.choice(('accounting',
				'accounting', 'ledger')): lambda document: mangled(canonical(document), chance)})
			path = directory / 'run.json'
			words = ['compute', '--offline', directory, '-o', path]
			done = subprocess.run([str(word) for word in (BUILD / 'cli/macronode', 'reward', *words)],
				capture_output=True, timeout=SECONDS, env=harness.clean_environment())
			assert done.returncode in (0, 1) and path.exists(), (seed, done)
			try:
				rewardverify(path, directory, says='good: ')
			except AssertionError as error:
				texts = {name: (directory / f'{name}.json').read_bytes() for name in DOCUMENTS}
				raise AssertionError(f'seed {seed}: {texts}') from error
			kinds.add(json.loads(path.read_text()).get('quarantine', {}).get('kind', 'none'))
	assert {'none', 'schema'} <= kinds, kinds


def quarantined(directory, tenant='acme', epoch_id=EPOCH):
	"""The manifest of a request that the bundle does not fit, or cannot be read for: such a one no
	command of ours makes."""
	text = {name: (directory / f'{name}.json').read_text() for name in ('policy', 'bundle')}
	policy, inputs = cid(text['policy']), cid(text['bundle'])
	bundle = json.loads(text['bundle'])
	readable = 'more' not in bundle and bundle['v'] == 1
	cids = {'policy_cid': policy, 'inputs_cid': inputs,
		'accounting_cid': bundle['accounting_cid'] if readable else '',
		'ledger_cid': bundle['ledger_cid'] if readable else ''}
	run_key = cid(epoch_id + policy + inputs)[3:]
	key = cid(canonical({'domain': 'svc-rewarder|v1', 'epoch_id': epoch_id, 'inputs_cid': inputs,
		'policy_hash': policy, 'tenant': tenant}))
	commitment = cid(canonical({'domain': 'ron.rewarder.commitment.v1', 'epoch_id': epoch_id,
		'inputs': cids, 'outputs': {'allocations': [], 'asset': 'ron', 'delta_minor': '0',
		'payout_total_minor': '0', 'pool_total_minor': '0'}, 'policy_hash': policy,
		'tenant': tenant}))
	return canonical({'version': '1.1.0', 'tenant': tenant, 'epoch_id': epoch_id, 'policy_id': 'p1',
		'policy_hash': policy, 'inputs': cids, 'pool_total_minor': '0', 'payout_total_minor': '0',
		'delta_minor': '0', 'residual': dict.fromkeys(('clamp', 'idle', 'dust', 'category_excess',
		'actor_excess'), '0'), 'allocations': [], 'run_key': run_key, 'idempotency_key': key,
		'commitment': commitment, 'status': 'quarantined', 'quarantine': {'kind': 'schema',
		'detail': 'bundle: as the node says it'}, 'proof': {'type': 'none', 'scheme': 'none'}})


def test_requests_that_the_bundle_does_not_fit_are_verified_too():
	rows = [row('x', 'a', 5, 7)]
	with scratch() as directory:
		path = directory / 'run.json'
		for members in ({'v': 3}, {'more': 1}):
			write_inputs(directory, policy_of(), rows, 100, bundle=set_to(**members))
			path.write_text(quarantined(directory))
			rewardverify(path, directory, says='is quarantined (schema)')
			macronode('compute', '--offline', directory, status=1, says='bundle, byte ')
		for members in ({'epoch_index': -1}, {'epoch_index': 2**53}, {'window': {}}, {'window':
				{'start': '2026-11-02T00:00:00Z', 'end': '2026-11-02T00:00:00Z'}}, {'window':
				{'start': '2026-11-02T00:00:01Z', 'end': '2026-11-03T00:00:00Z'}}):
			write_inputs(directory, policy_of(), rows, 100, bundle=set_to(**members))
			rewardverify(path, directory, status=1, says='inputs.inputs_cid: expected ')
			macronode('compute', '--offline', directory, status=1, says='bundle, byte ')
		write_inputs(directory, policy_of(), rows, 100)
		for wish in ({'tenant': 'evil'}, {'epoch_id': '2026-11-03'}):
			path.write_text(quarantined(directory, **wish))
			rewardverify(path, directory, says='is quarantined (schema)')
		path.write_text(quarantined(directory))  # it fits: nothing to quarantine
		rewardverify(path, directory, status=1, says='status: expected ok, found quarantined')


def test_inputs_that_a_request_cannot_name_are_refused():
	with scratch() as directory:
		for name in DOCUMENTS:
			golden(directory)
			(directory / f'{name}.json').write_text('{}')
			macronode('compute', '--offline', directory, status=1)
			(directory / f'{name}.json').unlink()
			macronode('compute', '--offline', directory, status=3, says=f'{name}.json')
			rewardverify(VECTORS / 'golden_manifest.json', directory, status=3, says=f'{name}.json')
		golden(directory)
		for name in ('accounting', 'ledger'):
			path = directory / f'{name}.json'
			path.write_text(path.read_text() + ' ')
			macronode('compute', '--offline', directory, status=1, says=f'{name}_cid: expected the BLAKE3')
			golden(directory)


# --- mutants -----------------------------------------------------------------------------------


def leaves(value, path=()):
	"""Each way to a value, and the way to each member and item."""
	if isinstance(value, (dict, list)):
		for key in value if isinstance(value, dict) else range(len(value)):
			yield from leaves(value[key], (*path, key))
	yield path


def changed(document, path, how):
	"""A copy; how: what becomes of the container and the key."""
	document = copy.deepcopy(document)
	container = document
	for key in path[:-1]:
		container = container[key]
	how(container, path[-1])
	return document


def other(container, key):
	value = container[key]
	if isinstance(value, str):
		container[key] = value[:-1] + ('1' if value[-1:] != '1' else '2')
	else:
		container[key] = 'x'


def name_of(path):
	return ''.join(f'[{key}]' if isinstance(key, int) else f'.{key}' for key in path)[1:]


def test_every_change_of_a_manifest_is_found_and_named():
	with scratch() as directory:
		document = json.loads(golden(directory).read_text())
		path = directory / 'mutant.json'
		count = 0
		for way in leaves(document):
			if not way:
				continue
			for how in (other, lambda container, key: container.pop(key)):
				mutant = changed(document, way, how)
				path.write_text(canonical(mutant))
				done = rewardverify(path, directory, status=1)
				removed_item = isinstance(way[-1], int) and how is not other
				fixed = way[0] in ('tenant', 'epoch_id')
				assert removed_item or fixed or f'{name_of(way)}: expected ' in done.stderr, (way, done)
				count += 1
		assert count > 75, count
		for text in ('', '{}', '[]', canonical(document)[:-1], canonical(document) + '{}',
				canonical(document).replace(':', ': ', 1), json.dumps(document),
				canonical({**document, 'more': 1}),
				'{"version":"1.1.0",' + canonical(document)[1:]):
			path.write_text(text)
			rewardverify(path, directory, status=1)
		path.write_text(canonical(document) + '\n')  # an editor's
		rewardverify(path, directory)


def test_every_change_of_the_inputs_is_found():
	with scratch() as directory:
		manifest = golden(directory)
		for name in DOCUMENTS:
			path = directory / f'{name}.json'
			text = path.read_bytes()
			for at in range(0, len(text), 3):
				path.write_bytes(text[:at] + bytes([text[at] ^ 1]) + text[at + 1:])
				rewardverify(manifest, directory, status=1, says='BAD: ')
			path.write_bytes(text)
		rewardverify(manifest, directory)
		# What is not hashed of a policy may differ: layout, order, signatures.
		policy = directory / 'policy.json'
		policy.write_text(policy.read_text().replace(',', ' ,\n'))
		rewardverify(manifest, directory)
		macronode('compute', '--offline', directory, says='weight:subs*rate=300')


def test_a_salt_of_ones_own_gives_other_keys():
	with scratch() as directory:
		manifest = golden(directory)
		rewardverify('-s', 'other', manifest, directory, status=1, says='idempotency_key: expected')
		path = directory / 'run.json'
		macronode('compute', '--offline', directory, '--salt', 'a "salt"', '-o', path)
		rewardverify(path, directory, status=1, says='idempotency_key: expected')
		rewardverify('-s', 'a "salt"', path, directory)
		macronode('verify', path, '--inputs', directory, '--salt', 'a "salt"')
		for salt in ('', 'a\nb', 'ä', b'\xff', 'x' * 129):
			salt = salt if isinstance(salt, str) else os.fsdecode(salt)
			macronode('compute', '--offline', directory, '--salt', salt, status=2, says='--salt')
			rewardverify('-s', salt, path, directory, status=2)


def test_what_verify_says_is_json_on_demand():
	with scratch() as directory:
		manifest = golden(directory)
		good = json.loads(macronode('verify', manifest, '--inputs', directory, '--json').stdout)
		assert (good['good'], good['payout_total_minor'], good['allocations']) == (True, '999', 3)
		path = directory / 'bad.json'
		path.write_text(manifest.read_text().replace('"335"', '"336"'))
		bad = json.loads(macronode('verify', path, '--inputs', directory, '--json', status=1).stdout)
		assert bad['good'] is False and bad['checked'] is True
		assert bad['what'] == 'allocations[2].amount_minor: expected 335, found 336', bad
		lost = json.loads(macronode('verify', path, '--inputs', directory / 'no', '--json',
			status=3).stdout)
		assert (lost['good'], lost['checked']) == (False, False), lost
		macronode('verify', path, status=2, says='--inputs')
		macronode('verify', path, '--inputs', directory, '--vkey', 'x', status=2, says='go together')
		rewardverify(path, status=2, says='MANIFEST DIRECTORY')


# --- real channels -----------------------------------------------------------------------------


def test_the_real_channels_are_paid_to_the_unit():
	folder = os.environ.get('MACRONODE_TEST_DATA')
	if not folder:
		raise tap.Skip('MACRONODE_TEST_DATA is not set')
	source = pathlib.Path(folder) / 'channel_activity.csv'
	with source.open(newline='') as text:
		channels = {one['channel']: one for one in csv.DictReader(text)}
	pool = 1_000_000_007
	weights = {'views': fractions.Fraction(1, 5), 'likes': fractions.Fraction(3, 10),
		'comments': fractions.Fraction(1, 2)}
	with scratch() as directory:
		policy = directory / 'policy.json'
		policy.write_text(policy_of('bankers', weights='{"views":0.2,"likes":0.3,"comments":0.5}'))
		sealed = directory / 'sealed'
		macronode('seal', '--from', source, '--tenant', 'yt', '--epoch', EPOCH, '--epoch-index', 0,
			'--window', '2026-11-01T00:00:00Z/2026-12-01T00:00:00Z', '--policy', policy,
			'--actor-column', 'channel', '--metrics', 'views,likes,comments', '--pool', pool, '-o',
			sealed)
		path = computed(sealed)
		rewardverify(path, sealed, says=f'of {pool} ron')
		manifest = json.loads(path.read_text())
		paid = {one['actor']: int(one['amount_minor']) for one in manifest['allocations']}
		assert len(channels) == 1359 and paid.keys() <= channels.keys()
		assert sum(paid.values()) == int(manifest['payout_total_minor'])
		assert pool == int(manifest['payout_total_minor']) + sum(map(int,
			manifest['residual'].values()))
		sums = {name: sum(int(one[name]) for one in channels.values()) for name in weights}
		for channel, counts in channels.items():
			exact = sum(pool * weight * int(counts[name]) / sums[name]
				for name, weight in weights.items())
			assert abs(paid.get(channel, 0) - exact) <= 4, (channel, paid.get(channel), exact)
		most = max(paid, key=paid.get)
		said = json.loads(macronode('explain', path, most, '--inputs', sealed, '--json').stdout)
		assert int(said['amount_minor']) == paid[most]
		check_explanation(said)


if __name__ == '__main__':
	tap.main(globals())

"""The signed form of a token at a whole node: minted, used, counted, listed, revoked, never narrowed."""
import base64
import hashlib
import json
import subprocess
import tempfile

import tap
from harness import Node
from test_wallet_limits import Wallet, done, over


def mint(node, *words, actions='wallet.issue,wallet.transfer,wallet.read'):
	told = node.cli('cap', 'mint', '--form', 'signed', '--action', actions, '--ttl', '1h', *words)
	return told.stdout.strip()


def decode(token):
	return base64.urlsafe_b64decode(token + '=' * (-len(token) % 4))


def encode(raw):
	return base64.urlsafe_b64encode(raw).decode().rstrip('=')


def capability(token):
	body = decode(token).split(b',"sig":')[0] + b'}'
	return hashlib.sha256(body).hexdigest()[:32]


def test_a_signed_token_moves_money_within_its_caveats():
	with Node() as node:
		token = mint(node, '--amount', '50', '--daily', '70')
		members = json.loads(decode(token))
		assert list(members) == ['typ', 'ver', 'iss', 'aud', 'alg', 'kid', 'nbf', 'exp', 'caveats',
			'sig'], members
		assert members['exp'] == members['nbf'] + 3600, members
		wallet = Wallet(node, token)
		done(wallet.issue('alice', 50))
		over(wallet.issue('alice', 51), 'token_ceiling')
		done(wallet.transfer('alice', 20))
		over(wallet.transfer('alice', 1), 'token_ceiling')  # of the day
		assert wallet.debit('burn', 'alice', 1).status == 403
		again = mint(node, '--amount', '49', '--daily', '70')
		done(wallet.transfer('alice', 1, token=again))  # counts for itself


def test_a_token_that_was_changed_is_refused():
	with Node() as node:
		token = mint(node, '--amount', '50')
		raw = decode(token)
		assert Wallet(node, encode(raw)).issue('alice', 1).status == 200
		for forged in (raw.replace(b'amount<=50', b'amount<=99'), raw.replace(b'"kid":1', b'"kid":2'),
				raw.replace(b'Ed25519', b'Dilithium3'), raw.replace(b',"exp"', b', "exp"'),
				raw[:-4] + bytes([raw[-4] ^ 1]) + raw[-3:], raw[:-1]):
			answer = Wallet(node, encode(forged)).issue('bob', 1)
			assert answer.status == 401, (forged, answer)
		answer = node.http('POST', '/ingest', {'batch': []},
			token=encode(raw.replace(b'Ed25519', b'Dilithium3')))
		assert answer.status == 401 and b'Dilithium3' in answer.body, answer


def test_it_is_listed_inspected_tested_and_revoked():
	with Node() as node:
		token = mint(node)
		assert capability(token) in node.cli('cap', 'list').stdout
		inspected = json.loads(node.cli('cap', 'inspect', '--json', stdin=token).stdout)
		assert inspected['capability'] == capability(token), inspected
		assert inspected['form'] == 'signed', inspected
		assert 'signed, Ed25519' in node.cli('cap', 'inspect', stdin=token).stdout
		test = ('cap', 'test', '--action', 'wallet.read')
		assert node.cli(*test, stdin=token).returncode == 0
		assert node.cli(*test, '--at', '2099-01-01T00:00:00Z', stdin=token, check=False).returncode == 1
		narrowed = node.cli('cap', 'attenuate', '--amount', '1', stdin=token, check=False)
		assert narrowed.returncode == 1 and 'cannot be narrowed' in narrowed.stderr, narrowed
		assert node.cli('cap', 'mint', '--form', 'x', '--action', 'wallet.read', '--ttl', '1h',
			check=False).returncode == 2
		done(Wallet(node, token).issue('alice', 1))
		node.restart()
		wallet = Wallet(node, token)
		wallet.nonces[('issue', 'alice')] = 2
		done(wallet.issue('alice', 1))
		node.cli('cap', 'revoke', capability(token))
		assert wallet.issue('alice', 1).status == 401
		node.restart()
		assert wallet.issue('alice', 1).status == 401


def test_the_root_key_under_which_it_is_listed_ends_it_too():
	with Node() as node:
		token = mint(node)
		node.cli('cap', 'rotate', '1')
		node.cli('cap', 'revoke', '--key', '1')
		assert Wallet(node, token).issue('alice', 1).status == 401
		done(Wallet(node, mint(node)).issue('alice', 1))


def test_the_signature_is_the_node_keys_over_a_domain_of_its_own():
	with Node() as node:
		vkey = node.cli('key', 'show', '--json').stdout
		public = base64.b64decode(json.loads(vkey)['vkey'].split('+', 2)[2])[1:]
		raw = decode(mint(node))
		body, sig = raw.split(b',"sig":"')
		domain = b'macronode signed capability, version 1\n'
		der = bytes.fromhex('302a300506032b6570032100') + public
		with tempfile.TemporaryDirectory() as directory:
			for name, data in (('key', der), ('sig', decode(sig[:-2].decode())),
					('message', domain + body + b'}')):
				with open(f'{directory}/{name}', 'wb') as file:
					file.write(data)
			told = subprocess.run(['openssl', 'pkeyutl', '-verify', '-pubin', '-inkey',
				f'{directory}/key', '-keyform', 'DER', '-rawin', '-in', f'{directory}/message',
				'-sigfile', f'{directory}/sig'], capture_output=True, text=True)
			assert told.returncode == 0, told


if __name__ == '__main__':
	tap.main(globals())

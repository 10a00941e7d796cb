"""Certificates for a test, made when it runs: openssl makes them, so that no code of ours says what a
good one is."""
import hashlib
import os
import pathlib
import shutil
import ssl
import subprocess
import tempfile

KINDS = {
	'p256': ('ec', 'ec_paramgen_curve:P-256'),
	'p384': ('ec', 'ec_paramgen_curve:P-384'),
	'rsa': ('rsa', 'rsa_keygen_bits:2048'),
	'ed25519': ('ed25519', None),
}
WEAK_KINDS = {'rsa1024': ('rsa', 'rsa_keygen_bits:1024')}


def openssl(*words, stdin=None):
	done = subprocess.run(['openssl', *map(str, words)], input=stdin, capture_output=True, timeout=60)
	if done.returncode != 0:
		raise AssertionError(f'openssl {words}: {done.stderr.decode()}')
	return done.stdout


class Certificates:
	"""A directory with an authority 'ca' and what it issues: NAME.crt, NAME.key."""

	def __init__(self):
		self.directory = pathlib.Path(tempfile.mkdtemp(prefix='macronode-certs-'))
		self.directory.chmod(0o755)
		self.authority('ca')

	def remove(self):
		shutil.rmtree(self.directory, ignore_errors=True)

	def path(self, name):
		return self.directory / name

	def key(self, name, kind='p256'):
		algorithm, option = {**KINDS, **WEAK_KINDS}[kind]
		openssl('genpkey', '-algorithm', algorithm, *(['-pkeyopt', option] if option else []),
			'-out', self.path(f'{name}.key'))
		self.path(f'{name}.key').chmod(0o600)

	def authority(self, name, kind='p256'):
		self.key(name, kind)
		openssl('req', '-x509', '-key', self.path(f'{name}.key'), '-subj', f'/CN={name}', '-days', '30',
			'-addext', 'keyUsage=critical,keyCertSign,cRLSign', '-out', self.path(f'{name}.crt'))

	def issue(self, name, kind='p256', authority='ca', usage='serverAuth', days=30, names='DNS:localhost',
			chain=False):
		"""`chain`: the authority's certificate follows in the file."""
		self.key(name, kind)
		request = openssl('req', '-new', '-key', self.path(f'{name}.key'), '-subj', f'/CN={name}')
		extensions = self.path(f'{name}.ext')
		extensions.write_text(f'basicConstraints=CA:FALSE\nextendedKeyUsage={usage}\n'
			f'subjectAltName={names}\n')
		openssl('x509', '-req', '-CA', self.path(f'{authority}.crt'), '-CAkey',
			self.path(f'{authority}.key'), '-CAcreateserial', '-days', days, '-extfile', extensions,
			'-out', self.path(f'{name}.crt'), stdin=request)
		if chain:
			with open(self.path(f'{name}.crt'), 'ab') as file:
				file.write(self.path(f'{authority}.crt').read_bytes())
		return self

	def replace(self, name, source):
		"""Puts the certificate and key of `source` under another name, as an ACME client does."""
		for suffix in ('key', 'crt'):
			beside = self.path(f'{name}.{suffix}.new')
			shutil.copy(self.path(f'{source}.{suffix}'), beside)
			os.replace(beside, self.path(f'{name}.{suffix}'))

	def ocsp(self, name, authority='ca', days=5, revoked=False, known=True):
		"""A response about it in DER, signed by its authority; its path."""
		serial = openssl('x509', '-in', self.path(f'{name}.crt'), '-noout', '-serial').decode()
		serial = serial.strip().partition('=')[2]
		index = self.path(f'{name}.index')
		state = 'R\t270101000000Z\t260101000000Z' if revoked else 'V\t270101000000Z\t'
		index.write_text(f'{state}\t{serial}\tunknown\t/CN={name}\n' if known else '')
		response = self.path(f'{name}.ocsp')
		issuer = self.path(f'{authority}.crt')
		openssl('ocsp', '-index', index, '-CA', issuer, '-rsigner', issuer, '-rkey',
			self.path(f'{authority}.key'), '-issuer', issuer, '-cert', self.path(f'{name}.crt'),
			'-respout', response, '-ndays', days)
		return response

	def fingerprint(self, name):
		der = openssl('x509', '-in', self.path(f'{name}.crt'), '-outform', 'DER')
		return hashlib.sha256(der).hexdigest()

	def context(self, client=None):
		"""What a client needs to trust the node; `client`: whose certificate it shows."""
		context = ssl.create_default_context(cafile=self.path('ca.crt'))
		if client:
			context.load_cert_chain(self.path(f'{client}.crt'), self.path(f'{client}.key'))
		return context

	def tls(self, name='server', **keys):
		"""The section [tls] of a node."""
		return {'enabled': True, 'cert_path': str(self.path(f'{name}.crt')),
			'key_path': str(self.path(f'{name}.key')), 'listeners': 'api', **keys}

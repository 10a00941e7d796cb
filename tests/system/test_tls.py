"""TLS at the TCP listeners: what is spoken and what is not, whose certificates are good, what a
handshake that never ends costs, and that all that holds over plain HTTP holds over TLS. Clients are
OpenSSL's, Python's, GnuTLS's and curl's."""
import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import tap
import test_bad_input
import wire
from certs import KINDS, Certificates
from harness import Node, entry, eventually, nodes

PATIENT, SHORT = '30s', '3s'  # tls.handshake_timeout, for clients that are slow as the machine is, or on purpose
shared = {}


def certs():
	if 'certs' not in shared:
		shared['certs'] = made = Certificates()
		for kind in KINDS:
			made.issue(kind, kind)
		made.issue('server', chain=True, names='DNS:localhost,IP:127.0.0.1')
		made.authority('stranger')
		made.issue('alice', usage='clientAuth')
		made.issue('bob', usage='clientAuth')
		made.issue('mallory', usage='clientAuth', authority='stranger')
		made.issue('late', usage='clientAuth', days=-1)
		made.issue('wrong_purpose', usage='serverAuth')
		made.issue('weak', 'rsa1024', usage='clientAuth')
		made.authority('weak_ca', 'rsa1024')
		made.issue('of_weak', usage='clientAuth', authority='weak_ca')
	return shared['certs']


def new_node(**keys):
	"""A node whose API speaks TLS, on two ingress workers."""
	overrides = {'tls': certs().tls(**{'handshake_timeout': PATIENT, **keys}),
		'concurrency': {'ingress_workers': 2}}
	one = Node(overrides)
	one.tls['api'] = certs().context()
	return one


def node():
	if 'node' not in shared:
		shared['node'] = new_node().start()
		shared['token'] = shared['node'].mint()
	return shared['node']


def token():
	node()
	return shared['token']


@contextlib.contextmanager
def failed(one, reason):
	before = one.metric('tls_handshakes_total', result=reason)
	total = one.metric('tls_handshake_failures_total')
	yield
	eventually(lambda: one.metric('tls_handshakes_total', result=reason) > before
		and one.metric('tls_handshake_failures_total') > total, f'{reason} to rise')


def port_of(one, plane='api'):
	address = one.profile.api_address if plane == 'api' else one.profile.admin_address
	return address.rsplit(':', 1)[1]


def s_client(one, *words, stdin=b'', plane='api'):
	"""What openssl s_client says, both streams joined."""
	done = subprocess.run(['openssl', 's_client', '-connect', f'127.0.0.1:{port_of(one, plane)}',
		'-servername', 'localhost', '-CAfile', str(certs().path('ca.crt')), *map(str, words)],
		input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
	return done.stdout.decode(errors='replace')


GET = b'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'


# --- what is spoken -----------------------------------------------------------------------


def test_a_transfer_of_money_over_tls_is_as_one_without():
	answer = node().ingest([entry('Mint', 'alice', 5)], token())
	assert answer.status == 200, answer
	seq = answer.json()['seq_end']
	assert node().http('GET', f'/entries/{seq}', token=token()).status == 200
	version = node().http('GET', '/version').json()
	assert version['features']['tls'] is True and version['pq_mode'] == 'off', version


def test_exactly_three_suites_are_spoken():
	wanted = {'TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'}
	for suite in (*wanted, 'TLS_AES_128_CCM_SHA256', 'TLS_AES_128_CCM_8_SHA256'):
		said = s_client(node(), '-ciphersuites', suite)
		assert (f'Cipher is {suite}' in said) == (suite in wanted), (suite, said)
	with failed(node(), 'nothing_common'):
		s_client(node(), '-ciphersuites', 'TLS_AES_128_CCM_SHA256')


def test_a_scanner_finds_tls_1_3_alone_and_its_three_suites():
	if shutil.which('sslscan') is None:
		raise tap.Skip('needs sslscan')
	done = subprocess.run(['sslscan', '--no-colour', '--no-heartbleed', '--no-renegotiation',
		'--no-compression', f'127.0.0.1:{port_of(node())}'], capture_output=True, text=True, timeout=120)
	said = done.stdout
	enabled = re.findall(r'^(SSLv\d|TLSv\d\.\d)\s+enabled', said, re.MULTILINE)
	suites = set(re.findall(r'(?:Preferred|Accepted)\s+TLSv1\.3\s+\d+ bits\s+(\S+)', said))
	assert enabled == ['TLSv1.3'], said
	assert suites == {'TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384',
		'TLS_CHACHA20_POLY1305_SHA256'}, said


def test_groups_are_x25519_p256_and_p384_with_a_second_hello_where_it_takes_one():
	for group in ('X25519', 'P-256', 'P-384', 'X448:P-256', 'X448:P-384', 'X448:X25519'):
		said = s_client(node(), '-groups', group)
		assert 'Cipher is TLS_AES' in said and 'Verification: OK' in said, (group, said)
	for group in ('X448', 'P-521', 'ffdhe2048'):
		assert 'Cipher is (NONE)' in s_client(node(), '-groups', group), group


def test_a_client_that_speaks_no_http_1_1_is_told_so():
	for offered, chosen in (('http/1.1', True), ('h2,http/1.1', True), ('h2', False), ('imap', False)):
		said = s_client(node(), '-alpn', offered)
		assert ('ALPN protocol: http/1.1' in said) == chosen, (offered, said)
		assert ('no application protocol' in said) == (not chosen), (offered, said)


def test_older_versions_are_refused():
	for version, reason in (('-tls1_2', 'nothing_common'), ('-tls1_1', 'version'), ('-tls1', 'version')):
		with failed(node(), reason):
			said = s_client(node(), version, '-cipher', 'ALL:@SECLEVEL=0')
		assert 'Cipher is (NONE)' in said and 'alert' in said, (version, said)


def test_every_kind_of_key_serves():
	for kind in KINDS:
		one = Node({'tls': certs().tls(kind)})
		one.tls['api'] = certs().context()
		with one:
			for suite in ('TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384'):
				said = s_client(one, '-ciphersuites', suite, '-groups', 'X448:P-256')
				assert 'Verification: OK' in said and f'Cipher is {suite}' in said, (kind, said)
			assert one.http('GET', '/healthz').status == 200


def test_gnutls_and_curl_are_clients_too():
	if shutil.which('gnutls-cli') is None or shutil.which('curl') is None:
		raise tap.Skip('needs gnutls-cli and curl')
	ca = str(certs().path('ca.crt'))
	done = subprocess.run(['gnutls-cli', '--x509cafile', ca, '-p', port_of(node()), 'localhost'],
		input=GET, capture_output=True, timeout=60)
	assert b'TLS1.3' in done.stdout and b'HTTP/1.1 200 OK' in done.stdout, done
	done = subprocess.run(['curl', '-sS', '--cacert', ca, f'https://localhost:{port_of(node())}/healthz'],
		capture_output=True, timeout=60)
	assert done.returncode == 0 and json.loads(done.stdout)['ok'] is True, done


# --- tickets ------------------------------------------------------------------------------


def ticket(one, *words):
	"""A file with a session of that node; its ticket comes behind the handshake."""
	path = certs().path('session')
	path.unlink(missing_ok=True)
	said = s_client(one, '-sess_out', path, '-ign_eof', *words, stdin=GET)
	assert 'HTTP/1.1 200' in said and path.exists(), said
	return path


def is_resumed(one, path, *words):
	said = s_client(one, '-sess_in', path, '-ign_eof', *words, stdin=GET)
	assert 'HTTP/1.1 200' in said, said
	return 'Reused, TLSv1.3' in said


def test_a_session_is_resumed_whichever_worker_accepts():
	path = ticket(node())
	before = node().metric('tls_handshakes_total', result='resumed')
	for _ in range(12):
		assert is_resumed(node(), path)
	assert node().metric('tls_handshakes_total', result='resumed') >= before + 12
	# a worker that did not make the ticket opens it: with one stopped, the other is asked
	for pid, start in node().workers('ingress').items():
		nodes.signal_process(pid, start, signal.SIGSTOP)
		try:
			assert is_resumed(node(), path)
		finally:
			nodes.signal_process(pid, start, signal.SIGCONT)


def test_a_ticket_outlives_its_worker_and_not_kms():
	path = ticket(node())
	for _ in range(2):
		node().replace_worker('ingress')
	assert is_resumed(node(), path)
	node().replace_worker('kms')
	eventually(lambda: not is_resumed(node(), path), 'new keys of tickets')


def test_a_ticket_lives_an_hour_at_most_and_brings_no_early_data():
	said = s_client(node(), '-ign_eof', stdin=GET)
	lifetimes = [int(one) for one in re.findall(r'TLS session ticket lifetime hint: (\d+)', said)]
	early = re.findall(r'Max Early Data: (\d+)', said)
	assert lifetimes and max(lifetimes) <= 3600, said
	assert early and set(early) == {'0'}, said


# --- who is at the door -------------------------------------------------------------------


def test_plain_http_at_the_port_of_tls_is_told_so():
	with failed(node(), 'not_tls'), wire.connect_tcp(node().profile.api_address) as plain:
		plain.sendall(b'GET /roots HTTP/1.1\r\nHost: localhost\r\n\r\n')
		stream = wire.Stream(plain)
		answer = stream.read_to_end()
	assert answer.startswith(b'HTTP/1.1 400 ') and b'https://' in answer, answer


def test_tls_at_a_port_of_plain_http_gets_an_answer_that_is_none_of_tls():
	with wire.connect_tcp(node().profile.admin_address) as plain:
		try:
			certs().context().wrap_socket(plain, server_hostname='localhost')
			raise AssertionError('somebody answered in TLS')
		except ssl.SSLError as error:
			assert 'WRONG_VERSION' in str(error) or 'UNEXPECTED' in str(error), error


def test_bytes_that_are_no_tls_are_refused():
	for sent in (b'\x16\x03\x01\xff\xff' + b'x' * 100, b'\x00' * 64, b'\x17\x03\x03\x00\x01x', os.urandom(500)):
		with wire.connect_tcp(node().profile.api_address) as client:
			client.sendall(sent)
			stream = wire.Stream(client)
			assert b'HTTP/1.1 200' not in stream.read_to_end()
	assert node().http('GET', '/healthz').status == 200


def test_a_handshake_that_never_ends_is_given_up_and_holds_up_nobody():
	hello = bytes.fromhex('1603010200010001fc0303')
	with new_node(handshake_timeout=SHORT) as one, contextlib.ExitStack() as stack:
		with failed(one, 'late'):
			slow = []
			for sent in (b'', b'\x16', hello):
				client = stack.enter_context(wire.connect_tcp(one.profile.api_address))
				client.sendall(sent)
				slow.append(wire.Stream(client))
			assert one.http('GET', '/healthz').status == 200
			for client in slow:
				assert client.read_to_end() == b''
		eventually(lambda: one.metric('io_timeouts_total', op='handshake') >= 3, 'each to be counted')


def test_a_handshake_longer_than_any_is_refused_before_it_is_there():
	record = b'\x16\x03\x01' + (16384).to_bytes(2, 'big')
	hello = b'\x01\xff\xff\xff\x03\x03'  # of 16 MiB
	with failed(node(), 'other'):
		with wire.connect_tcp(node().profile.api_address) as client:
			with contextlib.suppress(OSError):  # it need not take all of it
				client.sendall(record + hello.ljust(16384, b'\0') + 3 * (record + bytes(16384)))
			assert wire.Stream(client).read_to_end()[:1] == b'\x15'  # an alert
	assert node().http('GET', '/healthz').status == 200


def test_a_handshake_that_is_cut_at_any_byte_harms_nobody():
	with wire.connect_tcp(node().profile.api_address) as client:
		incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
		said = certs().context().wrap_bio(incoming, outgoing, server_hostname='localhost')
		with contextlib.suppress(ssl.SSLWantReadError):
			said.do_handshake()
		hello = outgoing.read()
		client.sendall(hello)
	for cut in range(0, len(hello), 37):
		with wire.connect_tcp(node().profile.api_address) as client:
			client.sendall(hello[:cut])
	assert node().http('GET', '/healthz').status == 200


# --- HTTP over it -------------------------------------------------------------------------


def test_the_table_of_http_refusals_holds_over_tls():
	for sent, status, _ in test_bad_input.HTTP_ROWS:
		with node().open_http() as client:
			client.send(sent)
			assert client.response().status == status, sent[:60]


def test_every_way_to_cut_a_pipeline_into_records_is_answered_in_order():
	requests = b''.join(f'GET /roots?limit={i} HTTP/1.1\r\nHost: localhost\r\n\r\n'.encode()
		for i in range(1, 9))
	for size in (1, 7, 100, 16384):
		with node().open_http() as client:
			for at in range(0, len(requests), size):
				client.send(requests[at:at + size])
			for _ in range(8):
				assert client.response().status == 200


def test_a_large_body_and_a_large_answer_cross_in_many_records():
	ref = nodes.capability_ref(token())
	batch = [{**entry('Mint', 'large', 1), 'capability_ref': ref} for _ in range(1000)]
	answer = node().http('POST', '/ingest', {'batch': batch}, token=token())
	assert answer.status == 200, answer
	answer = node().http('GET', '/openapi.json')
	assert answer.status == 200 and len(answer.body) > 65536 and answer.json()


def test_a_client_that_does_not_read_is_slow_over_tls_as_well():
	with node().open_http() as client:
		for _ in range(200):
			try:
				client.socket.settimeout(1)
				client.send(b'GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n')
			except (OSError, ssl.SSLError):
				break
		assert node().http('GET', '/healthz').status == 200


def test_the_connection_ends_with_a_farewell():
	with node().open_http() as client:
		client.send(GET)
		assert client.response().status == 200
		client.socket.settimeout(10)
		assert client.socket.recv(1) == b''  # and no SSLEOFError: close_notify came


def test_two_hundred_connections_at_once_are_served():
	with contextlib.ExitStack() as stack:
		clients = [stack.enter_context(node().open_http()) for _ in range(200)]
		for client in clients:
			client.send(wire.request('GET', '/healthz'))
		for client in clients:
			assert client.response().status == 200


# --- kms ----------------------------------------------------------------------------------


def test_kms_may_be_restarted_while_connections_go_on_and_new_ones_come():
	with node().open_http() as kept:
		assert kept.request('GET', '/healthz').status == 200
		node().replace_worker('kms')
		assert kept.request('GET', '/healthz').status == 200
		assert node().ingest([entry('Mint', 'alice', 5)], token()).status == 200


def test_while_kms_stands_still_handshakes_wait_and_end_and_plain_work_goes_on():
	with new_node(handshake_timeout=SHORT) as one:
		with one.open_http() as kept:
			pid = one.signal_worker('kms', signal.SIGSTOP)
			try:
				for _ in range(3):
					with contextlib.suppress(OSError, ssl.SSLError):
						one.connect(seconds=10).close()
				assert kept.request('GET', '/healthz').status == 200
				assert one.http('GET', '/healthz', plane='admin').status == 200
			finally:
				with contextlib.suppress(ProcessLookupError):
					os.kill(pid, signal.SIGCONT)
		eventually(lambda: one.http('GET', '/healthz').status == 200, 'handshakes again')


# --- client certificates ------------------------------------------------------------------


def outcome(one, client, plane='api'):
	"""The status of a request, or why there was none."""
	one.tls[plane] = certs().context(client)
	try:
		return one.http('GET', '/healthz', plane=plane).status
	except (ssl.SSLError, wire.Closed, ConnectionError) as error:
		return str(error)


def test_the_api_takes_a_certificate_and_demands_one_when_it_is_told_to():
	with new_node(client_ca_path=str(certs().path('ca.crt'))) as one:
		assert outcome(one, None) == 200
		assert outcome(one, 'alice') == 200
		for bad in ('mallory', 'late', 'wrong_purpose'):
			with failed(one, 'bad_certificate'):
				assert outcome(one, bad) != 200, bad
	with new_node(client_ca_path=str(certs().path('ca.crt')), mtls_required=True) as one:
		assert outcome(one, 'alice') == 200
		with failed(one, 'no_certificate'):
			assert outcome(one, None) != 200
		assert one.metric('auth_failures_total', peer='mtls') >= 1
		session = ticket(one, '-cert', certs().path('alice.crt'), '-key', certs().path('alice.key'))
		assert is_resumed(one, session)  # its certificate is in the ticket


def test_a_client_certificate_with_a_weak_key_is_refused_wherever_in_its_chain_it_is():
	made = certs()
	made.path('both.crt').write_bytes(made.path('ca.crt').read_bytes() + made.path('weak_ca.crt').read_bytes())
	with new_node(client_ca_path=str(made.path('both.crt'))) as one:
		for name in ('weak', 'of_weak'):
			with failed(one, 'bad_certificate'):
				said = s_client(one, '-cert', made.path(f'{name}.crt'), '-key', made.path(f'{name}.key'),
					'-cipher', 'ALL:@SECLEVEL=0', '-ign_eof', stdin=GET)
			assert 'HTTP/1.1' not in said, (name, said)
		assert outcome(one, 'alice') == 200


def test_the_admin_plane_demands_a_certificate():
	one = Node({'tls': certs().tls(listeners='admin', client_ca_path=str(certs().path('ca.crt')))})
	try:
		one.start(wait=False)
		eventually(lambda: outcome(one, 'alice', 'admin') == 200, 'the admin plane')
		for bad in (None, 'mallory', 'late', 'wrong_purpose'):
			assert outcome(one, bad, 'admin') != 200, bad
		one.tls['admin'] = certs().context('alice')
		eventually(lambda: one.http('GET', '/readyz', plane='admin').status == 200, 'readiness')
		assert one.http('GET', '/roots').status == 200  # the API is plain
		assert one.metric('tls_handshake_failures_total') >= 4
	finally:
		one.stop()
		one.remove()


def test_what_a_certificate_is_good_for_stands_in_the_policy_and_a_token_is_needed_too():
	one = new_node(client_ca_path=str(certs().path('ca.crt')))
	policy = json.loads(one.profile.policy.read_text())
	policy['clients'] = {certs().fingerprint('alice'): ['ledger.ingest', 'wallet.transfer', 'gov.mint']}
	one.profile.policy.write_text(json.dumps(policy))
	with one:
		minted = one.mint()
		# a client without a certificate is what its token says
		assert one.ingest([entry('Mint', 'alice', 9)], minted).status == 200
		one.tls['api'] = certs().context('alice')
		assert one.ingest([entry('Mint', 'alice', 9)], minted).status == 200
		assert one.http('GET', '/v1/balance?account=alice&asset=ron').status == 401
		denied = one.http('GET', '/v1/balance?account=alice&asset=ron', token=minted)
		assert denied.status == 403, denied
		one.tls['api'] = certs().context('bob')
		denied = one.ingest([entry('Mint', 'alice', 9)], minted)
		assert denied.status == 403 and "the client's certificate" in denied.body.decode(), denied
		one.tls['api'] = certs().context()
		assert one.http('GET', '/v1/balance?account=alice&asset=ron', token=minted).json()[
			'amount_minor'] == '18'


# --- OCSP ---------------------------------------------------------------------------------


def test_an_ocsp_response_is_stapled():
	response = certs().ocsp('server')
	with new_node(ocsp_path=str(response)) as one:
		said = s_client(one, '-status')
		assert 'OCSP Response Status: successful' in said and 'Cert Status: good' in said, said
	assert 'OCSP response: no response sent' in s_client(node(), '-status')


# --- files that are refused ---------------------------------------------------------------


def refused(**keys):
	"""What a start says that must not take place, and check says with it."""
	one = Node({'tls': certs().tls(**keys)})
	try:
		checked = one.cli('check', '--libexec', str(one.build / 'services'), check=False)
		one.start(wait=False)
		code = one.child.wait(timeout=60)
		said = one.log_text()
		assert code == 3, (code, said)
		return said, checked
	finally:
		one.stop()
		one.remove()


def test_bad_files_refuse_the_start_with_a_sentence():
	made = certs()
	made.path('garbage').write_text('this is no certificate\n')
	made.path('garbage').chmod(0o600)
	made.path('open.key').write_bytes(made.path('server.key').read_bytes())
	made.path('open.key').chmod(0o644)
	made.path('unsorted.crt').write_bytes(made.path('ca.crt').read_bytes()
		+ made.path('p256.crt').read_bytes())
	rest = '# what follows is read by nobody\n' * 2100
	for name, source in (('long.crt', 'server.crt'), ('long.key', 'server.key')):
		made.path(name).write_text(made.path(source).read_text() + rest)
		made.path(name).chmod(0o600)
	rows = (
		({'cert_path': str(made.path('long.crt'))}, 'tls.cert_path', 'at most 65536 bytes'),
		({'key_path': str(made.path('long.key'))}, 'tls.key_path', 'at most 16384 bytes'),
		({'ocsp_path': str(made.path('long.crt'))}, 'tls.ocsp_path', 'at most 16384 bytes'),
		({'cert_path': str(made.path('missing'))}, 'tls.cert_path', 'No such file'),
		({'cert_path': str(made.path('garbage'))}, 'tls.cert_path', 'expected certificates in PEM'),
		({'cert_path': str(made.path('unsorted.crt'))}, 'tls.', 'expect'),
		({'cert_path': str(made.directory)}, 'tls.cert_path', 'expected a file'),
		({'key_path': str(made.path('missing'))}, 'tls.key_path', 'No such file'),
		({'key_path': str(made.path('garbage'))}, 'tls.key_path', 'BEGIN PRIVATE KEY'),
		({'key_path': str(made.path('rsa.key'))}, 'tls.key_path', 'not the key of the certificate'),
		({'key_path': str(made.path('open.key'))}, 'tls.key_path', 'chmod 0600'),
		({'client_ca_path': str(made.path('garbage'))}, 'tls.client_ca_path', 'certificates in PEM'),
		({'client_ca_path': str(made.path('alice.crt'))}, 'tls.client_ca_path', 'of no authority'),
		({'ocsp_path': str(made.path('garbage'))}, 'tls.ocsp_path', 'OCSP response in DER'),
		({'ocsp_path': str(made.ocsp('p384'))}, 'tls.ocsp_path', 'not about the certificate'),
		({'ocsp_path': str(made.ocsp('server', revoked=True))}, 'tls.ocsp_path', 'revoked'),
		({'cert_path': str(made.path('p256.crt')), 'key_path': str(made.path('p256.key')),
			'ocsp_path': str(made.ocsp('p256', known=False))}, 'tls.ocsp_path', 'does not know'),
	)
	for keys, key, words in rows:
		said, checked = refused(**keys)
		assert key in said and words in said, (keys, said)
		assert checked.returncode == 1 and words in checked.stdout, (keys, checked)


def found(days, **keys):
	"""What doctor says of a certificate that is good for so many days: name -> result."""
	certs().issue('dated', days=days)
	one = Node({'tls': certs().tls('dated', **keys), 'api': {'host_names': ['localhost', 'other.example']}})
	try:
		done = one.cli('doctor', '--json', '--libexec', str(one.build / 'services'), check=False)
		return {check['what']: check for check in json.loads(done.stdout)['checks']
			if check['what'].startswith('tls')}
	finally:
		one.remove()


def test_doctor_sees_a_certificate_end_and_for_whom_it_is():
	for days, result in ((30, 'ok'), (20, 'weaker'), (5, 'bad'), (-1, 'bad')):
		checks = found(days)
		assert checks['tls']['result'] == 'ok' and checks['tls.dates']['result'] == result, (days, checks)
	assert 'other.example' in json.dumps(checks['tls.names']), checks
	assert checks['tls.names']['result'] == 'weaker' and checks['tls.key']['result'] == 'ok', checks
	certs().issue('shared')
	certs().path('shared.key').chmod(0o640)
	one = Node({'tls': certs().tls('shared')})
	try:
		done = one.cli('doctor', '--libexec', str(one.build / 'services'), check=False)
		assert re.search(r'weaker +tls.key ', done.stdout), done
	finally:
		one.remove()


def test_a_certificate_that_has_ended_keeps_no_node_from_starting():
	certs().issue('ended', days=-1)
	with Node({'tls': certs().tls('ended')}) as one:
		assert 'the certificate ended' in one.log_text()
		assert one.metric('tls_certificate_expiry_timestamp_seconds') < time.time()
		assert one.http('GET', '/healthz', plane='admin').status == 200
		status = one.cli('status', check=False)
		assert status.returncode == 4 and 'certificate_dates' in status.stdout, status
		assert 'renew what tls.cert_path names' in status.stdout, status
		certs().issue('ended')
		one.cli('reload')
		status = one.cli('status')
		assert 'certificate_dates' not in status.stdout, status


def test_post_quantum_groups_are_refused_by_name_where_the_library_has_none():
	one = Node({'tls': certs().tls(), 'pq': {'mode': 'hybrid'}})
	try:
		one.start(wait=False)
		if one.child.poll() is None and 'X25519-MLKEM768' not in eventually(one.log_text, 'a log'):
			eventually(lambda: one.child.poll() is not None or 'ready' in one.log_text(), 'an end')
		code = one.child.wait(timeout=60)
		assert code == 3 and 'X25519-MLKEM768' in one.log_text(), one.log_text()
	finally:
		one.stop()
		one.remove()


def test_no_listener_leaves_loopback_without_tls():
	rows = (
		({'api': {'bind_addr': '0.0.0.0:0'}}, 'api.bind_addr', 'tls.enabled'),
		({'admin': {'bind_addr': '0.0.0.0:0'}}, 'admin.bind_addr', 'tls.enabled'),
		({'admin': {'bind_addr': '0.0.0.0:0'}, 'tls': certs().tls(listeners='all')}, 'admin.bind_addr',
			'tls.client_ca_path'),
	)
	for overrides, key, words in rows:
		one = Node(overrides)
		try:
			checked = one.cli('check', check=False)
			assert checked.returncode == 1 and key in checked.stdout and words in checked.stdout, checked
			validated = one.cli('config', 'validate', check=False)
			assert validated.returncode == 1 and words in validated.stdout + validated.stderr, validated
		finally:
			one.remove()


# --- a reload -----------------------------------------------------------------------------


def served(one):
	"""The fingerprint of the certificate that a new connection is shown."""
	with one.connect() as connected:
		return hashlib.sha256(connected.getpeercert(binary_form=True)).hexdigest()


def reload(one, code=0):
	done = one.cli('reload', check=False)
	assert done.returncode == code, done
	return done.stdout + done.stderr


def test_a_new_certificate_comes_with_a_reload_and_the_open_connections_stay():
	made = certs().issue('first').issue('second', 'rsa')
	made.replace('current', 'first')
	one = Node({'tls': made.tls('current'), 'concurrency': {'ingress_workers': 2}})
	one.tls['api'] = made.context()
	with one:
		with one.open_http() as kept:
			assert kept.request('GET', '/healthz').status == 200
			session = ticket(one)
			made.replace('current', 'second')
			assert served(one) == made.fingerprint('first')  # nobody asked for it
			assert 'tls.cert_path' in reload(one)
			assert {served(one) for _ in range(8)} == {made.fingerprint('second')}
			assert kept.request('GET', '/healthz').status == 200
			assert not is_resumed(one, session)  # the keys of tickets are new as well
		for _ in range(2):
			one.replace_worker('ingress')
		one.replace_worker('kms')
		assert served(one) == made.fingerprint('second')
		assert one.metric('service_restarts_total', service='admin') == 0


def test_a_worker_that_is_started_again_gets_what_was_looked_at():
	made = certs().issue('first').issue('second')
	made.replace('current', 'first')
	one = Node({'tls': made.tls('current')})
	one.tls['api'] = made.context()
	with one:
		made.path('current.crt').write_text('half a cert')  # as an editor leaves it
		made.path('current.key').write_text('half a key')
		one.replace_worker('ingress')
		one.replace_worker('kms')
		assert served(one) == made.fingerprint('first')


def test_a_bad_file_refuses_the_reload_and_the_old_one_stays():
	made = certs().issue('first').issue('second')
	made.replace('current', 'first')
	one = Node({'tls': made.tls('current', client_ca_path=str(made.path('ca.crt')))})
	one.tls['api'] = made.context()
	with one:
		shutil.copy(made.path('second.crt'), made.path('current.crt'))
		assert 'is not the key of the certificate' in reload(one, 1)
		made.path('current.crt').write_text('no certificate')
		assert 'expected certificates in PEM' in reload(one, 1)
		made.path('current.crt').unlink()
		assert 'No such file' in reload(one, 1)
		assert served(one) == made.fingerprint('first')
		assert one.http('GET', '/readyz', plane='admin').status == 200
		made.replace('current', 'second')
		reload(one)
		assert served(one) == made.fingerprint('second')


def test_certificates_are_changed_again_and_again_under_load():
	made = certs().issue('first').issue('second', 'ed25519')
	made.replace('current', 'first')
	one = Node({'tls': made.tls('current'), 'concurrency': {'ingress_workers': 2}})
	one.tls['api'] = made.context()
	stop, failures, served_count = threading.Event(), [], [0]

	def ask():
		while not stop.is_set():
			try:
				if one.http('GET', '/healthz').status != 200:
					failures.append('a status')
				served_count[0] += 1
			except (OSError, wire.Closed) as error:
				failures.append(repr(error))
	with one:
		threads = [threading.Thread(target=ask) for _ in range(4)]
		for thread in threads:
			thread.start()
		try:
			for turn in range(10):
				made.replace('current', ('second', 'first')[turn % 2])
				reload(one)
			eventually(lambda: failures or served_count[0] > 20, 'enough are served')
		finally:
			stop.set()
			for thread in threads:
				thread.join()
		assert not failures, failures[:3]
		assert one.metric('service_restarts_total') == 0


def with_own_judge(one):
	"""The path of an mn-tls-check of its own: what is written there is what the next reload runs."""
	libexec = one.directory / 'libexec'
	libexec.mkdir()
	for path in nodes.libexec(one.build).glob('mn-*'):
		(libexec / path.name).symlink_to(path.resolve())
	judge = libexec / 'mn-tls-check'
	judge.unlink(missing_ok=True)
	shutil.copy(one.build / 'tls/mn-tls-check', judge)
	judge.chmod(0o755)
	one.extra = ('--libexec', str(libexec))
	return judge


def test_a_judge_that_hangs_holds_up_the_reload_and_nothing_else():
	one = new_node()
	judge = with_own_judge(one)
	real, stuck = judge.read_bytes(), (one.build / 'tests/system/stuck').read_bytes()

	def status():
		return json.loads(one.cli('status', '--json', check=False).stdout)
	with one:
		judge.write_bytes(stuck)
		asked = subprocess.Popen([*nodes.command(one.build, one.profile), 'reload'],
			stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
		eventually(lambda: status()['config']['reloading'], 'that it has begun')
		old = one.signal_worker('archive')
		eventually(lambda: one.workers('archive') and old not in one.workers('archive'), 'another archive')
		said = asked.communicate(timeout=60)[0]
		assert asked.returncode == 1 and 'did not end within' in said, said
		assert not [pid for pid in nodes.process_tree(one.child.pid)
			if 'mn-tls-check' in pathlib.Path(f'/proc/{pid}/cmdline').read_text()]
		assert one.http('GET', '/healthz').status == 200
		judge.write_bytes(real)
		reload(one)
		judge.write_bytes(stuck)
		one.child.send_signal(signal.SIGHUP)
		eventually(lambda: status()['config']['reloading'], 'that it has begun')
		assert one.stop() == 0  # and waits for no judge
	assert one.child is None


def test_a_judge_that_dies_refuses_the_reload():
	one = new_node()
	judge = with_own_judge(one)
	with one:
		judge.write_bytes(pathlib.Path('/bin/true').read_bytes())
		assert 'mn-tls-check' in reload(one, 1)
		assert one.http('GET', '/healthz').status == 200


def test_status_shows_the_certificate_that_is_in_force():
	made = certs().issue('first', days=40).issue('second', 'rsa', days=-1)
	made.replace('current', 'first')

	def told(one):
		answer = one.cli('status', '--json', check=False)
		return json.loads(answer.stdout)['certificate'], one.cli('status', check=False).stdout
	one = Node({'tls': made.tls('current')})
	one.tls['api'] = made.context()
	with one:
		certificate, text = told(one)
		assert certificate['subject'] == 'CN=first' and certificate['key'] == 'P-256', certificate
		assert certificate['days_left'] in (39, 40), certificate
		assert certificate['not_after_ms'] == 1000 * one.metric('tls_certificate_expiry_timestamp_seconds')
		assert re.search(r'^tls +CN=first, P-256 key, ends 20.*, days left: (39|40)$', text, re.M), text
		made.replace('current', 'second')
		reload(one)
		certificate, text = told(one)
		assert certificate['subject'] == 'CN=second' and certificate['days_left'] < 0, certificate
		assert re.search(r'^tls +CN=second, RSA key, .*, days left: -\d+$', text, re.M), text
	with Node() as plain:
		certificate, text = told(plain)
		assert certificate is None and 'tls' not in text, text


def test_who_is_demanded_a_certificate_of_changes_with_a_reload():
	one = new_node(client_ca_path=str(certs().path('ca.crt')))
	with one:
		assert outcome(one, None) == 200
		text = one.profile.config.read_text()
		one.profile.config.write_text(text.replace('[tls]\n', '[tls]\nmtls_required = true\n'))
		reload(one)
		assert outcome(one, None) != 200
		assert outcome(one, 'alice') == 200
		text = re.sub(r'client_ca_path = .*\n', '', text)
		one.profile.config.write_text(text)
		reload(one)
		assert outcome(one, None) == 200
		assert outcome(one, 'mallory') == 200  # nobody asks for one any more


# --- secrets ------------------------------------------------------------------------------


def test_the_key_is_in_no_process_but_kms():
	"""By the one sign that shows from outside: who holds memory files of TLS, and how many."""
	if os.geteuid() != 0:
		raise tap.Skip('needs root, to look at the descriptors of others')
	held = {}
	for role in ('kms', 'ingress', 'admin', 'prevalidator', 'committer', 'archive', 'wallet'):
		for pid in node().workers(role):
			links = [os.readlink(f'/proc/{pid}/fd/{fd}') for fd in os.listdir(f'/proc/{pid}/fd')]
			held[role] = sum('macronode-tls' in link for link in links)
	assert {role: count for role, count in held.items() if count} == {'kms': 1, 'ingress': 1}, held
	assert certs().path('server.key').read_text().splitlines()[1] not in node().log_text()


def test_the_copy_of_the_key_is_kept_out_of_swap_and_there_is_one_of_it():
	one = new_node()
	with one:
		for _ in range(3):  # each replaces the one before
			one.cli('reload')
			smaps = pathlib.Path(f'/proc/{one.child.pid}/smaps').read_text()
			held = re.findall(r'^\S+ (\S+) .*memfd:macronode-tls(?:.*\n)+?Locked: +(\d+) kB', smaps, re.M)
			assert [mode for mode, _ in held] == ['---p'] and int(held[0][1]) > 0, held


def test_zz_no_worker_died_and_the_node_stops_in_order():
	one = shared.get('node')
	if one is None:
		raise tap.Skip('no case before used the shared node')
	assert one.metric('accusations_total') == 0
	deaths = [json.loads(line) for line in one.log_text().splitlines() if '"worker_died"' in line]
	assert all('KILL' in death['outcome'] for death in deaths), deaths  # those we killed
	del shared['node']
	assert one.stop() == 0
	one.remove()


if __name__ == '__main__':
	try:
		tap.main(globals())
	finally:
		if 'node' in shared:
			shared['node'].stop()
			shared['node'].remove()
		if 'certs' in shared:
			shared['certs'].remove()

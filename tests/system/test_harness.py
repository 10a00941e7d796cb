"""The harness itself: a harness that is wrong makes every test right."""
import base64
import contextlib
import io
import os
import pathlib
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import tomllib

import harness
import tap
import wire
from harness import nodes


def tap_lines(names, wanted=()):
	out = io.StringIO()
	status = tap.run(names, wanted, out)
	return status, [line for line in out.getvalue().splitlines() if not line.startswith('#')]


@contextlib.contextmanager
def open_directory():
	"""A temporary directory that other users may pass through."""
	with tempfile.TemporaryDirectory() as directory:
		os.chmod(directory, 0o755)
		yield directory


def raises(kind, function, *arguments):
	try:
		function(*arguments)
	except kind:
		return True
	return False


def test_a_case_that_returns_raises_or_skips_is_told_apart():
	def good():
		print('not ok 9 - what a case prints must not look like a result')

	def bad():
		assert 1 == 2

	def absent():
		raise tap.Skip('no such tool')

	status, lines = tap_lines({'test_good': good, 'test_bad': bad, 'test_absent': absent,
		'helper': bad})
	assert status == 1
	assert lines == ['1..3', 'ok 1 - good', 'not ok 2 - bad', 'ok 3 - absent # SKIP no such tool']


def test_a_case_is_chosen_by_a_part_of_its_name():
	def good():
		pass

	assert tap_lines({'test_one_two': good, 'test_three': good}, ['one_t'])[1] == ['1..1',
		'ok 1 - one two']


def test_a_run_without_cases_fails():
	assert tap_lines({})[0] == 1


def test_the_golden_frame_of_the_contract_encodes_to_its_bytes():
	payload = (b'{"addr":"b3:'
		b'd74981efa70a0c880b8d8c1985d075dbcbf679b99a5f9914e5aaf96b831a9e24"}')
	frame = wire.Frame(wire.REQ, 0, 42, 7, payload)
	head = bytes.fromhex('6b000000' '01' '0100' + '00' * 16 + '2a00000000000000' '0700')
	assert wire.encode_frame(frame) == head + payload
	assert len(head + payload) == 111
	assert wire.decode_frame(head + payload) == frame


def talk(answer, stream=wire.Http):
	"""A stream whose peer has sent `answer` and closed."""
	ours, theirs = socket.socketpair()
	theirs.sendall(answer)
	theirs.close()
	return stream(ours)


def test_a_response_is_read_by_length_by_chunks_or_to_the_end():
	with talk(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: b\r\n\r\nhi'
			b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nyo\r\n0\r\n\r\n'
			b'HTTP/1.1 204 No Content\r\n\r\n'
			b'HTTP/1.1 500 No\r\n\r\nrest') as http:
		first = http.response()
		assert (first.status, first.headers['a'], first.body) == (200, 'b', b'hi')
		assert http.response().body == b'yo'
		assert http.response().status == 204
		assert http.response().body == b'rest'


def test_a_response_cut_anywhere_is_no_response():
	whole = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'
	for cut in range(len(whole)):
		with talk(whole[:cut]) as http:
			assert raises(wire.Closed, http.response), cut


def test_a_reply_in_several_frames_is_joined():
	frames = [wire.Frame(wire.RESP | wire.CONT, 0, 1, 17, b'ab'),
		wire.Frame(wire.RESP | wire.CONT | wire.END, 0, 1, 17, b'c')]
	ours, theirs = socket.socketpair()
	for frame in frames:
		theirs.sendall(wire.encode_frame(frame))
	with wire.Oap(ours) as oap, theirs:
		joined, last = oap.call(17, b'?')
		assert (joined, last) == (b'abc', frames[1])
		assert theirs.recv(100) == wire.encode_frame(wire.Frame(wire.REQ, 0, 1, 17, b'?'))


def test_a_reply_to_another_request_is_refused():
	with talk(wire.encode_frame(wire.Frame(wire.RESP, 0, 2, 17, b'')), wire.Oap) as oap:
		oap.send_frame = lambda *_, **__: None
		assert raises(AssertionError, oap.call, 17)


def test_metrics_are_read_with_their_labels():
	text = ('# HELP a_total what\n# TYPE a_total counter\na_total 3\n'
		'q{x="1",a="say \\"hi\\", you"} 0.5\n')
	assert harness.parse_metrics(text) == {('a_total', ()): 3.0,
		('q', (('a', 'say \\"hi\\", you'), ('x', '1'))): 0.5}
	assert raises(AssertionError, harness.parse_metrics, 'a 1\na 2\n')
	assert raises(AssertionError, harness.parse_metrics, 'nonsense\n')


def test_waiting_ends_with_the_first_true_value_or_names_what_did_not_come():
	values = iter([0, None, 7])
	assert harness.eventually(lambda: next(values), 'seven', 5) == 7
	try:
		harness.eventually(lambda: 0, 'the moon', 0)
	except AssertionError as error:
		assert 'the moon' in str(error)
	else:
		raise AssertionError('it did not give up')


def test_a_profile_is_toml_and_its_env_is_shell():
	with open_directory() as directory:
		odd = pathlib.Path(directory) / "it's a \"dir\""
		profile = nodes.Profile(odd)
		profile.prepare()
		profile.write_config({'limits': {'rps': 5}, 'log': {'format': 'json'}})
		config = tomllib.loads(profile.config.read_text())
		assert config['limits'] == {'rps': 5}
		assert config['uds']['path'] == str(profile.uds)
		assert config['api']['bind_addr'] != config['admin']['bind_addr']
		profile.write_env(12, TOKEN, ['/bin/echo', '--config', str(profile.config)])
		shell = f'. {shlex.quote(str(profile.env))}; printf "%s\\n" "$TOKEN"; eval "$MACRONODE"'
		out = subprocess.run(['sh', '-c', shell], check=True, capture_output=True, text=True).stdout
		assert out == f'{TOKEN}\n--config {profile.config}\n'
		assert profile.env.stat().st_mode & 0o077 == 0


def test_a_directory_whose_name_is_too_long_for_a_socket_gets_links():
	with open_directory() as directory:
		profile = nodes.Profile(pathlib.Path(directory) / ('x' * 100))
		profile.prepare()
		assert len(str(profile.run)) <= nodes.RUN_DIR_BYTES_MAX
		elsewhere = profile.data.parent
		profile.throw_away()
		assert not elsewhere.exists()
		profile.prepare()
		assert profile.data.is_dir()
		profile.throw_away()


def test_a_directory_that_others_cannot_enter_is_not_used_by_root():
	if os.getuid() != 0:
		raise tap.Skip('only a root node has workers of other uids')
	with tempfile.TemporaryDirectory() as directory:  # mode 0700
		profile = nodes.Profile(directory)
		profile.prepare()
		assert nodes.is_reachable(profile.data)
		assert nodes.is_reachable(profile.run)
		profile.throw_away()


def test_a_directory_that_was_there_keeps_its_mode():
	with open_directory() as directory:
		os.chmod(directory, 0o1777)
		nodes.Profile(directory).prepare()
		assert os.stat(directory).st_mode & 0o7777 == 0o1777


def test_a_signal_reaches_a_process_only_with_its_start_time():
	child = subprocess.Popen(['sleep', '1000'])
	try:
		start = nodes.process_stat(child.pid)[2]
		assert not nodes.signal_process(child.pid, start + 1, signal.SIGKILL)
		assert nodes.is_running(child.pid, start)
		assert nodes.signal_process(child.pid, start, signal.SIGKILL)
		assert nodes.wait_gone({child.pid: start}, 30)
	finally:
		child.kill()
		child.wait()
	assert not nodes.signal_process(child.pid, start, signal.SIGKILL)


def test_a_process_tree_holds_grandchildren():
	child = subprocess.Popen(['sh', '-c', 'sleep 1000 & echo $!; wait'], stdout=subprocess.PIPE,
		text=True)
	tree = {}
	try:
		grandchild = int(child.stdout.readline())
		tree = nodes.process_tree(child.pid)
		assert set(tree) == {child.pid, grandchild}
	finally:
		for pid, start in tree.items():
			nodes.signal_process(pid, start, signal.SIGKILL)
		child.kill()
		child.communicate()
	assert nodes.wait_gone(tree, 30)


# Location "here", then an identifier: version, key id, capability id 00..0f, iat, node hash.
IDENTIFIER = bytes([1]) + bytes(4) + bytes(range(16)) + bytes(8) + bytes(16)
TOKEN = base64.urlsafe_b64encode(b'\x02\x01\x04here\x02' + bytes([len(IDENTIFIER)]) + IDENTIFIER
	+ b'\0').decode().rstrip('=')
CAPABILITY_REF = bytes(range(16)).hex()

FAKE_NODE = """#!/usr/bin/env python3
import http.server, signal, sys, tomllib
words = sys.argv[1:]
config = tomllib.load(open(words[words.index('--config') + 1], 'rb'))
if 'mint' in words:
	sys.exit(print('TOKEN'))
if config.get('log', {}).get('level') == 'broken':
	sys.exit('config: no such level')
class Handler(http.server.BaseHTTPRequestHandler):
	protocol_version = 'HTTP/1.1'
	log_message = lambda *_: None
	def do_GET(self):
		self.send_response(200)
		self.send_header('Content-Length', '2')
		self.end_headers()
		self.wfile.write(b'{}')
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
host, port = config['admin']['bind_addr'].split(':')
print('{"msg":"up"}', flush=True)
http.server.HTTPServer((host, int(port)), Handler).serve_forever()
"""


def fake_build(directory):
	"""A build tree whose macronode is a script that knows what scripts/dev needs of one."""
	build = pathlib.Path(directory) / 'build'
	for name in ('cli/macronode', 'services/kms/mn-kms', 'services/kms/mn-kms.p'):
		(build / name).parent.mkdir(parents=True, exist_ok=True)
		if name.endswith('.p'):
			(build / name).mkdir()
		else:
			(build / name).write_text(FAKE_NODE.replace('TOKEN', TOKEN))
			(build / name).chmod(0o755)
	return build


def test_up_leaves_a_ready_node_and_down_ends_it():
	with open_directory() as directory:
		build, home = fake_build(directory), pathlib.Path(directory) / 'node'
		nodes.up(build, home)
		pid, start = nodes.Profile(home).recorded()
		try:
			env = (home / 'env').read_text()
			assert f'SUPERVISOR_PID={pid}\n' in env
			assert f'TOKEN={TOKEN}\nCAPABILITY_REF={CAPABILITY_REF}\n' in env
			assert raises(nodes.NodeError, nodes.up, build, home), 'a second one'
		finally:
			nodes.down(home)
		assert not nodes.is_running(pid, start)
		assert not (home / 'env').exists()
		nodes.down(home)  # none runs: that is what was wanted


def test_run_stops_its_node_at_ctrl_c_and_leaves_nothing_running():
	with open_directory() as directory:
		checkout = pathlib.Path(directory)
		(checkout / 'scripts/lib').mkdir(parents=True)
		script = checkout / 'scripts/lib/node.py'
		script.write_text(pathlib.Path(nodes.__file__).read_text())
		build = fake_build(checkout)
		words = [sys.executable, script, 'run', '--build', build]
		with subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
				start_new_session=True, text=True) as runner:
			while 'Ctrl-C stops it' not in runner.stderr.readline():
				assert runner.poll() is None
			tree = nodes.process_tree(runner.pid)
			assert len(tree) == 2
			os.killpg(runner.pid, signal.SIGINT)
			assert runner.wait(60) == 0
		assert nodes.wait_gone(tree, 60)
		assert not (checkout / '.dev/env').exists()


def test_a_node_that_does_not_start_is_told_with_its_log():
	with open_directory() as directory:
		build = fake_build(directory)
		node = harness.Node({'log': {'level': 'broken'}}, build=build)
		assert raises(nodes.NodeError, node.__enter__)
		assert not node.directory.exists()


def test_a_node_of_the_harness_answers_and_is_gone_with_all_it_had():
	with open_directory() as directory:
		with harness.Node(build=fake_build(directory)) as node:
			pid = node.child.pid
			start = nodes.process_stat(pid)[2]
			assert node.http('GET', '/healthz', plane='admin').json() == {}
			assert node.log() == [{'msg': 'up'}]
			assert node.mint() == TOKEN
			assert nodes.capability_ref(TOKEN) == CAPABILITY_REF
			assert node.workers() == {}
		assert not nodes.is_running(pid, start)
		assert not node.directory.exists()


def test_workers_of_a_build_tree_are_gathered_in_one_directory():
	with open_directory() as directory:
		gathered = nodes.libexec(fake_build(directory))
		assert [one.name for one in gathered.iterdir()] == ['mn-kms']
		assert os.access(gathered / 'mn-kms', os.X_OK)


if __name__ == '__main__':
	tap.main(globals())

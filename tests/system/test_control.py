"""The control socket, frame by frame: what a client of it sends must not end, block or grow the
supervisor (DESIGN-WALL.md section 6)."""
import json
import os
import pathlib
import socket
import struct
import time

import tap
import wire
from harness import Node, eventually

STATUS, STOP, MINT, REVOKE, LIST, GOVERN, ANSWER, ROTATE = range(0x0400, 0x0408)
ERR_OK, ERR_NOT_FOUND, ERR_BUSY = 0, 4, 6
CLIENTS_MAX = 17
PATIENT = {'node': {'ping_timeout': '60s'}}  # with a worker that a case lets stand still
REQUEST_BYTES_MAX = 65536


def control(node):
	return wire.Oap(wire.connect_unix(node.profile.run / 'control'))


def text(data):
	return struct.pack('<I', len(data)) + data


def answer(frame):
	"""(status, next, text) of CTL_ANSWER."""
	assert frame.verb == ANSWER and frame.flags == wire.RESP, frame
	status, following, count = struct.unpack_from('<BQI', frame.payload)
	assert len(frame.payload) == 13 + count
	return status, following, frame.payload[13:]


def ask(connection, verb, payload=b'', corr_id=1):
	connection.send_frame(verb, payload, corr_id=corr_id)
	frame = connection.frame()
	assert frame.corr_id == corr_id
	return answer(frame)


def status_of(node):
	with control(node) as connection:
		return json.loads(ask(connection, STATUS, b'\0')[2])


def resident_kib(pid):
	lines = pathlib.Path(f'/proc/{pid}/status').read_text().splitlines()
	return next(int(line.split()[1]) for line in lines if line.startswith('VmRSS'))


def closes(node, data):
	"""The node closes a connection on which that was sent, and answers the next one."""
	with control(node) as connection:
		connection.send(data)
		assert connection.is_closed_by_peer(), data
	assert status_of(node)['supervisor_pid'] == node.child.pid


def frame(verb, payload=b'', flags=wire.REQ, tenant_id=0, corr_id=1):
	return wire.encode_frame(wire.Frame(flags, tenant_id, corr_id, verb, payload))


def test_status_has_the_types_that_readers_rely_on():
	with Node() as node:
		got = status_of(node)
		kinds = {'ready': bool, 'degraded': bool, 'draining': bool, 'reason': str, 'advice': list,
			'version': str,
			'uptime_s': int, 'amnesia': bool, 'supervisor_pid': int, 'ledger': dict, 'recovery': dict,
			'config': dict, 'certificate': type(None), 'queues': dict, 'log': dict,
			'processes': list, 'deaths': list}
		assert {name: type(value) for name, value in got.items()} == kinds, got
		assert {name: type(value) for name, value in got['ledger'].items()} == {'seq': int,
			'root': str, 'lag_ms': int, 'safe_mode': bool, 'safe_mode_reason': str}
		assert got['log'] == {'dropped': 0, 'suppressed': 0}
		assert len(got['ledger']['root']) == 64
		for one in got['processes']:
			assert {name: type(value) for name, value in one.items() if name != 'note'} == {
				'role': str, 'instance': int, 'state': str, 'pid': int, 'uptime_s': int,
				'restarts': int, 'degraded': bool}, one
			assert one['pid'] in node.workers()
		node.signal_worker('archive')
		death = eventually(lambda: status_of(node)['deaths'], 'a death')[0]
		archive = next(one for one in status_of(node)['processes'] if one['role'] == 'archive')
		assert archive['last_death'] == {name: death[name] for name in ('ts_ms', 'pid', 'cause')}
		assert {name: type(value) for name, value in death.items()} == {'ts_ms': int, 'role': str,
			'instance': int, 'pid': int, 'cause': str}, death
		assert abs(death['ts_ms'] - time.time() * 1000) < 60000


def test_the_deaths_kept_are_the_newest_sixteen_newest_first():
	keys = {'restart_min': '1ms', 'restart_max': '2ms', 'restart_cap': '3ms'}
	with Node({'node': keys}) as node:
		killed = []
		for _ in range(18):
			eventually(lambda: set(node.workers('prevalidator')) - set(killed), 'a new one')
			killed.append(node.signal_worker('prevalidator'))
			eventually(lambda: killed[-1] in [one['pid'] for one in status_of(node)['deaths']],
				'it is kept')
		assert [one['pid'] for one in status_of(node)['deaths']] == killed[:1:-1]


def test_status_of_the_largest_table_fits_a_frame():
	with Node({'concurrency': {'ingress_workers': 16, 'prevalidators': 16}}) as node:
		assert len(status_of(node)['processes']) == 7 + 16 + 16


def test_what_is_no_frame_closes_the_connection_and_nothing_else():
	with Node() as node:
		good = frame(STATUS, b'\0')
		for data in (b'GET / HTTP/1.1\r\n\r\n' * 4, b'\xff' * 64, b'\0' * 64,
				struct.pack('<I', 28) + good[4:], struct.pack('<I', wire.FRAME_LEN_MAX + 1) + good[4:],
				good[:4] + b'\2' + good[5:]):
			closes(node, data)


def test_what_the_table_does_not_let_a_client_say_closes_the_connection():
	with Node() as node:
		for verb in (0, 1, 0x000A, 0x0103, 0x0108, 0x010B, 0x010D, 0x0184, 0x0200, 0x0220, ANSWER, 0x04FF,
				0xFFFF):
			closes(node, frame(verb, bytes(8)))
		for flags in (0, wire.RESP, wire.EVENT, wire.REQ | wire.CONT, wire.REQ | wire.COMP, 0xFFFF):
			closes(node, frame(STATUS, b'\0', flags=flags))
		closes(node, frame(STATUS, b'\0', tenant_id=1))


def test_a_payload_that_does_not_parse_closes_the_connection():
	with Node() as node:
		for verb, payload in ((STATUS, b''), (STATUS, b'\0\0'), (STOP, b'\1\0\0\0'),
				(STOP, text(bytes(513))), (MINT, b'\xff\xff\xff\xff'), (MINT, b'\0' + text(bytes(8193))),
				(MINT, b'\0' + text(b'x') + b'y'), (REVOKE, bytes(19)), (LIST, bytes(9)), (ROTATE, b''),
				(GOVERN, bytes(13)), (GOVERN, b'\0\0' + text(bytes(129)) + text(b'') + text(b''))):
			closes(node, frame(verb, payload))


def test_every_cut_of_a_frame_waits_and_then_is_answered():
	with Node() as node:
		whole = frame(STATUS, b'\0')
		for cut in range(1, len(whole)):
			with control(node) as connection:
				connection.send(whole[:cut])
				connection.send(whole[cut:])
				assert answer(connection.frame())[0] == ERR_OK


def test_silent_clients_do_not_lock_the_operator_out():
	with Node() as node:
		half = frame(STATUS, b'\0')[:-1]
		silent = [control(node) for _ in range(3 * CLIENTS_MAX)]
		try:
			for connection in silent[-CLIENTS_MAX:]:
				connection.send(half)
			for _ in range(3):
				assert status_of(node)['ready']
			assert node.cli('status').returncode == 0
			assert silent[0].is_closed_by_peer()
		finally:
			for connection in silent:
				connection.socket.close()


def test_who_asked_last_stays_when_room_is_made():
	with Node() as node:
		with control(node) as working:
			others = []
			for number in range(2 * CLIENTS_MAX):
				assert ask(working, STATUS, b'\0', corr_id=number + 1)[0] == ERR_OK
				others.append(control(node))
				eventually(lambda: ask(others[-1], STATUS, b'\0')[0] == ERR_OK, 'it came in')
			for connection in others:
				connection.socket.close()


def test_a_client_that_never_reads_costs_one_queue_and_no_other_client():
	with Node() as node:
		before = resident_kib(node.child.pid)
		with control(node) as greedy:
			greedy.socket.settimeout(0.2)
			many = frame(STATUS, b'\0') * 1000
			try:
				for _ in range(200):
					greedy.send(many)
					if greedy.buffer:
						break
			except OSError:
				pass  # it was closed, or nobody reads it any more
			assert status_of(node)['ready']
			assert resident_kib(node.child.pid) - before < 160 * 1024
		assert status_of(node)['deaths'] == []


def test_questions_to_kms_are_answered_and_errors_are_sentences():
	with Node() as node, control(node) as connection:
		status, _, token = ask(connection, MINT, b'\0' + text(b'action=ledger.ingest\nttl=60\n'))
		assert status == ERR_OK and len(token) > 50, token
		status, _, why = ask(connection, MINT, b'\0' + text(b'nonsense=1\n'))
		assert status != ERR_OK and why, why
		status, _, why = ask(connection, REVOKE, struct.pack('<I', 99) + bytes(16))
		assert why and b'\0' not in why
		status, following, _ = ask(connection, LIST, struct.pack('<Q', 2 ** 64 - 1))
		assert status in (ERR_OK, ERR_NOT_FOUND), status


def test_a_question_to_a_worker_that_is_dead_is_answered():
	keys = {'restart_min': '20s', 'restart_max': '20s', 'restart_cap': '20s'}
	with Node({'node': keys}) as node, control(node) as connection:
		for _ in range(2):
			old = eventually(lambda: sorted(node.workers('kms')), 'kms')[0]
			node.signal_worker('kms')
			eventually(lambda: any(one['pid'] == old for one in status_of(node)['deaths']), 'a death')
		status, _, why = ask(connection, MINT, b'\0' + text(b'action=ledger.ingest\n'))
		assert status == ERR_BUSY and b'kms is not there' in why, (status, why)


def test_a_question_is_not_failed_by_the_death_of_another_worker():
	with Node(PATIENT) as node, control(node) as connection:
		kms = node.worker('kms')
		os.kill(kms, 19)
		try:
			connection.send_frame(MINT, b'\0' + text(b'action=ledger.ingest\nttl=60\n'), corr_id=7)
			old = node.signal_worker('prevalidator')
			eventually(lambda: any(one['pid'] == old for one in status_of(node)['deaths']), 'a death')
			sequencer = node.signal_worker('sequencer')
			eventually(lambda: any(one['pid'] == sequencer for one in status_of(node)['deaths']),
				'another')
		finally:
			os.kill(kms, 18)
		status, _, token = answer(connection.frame())
		assert status == ERR_OK and len(token) > 50, (status, token)


def test_a_question_is_failed_by_the_death_of_the_worker_that_had_it():
	with Node(PATIENT) as node, control(node) as connection:
		kms = node.worker('kms')
		os.kill(kms, 19)
		connection.send_frame(MINT, b'\0' + text(b'action=ledger.ingest\nttl=60\n'), corr_id=7)
		assert ask(control(node), STATUS, b'\0')[0] == ERR_OK  # a turn later
		os.kill(kms, 9)
		_, _, why = answer(connection.frame())
		assert b'died over the question' in why, why


def test_more_questions_than_credit_are_answered_busy():
	with Node(PATIENT) as node:
		kms = node.worker('kms')
		os.kill(kms, 19)
		connections = [control(node) for _ in range(10)]
		try:
			for connection in connections:
				for number in range(3):
					connection.send_frame(MINT, b'\0' + text(b'action=ledger.ingest\nttl=60\n'),
						corr_id=number + 1)
			assert status_of(node)['supervisor_pid'] == node.child.pid
		finally:
			os.kill(kms, 18)
		got = [answer(connection.frame())[0] for connection in connections for _ in range(3)]
		assert set(got) == {ERR_OK, ERR_BUSY}, got
		for connection in connections:
			connection.socket.close()


def test_more_than_the_window_at_once_closes_the_connection():
	with Node(PATIENT) as node:
		kms = node.worker('kms')
		os.kill(kms, 19)
		try:
			with control(node) as connection:
				connection.send(b''.join(frame(LIST, bytes(8), corr_id=number)
					for number in range(1, 7)))
				assert connection.is_closed_by_peer()
		finally:
			os.kill(kms, 18)
		assert status_of(node)['supervisor_pid'] == node.child.pid


def test_who_leaves_before_the_answer_harms_nobody():
	with Node() as node:
		for _ in range(100):
			with control(node) as connection:
				connection.send_frame(MINT, b'\0' + text(b'action=ledger.ingest\nttl=60\n'))
		with control(node) as connection:  # BUSY while kms still works on those
			eventually(lambda: ask(connection, MINT, b'\0' + text(b'action=ledger.ingest\nttl=60\n'))[0]
				== ERR_OK, 'an answer')


def test_another_uid_is_turned_away():
	if os.geteuid() != 0:
		raise tap.Skip('needs root')
	with Node() as node:
		node.profile.run.chmod(0o777)
		(node.profile.run / 'control').chmod(0o666)
		child = os.fork()
		if child == 0:
			try:
				os.setgroups([])
				os.setresgid(12345, 12345, 12345)
				os.setresuid(12345, 12345, 12345)
				with control(node) as connection:
					os._exit(0 if connection.is_closed_by_peer() else 1)
			finally:
				os._exit(2)
		assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
		eventually(lambda: 'uds_denied' in node.log_text(), 'it is logged')


def test_a_thousand_connections_leave_nothing_behind():
	with Node() as node:
		status_of(node)
		held = len(os.listdir(f'/proc/{node.child.pid}/fd'))
		for _ in range(1000):
			connected = socket.socket(socket.AF_UNIX)
			connected.connect(str(node.profile.run / 'control'))
			connected.close()
		eventually(lambda: len(os.listdir(f'/proc/{node.child.pid}/fd')) <= held, 'no fd is kept')  # held may count status_of's own


if __name__ == '__main__':
	tap.main(globals())

"""Where the time of a request goes: macronode trace, OTLP, exemplars."""
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import uuid

import tap
import wire
from collector import Collector, attributes_of
from harness import Node, entry, eventually, nodes

TRACE_ID = '0af7651916cd43dd8448eb211c80319c'
PARENT_ID = 'b7ad6b7169203331'
NOTHING_DRAWN = {'sample_ratio': 0.0}


def parent(trace_id=TRACE_ID, sampled=True):
	return f'00-{trace_id}-{PARENT_ID}-{"01" if sampled else "00"}'


def new_trace_id():
	return uuid.uuid4().hex


def transfer(node, token, nonce, corr_id=None, headers=None):
	return node.http('POST', '/v1/transfer',
		{'from': 'alice', 'to': 'bob', 'asset': 'ron', 'amount_minor': '1', 'nonce': nonce},
		{'Idempotency-Key': f'k{nonce}', 'X-Corr-ID': corr_id or str(uuid.uuid4()), **(headers or {})},
		token=token)


def funded(node):
	token = node.mint()
	assert node.ingest([entry('Mint', 'alice', 1_000_000)], token).status == 200
	return token


def shown(node, wanted, whole=lambda trace: True):
	"""The trace once it is whole: records of one request come through several pipes."""
	def look():
		done = node.cli('trace', '--json', wanted, check=False)
		trace = json.loads(done.stdout) if done.returncode == 0 else None
		return trace if trace and whole(trace) else None
	return eventually(look, f'the trace {wanted}')


def has_names(*names):
	return lambda trace: set(names) <= {span['name'] for span in trace['spans']}


def check_nesting(spans):
	"""Each lies in its parent, and there is one that lies in none of ours."""
	by_id = {span['spanId']: span for span in spans}
	assert len(by_id) == len(spans), spans
	roots = [span for span in spans if span.get('parentSpanId') not in by_id]
	assert len(roots) == 1 and roots[0]['kind'] == 2, roots
	for span in spans:
		outer = by_id.get(span.get('parentSpanId'))
		if outer:
			assert int(outer['startTimeUnixNano']) <= int(span['startTimeUnixNano']), (outer, span)
			assert int(outer['endTimeUnixNano']) >= int(span['endTimeUnixNano']), (outer, span)
	return roots[0]


def parents(spans):
	names = {span['spanId']: span['name'] for span in spans}
	return {span['name']: names.get(span.get('parentSpanId')) for span in spans}


WAY_OF_A_TRANSFER = {
	'svc.ron-ledger.ingress.handle': None,
	'svc.ron-ledger.prevalidator.check': 'svc.ron-ledger.ingress.handle',
	'svc.wallet.auth.verify': 'svc.ron-ledger.prevalidator.check',
	'svc.wallet.transfer': 'svc.ron-ledger.ingress.handle',
	'svc.ron-ledger.sequencer.assign': 'svc.wallet.transfer',
	'svc.ron-ledger.sequencer.queue': 'svc.ron-ledger.sequencer.assign',
	'svc.ron-ledger.sequencer.commit': 'svc.ron-ledger.sequencer.assign',
	'svc.ron-ledger.commit.append_wal': 'svc.ron-ledger.sequencer.commit',
	'svc.ron-ledger.commit.sync': 'svc.ron-ledger.commit.append_wal',
}


def test_a_transfer_is_followed_through_all_processes():
	with Node({'otel': NOTHING_DRAWN}) as node:
		funded(node)
		corr_id = str(uuid.uuid4())
		fresh = node.mint()  # which kms has not seen
		assert transfer(node, fresh, 1, corr_id, {'traceparent': parent()}).status == 200
		trace = shown(node, corr_id, has_names(*WAY_OF_A_TRANSFER))
		assert parents(trace['spans']) == WAY_OF_A_TRANSFER, parents(trace['spans'])
		root = check_nesting(trace['spans'])
		assert root['parentSpanId'] == PARENT_ID and root['traceId'] == TRACE_ID
		by_process = {attributes_of(span)['process'] for span in trace['spans']}
		assert by_process == {'ingress 0', 'prevalidator 0', 'kms 0', 'wallet 0', 'sequencer 0',
			'committer 0'}, by_process
		assert shown(node, TRACE_ID)['corr_id'] == corr_id  # by either id
		text = node.cli('trace', corr_id).stdout
		for name in WAY_OF_A_TRANSFER:
			assert text.count(f'{name}  (') == 1, text
		assert corr_id in node.cli('trace').stdout


def test_an_ingest_and_reads_are_followed():
	with Node({'otel': NOTHING_DRAWN}) as node:
		token = funded(node)
		corr_id = str(uuid.uuid4())
		ref = nodes.capability_ref(token)
		batch = [entry('Mint', 'carol', 5, capability_ref=ref)]
		node.http('POST', '/ingest', {'batch': batch},
			{'X-Corr-ID': corr_id, 'traceparent': parent(new_trace_id())}, token=token)
		spans = shown(node, corr_id, has_names('svc.ron-ledger.commit.sync'))['spans']
		assert parents(spans)['svc.ron-ledger.sequencer.assign'] == 'svc.ron-ledger.ingress.handle'
		check_nesting(spans)
		for target, name in (('/v1/balance?account=alice&asset=ron', 'svc.wallet.balance'),
				('/roots?since=0', 'svc.ron-ledger.archive.roots'),
				('/tlog/checkpoint', 'svc.ron-ledger.archive.read')):
			corr_id = str(uuid.uuid4())
			response = node.http('GET', target, headers={'X-Corr-ID': corr_id,
				'traceparent': parent(new_trace_id())}, token=token)
			assert response.status == 200, (target, response)
			spans = shown(node, corr_id, has_names(name))['spans']
			assert parents(spans)[name] == 'svc.ron-ledger.ingress.handle', spans
			check_nesting(spans)


def test_who_is_traced_is_a_clients_word_or_drawn():
	with Node({'otel': NOTHING_DRAWN}) as node:
		token = funded(node)
		for nonce, headers in enumerate(({}, {'traceparent': parent(sampled=False)},
				{'traceparent': parent()[:-1]}, {'traceparent': 'ff' + parent()[2:]},
				{'traceparent': parent('0' * 32)}), 1):
			corr_id = str(uuid.uuid4())
			assert transfer(node, token, nonce, corr_id, headers).status == 200, headers
			done = node.cli('trace', corr_id, check=False)
			assert done.returncode == 1 and 'otel.sample_ratio' in done.stderr, done
		assert node.metric('traces_sampled_total') == 0
	with Node({'otel': {'sample_ratio': 1}}) as node:
		token = funded(node)
		corr_id = str(uuid.uuid4())
		transfer(node, token, 1, corr_id)
		trace = shown(node, corr_id)
		assert re.fullmatch('[0-9a-f]{32}', trace['trace_id']) and set(trace['trace_id']) != {'0'}
		untouched = str(uuid.uuid4())  # its sender does not record it
		transfer(node, token, 2, untouched, {'traceparent': parent(sampled=False)})
		assert node.cli('trace', untouched, check=False).returncode == 1


def test_a_client_cannot_have_more_traced_than_a_number_a_second():
	with Node({'otel': {**NOTHING_DRAWN, 'traces_per_second_max': 1}}) as node:
		with node.open_http() as connection:
			for _ in range(200):
				connection.request('GET', '/version', headers={'traceparent': parent(new_trace_id())})
		assert 0 < node.metric('traces_sampled_total') < 100, node.metric('traces_sampled_total')


def test_what_failed_is_told_at_least_by_the_edge():
	with Node({'otel': NOTHING_DRAWN, 'node': {'ping_timeout': '60s'}, 'limits': {'req_timeout': '3s'}}) as node:
		token = funded(node)
		corr_id = str(uuid.uuid4())
		pid = node.signal_worker('sequencer', signal.SIGSTOP)
		try:
			assert transfer(node, token, 1, corr_id).status == 503
		finally:
			os.kill(pid, signal.SIGCONT)
		spans = shown(node, corr_id)['spans']
		assert [span['name'] for span in spans] == ['svc.ron-ledger.ingress.handle']
		assert spans[0]['status'] == {'code': 2}, spans


def test_a_stream_of_events_is_not_slow_however_long_it_lasts():
	with Node({'otel': NOTHING_DRAWN}) as node:
		watcher = node.mint('admin.status')
		with node.open_http('admin') as stream:
			stream.send(wire.request('GET', '/events', headers={'Authorization': f'Bearer {watcher}'}))
			stream.take_until(b'heartbeat')
			node.cli('cap', 'revoke', nodes.capability_ref(watcher))
			stream.read_to_end()  # the heartbeat after the next says that it is revoked
		answered = eventually(lambda: node.metric('http_requests_total', route='/events'),
			'the answer to be counted')
		assert answered == 1 and node.metric('traces_sampled_total') == 0, answered


def test_a_line_of_the_log_leads_to_the_trace():
	with Node({'otel': NOTHING_DRAWN, 'log': {'level': 'debug'}}) as node:
		token = funded(node)
		transfer(node, token, 1, headers={'traceparent': parent()})
		transfer(node, token, 2)
		lines = eventually(lambda: [line for line in node.log() if line['event'] == 'request_answered'
			and line['route'] == '/v1/transfer'][1:] and [line for line in node.log()
			if line.get('route') == '/v1/transfer'], 'the lines of both')
		assert [line.get('trace_id') for line in lines] == [TRACE_ID, None], lines


def test_a_log_is_searched_for_a_request():
	with Node({'otel': NOTHING_DRAWN, 'log': {'level': 'debug'}}) as node:
		token = funded(node)
		corr_id = str(uuid.uuid4())
		transfer(node, token, 1, corr_id)
		eventually(lambda: corr_id in node.log_text() and 'operation_accepted' in node.log_text(),
			'its lines')
		done = node.cli('trace', '--file', str(node.profile.log), corr_id)
		assert 'request_answered' in done.stdout and 'operation_accepted' in done.stdout, done
		raw = node.cli('trace', '--json', '--file', str(node.profile.log), corr_id)
		tickets = {json.loads(line)['ticket'] for line in raw.stdout.splitlines()}
		assert len(tickets) == 1, raw.stdout
		absent = node.cli('trace', '--file', str(node.profile.log), str(uuid.uuid4()), check=False)
		assert absent.returncode == 1 and 'log.level' in absent.stderr, absent
		missing = node.cli('trace', '--file', '/nonexistent', 'x', check=False)
		assert missing.returncode == 3 and 'No such file' in missing.stderr, missing
		unread = node.cli('trace', '--file', str(node.profile.log.parent), 'x', check=False)
		assert unread.returncode == 3 and 'Is a directory' in unread.stderr, unread
		assert node.cli('trace', '--file', str(node.profile.log), check=False).returncode == 2


def test_metrics_lead_to_traces():
	with Node({'otel': NOTHING_DRAWN}) as node:
		token = funded(node)
		transfer(node, token, 1, headers={'traceparent': parent()})
		found = eventually(lambda: exemplars(node, 'ledger_commit_latency_seconds'),
			'an exemplar of the commit')
		assert set(found.values()) == {TRACE_ID}, found
		for name in ('http_request_duration_seconds', 'request_latency_seconds'):
			eventually(lambda name=name: [one for one, trace in exemplars(node, name).items()
				if '/v1/transfer' in one and trace == TRACE_ID], f'an exemplar of {name}')
		plain = node.http('GET', '/metrics', plane='admin').body.decode()
		assert TRACE_ID not in plain


EXEMPLAR = re.compile(r'^(\w+)_bucket\{(.*),?le="([^"]+)"\} (\d+) # \{trace_id="([0-9a-f]{32})"\} '
	r'([0-9.]+) ([0-9]+\.[0-9]{3})$')


def exemplars(node, name):
	"""{labels: trace id} of one histogram, each in the bucket that its value belongs to."""
	response = node.http('GET', '/metrics', plane='admin',
		headers={'Accept': 'application/openmetrics-text'})
	assert response.status == 200 and response.body.endswith(b'\n# EOF\n')
	found, below = {}, 0.0
	for line in response.body.decode().splitlines():
		if ' # ' not in line or line.startswith('#'):
			continue
		match = EXEMPLAR.match(line)
		assert match, line
		family, labels, bound, count, trace_id, value, _ = match.groups()
		assert float(value) <= float(bound) and int(count) > 0, line
		if family == name:
			assert labels not in found, line
			found[labels] = trace_id
	return found


# --- the collector ----------------------------------------------------------------------


@contextlib.contextmanager
def exporting(collector, **otel):
	with Node({'otel': {**NOTHING_DRAWN, 'endpoint': collector.url, **otel}}) as node:
		eventually(lambda: node.workers('otel'), 'the exporter')
		yield node


def traced_transfer(node, token, nonce):
	corr_id = str(uuid.uuid4())
	assert transfer(node, token, nonce, corr_id,
		{'traceparent': parent(new_trace_id())}).status == 200
	return corr_id


def test_a_collector_is_sent_traces_as_otlp():
	with Collector() as collector, exporting(collector, environment='a "test"') as node:
		token = funded(node)
		corr_id = str(uuid.uuid4())
		assert transfer(node, token, 1, corr_id, {'traceparent': parent()}).status == 200
		spans = eventually(lambda: collector.trace(corr_id), 'the trace at the collector')
		assert set(WAY_OF_A_TRANSFER) - {'svc.wallet.auth.verify'} <= {one['name'] for one in spans}
		root = check_nesting(spans)
		assert root['traceId'] == TRACE_ID and root['parentSpanId'] == PARENT_ID
		assert attributes_of(root)['http.route'] == '/v1/transfer'
		head, body = collector.requests[0]
		assert head.startswith('POST /v1/traces HTTP/1.1\r\n') and 'application/json' in head, head
		resource = json.loads(body)['resourceSpans'][0]['resource']
		facts = attributes_of(resource)
		assert facts['service.name'] == 'macronode' and facts['deployment.environment'] == 'a "test"'
		assert facts['service.instance.id'] and facts['service.version']
		for _, body in collector.requests:
			for secret in (token, 'alice', 'bob', 'k1'):
				assert f'"{secret}"'.encode() not in body, secret
		eventually(lambda: node.metric('otel_spans_total', result='sent') >= len(spans), 'the answer to be heard')
		assert not collector.errors, collector.errors


def test_fields_for_the_collector_come_from_a_file_and_stay_out_of_sight():
	with Collector() as collector:
		with Node({'otel': {'endpoint': collector.url, 'headers_file': '/nonexistent'}}) as node:
			text = eventually(lambda: 'otel.headers_file' in node.log_text() and node.log_text(),
				'a sentence about the file')
			assert node.http('GET', '/readyz').status == 200, text  # the ledger does not care
		path = pathlib.Path(f'/tmp/macronode-test-{uuid.uuid4().hex}')
		path.touch(mode=0o600)
		try:
			path.write_text('# ours\n\nX-Key: very-secret-value\n')
			with exporting(collector, endpoint=collector.url + '/otlp/', headers_file=str(path)) as node:
				token = funded(node)
				corr_id = traced_transfer(node, token, 1)
				eventually(lambda: collector.trace(corr_id), 'the trace')
				assert 'very-secret-value' not in node.log_text()
				cmdline = pathlib.Path(f'/proc/{node.worker("otel")}/cmdline').read_bytes()
				assert b'very-secret' not in cmdline
		finally:
			path.unlink()
		assert all(head.endswith('\r\nX-Key: very-secret-value') for head, _ in collector.requests)
		assert all(head.startswith('POST /otlp/v1/traces ') for head, _ in collector.requests)


def test_a_collector_that_is_not_there_costs_spans_and_nothing_else():
	with Collector() as collector:
		port, url = collector.port, collector.url
	with Node({'otel': {**NOTHING_DRAWN, 'endpoint': url}}) as node:
		token = funded(node)
		for nonce in range(1, 20):
			traced_transfer(node, token, nonce)
		eventually(lambda: node.metric('otel_export_failures_total') >= 1, 'a failure')
		eventually(lambda: [line for line in node.log() if line['event'] == 'otel_lost'], 'a line')
		assert node.http('GET', '/readyz').status == 200
		with Collector(port) as collector:  # it comes
			corr_id = traced_transfer(node, token, 20)
			eventually(lambda: collector.trace(corr_id), 'the trace, later')
			eventually(lambda: [line for line in node.log() if line['event'] == 'otel_back'], 'a line')
			assert not collector.errors, collector.errors


def test_a_collector_that_misbehaves_harms_nobody():
	with Collector() as collector, exporting(collector, timeout='1s') as node:
		token = funded(node)
		pid = node.worker('otel')
		nonce = 0
		for behaviour in (collector.hold, collector.garbage, collector.endless,
				collector.refuse(b'503 Busy', b'Retry-After: 1\r\n'), collector.refuse(b'429 Slow')):
			before = node.metric('otel_export_failures_total')
			collector.behave = behaviour
			nonce += 1
			traced_transfer(node, token, nonce)
			eventually(lambda: node.metric('otel_export_failures_total') > before,
				f'a failure of {behaviour}')
			collector.behave = collector.accept
			nonce += 1
			corr_id = traced_transfer(node, token, nonce)
			eventually(lambda: collector.trace(corr_id), f'a trace after {behaviour}')
		collector.behave = collector.long_body
		nonce += 1
		corr_id = traced_transfer(node, token, nonce)
		eventually(lambda: collector.trace(corr_id), 'a trace whose answer is long')
		collector.behave = collector.refuse(b'400 Bad')
		nonce += 1
		traced_transfer(node, token, nonce)
		eventually(lambda: node.metric('otel_spans_total', result='refused') > 0, 'a refusal')
		assert node.worker('otel') == pid and node.http('GET', '/readyz').status == 200


def test_a_killed_exporter_is_replaced_and_goes_on():
	with Collector() as collector, exporting(collector) as node:
		token = funded(node)
		node.replace_worker('otel')
		corr_id = traced_transfer(node, token, 1)
		eventually(lambda: collector.trace(corr_id), 'the trace')


def test_a_node_that_stops_sends_what_it_has_and_waits_for_nobody():
	with Collector() as collector:
		with exporting(collector) as node:
			token = funded(node)
			corr_id = traced_transfer(node, token, 1)
			shown(node, corr_id)
			assert node.stop() == 0
		assert not collector.errors, collector.errors
		collector.behave = collector.hold
		with exporting(collector, timeout='60s') as node:
			traced_transfer(node, funded(node), 1)
			eventually(lambda: collector.held, 'a batch on its way')
			assert node.stop() == 0, 'it was forced'


def test_the_exporter_holds_one_socket_and_can_make_none():
	if os.geteuid() != 0:
		raise tap.Skip('needs root, to look into a process that may not be dumped')
	with Collector() as collector, exporting(collector, timeout='60s') as node:
		token = funded(node)
		collector.behave = collector.hold
		traced_transfer(node, token, 1)
		eventually(lambda: collector.held, 'a connection')
		inet = set()
		for fd in pathlib.Path(f'/proc/{node.worker("otel")}/fd').iterdir():
			target = os.readlink(fd)
			assert not target.startswith('/') or target in ('/dev/null', '/memfd:mn-metrics (deleted)'), \
				target
			inet.add(target) if target.startswith('socket:') else None
		assert len(inet) == 2, inet  # fd 3 and the collector's
		peers = {one.getpeername() for one in collector.held}
		assert len(peers) == 1, peers


def test_a_wrong_endpoint_stops_the_start_with_a_sentence():
	for wrong in ('127.0.0.1:4318', 'https://127.0.0.1:4318', 'http://collector:4318',
			'http://127.0.0.1', 'http://127.0.0.1:0', 'http://127.0.0.1:4318/a?b', 'http://[::1:4318'):
		node = Node({'otel': {'endpoint': wrong}})
		try:
			done = node.cli('config', 'validate', check=False)
			assert done.returncode == 1 and 'otel.endpoint: expected http://' in done.stdout + done.stderr, \
				(wrong, done)
		finally:
			node.remove()


if __name__ == '__main__':
	tap.main(globals())

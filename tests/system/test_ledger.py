"""The ledger from HTTP to disk: every status and reason of spec/ledger.md sections 1.3 and 4."""
import base64
import contextlib
import hashlib
import os
import sqlite3
import time
import uuid

import tap
from harness import Node, entry, eventually, nodes

EMPTY_ROOT = hashlib.sha256(b'').hexdigest()
ACCOUNT_MAX = 'a' * 128
shared = {}


def node():
	"""One node for all cases that leave it in order, each with accounts of its own."""
	if 'node' not in shared:
		shared['node'] = Node().start()
		shared['token'] = shared['node'].mint()
		shared['node'].environment['MACRONODE_TOKEN'] = shared['token']
	return shared['node']


def token():
	node()
	return shared['token']


def fresh(name='acct'):
	return f'{name}_{uuid.uuid4().hex[:12]}'


def accepted(response):
	assert response.status == 200, response
	body = response.json()
	assert body['accepted'] is True and body['reasons'] == [], body
	return body


def refused(response, status, reason, details=None):
	assert response.status == status, response
	body = response.json()
	assert body['accepted'] is False, body
	assert reason in [one['reason'] for one in body['reasons']], body
	if details:
		assert details in [one.get('details') for one in body['reasons']], body
	return body


def mint(account, amount, **members):
	return accepted(node().ingest([entry('Mint', account, amount, **members)], token()))


def transfer(sender, receiver, amount, **members):
	return entry('Transfer', sender, amount, counter_account=receiver, **members)


def post(*entries, **members):
	return node().ingest(list(entries), token(), **members)


def test_an_empty_ledger_has_the_root_of_the_empty_tree_and_no_commits():
	with Node() as empty:
		assert empty.http('GET', '/roots').json() == {'roots': [], 'next': 1}
		response = empty.ingest([transfer('a', 'b', 1)], empty.mint())
		body = refused(response, 403, 'policy_denied', 'insufficient')
		assert body['new_root'] == EMPTY_ROOT and body['seq_start'] is None, body


def test_two_entries_get_a_contiguous_range_and_their_root_is_visible():
	account = fresh()
	body = accepted(post(entry('Mint', account, 100), entry('Mint', account, 50)))
	assert body['seq_end'] == body['seq_start'] + 1, body

	def visible():
		roots = node().http('GET', f'/roots?since={body["seq_start"] - 1}').json()['roots']
		return [one for one in roots if one['root'] == body['new_root']]
	assert eventually(visible, 'the root')[0]['seq'] == body['seq_end']


def test_next_of_roots_is_the_seq_that_is_expected_next():
	mint(fresh(), 5)
	first = eventually(lambda: node().http('GET', '/roots').json()['roots'], 'roots')
	page = node().http('GET', f'/roots?since={first[-1]["seq"]}').json()
	assert page == {'roots': [], 'next': first[-1]['seq'] + 1}, page


def test_a_repeat_gets_the_original_seq_and_root_and_commits_nothing():
	one = entry('Mint', fresh(), 7)
	first = accepted(post(one))
	second = accepted(post(one))
	assert (second['seq_start'], second['new_root']) == (first['seq_start'], first['new_root'])
	third = accepted(post({**one, 'id': str(uuid.uuid4()), 'ts': one['ts'] + 5}))
	assert third['seq_start'] == first['seq_start'], third


def test_a_repeat_with_other_content_is_a_conflict():
	one = entry('Mint', fresh(), 7)
	accepted(post(one))
	refused(post({**one, 'amount': '8', 'id': str(uuid.uuid4())}), 403, 'policy_denied',
		'idem_conflict')


def test_a_used_id_with_another_nonce_is_refused():
	one = entry('Mint', fresh(), 7)
	accepted(post(one))
	refused(post(entry('Mint', fresh(), 7, id=one['id'])), 403, 'policy_denied', 'id_used')


def test_a_transfer_moves_and_cannot_overdraw():
	sender, receiver = fresh('from'), fresh('to')
	mint(sender, 10)
	accepted(post(transfer(sender, receiver, 4)))
	refused(post(transfer(sender, receiver, 7)), 403, 'policy_denied', 'insufficient')
	accepted(post(transfer(sender, receiver, 6)))
	accepted(post(transfer(receiver, sender, 10)))


def test_a_partial_request_commits_what_stands_by_itself():
	sender, receiver = fresh('from'), fresh('to')
	mint(sender, 10)
	now = int(time.time() * 1000)
	response = post(transfer(sender, receiver, 10, ts=now), transfer(sender, receiver, 1, ts=now + 1))
	assert response.status == 207, response
	body = response.json()
	assert body['seq_start'] == body['seq_end'] is not None, body
	assert [(one['idx'], one['reason']) for one in body['reasons']] == [(1, 'policy_denied')]


def test_an_atomic_request_commits_all_or_nothing():
	sender, receiver = fresh('from'), fresh('to')
	mint(sender, 10)
	body = refused(post(transfer(sender, receiver, 10), transfer(sender, receiver, 1),
		mode='atomic'), 403, 'policy_denied', 'insufficient')
	assert body['seq_start'] is None, body
	accepted(post(transfer(sender, receiver, 10), mode='atomic'))


def test_a_dry_run_judges_and_leaves_nothing():
	sender, receiver = fresh('from'), fresh('to')
	mint(sender, 10)
	body = accepted(post(transfer(sender, receiver, 10), dry_run=True))
	assert body['seq_start'] is None, body
	refused(post(transfer(sender, receiver, 11), dry_run=True), 403, 'policy_denied')
	accepted(post(transfer(sender, receiver, 10)))


def test_burn_takes_out_of_circulation():
	account = fresh()
	mint(account, 10)
	accepted(post(entry('Burn', account, 4)))
	refused(post(entry('Burn', account, 7)), 403, 'policy_denied', 'insufficient')


def test_a_hold_is_captured_in_parts_and_released():
	payer, payee = fresh('payer'), fresh('payee')
	mint(payer, 100)
	hold = entry('Hold', payer, 80)
	accepted(post(hold))
	refused(post(transfer(payer, payee, 21)), 403, 'policy_denied', 'insufficient')
	accepted(post(transfer(payer, payee, 30, original_id=hold['id'])))
	refused(post(transfer(payer, payee, 51, original_id=hold['id'])), 403, 'policy_denied')
	accepted(post(entry('Reverse', payer, 50, original_id=hold['id'])))
	refused(post(transfer(payer, payee, 1, original_id=hold['id'])), 403, 'policy_denied')
	accepted(post(transfer(payer, payee, 70)))


def test_an_expired_hold_comes_back_by_itself():
	payer, payee = fresh('payer'), fresh('payee')
	mint(payer, 100)
	hold = entry('Hold', payer, 100, expires_ts=int(time.time() * 1000) + 1500)
	accepted(post(hold))
	refused(post(transfer(payer, payee, 100)), 403, 'policy_denied', 'insufficient')
	eventually(lambda: post(transfer(payer, payee, 100)).status == 200, 'the release')
	refused(post(transfer(payer, payee, 1, original_id=hold['id'])), 403, 'policy_denied')


def test_a_transfer_is_reversed_in_parts_and_never_twice():
	sender, receiver = fresh('from'), fresh('to')
	mint(sender, 10)
	one = transfer(sender, receiver, 10)
	accepted(post(one))
	accepted(post(entry('Reverse', sender, 4, original_id=one['id'])))
	accepted(post(entry('Reverse', sender, 6, original_id=one['id'])))
	refused(post(entry('Reverse', sender, 1, original_id=one['id'])), 403, 'policy_denied')
	accepted(post(transfer(sender, receiver, 10)))


def test_legs_of_an_asset_are_one_group():
	left, right = fresh('left'), fresh('right')
	mint(left, 10)
	now = int(time.time() * 1000)
	refused(post(entry('Credit', left, 5)), 403, 'policy_denied', 'group_unbalanced')
	accepted(post(entry('Debit', left, 6, ts=now), entry('Credit', right, 6, ts=now)))
	refused(post(entry('Debit', left, 5), entry('Credit', right, 5)), 403, 'policy_denied')


def test_assets_are_apart():
	account = fresh()
	mint(account, 10, asset='gold')
	refused(post(transfer(account, fresh(), 1)), 403, 'policy_denied', 'insufficient')
	accepted(post(transfer(account, fresh(), 1, asset='gold')))


def test_a_freeze_stops_what_goes_out_and_lets_in_what_comes():
	account, other = fresh(), fresh()
	mint(account, 10)
	node().cli('gov', 'freeze', '--account', account, '--reason', 'test')
	eventually(lambda: node().metric('governance_freezes', scope='account') == 1, 'a counted freeze')
	refused(post(transfer(account, other, 1)), 403, 'policy_denied', 'frozen')
	mint(account, 5)
	node().cli('gov', 'unfreeze', '--account', account, '--reason', 'test over')
	eventually(lambda: node().metric('governance_freezes') == 0, 'no freeze')
	accepted(post(transfer(account, other, 15)))


def bad_entries():
	good = entry('Mint', fresh(), 1)
	return {
		'amount zero': {**good, 'amount': '0'},
		'amount with a leading zero': {**good, 'amount': '01'},
		'negative amount': {**good, 'amount': '-1'},
		'fraction': {**good, 'amount': '1.5'},
		'exponent': {**good, 'amount': '1e3'},
		'two to the 128th': {**good, 'amount': str(2 ** 128)},
		'5000 digits': {**good, 'amount': '9' * 5000},
		'amount as a number': {**good, 'amount': 1},
		'empty amount': {**good, 'amount': ''},
		'nonce of 15 bytes': {**good, 'nonce': base64.b64encode(b'n' * 15).decode()},
		'nonce that is no base64': {**good, 'nonce': '!' * 24},
		'nonce without padding': {**good, 'nonce': base64.b64encode(b'n' * 16).decode()[:-2]},
		'unknown kind': {**good, 'kind': 'mint'},
		'unknown member': {**good, 'extra': 1},
		'missing member': {name: value for name, value in good.items() if name != 'ts'},
		'version 2': {**good, 'v': 2},
		'no uuid': {**good, 'id': 'x'},
		'negative ts': {**good, 'ts': -1},
		'account of 129 bytes': {**good, 'account': ACCOUNT_MAX + 'a'},
		'account with a space': {**good, 'account': 'a b'},
		'asset in capitals': {**good, 'asset': 'RON'},
		'memo of 257 bytes': {**good, 'memo': 'm' * 257},
		'counter_account of a Mint': {**good, 'counter_account': 'x'},
	}


def test_each_bad_entry_is_a_400_that_names_the_member():
	for name, one in bad_entries().items():
		body = refused(post(one), 400, 'unknown_kind')
		assert body['reasons'][0]['idx'] == 0 and body['reasons'][0]['details'], (name, body)
		assert body['seq_start'] is None, (name, body)


def test_sys_accounts_and_self_transfers_are_refused():
	account = fresh()
	mint(account, 10)
	refused(post(transfer(account, account, 1)), 403, 'policy_denied', 'self_transfer')
	refused(post(transfer(account, 'sys:issuance', 1)), 403, 'policy_denied', 'sys_account')
	refused(post(transfer('sys:issuance', account, 1)), 403, 'policy_denied', 'sys_account')


def test_a_reward_pool_is_filled_under_gov_mint_and_never_lowered():
	pool = f'sys:reward_pool:{fresh("t")}:ron'
	giver = fresh()
	mint(pool, 100)
	mint(giver, 11)
	accepted(post(transfer(giver, pool, 10)))
	refused(post(transfer(pool, giver, 1)), 403, 'policy_denied', 'sys_account')
	for kind in ('Burn', 'Hold', 'Debit'):
		refused(post(entry(kind, pool, 1)), 403, 'policy_denied', 'sys_account')
	balance = node().http('GET', f'/v1/balance?account={pool}&asset=ron', token=token()).json()
	assert balance['amount_minor'] == '110', balance
	words = ('cap', 'mint', '--action', 'ledger.ingest', '--ttl', '1h')
	poor = node().cli(*words).stdout.strip()
	refused(node().ingest([transfer(giver, pool, 1)], poor), 403, 'cap_invalid')


def raw_json(text):
	return node().http('POST', '/ingest', text, {'Content-Type': 'application/json'},
		token=token())


def test_what_is_no_ingest_request_is_a_400():
	good = '{"batch":[]}'
	for text in (b'', b'{', b'[]', b'null', b'"x"', good.encode(), b'{"batch":1}',
			b'{"batch":[1]}', b'{"batch":[{}],"batch":[{}]}', b'{"batch":[{}]} x',
			b'{"batch":[{}],"extra":1}', b'{"batch":[{}],"mode":"all"}',
			b'{"batch":[{}],"dry_run":1}', b'[' * 100 + b']' * 100,
			b'{"batch":' + b'[' * 100 + b']' * 100 + b'}',
			b'{"batch":[{"account":"\xff\xfe"}]}', b'{"batch":[{"account":"\\ud800"}]}',
			b'{"batch":[{"account":"\\udc00x"}]}', b'{"idem_id":"' + b'i' * 129 + b'"}'):
		response = raw_json(text)
		assert response.status == 400, (text[:60], response)
		body = response.json()
		assert body['reasons'][0]['reason'] == 'unknown_kind', (text[:60], body)


def test_a_batch_over_the_limit_and_a_body_over_the_cap_are_413():
	too_many = [entry('Mint', 'many', 1) for _ in range(1025)]
	refused(post(*too_many), 413, 'too_large')
	at_cap = b'{"idem_id":"x","batch":[' + b' ' * (1024 * 1024 - 26) + b']}'
	assert len(at_cap) == 1024 * 1024
	assert raw_json(at_cap).status == 400
	response = raw_json(at_cap + b' ')
	assert response.status == 413, response


def test_a_request_of_1024_entries_is_accepted():
	account = fresh()
	body = accepted(post(*[entry('Mint', account, 1) for _ in range(1024)]))
	assert body['seq_end'] - body['seq_start'] == 1023, body


def test_tokens_that_do_not_hold_are_told_apart():
	one = [entry('Mint', fresh(), 1)]
	ref = nodes.capability_ref(token())
	body = {'batch': [{**one[0], 'capability_ref': ref}]}
	assert node().http('POST', '/ingest', body).status == 401
	assert node().http('POST', '/ingest', body, token='x').status == 401
	assert node().http('POST', '/ingest', body, token=token()[:-4]).status in (401, 403)
	flipped = token()[:60] + ('A' if token()[60] != 'A' else 'B') + token()[61:]
	assert node().http('POST', '/ingest', body, token=flipped).status in (401, 403)
	weak = node().mint('ledger.ingest')
	response = node().ingest(one, weak)
	refused(response, 403, 'cap_invalid')
	response = node().http('POST', '/ingest', {'batch': [{**one[0], 'capability_ref': 'ff' * 16}]},
		token=token())
	refused(response, 403, 'cap_invalid', 'capability_mismatch')


def test_a_revoked_token_is_refused_before_revoke_returns():
	doomed = node().mint()
	account = fresh()
	accepted(node().ingest([entry('Mint', account, 1)], doomed))
	node().cli('cap', 'revoke', nodes.capability_ref(doomed))
	refused(node().ingest([entry('Mint', account, 1)], doomed), 403, 'cap_invalid')


def test_a_clock_far_off_is_refused_but_not_for_a_repeat():
	far = int(time.time() * 1000) - 25 * 3600 * 1000
	refused(post(entry('Mint', fresh(), 1, ts=far)), 403, 'policy_denied', 'ts_skew')
	one = entry('Mint', fresh(), 1)
	accepted(post(one))
	accepted(post({**one, 'ts': far}))


def test_an_entry_is_shown_with_all_that_was_committed():
	account = fresh()
	body = mint(account, 123, memo='for the tour')
	shown = node().http('GET', f'/entries/{body["seq_start"]}', token=token())
	assert shown.status == 200, shown
	record = shown.json()
	assert (record['seq'], record['kind'], record['account'], record['amount']) == (
		body['seq_start'], 'Mint', account, '123'), record
	assert record['new_root'] == body['new_root'], record
	assert node().http('GET', '/entries/999999999', token=token()).status == 404
	assert node().http('GET', f'/entries/{body["seq_start"]}').status == 401


def test_everything_is_there_after_a_restart_and_verify_is_green():
	with Node() as one:
		minted = one.mint()
		one.environment['MACRONODE_TOKEN'] = minted
		account, other = fresh(), fresh()
		first = entry('Mint', account, 50)
		before = one.ingest([first], minted).json()
		one.ingest([transfer(account, other, 20), entry('Hold', account, 10)], minted)
		one.restart()
		again = one.ingest([first], minted).json()
		assert (again['seq_start'], again['new_root']) == (
			before['seq_start'], before['new_root']), again
		assert one.ingest([transfer(account, other, 21)], minted).status == 403
		assert one.ingest([transfer(account, other, 20)], minted).status == 200
		assert one.cli('verify').returncode == 0
		one.stop()
		assert one.cli('verify').returncode == 0


def test_a_store_that_lost_an_entry_is_safe_mode_and_still_read():
	with Node() as one:
		minted = one.mint()
		one.ingest([entry('Mint', fresh(), 1)], minted)
		kept = one.ingest([entry('Mint', fresh(), 2)], minted).json()
		one.stop()
		path = one.profile.data / 'store/ledger.db'
		with contextlib.closing(sqlite3.connect(path)) as store, store:
			store.execute('PRAGMA wal_checkpoint(TRUNCATE)')
			store.execute('DELETE FROM entries WHERE seq = 1')
		for file in path.parent.iterdir():  # sqlite3 as root may have made files
			os.chown(file, path.parent.stat().st_uid, path.parent.stat().st_gid)
		one.start(wait=False)

		def reason():
			return one.http('GET', '/readyz', plane='admin').json().get('reason', '')
		eventually(lambda: 'safe_mode:store_corrupt' in reason(), 'safe mode')
		assert one.ingest([entry('Mint', fresh(), 1)], minted).status == 503
		roots = eventually(lambda: one.http('GET', '/roots').json().get('roots'), 'reads')
		assert roots[-1]['root'] == kept['new_root'], roots
		eventually(lambda: one.metric('ledger_safe_mode') == 1, 'the gauge')
		assert one.metric('ledger_seq_gap_detected_total') >= 1
		assert one.metric('service_restarts_total') == 0


def test_a_ledger_that_fills_its_memory_says_so_before_it_refuses():
	with Node({'ledger': {'dedupe_ram_entries': 1024}}) as one:
		minted = one.mint()

		def fill(count):
			return one.ingest([entry('Mint', 'alice', 1) for _ in range(count)], minted)

		def said(event):
			return [record for record in one.log() if record['event'] == event]
		assert fill(819).status == 200
		eventually(lambda: one.metric('ledger_dedupe_entries') == 819, 'the gauge')
		assert not said('capacity_low')
		assert fill(1).status == 200
		low = eventually(lambda: said('capacity_low'), 'the warning')[0]
		assert (low['count'], low['size']) == (820, 1024), low
		assert 'dedupe_ram_entries' in low['text'], low
		refused(fill(205), 207, 'busy', 'dedupe_capacity')
		eventually(lambda: said('capacity_reached'), 'the end')
		refused(fill(1), 429, 'busy', 'dedupe_capacity')
		assert len(said('capacity_low')) == len(said('capacity_reached')) == 1


def test_zz_the_shared_node_verifies_and_no_worker_died():
	assert node().cli('verify').returncode == 0
	assert node().metric('service_restarts_total') == 0, node().cli('status', check=False).stdout
	one = shared.pop('node')
	assert one.stop() == 0
	one.remove()


if __name__ == '__main__':
	try:
		tap.main(globals())
	finally:
		if 'node' in shared:
			shared['node'].stop()
			shared['node'].remove()

#!/usr/bin/env python3
"""Leaf bytes, version 1, written from docs/formats.md and not from core/entry.c.

Usage: make_entry.py > entry-v1.txt
Each block: a name, the fields that are not zero or empty, the leaf in hex, and its RFC 6962 hash.
"""
import hashlib

KINDS = dict(Credit=1, Debit=2, Transfer=3, Mint=4, Burn=5, Hold=6, Reverse=7)
SOURCES = dict(ingest=1, v1=2, sys=3, reward=4)
EFFECTS = dict(none=0, transfer=1, mint=2, burn=3, hold_release=4, capture=5, group_debit=6,
	group_credit=7)

# name, bytes of a number ('s' = string, 'b' = raw bytes of that count), in the order of the leaf
FIELDS = [
	('version', 2), ('seq', 8), ('id', 'b16'), ('ts', 8), ('kind', 1), ('source', 1),
	('account', 's'), ('asset', 's'), ('amount', 16), ('nonce', 'b16'), ('kid', 4),
	('capability_ref', 's'), ('counter_account', 's'), ('original_id', 'b16'),
	('original_seq', 8), ('effect', 1), ('expires_ts', 8), ('memo_hash', 'b32'),
	('group_first', 8), ('group_count', 4), ('receipt_hash', 'b32'),
]


def leaf(fields):
	out = b''
	for name, form in FIELDS:
		value = fields.get(name)
		if form == 's':
			text = (value or '').encode()
			out += bytes([len(text)]) + text
		elif isinstance(form, str):
			width = int(form[1:])
			out += bytes.fromhex(value) if value else bytes(width)
		else:
			table = {'kind': KINDS, 'source': SOURCES, 'effect': EFFECTS}.get(name)
			number = table[value] if table and value else value or 0
			out += number.to_bytes(form, 'little')
	return out


def common(seq, kind, account, **more):
	return dict(version=1, seq=seq, id='%032x' % (0x9c7d9bda1f8a4f3e8f7a000000000000 + seq),
		ts=1728794183123 + seq, kind=kind, source='ingest', account=account, asset='ron',
		amount=12345, nonce='%032x' % (0x000102030405060708090a0b0c0d0e00 + seq), kid=7,
		capability_ref='00112233445566778899aabbccddeeff', **more)


CASES = [
	('mint', common(1, 'Mint', 'alice')),
	('burn', common(2, 'Burn', 'alice')),
	('transfer', common(3, 'Transfer', 'alice', counter_account='bob:main')),
	('hold', common(4, 'Hold', 'alice', expires_ts=1728794999999)),
	('capture', common(5, 'Transfer', 'alice', counter_account='shop', original_seq=4,
		original_id='%032x' % (0x9c7d9bda1f8a4f3e8f7a000000000000 + 4), effect='capture')),
	('release', common(6, 'Reverse', 'alice', original_seq=4,
		original_id='%032x' % (0x9c7d9bda1f8a4f3e8f7a000000000000 + 4), effect='hold_release')),
	('reverse', common(7, 'Reverse', 'alice', counter_account='bob:main', original_seq=3,
		original_id='%032x' % (0x9c7d9bda1f8a4f3e8f7a000000000000 + 3), effect='transfer')),
	('debit', common(8, 'Debit', 'alice', group_first=8, group_count=2)),
	('credit', common(9, 'Credit', 'bob', group_first=8, group_count=2)),
	('reverse_debit', common(10, 'Reverse', 'alice', original_seq=8, group_first=10, group_count=2,
		original_id='%032x' % (0x9c7d9bda1f8a4f3e8f7a000000000000 + 8), effect='group_debit')),
	('reverse_credit', common(11, 'Reverse', 'bob', original_seq=9, group_first=10, group_count=2,
		original_id='%032x' % (0x9c7d9bda1f8a4f3e8f7a000000000000 + 9), effect='group_credit')),
	('largest', dict(common(2**64 - 1, 'Transfer', 'A' * 128, counter_account='z' * 128),
		id='ff' * 16, ts=2**63 - 1, source='reward', asset='a' * 32, amount=2**128 - 1,
		nonce='ff' * 16, kid=2**32 - 1, capability_ref='c' * 128, memo_hash='aa' * 32,
		receipt_hash='bb' * 32)),
]

for case, fields in CASES:
	data = leaf(fields)
	print('name', case)
	for name, _ in FIELDS:
		if fields.get(name):
			print(name, fields[name])
	print('leaf', data.hex())
	print('hash', hashlib.sha256(b'\0' + data).hexdigest())
	print()

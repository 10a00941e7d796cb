#!/usr/bin/env python3
"""Makes tests/vectors/macaroon.txt: an implementation of macaroon v2 of its own.

Written from libmacaroons' doc/format.txt with nothing but hmac and hashlib, so that
core/macaroon.c is not its own judge. Usage: make_macaroon.py > macaroon.txt
"""
import base64
import hashlib
import hmac
import struct

HEADER = """\
# Macaroons, format v2. Made by make_macaroon.py; read by test_macaroon.c.
# One a line: name, root key, location, identifier, caveats (split by ','), binary, text,
# running HMAC after each caveat (split by ','), counter id of each. Hex, but name and text; - is empty.
# Compared once with npm macaroon 3.0.4: it signs all of them the same, writes the same bytes (but
# cannot write three of them, its buffer overgrows), and reads and verifies what is here
# (but any_byte, whose caveats are no UTF-8)."""


def mac(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(kind, data):
    return bytes([kind]) + varint(len(data)) + data


def macaroon(key, location, identifier, caveats):
    running = [mac(mac(b"macaroons-key-generator".ljust(32, b"\0"), key), identifier)]
    binary = b"\x02" + (field(1, location) if location else b"") + field(2, identifier) + b"\0"
    for caveat in caveats:
        running.append(mac(running[-1], caveat))
        binary += field(2, caveat) + b"\0"
    return binary + b"\0" + field(6, running[-1]), running[1:]


def identifier(key_id, iat):
    node = hashlib.sha256(b"macronode.local/0123456789abcdef").digest()[:16]
    return struct.pack("<BI16sQ16s", 1, key_id, bytes(range(16)), iat, node)


def counter(running):
    return hashlib.sha256(b"macronode daily counter v1\0" + running).digest()[:16]


def listed(items):
    return ",".join(item.hex() for item in items) or "-"


CASES = [
    ("bare", b"this is the key", b"", b"keyid", []),
    ("located", b"this is the key", b"http://example.org/", b"keyid", [b"account = 3735928559"]),
    ("ours", bytes(range(32)), b"macronode.local/0123456789abcdef", identifier(1, 1800000000), [
        b"node=macronode.local/0123456789abcdef", b"action=wallet.*,ledger.ingest",
        b"exp=1800086400", b"daily<=1000000", b"account=acc_a*", b"daily<=1000000"]),
    ("sibling", bytes(range(32)), b"", identifier(1, 1800000000), [
        b"node=macronode.local/0123456789abcdef", b"action=wallet.*,ledger.ingest",
        b"exp=1800000000", b"daily<=1000000"]),
    ("long key", b"k" * 100, b"", b"i" * 127, [b"c" * 127]),
    ("two-byte lengths", b"", b"l" * 256, b"i" * 128, [b"c" * 128, b"d" * 256]),
    ("any byte", b"\xff" * 32, b"", bytes(range(256)), [b"\0", b"\xff\xfe,=", bytes(range(255, 0, -1))]),
    ("as many as fit", b"key", b"", b"id", [b"tenant=t%d" % n for n in range(32)]),
]

print(HEADER)
for name, key, location, ident, caveats in CASES:
    binary, running = macaroon(key, location, ident, caveats)
    text = base64.urlsafe_b64encode(binary).rstrip(b"=").decode()
    print(name.replace(" ", "_"), key.hex() or "-", location.hex() or "-", ident.hex(), listed(caveats),
          binary.hex(), text, listed(running), listed([counter(r) for r in running]))

"""An inclusion proof read and verified by Python's standard library alone: the text of C2SP tlog-proof
and the algorithm of RFC 9162 section 2.1.3.2, as they stand there."""
import base64
import collections

from ledger_check import leaf_hash, node_hash

Proof = collections.namedtuple('Proof', 'leaf index hashes note')  # leaf: None if it is not in it


def read_proof(text):
	head, blank, note = text.partition('\n\n')
	name, *lines = head.split('\n')
	assert name == 'c2sp.org/tlog-proof@v1' and blank, text
	leaf = None
	if lines[0].startswith('extra '):
		leaf = base64.b64decode(lines.pop(0)[6:], validate=True)
	word, index = lines.pop(0).split(' ')
	assert word == 'index' and index == str(int(index)), text
	hashes = [base64.b64decode(line, validate=True) for line in lines]
	assert all(len(one) == 32 for one in hashes), text
	return Proof(leaf, int(index), hashes, note)


def root_of(leaf, index, size, hashes):
	"""The root of a tree of `size` leaves in which the proof puts this one; None: it puts it nowhere."""
	if index >= size:
		return None
	number, last, found = index, size - 1, leaf_hash(leaf)
	for one in hashes:
		if last == 0:
			return None
		if number & 1 or number == last:
			found = node_hash(one, found)
			while number and not number & 1:
				number, last = number >> 1, last >> 1
		else:
			found = node_hash(found, one)
		number, last = number >> 1, last >> 1
	return found if last == 0 else None

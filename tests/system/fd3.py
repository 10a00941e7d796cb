"""A captured worker, played from outside: its fd 3 is taken with pidfd_getfd (as root), and what
it would say to the supervisor is said on it."""
import ctypes
import os
import pathlib
import socket
import struct

import tap
import wire

SYS_PIDFD_GETFD = 438
READY, PROGRESS, ACCUSE, DRAINED, REPORT, FAILED = 0x0103, 0x0104, 0x0108, 0x010A, 0x010B, 0x010C
CAP_ANSWER, GOVERN_ANSWER = 0x0184, 0x0186
ERR_MALFORMED = 1
PHASES = {'starting': 0, 'loading': 1, 'serving': 2, 'safe_mode': 3, 'drained': 4}
# wire ids, in the order of proto/processes.h
PROCESSES = ('client', 'supervisor', 'admin', 'ingress', 'prevalidator', 'kms', 'sequencer',
	'committer', 'archive', 'wallet', 'rewarder')


class Fd3:
	"""Speaks to the supervisor as the worker `pid`."""

	def __init__(self, pid):
		if os.geteuid() != 0:
			raise tap.Skip('needs root')
		pidfd = os.pidfd_open(pid)
		fd = ctypes.CDLL(None, use_errno=True).syscall(SYS_PIDFD_GETFD, pidfd, 3, 0)
		os.close(pidfd)
		if fd < 0:
			raise tap.Skip(f'pidfd_getfd: {os.strerror(ctypes.get_errno())}')
		self.socket = socket.socket(fileno=fd)

	def __enter__(self):
		return self

	def __exit__(self, *_):
		self.socket.close()

	def raw(self, data):
		self.socket.send(data)

	def say(self, verb, payload=b'', flags=wire.EVENT, corr_id=0):
		self.raw(wire.encode_frame(wire.Frame(flags, 0, corr_id, verb, payload)))

	def accuse(self, role, generation, instance=0, verb=0x0200):
		self.say(ACCUSE, struct.pack('<BBIHB', PROCESSES.index(role), instance, generation, verb,
			ERR_MALFORMED))

	def report(self, phase, text=b''):
		self.say(REPORT, struct.pack('<BQQ32sI', PHASES.get(phase, phase), 0, 0, bytes(32),
			len(text)) + text)


def generation(node, role, pid):
	"""As the log of the supervisor has it."""
	return node.logged('worker_started', pid_of=pid, about=role)['generation']


def fds(pid):
	"""{fd: target} of a process."""
	found = {}
	for fd in pathlib.Path(f'/proc/{pid}/fd').iterdir():
		try:
			found[int(fd.name)] = os.readlink(fd)
		except OSError:
			pass  # closed in between
	return found

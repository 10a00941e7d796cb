"""Random SIGKILLs and SIGSTOPs over the workers of a node, and what must be the same after."""
import heapq
import pathlib
import random
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'system'))
import harness  # noqa: E402
from harness import nodes  # noqa: E402

# The supervisor ends a worker that was stopped for node.ping_timeout, but committer and
# sequencer only after a minute (a slow disk is no hang), so those are always continued.
PATIENT_ROLES = ('committer', 'sequencer')
STOPPED_SECONDS_MAX = 0.3
PAUSE_SECONDS_MEAN = 0.008
READY_EACH_EVENTS = 100
SETTINGS = {'node': {'restart_min': '1ms', 'restart_max': '10ms', 'restart_cap': '10ms',
	'ping_timeout': '200ms'}}


class Chaos:
	def __init__(self, node, seed, pause_seconds_mean=PAUSE_SECONDS_MEAN):
		self.node = node
		self.pause_seconds_mean = pause_seconds_mean
		self.rng = random.Random(seed)
		self.to_continue = []  # (when, pid, start)
		self.killed = 0
		self.stopped = 0
		self.slowest = 0.0  # seconds until the node was ready again

	def run(self, events, spared=()):
		for number in range(1, events + 1):
			self.disturb(spared)
			self.pause(self.rng.expovariate(1 / self.pause_seconds_mean))
			if number % READY_EACH_EVENTS == 0:
				self.settle()
		self.settle()

	def disturb(self, spared):
		role, pid, start = harness.eventually(lambda: self.choose(spared), 'a worker to disturb')
		if self.rng.random() < 0.7:
			self.killed += nodes.signal_process(pid, start, signal.SIGKILL)
			return
		if not nodes.signal_process(pid, start, signal.SIGSTOP):
			return
		self.stopped += 1
		if role in PATIENT_ROLES or self.rng.random() < 0.5:
			when = time.monotonic() + self.rng.uniform(0, STOPPED_SECONDS_MAX)
			heapq.heappush(self.to_continue, (when, pid, start))

	def choose(self, spared):
		found = [(role, pid, start) for role, pid, start in workers(self.node)
			if role not in spared]
		return self.rng.choice(found) if found else None

	def pause(self, seconds):
		end = time.monotonic() + seconds
		while self.to_continue and self.to_continue[0][0] <= end:
			when, pid, start = heapq.heappop(self.to_continue)
			time.sleep(max(0.0, when - time.monotonic()))
			nodes.signal_process(pid, start, signal.SIGCONT)
		time.sleep(max(0.0, end - time.monotonic()))

	def settle(self):
		"""All are continued, and the node is ready again: it did not lock up."""
		while self.to_continue:
			self.pause(max(0.0, self.to_continue[0][0] - time.monotonic()))
		began = time.monotonic()
		self.node.wait_ready()
		self.slowest = max(self.slowest, time.monotonic() - began)


def workers(node):
	"""[(role, pid, start)], sorted, so that a seed chooses alike."""
	found = []
	for pid, start in nodes.process_tree(node.child.pid).items():
		try:
			name = pathlib.Path(f'/proc/{pid}/comm').read_text().strip()
		except OSError:
			continue
		if pid != node.child.pid and name.startswith('mn-'):
			found.append((name[3:], pid, start))
	return sorted(found)


def fd_count(pid):
	"""Who is not root may not look into a worker; since Linux 6.2 the directory's size says it."""
	directory = pathlib.Path(f'/proc/{pid}/fd')
	try:
		return len(list(directory.iterdir()))
	except PermissionError:
		return directory.stat().st_size


def own_kib(pid):
	"""Memory of its own: heap and stacks, without files and shared pages."""
	for line in pathlib.Path(f'/proc/{pid}/status').read_text().splitlines():
		if line.startswith('RssAnon:'):
			return int(line.split()[1])
	raise AssertionError(f'{pid} has no RssAnon')


def fds_at_rest(node):
	"""[(role, fds)] of the supervisor and all workers."""
	counts = [(role, fd_count(pid)) for role, pid, _ in workers(node)]
	return [('supervisor', fd_count(node.child.pid))] + sorted(counts)

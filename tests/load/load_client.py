"""The load client (tests/load/main.c) as a child of a test: started, ended, understood."""
import json
import os
import signal
import subprocess


class Load:
	"""with Load(build, 'ingest', node.profile.api_address, token, seconds=3) as load: ..."""

	def __init__(self, build, mode, to, token='', **options):
		options.setdefault('timeout_ms', 60000)  # beyond what a node of the harness may take
		words = [str(build / 'tests/load/load'), mode, '--to', str(to)]
		for name, value in options.items():
			words += ['--' + name.replace('_', '-'), str(value)]
		self.child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
			env={**os.environ, 'TOKEN': token}, text=True)

	def __enter__(self):
		return self

	def __exit__(self, *_):
		if self.child.poll() is None:
			self.child.kill()
		self.child.wait()
		self.child.stdout.close()

	def stop(self):
		"""No new requests; those under way are ended."""
		self.child.send_signal(signal.SIGTERM)

	def finish(self, seconds):
		"""What it says about itself, once it has ended."""
		out, _ = self.child.communicate(timeout=seconds)
		if self.child.returncode != 0:
			raise AssertionError(f'the load client ended with {self.child.returncode}')
		return json.loads(out)


def run(build, mode, to, token='', **options):
	with Load(build, mode, to, token, **options) as load:
		return load.finish(float(options.get('seconds', 10)) + 600)

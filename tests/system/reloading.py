"""What tests of reloads say often."""
import json
import os
import signal
import tomllib

from harness import nodes


def settings_of(node):
	return tomllib.loads(node.profile.config.read_text())


def change(node, /, **sections):
	"""Writes the node's file anew with these keys, as an editor does: at once."""
	settings = settings_of(node)
	for section, keys in sections.items():
		settings.setdefault(section, {}).update(keys)
	partial = node.profile.config.with_suffix('.new')
	partial.write_text(nodes.toml(settings))
	if node.user is not None:
		os.chown(partial, node.user, node.user)
	partial.rename(node.profile.config)
	node.profile.api_address = settings['api']['bind_addr']
	node.profile.admin_address = settings['admin']['bind_addr']


def reload(node):
	"""What the node says when it is over; anything but success fails."""
	words = ('--run-dir', str(node.profile.run))  # where it is, whatever its file says by now
	return json.loads(node.cli(*words, 'reload', '--json').stdout)


def hup(node):
	os.kill(node.child.pid, signal.SIGHUP)


def said(node, event):
	return [record for record in node.log() if record['event'] == event]

"""Starts a command as a service manager does: `activate.py OPTION... -- COMMAND...`

	NAME=127.0.0.1:PORT, NAME=PATH   a listening socket, from descriptor 3 on
	env:NAME=VALUE                   LISTEN_* are made, unless one is said here
	fifo:N=PATH                      descriptor N writes into that FIFO
	until=PATH                       the command waits until somebody opens that FIFO to write
"""
import os
import socket
import sys


def listener(address):
	if address.startswith('/'):
		made = socket.socket(socket.AF_UNIX)
		made.bind(address)
	else:
		host, port = address.rsplit(':', 1)
		made = socket.socket()
		made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		made.bind((host, int(port)))
	made.listen(16)
	return made


def main():
	end = sys.argv.index('--')
	names, sockets, chosen, fifos, gate = [], [], {}, [], None
	for option in sys.argv[1:end]:
		name, _, value = option.partition('=')
		if name.startswith('env:'):
			chosen[name[4:]] = value
		elif name.startswith('fifo:'):
			fifos.append((int(name[5:]), value))
		elif name == 'until':
			gate = value
		else:
			names.append(name)
			sockets.append(listener(value))
	# First above what is about to be overwritten.
	held = [os.dup2(one.fileno(), 100 + number) for number, one in enumerate(sockets)]
	for number, fd in enumerate(held):
		os.dup2(fd, 3 + number)
	for number, path in fifos:
		os.dup2(os.open(path, os.O_WRONLY), number)
	if held:
		os.environ.update(LISTEN_FDS=str(len(held)), LISTEN_PID=str(os.getpid()),
			LISTEN_FDNAMES=':'.join(names))
	os.environ.update(chosen)
	if gate:
		os.close(os.open(gate, os.O_RDONLY))
	os.execv(sys.argv[end + 1], sys.argv[end + 1:])


if __name__ == '__main__':
	main()

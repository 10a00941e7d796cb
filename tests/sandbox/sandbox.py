"""The walls, tried from inside: each forbidden syscall kills, each allowed one does not; what
Landlock, the dropped identity and a worker's birth take away stays away."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'system'))
import tap  # noqa: E402

BUILT = pathlib.Path(os.environ['TRY_PROGRAMS'])
REPORT_BUILT = os.environ.get('REPORT_BUILT') == 'true'
REPORT_STATUS = 159


# Some cases run as another user, who may not be able to search the build directory.
COPIES = tempfile.TemporaryDirectory()
PROGRAMS = pathlib.Path(COPIES.name)
PROGRAMS.chmod(0o755)
# role -> names of try_syscall that its policy lets through beyond the base
ROLES = {role: set(filter(None, allowed.split(','))) for role, allowed in
	(item.split(':') for item in os.environ.get('SANDBOX_ROLES', '').split())}
for name in ('birth', 'identity', 'landlock', 'syscall', *(f'syscall_{role}' for role in ROLES)):
	shutil.copy(BUILT / f'try_{name}', PROGRAMS)


def run(program, *args, **options):
	return subprocess.run([PROGRAMS / program, *args], capture_output=True, text=True,
		timeout=30, check=False, **options)


def expect(got, status, stderr=''):
	assert got.returncode == status, (got.returncode, got.stdout, got.stderr)
	assert stderr in got.stderr, got.stderr


def attempts():
	listed = run('try_syscall', 'list')
	expect(listed, 0)
	return [line.split() for line in listed.stdout.splitlines()]


def attempt_case(program, name, allowed):
	def case():
		expect(run(program, 'kill', name), 0 if allowed else -signal.SIGSYS)
	return case


def role_case(role, more):
	def case():
		unknown = more - {name for name, _ in attempts()}
		assert not unknown, f'no such attempt: {unknown}'
		for name, meant in attempts():
			attempt_case(f'try_syscall_{role}', name, meant == 'allowed' or name in more)()
	return case


for attempt_name, attempt_meant in attempts():
	globals()[f'test_{attempt_meant}_{attempt_name}'] = attempt_case(
		'try_syscall', attempt_name, attempt_meant == 'allowed')
for role_name, role_more in ROLES.items():
	globals()[f'test_{role_name}_may_do_what_its_policy_says_and_no_more'] = role_case(
		role_name, role_more)


def test_the_list_of_attempts_is_not_empty():
	meant = [what for _, what in attempts()]
	assert meant.count('forbidden') >= 60 and meant.count('allowed') >= 20, meant


def test_entering_twice_is_said_and_survived():
	expect(run('try_syscall', 'twice', 'nothing'), 0)


def test_report_mode_exists_only_in_a_report_build():
	got = run('try_syscall', 'report', 'socket')
	if REPORT_BUILT:
		expect(got, REPORT_STATUS, 'sandbox_violation process=try syscall_nr=')
	else:
		expect(got, 3, 'report mode is not in this build')


def test_report_mode_lets_the_allowed_through():
	if not REPORT_BUILT:
		raise tap.Skip('built without -Dsandbox_report=true')
	expect(run('try_syscall', 'report', 'malloc_big'), 0)


def test_landlock_leaves_what_is_listed_and_nothing_else():
	with tempfile.TemporaryDirectory() as folder:
		for name in ('read', 'write', 'create', 'outside'):
			os.mkdir(f'{folder}/{name}')
		for name in ('read/file', 'write/file', 'outside/file', 'single'):
			pathlib.Path(f'{folder}/{name}').write_text('x', encoding='ascii')
		got = run('try_landlock', folder)
	if got.returncode == 77:
		raise tap.Skip('this kernel has no Landlock')
	expect(got, 0)


def test_root_becomes_a_user_for_good():
	if os.geteuid() != 0:
		raise tap.Skip('needs root')
	expect(run('try_identity', 'switch'), 0)


def test_an_unprivileged_start_gives_up_the_rest():
	if os.geteuid() == 0:
		expect(run('try_identity', 'keep', user=47002, group=47002, extra_groups=[]), 0)
	else:
		expect(run('try_identity', 'keep'), 0)


def test_a_hard_limit_below_ours_is_kept_instead_of_failing():
	if os.geteuid() == 0:
		expect(run('try_identity', 'poor', user=47002, group=47002, extra_groups=[]), 0)
	else:
		expect(run('try_identity', 'poor'), 0)


def test_root_without_another_user_is_refused():
	if os.geteuid() != 0:
		raise tap.Skip('needs root')
	got = run('try_identity', 'keep')
	expect(got, 4)
	assert got.stdout.startswith('DENIED: no worker runs as root'), got.stdout


def birth(*args):
	"""As a user that is not root, whoever runs the tests."""
	if os.geteuid() == 0:
		return run('try_birth', *args, user=47002, group=47002, extra_groups=[])
	return run('try_birth', *args)


def test_a_worker_is_named_and_not_dumpable():
	assert birth(str(os.getpid())).stdout == 'OK mn-prevalidator dumpable=0\n'


def test_a_worker_without_its_supervisor_ends():
	assert birth('1' if os.getpid() != 1 else '2').stdout == 'STALE\n'


def test_a_supervisor_pid_is_a_plain_number():
	for text in ('', '0', '-1', '+1', ' 1', '1 ', '1x', '0x1', '12345678901'):
		assert birth(text).stdout == 'MALFORMED\n', text
	assert birth().stdout == 'MALFORMED\n'


def test_a_worker_never_begins_as_root():
	if os.geteuid() != 0:
		raise tap.Skip('needs root')
	assert run('try_birth', str(os.getpid())).stdout == 'DENIED\n'


if __name__ == '__main__':
	tap.main(globals())

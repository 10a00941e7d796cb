#include "supervisor/rebind.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/supervisor.h"

void rebind_init(struct rebind *rebind)
{
	*rebind = (struct rebind){
		.admin_fd = -1, .api_tcp_fd = -1, .api_uds_fd = -1, .uds_gid = (gid_t)-1
	};
}

static bool differs(const struct supervisor *self, const struct config *next, enum config_key_id id)
{
	return config_key_differs(id, &self->config, next);
}

/* --- binding --- */

static void share_ports(struct supervisor *self, bool shares)
{
	listen_share_port(self->admin_fd, shares);
	listen_share_port(self->api_tcp_fd, shares);
}

/* 0.0.0.0:P is taken while 127.0.0.1:P is ours, and so are two addresses that change places: then
 * the port is shared for a moment, and never otherwise. */
static int bind_tcp(struct supervisor *self, const struct config_address *address)
{
	int fd = listen_tcp_bind(address, false);

	if (fd >= 0 || errno != EADDRINUSE ||
		(!listen_has_port(self->admin_fd, address->port) &&
			!listen_has_port(self->api_tcp_fd, address->port))) {
		return fd;
	}
	share_ports(self, true);
	self->reload.rebind.shares_port = true;
	return listen_tcp_bind(address, true);
}

static bool bind_uds(struct supervisor *self, const struct config *next)
{
	struct rebind *rebind = &self->reload.rebind;
	struct listen_unix_plan plan = { .path = next->uds_path,
		.replaces_ours = strcmp(next->uds_path, self->config.uds_path) == 0 };

	if (!spawn_group(next->uds_group, &rebind->uds_gid)) {
		return false;
	}
	if (next->uds_path[0] == '\0') {
		return true;
	}
	plan.gid = rebind->uds_gid;
	plan.mode = rebind->uds_gid == (gid_t)-1 ? 0600 : 0660;
	rebind->api_uds_fd = listen_unix_bind(&plan);
	return rebind->api_uds_fd >= 0;
}

bool rebind_prepare(struct supervisor *self, const struct config *next, const char **ret_key)
{
	struct rebind *rebind = &self->reload.rebind;

	rebind_init(rebind);
	rebind->uds_gid = self->uds_gid;
	if (differs(self, next, CONFIG_KEY_admin_bind_addr)) {
		*ret_key = "admin.bind_addr";
		rebind->admin_fd = bind_tcp(self, &next->admin_bind_addr);
		if (rebind->admin_fd < 0) {
			return false;
		}
	}
	if (differs(self, next, CONFIG_KEY_api_bind_addr)) {
		*ret_key = "api.bind_addr";
		rebind->api_tcp_fd = bind_tcp(self, &next->api_bind_addr);
		if (rebind->api_tcp_fd < 0) {
			return false;
		}
	}
	rebind->changes_uds = differs(self, next, CONFIG_KEY_uds_path) ||
			      differs(self, next, CONFIG_KEY_uds_group);
	*ret_key = differs(self, next, CONFIG_KEY_uds_path) ? "uds.path" : "uds.group";
	return !rebind->changes_uds || bind_uds(self, next);
}

/* --- passing --- */

static bool send_fd(const struct child *child, enum setup_fd what, int fd)
{
	struct mesh *mesh = &child->supervisor->mesh;
	struct peer *peer = mesh_peer_of(mesh, child->process, child->instance, child->generation);
	struct oap_setup_fd msg = { .what = (uint8_t)what };
	int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (fd >= 0 && copy >= 0) {
		(void)!peer_send_setup_fd(peer, &msg, copy); /* one that is gone is seen to be */
	}
	return fd < 0 || copy >= 0;
}

bool rebind_send(const struct child *child, const struct config *next, uint16_t *ret_closes)
{
	const struct rebind *rebind = &child->supervisor->reload.rebind;

	*ret_closes = 0;
	switch (child->plan->listener) {
	case LISTENER_NONE:
		break;
	case LISTENER_ADMIN:
		return send_fd(child, SETUP_FD_LISTEN_TCP, rebind->admin_fd);
	case LISTENER_API:
		if (rebind->changes_uds && next->uds_path[0] == '\0') {
			*ret_closes = 1u << SETUP_FD_LISTEN_UDS;
		}
		return send_fd(child, SETUP_FD_LISTEN_TCP, rebind->api_tcp_fd) &&
		       send_fd(child, SETUP_FD_LISTEN_UDS, rebind->api_uds_fd);
	}
	return true;
}

/* --- listening --- */

/* The directory before the socket that is found through it, and that last: renamed, it is there
 * for everybody. */
static bool publish_uds(struct supervisor *self, const struct config *next, const char **ret_key)
{
	struct rebind *rebind = &self->reload.rebind;

	if (!rebind->changes_uds) {
		return true;
	}
	*ret_key = "uds.group";
	if (!dirs_share_run(self, rebind->uds_gid)) {
		return false;
	}
	*ret_key = "uds.path";
	if (rebind->api_uds_fd < 0 || listen_unix_begin(rebind->api_uds_fd, next->uds_path)) {
		return true;
	}
	int saved_errno = errno;
	(void)!dirs_share_run(self, self->uds_gid);
	errno = saved_errno;
	return false;
}

bool rebind_publish(struct supervisor *self, const struct config *next, const char **ret_key)
{
	struct rebind *rebind = &self->reload.rebind;

	*ret_key = "admin.bind_addr";
	if (rebind->admin_fd >= 0 && !listen_tcp_begin(rebind->admin_fd, *ret_key)) {
		return false;
	}
	*ret_key = "api.bind_addr";
	if (rebind->api_tcp_fd >= 0 && !listen_tcp_begin(rebind->api_tcp_fd, *ret_key)) {
		return false;
	}
	return publish_uds(self, next, ret_key);
}

/* --- and then --- */

static void take_place(int *fd, int *next)
{
	if (*next >= 0) {
		close(*fd);
		*fd = *next;
		*next = -1;
	}
}

static void retire_uds(struct supervisor *self, const struct config *before)
{
	struct rebind *rebind = &self->reload.rebind;

	if (!rebind->changes_uds) {
		return;
	}
	if (before->uds_path[0] != '\0' && strcmp(before->uds_path, self->config.uds_path) != 0) {
		(void)unlink(before->uds_path);
	}
	if (self->api_uds_fd >= 0) {
		close(self->api_uds_fd);
	}
	self->api_uds_fd = rebind->api_uds_fd;
	rebind->api_uds_fd = -1;
	self->uds_gid = rebind->uds_gid;
}

/* self->config is the new one already. */
void rebind_commit(struct supervisor *self, const struct config *before)
{
	struct rebind *rebind = &self->reload.rebind;

	take_place(&self->admin_fd, &rebind->admin_fd);
	take_place(&self->api_tcp_fd, &rebind->api_tcp_fd);
	retire_uds(self, before);
	if (rebind->shares_port) {
		share_ports(self, false);
	}
	rebind_init(rebind);
}

void rebind_abort(struct supervisor *self, const struct config *next)
{
	struct rebind *rebind = &self->reload.rebind;
	int *const fds[] = { &rebind->admin_fd, &rebind->api_tcp_fd, &rebind->api_uds_fd };

	if (rebind->api_uds_fd >= 0) {
		listen_unix_drop(next->uds_path);
	}
	for (size_t i = 0; i < COUNT_OF(fds); i++) {
		if (*fds[i] >= 0) {
			close(*fds[i]);
		}
	}
	if (rebind->shares_port) {
		share_ports(self, false);
	}
	rebind_init(rebind);
}

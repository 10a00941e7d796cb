/* Ports, and the names by which clients say that they mean this node. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/doctor.h"

static void look_at_port(
	struct doctor *doctor, enum finding finding, const struct config_address *address)
{
	struct sockaddr_storage bound = { 0 };
	struct sockaddr_in *in4 = (struct sockaddr_in *)&bound;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&bound;
	bool is_six = address->family == 6;
	int yes = 1, fd = socket(is_six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (is_six) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(address->port);
		memcpy(&in6->sin6_addr, address->ip, sizeof in6->sin6_addr);
	} else {
		in4->sin_family = AF_INET;
		in4->sin_port = htons(address->port);
		memcpy(&in4->sin_addr, address->ip, sizeof in4->sin_addr);
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (fd < 0 ||
		bind(fd, (struct sockaddr *)&bound, is_six ? sizeof *in6 : sizeof *in4) == -1 ||
		listen(fd, 1) == -1) {
		if (doctor->node == DOCTOR_NODE_HIDDEN) { /* it may be its own */
			findings_add_mend(doctor->findings, finding, FINDING_IS_UNKNOWN,
				DOCTOR_MEND_DENIED, "port %u: %s", address->port, strerror(errno));
		} else {
			findings_add(doctor->findings, finding, FINDING_IS_BAD, "port %u: %s",
				address->port, strerror(errno));
		}
	} else {
		findings_add(
			doctor->findings, finding, FINDING_IS_OK, "port %u is free", address->port);
	}
	if (fd >= 0) {
		(void)close(fd);
	}
}

void doctor_network_ports(struct doctor *doctor)
{
	if (doctor->node == DOCTOR_NODE_NONE || doctor->node == DOCTOR_NODE_HIDDEN) {
		look_at_port(doctor, FINDING_API, &doctor->config->api_bind_addr);
		look_at_port(doctor, FINDING_ADMIN, &doctor->config->admin_bind_addr);
	}
}

/* As a proxy on this machine would ask. */
void doctor_network_names(struct doctor *doctor)
{
	const struct config_texts *names = &doctor->config->api_host_names;
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };

	for (uint32_t i = 0; i < names->count; i++) {
		struct addrinfo *found = NULL;
		int code = getaddrinfo(names->texts[i], NULL, &hints, &found);

		if (code == 0) {
			freeaddrinfo(found);
			findings_add(doctor->findings, FINDING_HOST_NAMES, FINDING_IS_OK,
				"%s has an address", names->texts[i]);
			continue;
		}
		findings_add(doctor->findings, FINDING_HOST_NAMES,
			code == EAI_NONAME || code == EAI_NODATA ? FINDING_IS_WEAKER
								 : FINDING_IS_UNKNOWN,
			"%s: %s", names->texts[i], gai_strerror(code));
	}
}

#include "proto/links.h"

#include "proto/verbs.h"

bool links_exist(unsigned a, unsigned b)
{
	if (a == PROCESS_SUPERVISOR || b == PROCESS_SUPERVISOR || a == b) {
		return false;
	}
#define AS_CHECK(id, NAME, name, senders, receivers, kind)                    \
	if (OAP_KIND_##kind != OAP_KIND_CONTROL &&                            \
		(oap_route_allows(id, a, b) || oap_route_allows(id, b, a))) { \
		return true;                                                  \
	}
	OAP_VERBS(AS_CHECK)
#undef AS_CHECK
	return false;
}

static bool is_plane_of_admin(struct process_id id)
{
	return id.process == PROCESS_ADMIN || process_is_of_admin(id);
}

bool links_join(struct process_id a, struct process_id b)
{
	if (!links_exist(a.process, b.process)) {
		return false;
	}
	if (a.process == PROCESS_KMS || b.process == PROCESS_KMS) {
		return true; /* tokens are judged, and handshakes signed, for both planes */
	}
	return is_plane_of_admin(a) == is_plane_of_admin(b);
}

struct link_window links_window(unsigned sender, unsigned receiver)
{
	static const struct window_row {
		uint8_t sender, receiver;
		struct link_window window;
	} rows[] = {
#define AS_ROW(from, to, requests, bytes) { PROCESS_##from, PROCESS_##to, { requests, bytes } },
		OAP_WINDOWS(AS_ROW)
#undef AS_ROW
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (rows[i].sender == sender && rows[i].receiver == receiver) {
			return rows[i].window;
		}
	}
	return (struct link_window){ 0, 0 };
}

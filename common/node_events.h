#ifndef COMMON_NODE_EVENTS_H
#define COMMON_NODE_EVENTS_H

/* What happens to a node, told on GET /events of the admin plane (spec/node.md sections 1.4, 9.4).
 * The id on the wire is internal; clients know the topic. Append only.
 *
 * NAME, topic, its members, when */
#define NODE_EVENTS(E)                                                                          \
	E(HEALTH, "macronode.health", "service ok ready degraded draining safe_mode reason",    \
		"readiness changed: of one role, or of the node, which is `macronode`")         \
	E(CRASHED, "macronode.service.crashed", "service instance pid cause restarts",          \
		"a worker died")                                                                \
	E(RESTARTED, "macronode.service.restarted", "service instance pid restarts",            \
		"another one took its place")                                                   \
	E(DEGRADED, "macronode.service.degraded", "service instance degraded",                  \
		"a worker dies too often, or no longer")                                        \
	E(SAFE_MODE, "macronode.safe_mode", "safe_mode reason",                                 \
		"safe mode was entered, has another reason, or was left")                       \
	E(DRAINING, "macronode.draining", "reason", "the node stops")                           \
	E(CONFIG, "macronode.config.updated", "version changed needs_restart refusal actor",    \
		"a reload is over; `refusal` is empty when it was applied")                     \
	E(LAGGED, "macronode.lagged", "missed",                                                 \
		"this client was too slow, or came too late, for so many events; null: for an " \
		"unknown number, of a node that was started since")

enum node_event {
#define AS_ENUM(NAME, topic, members, text) NODE_EVENT_##NAME,
	NODE_EVENTS(AS_ENUM)
#undef AS_ENUM
		NODE_EVENT_COUNT
};

/* So many are kept; who is farther behind is told how many are lost (DESIGN-WALL.md section 3). */
#define NODE_EVENTS_KEPT 256u

#endif

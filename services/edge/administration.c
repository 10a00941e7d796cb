/* What administrators are answered: the supervisor's word, written by it, and passed on as it is.
 */
#include "services/edge/edge.h"

static bool is_done(const struct oap_admin_answer *msg)
{
	return msg->status == 200 || msg->status == 202;
}

static bool is_sound(const struct oap_admin_answer *msg)
{
	return is_done(msg) || (replies_is_refusal(msg->status) && msg->body.bytes_count == 0);
}

static void refuse(struct exchange *exchange, const struct oap_admin_answer *msg)
{
	struct refusal refusal = { .status = msg->status, .text = msg->text };

	if (msg->status == 403) {
		refusal.reason = REASON_CAP_INVALID;
	}
	exchange_refuse_as(exchange, &refusal,
		(struct answer){ .status = msg->status, .retry_after_s = msg->retry_after_s });
}

enum err administration_take(struct exchange *exchange, const struct oap_admin_answer *msg)
{
	bool is_of_watch;

	if (!is_sound(msg)) {
		return ERR_MALFORMED;
	}
	if (exchange == NULL) {
		return ERR_OK;
	}
	if (admin_acts_of(exchange->route) == ADMIN_ACT_COUNT) {
		return ERR_CONFLICT;
	}
	is_of_watch = exchange->route == ROUTE_ADMIN_EVENTS;
	if (is_done(msg) && is_of_watch != (msg->body.bytes_count == 0)) {
		return ERR_CONFLICT;
	}
	if (!is_done(msg)) {
		refuse(exchange, msg);
	} else if (is_of_watch) {
		watch_allowed(exchange);
	} else {
		exchange_answer(
			exchange, &(struct answer){ .status = msg->status, .body = msg->body });
	}
	return ERR_OK;
}

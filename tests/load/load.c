#include "tests/load/load.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/load/answers.h"

#define ANSWER_BYTES_START 16384u
#define ANSWER_BYTES_MAX   (20u * 1024u * 1024u)
#define BACKOFF_US_MIN     50000
#define TICK_US            10000
#define EVENTS             256

static volatile sig_atomic_t stop_asked;

static int64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static uint64_t unix_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool is_wallet(const struct load *load)
{
	return requests_is_wallet(load->options.plan.mode);
}

static bool is_write(const struct load *load, const struct load_connection *one)
{
	return is_wallet(load) ? wallet_is_write(one->said.form)
			       : load->options.plan.mode == REQUESTS_INGEST ||
					 load->options.plan.mode == REQUESTS_MINT;
}

static void disconnect(struct load_connection *one)
{
	if (one->fd >= 0) {
		(void)close(one->fd);
	}
	one->fd = -1;
	one->answer_used = 0;
}

static void finish(struct load *load, struct load_connection *one)
{
	disconnect(one);
	one->state = LOAD_FINISHED;
	load->live--;
}

static void fill(struct load *load, struct load_connection *one, uint64_t number)
{
	const struct requests_plan *plan = &load->options.plan;

	one->first = number;
	if (is_wallet(load)) {
		one->said = wallet_next(
			&load->options.wallet, (uint32_t)(one - load->connections), &one->turns);
		one->first = one->said.number;
		one->request_bytes = wallet_fill(&load->options.wallet, &one->said, one->request);
		return;
	}
	if (plan->mode == REQUESTS_PING) {
		one->first = requests_mix(requests_mix(plan->seed) ^ number);
	}
	requests_fill(plan, one->request, one->first, one->ts_unix_ms);
}

/* The next request waits from now on; whoever called sees to it that it is sent. */
static void next_request(struct load *load, struct load_connection *one)
{
	const struct requests_plan *plan = &load->options.plan;
	uint64_t number = load->next_number;

	if (load->stopping ||
		(load->options.entries_max != 0 && number >= load->options.entries_max)) {
		finish(load, one);
		return;
	}
	load->next_number += plan->entries_per_request;
	one->attempts = 0;
	one->ts_unix_ms = unix_ms();
	one->started_us = now_us();
	one->due_us = one->started_us;
	one->state = LOAD_WAITING;
	fill(load, one, number);
	if (load->options.sent != NULL) {
		(void)fprintf(load->options.sent, "%" PRIu64 " %" PRIu32 " %" PRIu64 "\n",
			one->first, plan->entries_per_request, one->ts_unix_ms);
	}
}

/* Equal jitter: half of the wait is sure, half is drawn. */
static int64_t backoff_us(struct load *load, unsigned attempts)
{
	int64_t wait = (int64_t)BACKOFF_US_MIN << (attempts < 10 ? attempts : 10);

	if (wait > load->options.backoff_us_max) {
		wait = load->options.backoff_us_max;
	}
	load->jitter = requests_mix(load->jitter);
	return wait / 2 + (int64_t)(load->jitter % (uint64_t)(wait / 2 + 1));
}

/* The attempt ended without an acknowledgement, and nobody can say what became of it. */
static void try_again(struct load *load, struct load_connection *one)
{
	int64_t now = now_us();
	int64_t wait = backoff_us(load, one->attempts);

	if (!is_write(load, one) || now - one->started_us > load->options.retry_us) {
		load->counts.abandoned += is_write(load, one);
		next_request(load, one);
		if (one->state == LOAD_FINISHED) {
			return;
		}
	} else {
		one->attempts++;
		load->counts.retries++;
	}
	one->state = LOAD_WAITING;
	one->due_us = now + wait;
}

static void lose(struct load *load, struct load_connection *one)
{
	load->counts.lost++;
	disconnect(one);
	try_again(load, one);
}

static bool open_socket(struct load *load, struct load_connection *one)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.ptr = one };
	const struct sockaddr *address = (const struct sockaddr *)&load->options.address;
	const int on = 1;

	one->fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (one->fd < 0) {
		return false;
	}
	if (address->sa_family == AF_INET) {
		(void)setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	}
	if (connect(one->fd, address, load->options.address_bytes) != 0 && errno != EINPROGRESS) {
		return false;
	}
	return epoll_ctl(load->epoll, EPOLL_CTL_ADD, one->fd, &event) == 0;
}

/* Sends what the socket takes. */
static void send_more(struct load *load, struct load_connection *one)
{
	size_t whole = one->request_bytes;

	while (one->sent < whole) {
		ssize_t count =
			send(one->fd, one->request + one->sent, whole - one->sent, MSG_NOSIGNAL);

		if (count < 0 && errno == EINTR) {
			continue;
		}
		if (count < 0) {
			if (errno != EAGAIN) {
				lose(load, one);
			}
			return;
		}
		one->sent += (size_t)count;
	}
}

static void begin_attempt(struct load *load, struct load_connection *one)
{
	one->due_us = now_us() + load->options.timeout_us;
	one->sent = 0;
	one->answer_used = 0;
	if (one->fd >= 0) {
		one->state = LOAD_TALKING;
		send_more(load, one);
		return;
	}
	one->state = LOAD_CONNECTING;
	if (!open_socket(load, one)) {
		lose(load, one);
	}
}

static void acknowledge(struct load *load, struct load_connection *one)
{
	load->counts.acknowledged++;
	histogram_add(&load->latency_us, (uint64_t)(now_us() - one->started_us));
	next_request(load, one);
}

/* first count ts_unix_ms seq_start seq_end root attempts */
static void journal_commit(
	struct load *load, const struct load_connection *one, const struct answers_commit *commit)
{
	if (load->options.acks != NULL) {
		(void)fprintf(load->options.acks,
			"%" PRIu64 " %" PRIu32 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %s %u\n",
			one->first, load->options.plan.entries_per_request, one->ts_unix_ms,
			commit->seq_start, commit->seq_end, commit->root, one->attempts + 1);
	}
}

/* form number seq txid receipt_hash attempts */
static void journal_receipt(
	struct load *load, const struct load_connection *one, const struct wallet_receipt *receipt)
{
	if (load->options.acks != NULL) {
		(void)fprintf(load->options.acks, "%s %" PRIu64 " %" PRIu64 " %s %s %u\n",
			wallet_form_name(one->said.form), one->said.number, receipt->seq,
			receipt->txid, receipt->hash, one->attempts + 1);
	}
}

/* Is it the answer that was asked for? What was acknowledged is written down. */
static bool is_answer(
	struct load *load, const struct load_connection *one, const struct answers_http *http)
{
	const struct wallet_plan *wallet = &load->options.wallet;
	struct answers_commit commit;
	struct wallet_receipt receipt;

	if (!is_write(load, one)) {
		return !is_wallet(load) ||
		       wallet_is_balance(wallet, &one->said, http->body, http->body_bytes);
	}
	if (!is_wallet(load)) {
		if (!answers_parse_commit(http->body, http->body_bytes, &commit)) {
			return false;
		}
		journal_commit(load, one, &commit);
		return true;
	}
	if (!wallet_read_receipt(wallet, &one->said, http->body, http->body_bytes, &receipt)) {
		return false;
	}
	journal_receipt(load, one, &receipt);
	load->counts.replayed += http->replayed;
	return true;
}

static bool is_later(const struct load *load, const struct answers_http *http)
{
	return http->status == 429 || http->status == 503 ||
	       (is_wallet(load) && http->status != 200 &&
		       answers_is_retryable(http->body, http->body_bytes));
}

static void refuse(struct load *load, struct load_connection *one, const struct answers_http *http)
{
	if (load->counts.refused++ == 0) {
		(void)fprintf(stderr, "load: first refusal: %u %.*s\n", http->status,
			(int)(http->body_bytes < 1000 ? http->body_bytes : 1000), http->body);
	}
	next_request(load, one);
}

static void on_http(struct load *load, struct load_connection *one, const struct answers_http *http)
{
	bool whole = one->sent == one->request_bytes;

	load->counts.statuses[http->status < LOAD_STATUSES ? http->status : 0]++;
	load->counts.wrong += http->bytes != one->answer_used;
	if (is_later(load, http)) {
		try_again(load, one);
	} else if (http->status == 200 && is_answer(load, one, http)) {
		acknowledge(load, one);
	} else {
		refuse(load, one, http);
	}
	if (http->close || !whole) {
		disconnect(one);
	}
	one->answer_used = 0;
}

static void on_frame(
	struct load *load, struct load_connection *one, const struct answers_frame *frame)
{
	/* Else the edge answered alone, because somebody behind it was not there. */
	static const char echoed[] = "\"echoed\":true";
	bool ours = frame->corr_id == one->first && frame->bytes == one->answer_used &&
		    (frame->flags & ANSWERS_FLAG_RESP) != 0;

	one->answer_used = 0;
	if (!ours) {
		load->counts.wrong++;
		disconnect(one);
		try_again(load, one);
	} else if (frame->verb == ANSWERS_VERB_PONG && memmem(frame->payload, frame->payload_bytes,
							       echoed, sizeof echoed - 1) != NULL) {
		acknowledge(load, one);
	} else {
		load->counts.errors++;
		try_again(load, one);
	}
}

static void look(struct load *load, struct load_connection *one)
{
	struct answers_http http;
	struct answers_frame frame;
	enum answers_parse parse;

	if (load->options.plan.mode == REQUESTS_PING) {
		parse = answers_parse_frame(one->answer, one->answer_used, &frame);
		if (parse == ANSWERS_WHOLE) {
			on_frame(load, one, &frame);
		}
	} else {
		parse = answers_parse_http(one->answer, one->answer_used, &http);
		if (parse == ANSWERS_WHOLE) {
			on_http(load, one, &http);
		}
	}
	if (parse == ANSWERS_BROKEN) {
		load->counts.wrong++;
		lose(load, one);
	} else if (parse == ANSWERS_WHOLE && one->state == LOAD_WAITING &&
		   one->due_us <= now_us()) {
		begin_attempt(load, one);
	}
}

static bool grow(struct load_connection *one)
{
	char *bytes;

	if (one->answer_used < one->answer_size) {
		return true;
	}
	if (one->answer_size >= ANSWER_BYTES_MAX) {
		return false;
	}
	bytes = realloc(one->answer, one->answer_size * 2);
	if (bytes == NULL) {
		return false;
	}
	one->answer = bytes;
	one->answer_size *= 2;
	return true;
}

/* Takes what has come until the socket is empty or the connection has ended. */
static void receive_more(struct load *load, struct load_connection *one)
{
	while (one->fd >= 0) {
		ssize_t count;

		if (!grow(one)) {
			lose(load, one);
			return;
		}
		count = recv(one->fd, one->answer + one->answer_used,
			one->answer_size - one->answer_used, 0);
		if (count < 0 && errno == EINTR) {
			continue;
		}
		if (count < 0 && errno == EAGAIN) {
			return;
		}
		if (count <= 0 && one->state == LOAD_WAITING) {
			disconnect(one); /* nothing was under way: the next attempt connects */
			return;
		}
		if (count <= 0) {
			lose(load, one);
			return;
		}
		one->answer_used += (size_t)count;
		if (one->state == LOAD_WAITING) {
			load->counts.wrong++; /* it answers what nobody asked */
			disconnect(one);
			return;
		}
		look(load, one);
	}
}

static void on_event(struct load *load, struct load_connection *one, uint32_t events)
{
	if (one->fd < 0) {
		return; /* of a socket that was closed in this round */
	}
	if (one->state == LOAD_CONNECTING && (events & EPOLLOUT) != 0 &&
		(events & (EPOLLERR | EPOLLHUP)) == 0) {
		one->state = LOAD_TALKING;
	}
	if (one->state == LOAD_TALKING && one->sent < one->request_bytes &&
		(events & EPOLLOUT) != 0) {
		send_more(load, one);
	}
	if (one->fd >= 0 && (events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0) {
		receive_more(load, one);
	}
}

static void tick(struct load *load, int64_t now)
{
	if (stop_asked || now - load->started_us >= load->options.duration_us) {
		load->stopping = true;
	}
	for (unsigned i = 0; i < load->options.connections; i++) {
		struct load_connection *one = &load->connections[i];

		if (one->state == LOAD_FINISHED || one->due_us > now) {
			continue;
		}
		if (one->state == LOAD_WAITING) {
			if (load->stopping && one->attempts == 0) {
				finish(load, one); /* it was never sent */
			} else {
				begin_attempt(load, one);
			}
		} else {
			load->counts.timeouts++;
			disconnect(one);
			try_again(load, one);
		}
	}
}

void load_run(struct load *load)
{
	struct epoll_event events[EVENTS];
	int64_t ticked;

	load->started_us = now_us();
	ticked = load->started_us;
	for (unsigned i = 0; i < load->options.connections; i++) {
		next_request(load, &load->connections[i]);
	}
	tick(load, now_us());
	while (load->live > 0) {
		int count = epoll_wait(load->epoll, events, EVENTS, TICK_US / 1000);
		int64_t now;

		for (int i = 0; i < count; i++) {
			on_event(load, events[i].data.ptr, events[i].events);
		}
		now = now_us();
		if (now - ticked >= TICK_US) {
			tick(load, now);
			ticked = now;
		}
	}
	load->ended_us = now_us();
}

void load_stop(void)
{
	stop_asked = 1;
}

bool load_open(struct load *load, const struct load_options *options)
{
	*load = (struct load){
		.options = *options, .live = options->connections, .jitter = options->plan.seed
	};
	load->epoll = epoll_create1(EPOLL_CLOEXEC);
	load->connections = calloc(options->connections, sizeof *load->connections);
	if (load->epoll < 0 || load->connections == NULL) {
		perror("load");
		return false;
	}
	for (unsigned i = 0; i < options->connections; i++) {
		struct load_connection *one = &load->connections[i];

		one->fd = -1;
		one->answer_size = ANSWER_BYTES_START;
		one->answer = malloc(one->answer_size);
		one->request_bytes = options->plan.request_bytes;
		one->request = malloc(options->plan.request_bytes);
		if (one->answer == NULL || one->request == NULL) {
			perror("load");
			return false;
		}
		if (!is_wallet(load)) {
			requests_init(&options->plan, one->request);
		}
	}
	return true;
}

void load_close(struct load *load)
{
	for (unsigned i = 0; load->connections != NULL && i < load->options.connections; i++) {
		free(load->connections[i].request);
		free(load->connections[i].answer);
	}
	free(load->connections);
	if (load->epoll >= 0) {
		(void)close(load->epoll);
	}
}

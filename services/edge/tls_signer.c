/* The link to kms. Its frames are those of every link; but nothing waits here for the loop: the
 * answer to SIGN_TLS is read where it was asked for. Between questions the loop looks for what kms
 * says by itself. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/log.h"
#include "proto/frame.h"
#include "services/edge/edge.h"

static void drop(struct tls_signer *signer)
{
	if (signer->fd >= 0) {
		log_event(LOG_LINK_LOST, &(struct log_fields){ .about = PROCESS_KMS,
						 .generation = signer->generation });
		ev_io_stop(signer->edge->worker->loop, &signer->readable);
		close(signer->fd);
		signer->fd = -1;
	}
	signer->asked = 0;
	signer->in_used = 0;
}

static struct oap_from from_of(const struct tls_signer *signer, const struct frame_head *head)
{
	return (struct oap_from){
		.corr_id = head->corr_id,
		.generation = signer->generation,
		.payload_bytes = head->payload_bytes,
		.verb = head->verb,
		.process = PROCESS_KMS,
	};
}

/* One whole frame, if there is one. What kms sends is sound, or this process is: then it ends, as
 * whoever accuses a higher rank (DESIGN-WALL.md section 3). */
static bool take_frame(struct tls_signer *signer)
{
	struct worker *worker = signer->edge->worker;
	struct frame_head head;
	enum frame_verdict verdict =
		frame_decode((struct slice){ signer->in, signer->in_used }, &head);
	size_t whole = FRAME_HEAD_BYTES;
	enum err err = ERR_OK;

	if (verdict == FRAME_SHORT) {
		return false;
	}
	if (verdict != FRAME_OK || head.payload_bytes > sizeof signer->in - FRAME_HEAD_BYTES) {
		worker_fail(worker, "a frame of kms is none");
	}
	whole += head.payload_bytes;
	if (signer->in_used < whole) {
		return false;
	}
	if (head.verb != OAP_CREDIT) { /* one question at a time: there always is some */
		struct oap_from from = from_of(signer, &head);

		err = oap_dispatch(worker->spec->handlers, worker->spec->self,
			worker->spec->process, &from,
			(struct slice){ signer->in + FRAME_HEAD_BYTES, head.payload_bytes });
	}
	if (err != ERR_OK) {
		worker_fail(worker, "kms's %s is %s", oap_verb_name(head.verb), err_name(err));
	}
	signer->in_used -= whole;
	memmove(signer->in, signer->in + whole, signer->in_used);
	return true;
}

/* False: nothing came in time, or the link is gone. */
static bool read_some(struct tls_signer *signer, int flags)
{
	ssize_t got = recv(signer->fd, signer->in + signer->in_used,
		sizeof signer->in - signer->in_used, flags);

	if (got < 0 && errno == EINTR) {
		return true;
	}
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
		return false;
	}
	if (got <= 0) {
		drop(signer);
		return false;
	}
	signer->in_used += (size_t)got;
	while (take_frame(signer)) {
	}
	return true;
}

static void on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
	(void)loop;
	(void)events;
	(void)read_some(watcher->data, MSG_DONTWAIT);
}

/* A link is made non-blocking by the supervisor; reading this one waits. */
static bool make_waiting(int fd)
{
	struct timeval wait = {
		.tv_sec = TLS_SIGNATURE_WAIT_MS / 1000,
		.tv_usec = TLS_SIGNATURE_WAIT_MS % 1000 * 1000,
	};
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0 &&
	       setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0;
}

void tls_signer_link(struct tls_signer *signer, const struct oap_from *whom, int fd)
{
	drop(signer);
	if (!make_waiting(fd)) {
		worker_fail(signer->edge->worker, "the link to kms cannot be made to wait: %s",
			strerror(errno));
	}
	signer->fd = fd;
	signer->generation = whom->generation;
	ev_io_init(&signer->readable, on_readable, fd, EV_READ);
	signer->readable.data = signer;
	ev_io_start(signer->edge->worker->loop, &signer->readable);
	log_event(LOG_LINK_UP,
		&(struct log_fields){ .about = PROCESS_KMS, .generation = whom->generation });
}

/* Who owes an answer hangs: nobody else waits for it until it comes, or another kms does. */
bool tls_signer_is_free(const struct tls_signer *signer)
{
	return signer->fd >= 0 && signer->asked == 0;
}

static bool send_question(struct tls_signer *signer, const struct oap_sign_tls *ask)
{
	uint8_t bytes[FRAME_HEAD_BYTES + 256];
	struct byte_writer out =
		byte_writer_of(bytes + FRAME_HEAD_BYTES, sizeof bytes - FRAME_HEAD_BYTES);
	struct frame_head head = {
		.flags = FRAME_REQ,
		.verb = OAP_SIGN_TLS,
		.corr_id = ++signer->corr_id_last,
	};
	bool fits = oap_encode_sign_tls(&out, ask);

	assert(fits); /* its bound is below */
	head.payload_bytes = (uint32_t)out.used;
	frame_encode(&head, bytes);
	signer->asked = head.corr_id;
	signer->answered = false;
	/* an empty socket has room for it: all of it went out, or the link is gone */
	return send(signer->fd, bytes, FRAME_HEAD_BYTES + out.used, MSG_DONTWAIT | MSG_NOSIGNAL) ==
	       (ssize_t)(FRAME_HEAD_BYTES + out.used);
}

enum err tls_signer_sign(
	struct tls_signer *signer, const struct oap_sign_tls *ask, struct slice *ret_signature)
{
	struct instant deadline = instant_after(clock_now(), duration_ms(TLS_SIGNATURE_WAIT_MS));

	if (!tls_signer_is_free(signer)) {
		return ERR_BUSY;
	}
	if (!send_question(signer, ask)) {
		drop(signer);
		return ERR_STALE;
	}
	while (!signer->answered) {
		if (instant_reached(deadline, clock_now()) || !read_some(signer, 0)) {
			metrics_inc(METRIC_IO_TIMEOUTS, METRIC_IO_KMS);
			return ERR_STALE;
		}
	}
	*ret_signature = (struct slice){ signer->signature, signer->signature_bytes };
	return signer->status;
}

enum err tls_signer_take(
	struct tls_signer *signer, const struct oap_from *from, const struct oap_signed_tls *msg)
{
	if (from->corr_id != signer->asked || signer->asked == 0) {
		return ERR_CONFLICT;
	}
	signer->asked = 0;
	signer->answered = true;
	signer->status = (enum err)msg->status;
	signer->signature_bytes = msg->signature.bytes_count;
	if (msg->signature.bytes_count > 0) {
		memcpy(signer->signature, msg->signature.bytes, msg->signature.bytes_count);
	}
	return ERR_OK;
}

#include "services/committer/trouble.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "services/committer/committer.h"

struct row {
	const char *word;
	enum trouble_cure cure;
	const char *advice;
};

static const struct row rows[] = {
#define AS_ROW(NAME, word, cure, advice) [TROUBLE_##NAME] = { word, CURE_##cure, advice },
	TROUBLES(AS_ROW)
#undef AS_ROW
};

const char *trouble_word(enum trouble trouble)
{
	return rows[trouble].word;
}

const char *trouble_advice(enum trouble trouble)
{
	return rows[trouble].advice;
}

enum trouble_cure trouble_cure_of(enum trouble trouble)
{
	return rows[trouble].cure;
}

void trouble_enter(struct committer *self, enum trouble trouble, const char *format, ...)
{
	char reason[sizeof self->reason];
	va_list arguments;
	bool is_news;

	va_start(arguments, format);
	vsnprintf(reason, sizeof reason, format, arguments);
	va_end(arguments);
	is_news = self->trouble != trouble || strcmp(self->reason, reason) != 0;
	self->trouble = trouble;
	self->was_in_trouble = true;
	if (trouble != TROUBLE_DISK_FULL) { /* a full one is read on */
		self->stream.stage = STREAM_IDLE;
	}
	memcpy(self->reason, reason, sizeof reason);
	if (is_news) {
		log_event(LOG_SAFE_MODE_ENTERED, &(struct log_fields){ .text = self->reason });
	}
	if (is_news || self->phase != PHASE_SAFE_MODE) {
		committer_report(self, PHASE_SAFE_MODE, self->reason);
	}
}

void trouble_leave(struct committer *self)
{
	if (self->trouble != TROUBLE_NONE) {
		self->trouble = TROUBLE_NONE;
		self->reason[0] = '\0';
	}
}

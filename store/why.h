#ifndef STORE_WHY_H
#define STORE_WHY_H

/* An operator's sentence about what went wrong, with the path that it is about. Filled
 * beside an enum err by every function here that takes a `struct why *`; NULL is allowed
 * and means that nobody will read it. */
struct why {
	char text[512];
};

__attribute__((format(printf, 2, 3))) void why_say(struct why *why, const char *format, ...);

#endif

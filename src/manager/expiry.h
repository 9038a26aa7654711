/* expiry.h - certificates that are about to end are told of in the log: when they come, at the
 * start, and once a day, from EXPIRY_DAYS before their end. Owner: the manager. */
#ifndef WELDR_MANAGER_EXPIRY_H
#define WELDR_MANAGER_EXPIRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/timers.h"

enum { EXPIRY_DAYS = 30, EXPIRY_EVERY_MS = 24 * 60 * 60 * 1000, EXPIRY_TEXT_MAX = 96 };

struct certificate;
struct manager;

struct expiry {
    struct manager *m;
    struct timer timer;
};

void expiry_init(struct expiry *e, struct manager *m);
void expiry_fini(struct expiry *e); /* zeroed is allowed */
/* One that has come, or was replaced. */
void expiry_note(const struct expiry *e, const struct certificate *c);
/* What is amiss with its dates, for people; false: nothing. Pure. */
bool expiry_tell(const struct certificate *c, uint64_t wall_us, char buf[EXPIRY_TEXT_MAX]);
/* Whole days until its end; 0: less, or it is over. Pure. */
uint64_t expiry_days_left(const struct certificate *c, uint64_t wall_us);
/* For clock_print_wall; 0: before 1970. Pure. */
uint64_t expiry_wall_us(int64_t s);

#endif

/* admission.h - which new client connections are taken: bounds of the listener and of the
 * process.
 *
 * Asked once for each accepted connection (client.c). Over a bound of its listener, or when the
 * descriptors get scarce or the memory for queues is used up, the connection is answered with
 * 503 and closed; when they are nearly used up it is closed without a word. What is in progress
 * is never touched: it finds a descriptor for its lane because newcomers were refused before.
 */
#ifndef WELDR_WORKER_ADMISSION_H
#define WELDR_WORKER_ADMISSION_H

#include <stdbool.h>

#include "worker/ends.h"

struct caller;
struct worker;

/* No descriptor to spare, not even for a refusal. */
bool admission_is_full(const struct worker *w);
/* Counts a client that was taken; END_OK, or why it is to be refused. */
enum end admission_enter(struct worker *w, struct caller *c);
void admission_leave(struct caller *c);

#endif

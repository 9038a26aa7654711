/* estate.h - what a manager hands over to its successor, as messages with their descriptors
 * (succession.def), in the order in which they are sent.
 *
 * It is made in one piece, before anything is let go, so that what can't be made stops the
 * upgrade while it still costs nothing. It stays whole until the successor is ready: another
 * successor, should the first one die, gets the same. Descriptors are copies. Owner: struct
 * upgrade.
 */
#ifndef WELDR_MANAGER_ESTATE_H
#define WELDR_MANAGER_ESTATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/werr.h"
#include "manager/succession.h"

struct manager;

struct estate_item {
    TAILQ_ENTRY(estate_item) entry;
    int fd; /* -1: none goes along */
    size_t len;
    char *bytes; /* of base/seal.h: some are keys */
};

struct estate {
    TAILQ_HEAD(estate_items, estate_item) items;
    struct estate_item *next; /* to be sent; NULL: all were */
};

void estate_init(struct estate *e);
/* All but what the API has, and GO. WERR_NO_FD, WERR_NOMEM …: e is empty then. */
int estate_make(struct estate *e, struct manager *m) MUST_USE;
/* One item more, at the end. */
int estate_add(struct estate *e, const struct succession *s, int fd) MUST_USE;
/* A listening socket; fd -1: there is none. */
int estate_add_listener(struct estate *e, const struct succession_listener *l, int fd) MUST_USE;
/* Another successor gets it: what may have changed since it was made is said anew. */
void estate_renew(struct estate *e, const struct manager *m);
/* From the first one on. */
void estate_rewind(struct estate *e);
/* Sends as many as the socket takes. 0: all were sent; WERR_AGAIN: it takes more later;
 * WERR_BUSY: …, and can't say when; WERR_CLOSED …: nobody reads. */
int estate_send(struct estate *e, int socket) MUST_USE;
void estate_fini(struct estate *e);

/* What was counted in all lives so far, as a file in memory that the caller closes; WERR_*. */
int estate_totals(const struct manager *m) MUST_USE;

#endif

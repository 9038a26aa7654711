/* reserve.h - descriptors kept free: placeholders that are given up when the manager needs some
 * itself, so that clients of the API, who may have taken all others, keep no worker from being
 * started and no connection from being passed on. Owner: the supervisor. */
#ifndef WELDR_MANAGER_RESERVE_H
#define WELDR_MANAGER_RESERVE_H

#include "base/werr.h"
#include "config/config.h"

/* For a start the two ends of a channel, of which one stays; for a connection that is passed
 * on, one. */
enum { RESERVE_BASE_N = 3, RESERVE_MAX = RESERVE_BASE_N + CONFIG_WORKERS_MAX };

struct reserve {
    int fds[RESERVE_MAX];
    unsigned n;
};

/* Up to so many; as many as can be had. WERR_NO_FD when they are fewer. */
int reserve_fill(struct reserve *r, unsigned n);
/* Gives up to n of them back: whoever opens something in the same turn gets them. */
void reserve_lend(struct reserve *r, unsigned n);

#endif

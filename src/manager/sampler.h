/* sampler.h - takes the samples of the node, of pools and of servers (stats/samples.h).
 *
 * A timer reads, when a second is over, what the workers have counted. Of the node that is all;
 * of pools and servers a tenth each time, so that each has its turn every ten seconds and
 * 10,000 servers hold up nobody. Where nothing was served for eleven seconds nothing is read
 * but the node's sums, and who never served anything costs no memory. Samples are of this life
 * of the manager: a start begins them anew. Owner: the manager.
 */
#ifndef WELDR_MANAGER_SAMPLER_H
#define WELDR_MANAGER_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/timers.h"
#include "stats/samples.h"
#include "stats/stats.h"

struct manager;

struct sampler {
    struct manager *m;
    struct timer timer;
    bool is_begun;
    unsigned quiet_n;     /* turns without anything new; then lines are left alone */
    uint64_t served;      /* in all, as last looked at */
    uint64_t looked_s;    /* the second up to which lines were looked at */
    struct samples *node; /* NULL: no memory for them */
    struct samples_line *servers[STATS_SERVERS_MAX]; /* by slot; NULL: nothing was served */
    struct samples_line *pools[STATS_POOLS_MAX];
};

void sampler_init(struct sampler *s, struct manager *m);
/* What was counted by earlier lives is there: it is no news. Later calls do nothing. */
void sampler_begin(struct manager *m);
/* These slots are another object's from now on. */
void sampler_forget_server(struct manager *m, uint32_t slot);
void sampler_forget_pool(struct manager *m, uint32_t slot);
/* The newest ten seconds that the line of this slot has a point of; from a second on that is
 * over. */
uint64_t sampler_newest_at(uint32_t slot, uint64_t over_s);
void sampler_fini(struct sampler *s);

#endif

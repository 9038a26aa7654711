/* metrics_int.h - what metrics.c (the walk) and metrics_rows.c (the table) share. */
#ifndef WELDR_MANAGER_METRICS_INT_H
#define WELDR_MANAGER_METRICS_INT_H

#include "base/mtext.h"
#include "manager/metrics.h"
#include "pool/pool.h"

struct certificate;
struct listener;
struct rule;
struct server_facts;
struct vip;

/* How often its function is called: for the node, or for each … */
enum metrics_of {
    METRICS_OF_NODE,
    METRICS_OF_LISTENER,
    METRICS_OF_RULE,
    METRICS_OF_POOL,
    METRICS_OF_SERVER,
    METRICS_OF_CERTIFICATE,
    METRICS_OF_VIP,
    METRICS_OF_N
};

enum { METRICS_LABELS_MAX = 2 * (POOL_NAME_MAX + POOL_URL_MAX) + 128 };

struct metrics_row;

/* One call: whose samples, and where to. */
struct metrics_put {
    const struct manager *m;
    struct mtext *text;
    const struct metrics_row *row;
    /* of which … */
    const struct listener *listener;
    const struct rule *rule;
    const struct pool *pool;
    const struct server_facts *server;
    const struct certificate *certificate;
    const struct vip *vip;
    uint32_t slot; /* … the counters, STATS_NO_SLOT: none */
    struct strb labels;
    char buf[METRICS_LABELS_MAX]; /* of labels */
};

struct metrics_row {
    struct mtext_family family;
    uint8_t of;     /* enum metrics_of */
    uint16_t index; /* of the counter, in its table */
    void (*put)(struct metrics_put *p);
};

/* ---- metrics_vips.c ---- */

void metrics_put_vip_held(struct metrics_put *p);
void metrics_put_vip_moves(struct metrics_put *p);
void metrics_put_vip_conflicts(struct metrics_put *p);

extern const struct metrics_row metrics_rows[];
extern const uint32_t metrics_row_n;

#endif

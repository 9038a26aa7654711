/* orders.h - orders to other members that are not answered yet, on the side of who gave them.
 *
 * A table of the engine's: an order gets a number, goes out (raft_orders.c), and ends once: by
 * the answer, by its time limit, or with the link that it went by. Pure. Owner: the engine.
 */
#ifndef WELDR_CLUSTER_ORDERS_H
#define WELDR_CLUSTER_ORDERS_H

#include "cluster/cluster.h"

enum { ORDERS_MAX = 16 };

struct orders {
    uint64_t last; /* number; whoever makes the table chooses one that no life before had */
    struct orders_one {
        uint64_t number; /* 0: free */
        uint64_t to, end_ms;
        cluster_text_fn done;
        void *arg;
    } list[ORDERS_MAX];
};

/* Its number; 0: there are too many. */
uint64_t orders_add(struct orders *o, uint64_t to, uint64_t end_ms, cluster_text_fn done,
                    void *arg);
/* It is not sent: nobody is told. */
void orders_drop(struct orders *o, uint64_t number);
/* The answer of that member. One that nobody waits for any more is passed over. */
void orders_end(struct orders *o, uint64_t number, uint64_t from, int error, struct span text);
/* Those that there are now, to that member; to 0: to any. */
void orders_end_all(struct orders *o, uint64_t to, int error);
/* Those whose time is over: WERR_TIMEOUT. */
void orders_end_late(struct orders *o, uint64_t now_ms);

#endif

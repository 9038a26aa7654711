/* spread_in.h - connections that other workers have accepted for this one (spread.h): they come
 * by its inbox and go to the acceptor of their socket, as if it had accepted them itself. */
#ifndef WELDR_WORKER_SPREAD_IN_H
#define WELDR_WORKER_SPREAD_IN_H

#include <stdbool.h>

struct spread;
struct stats;
struct worker;

/* stats: the segment of all workers. inbox, first_outbox: handles of the loop. */
struct spread_boxes {
    struct stats *stats;
    int inbox, first_outbox;
};
/* worker_n: of the outboxes, that is of the workers that it knows; those that are added later
 * it only gets connections from, and one that is alone at first passes none. The worker listens
 * already. */
void spread_start(struct spread *s, struct worker *w, unsigned worker_n,
                  struct spread_boxes boxes);
/* Says again that we take what is passed, if we do. */
void spread_say_takes(struct spread *s);
/* Draining: nothing can come in any more but what is in the inbox already. */
void spread_stop(struct spread *s);
bool spread_is_empty(const struct spread *s);
void spread_close(struct spread *s);

#endif

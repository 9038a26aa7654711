/* join_progress.h - what a node that joins a cluster shows of it on a terminal, until it has
 * what the others have agreed on (log/progress.h). Owner: join.
 */
#ifndef WELDR_MANAGER_JOIN_PROGRESS_H
#define WELDR_MANAGER_JOIN_PROGRESS_H

#include "base/timers.h"

struct manager;

struct join_progress {
    struct manager *m;
    struct timer timer;
};

void join_progress_init(struct join_progress *p, struct manager *m);
void join_progress_begin(struct join_progress *p);
/* Also without join_progress_begin. */
void join_progress_end(struct join_progress *p);

#endif

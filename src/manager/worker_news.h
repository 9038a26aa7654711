/* worker_news.h - what the supervisor tells of its workers, and what follows for the manager:
 * an event, a snapshot, the end of a start. Owner: the manager. */
#ifndef WELDR_MANAGER_WORKER_NEWS_H
#define WELDR_MANAGER_WORKER_NEWS_H

#include "manager/supervisor.h"

struct manager;

/* All hooks but on_log_wanted and on_all_stopped, which are the caller's. */
struct supervisor_hooks worker_news_hooks(struct manager *m);

#endif

/* api_view.h - the servers as the management API shows them: description, facts and counters.
 *
 * Shared by the handlers of servers, statistics and pools. Views borrow from the pool, the
 * facts and the struct api_view itself; they are good until the handler returns.
 */
#ifndef WELDR_MANAGER_API_VIEW_H
#define WELDR_MANAGER_API_VIEW_H

#include "manager/api_json.h"

struct manager;

struct api_view {
    struct api_json_server_view json;
    struct pool_health check;
    struct views_shown views[VIEWS_SHOWN_MAX];
    char reason[160];
    uint64_t drain_left_ms;
};

/* server: of a pool, or draining (facts->removed) from a pool that is still there. */
void api_view_fill(const struct manager *m, const struct pool_server *server,
                   struct api_view *view);

#endif

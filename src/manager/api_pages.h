/* api_pages.h - long lists of servers, made page by page as the client takes them.
 *
 * A list of 10,000 servers is 10 MB; for each client that asks and does not read, that much
 * would stand in memory, and making it at once would hold up the loop. So what does not fit
 * the first page is made later: a page when the one before was taken, from what the pool is
 * then. Servers come in the order of their ids: what is there all the time is shown once,
 * whatever comes and goes meanwhile. Draining ones stand behind, those that were when the list
 * was begun. Owner: its api_conn, from api_pages_answer until the last page or the connection's
 * end.
 */
#ifndef WELDR_MANAGER_API_PAGES_H
#define WELDR_MANAGER_API_PAGES_H

#include "base/werr.h"
#include "manager/api_json.h"

struct api_conn;
struct api_pages;
struct manager;
struct pool_server;

struct api_pages_kind {
    void (*begin)(struct api_json_list *l);
    void (*add)(struct api_json_list *l, const struct api_json_server_view *v);
};

/* The list of all servers; named (or NULL): the key "server" behind it. */
void api_pages_answer(struct api_conn *ac, unsigned status, const struct api_pages_kind *kind,
                      const struct pool_server *named);
/* The next page, malloc'd. NULL with *error 0: there is none; else WERR_NOMEM. */
char *api_pages_next(struct api_pages *p, const struct manager *m, int *error);
void api_pages_free(struct api_pages *p); /* NULL allowed */

#endif

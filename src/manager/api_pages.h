/* api_pages.h - long lists of objects, made page by page as the client takes them.
 *
 * A list of 10,000 servers is 10 MB; for each client that asks and does not read, that much
 * would stand in memory, and making it at once would hold up the loop. So what does not fit
 * the first page is made later: a page when the one before was taken, from what there is then.
 * Where the next one begins says a cursor (api_cursor.h): what is there all the time is shown
 * once, whatever comes and goes meanwhile. What else a kind of list has its end adds.
 * Owner: its api_conn, from api_pages_new until the last page or the connection's
 * end.
 */
#ifndef WELDR_MANAGER_API_PAGES_H
#define WELDR_MANAGER_API_PAGES_H

#include "base/werr.h"
#include "manager/api_cursor.h"
#include "manager/api_json.h"

struct api_pages;
struct manager;
struct server_facts;

/* A list is made with begin, next and end, any other text with page. */
struct api_pages_kind {
    const char *type; /* of the text; NULL: JSON */
    void (*begin)(struct api_json_list *l, const struct api_cursor *at);
    /* Adds one more; false: there is none. */
    bool (*next)(const struct manager *m, struct api_cursor *at, struct api_json_list *l);
    /* Behind the last; NULL: nothing. */
    void (*end)(const struct manager *m, const struct api_cursor *at, struct api_json_list *l);
    /* About so many bytes, malloc'd; NULL: out of memory. */
    char *(*page)(const struct manager *m, struct api_cursor *at, size_t bytes, bool *is_last);
    /* Frees what the cursor has, once, when no more pages are made; NULL: it has nothing. */
    void (*fini)(struct api_cursor *at);
};

/* For a kind's next: the draining server that is to be shown now; NULL: there is none. */
const struct server_facts *api_pages_next_draining(const struct manager *m,
                                                   struct api_cursor *at);
/* at: copied, and taken. *first: the first page, malloc'd; NULL: no memory. NULL: nothing
 * follows it. */
struct api_pages *api_pages_new(struct manager *m, const struct api_pages_kind *kind,
                                const struct api_cursor *at, char **first) MUST_USE;
/* The next page, malloc'd. NULL with *error 0: there is none; else WERR_NOMEM. */
char *api_pages_next(struct api_pages *p, const struct manager *m, int *error);
void api_pages_free(struct api_pages *p); /* NULL allowed */

#endif

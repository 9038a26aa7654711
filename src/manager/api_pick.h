/* api_pick.h - which servers of a list a request asks for, and how much of them:
 *
 *   GET /servers?state=down,ejected&meta.team=blue&limit=100&fields=url,state&cursor=…
 *
 *   state=WORD,…     that are in one of these states (server_state.def)
 *   meta.KEY=VALUE   whose meta has this member; all of several
 *   limit=N          so many at most, 1 to 1000; without it all
 *   cursor=TEXT      behind the place that a response before gave as `next`
 *   fields=NAME,…    these members of each (api_server_members.def)
 *
 * Read when the handler runs; api_query.h has refused other keys. Pure.
 */
#ifndef WELDR_MANAGER_API_PICK_H
#define WELDR_MANAGER_API_PICK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "base/werr.h"
#include "manager/api_query.h"
#include "manager/server_state.h"
#include "pool/pool.h"
#include "pool/pool_error.h"

enum { PICK_LIMIT_MAX = 1000, PICK_META_MAX = 8, PICK_CURSOR_MAX = 96 };

struct api_pick_meta {
    uint16_t key, value; /* where they stand in text */
};

/* All zero: every server, whole. */
struct api_pick {
    uint64_t states, members; /* bits; 0: all */
    uint32_t limit;           /* 0: none */
    uint32_t meta_n;
    struct api_pick_meta meta[PICK_META_MAX];
    char text[API_QUERY_TEXT_MAX];     /* decoded, each with a NUL */
    char question[API_QUERY_TEXT_MAX]; /* the query as it came, without "?" and cursor */
    char cursor[PICK_CURSOR_MAX];      /* as it came; empty: none */
};

/* query: "?…" or empty. WERR_INVALID with *error. */
int api_pick_read(struct span query, struct api_pick *p, struct pool_error *error) MUST_USE;
bool api_pick_takes(const struct api_pick *p, const struct pool_server *server,
                    enum server_state state);

#endif

/* api_cursor.h - a place in a long list of objects, and its text for clients.
 *
 * A place is the id (of rules: the priority) of the object that was shown last. Ids are never
 * given twice and lists are in their order, so that whatever comes or goes meanwhile, no other
 * object is left out or shown twice. Servers that have left their pool and still have requests
 * in flight come behind all others, in the order in which they left: those that had left when
 * the list was begun, for others may have been shown before they left.
 *
 * As text a cursor begins with the epoch of this life of the program (event_ring.h): ids of
 * another one mean other objects. Clients are told to take it as it is. Pure.
 */
#ifndef WELDR_MANAGER_API_CURSOR_H
#define WELDR_MANAGER_API_CURSOR_H

#include "manager/api_pick.h"
#include "manager/metrics.h"
#include "manager/openapi.h"

struct api_export;

struct api_cursor {
    const char *base;          /* of links: api_links.h */
    uint64_t owner_id;         /* of the pool or listener; 0: default */
    uint64_t next;             /* the least id (or priority) that was not shown */
    uint64_t left_id, left_no; /* of the draining server shown last (facts.h); 0: none yet */
    uint64_t left_end;         /* … and drain_no of the last that was at the beginning */
    char href[POOL_NAME_MAX + 32]; /* of the list */
    struct metrics_cursor metrics; /* where it is no list but those */
    struct openapi_at openapi;     /* … or that document */
    struct api_export *exported;   /* … or an export (api_export.c); its own */
    struct api_pick pick;          /* where it is of servers: which */
    uint32_t shown;                /* … so many of them so far, in this response */
};

/* next and left_*. buf of PICK_CURSOR_MAX. */
void api_cursor_print(const struct api_cursor *at, uint64_t epoch, char *buf);
/* WERR_SYNTAX: this is no cursor. WERR_NOT_FOUND: one of another life. */
int api_cursor_read(struct span text, uint64_t epoch, struct api_cursor *at) MUST_USE;

#endif

/* pool_history.h - the last changes of the description: who wished for them, when, on which
 * node, what they did, and the way back.
 *
 * Everyone who applies the log keeps the last POOL_HISTORY_N changes, by its order, as a part
 * of what is replicated (pool_replica.h), so that all keep the same. What is told of a change
 * comes with its entry (struct pool_by), from whoever proposed it: no clock and no chance here.
 * An entry that says nothing of it is one of before there was a history; when it changes
 * something all that is kept is forgotten, for there is no way back behind it.
 *
 * With each change is kept how the objects that it touched were before: the way back to any
 * revision that is kept goes through all changes after it. POOL_HISTORY_BYTES bound that for
 * all changes, POOL_HISTORY_CHANGE_BYTES for one. What is over goes, the oldest first; such a
 * change stays in the list, and there is no way back behind it.
 *
 * Private keys are in no history: of a certificate nothing is kept but that it came, changed or
 * went. A way back leaves certificates as they are; where it needs one that has gone meanwhile
 * there is none. Pure.
 */
#ifndef WELDR_POOL_POOL_HISTORY_H
#define WELDR_POOL_POOL_HISTORY_H

#include "pool/pool_apply.h"

enum {
    POOL_HISTORY_N = 1000,
    POOL_HISTORY_SUMMARY_MAX = 255,
    POOL_HISTORY_CHANGE_BYTES = 2 * 1024 * 1024,
    POOL_HISTORY_BYTES = 8 * 1024 * 1024
};

struct pool_history_record {
    uint64_t revision; /* index of the entry */
    struct pool_by by;
    uint64_t restored;                /* it went back to this revision; 0: it did not */
    uint32_t added, changed, removed; /* objects */
    char summary[POOL_HISTORY_SUMMARY_MAX + 1];
    bool is_kept; /* before says how all that it touched was */
    char *before; /* owned: items, see pool_history_next */
    size_t before_len;
};

/* One object that a change has touched. */
struct pool_history_item {
    enum kind kind;
    enum pool_change_type type; /* ADDED, CHANGED, REMOVED */
    uint64_t id, owner;         /* owner: as in struct kind_object */
    /* Its url, name or priority, and the name of its pool or listener (or empty). Borrowed. */
    struct span name, owner_name;
    struct span
        json; /* as it was (pool_code.h); empty: it was not there, or is a certificate */
};

struct pool_history;

struct pool_history *pool_history_new(void);                  /* NULL: no memory */
void pool_history_free(struct pool_history *h);               /* NULL allowed */
void pool_history_record_free(struct pool_history_record *r); /* NULL allowed */

/* ---- what it holds; borrowed, until the next change ---- */

uint32_t pool_history_n(const struct pool_history *h);
/* 0 is the newest. */
const struct pool_history_record *pool_history_at(const struct pool_history *h, uint32_t i);
/* Place of the first, from the newest, whose revision is not above this one; n: there is none.
 */
uint32_t pool_history_place(const struct pool_history *h, uint64_t revision);
/* NULL: none has it. */
const struct pool_history_record *pool_history_find(const struct pool_history *h,
                                                    uint64_t revision);
/* The oldest revision that a way leads back to; 0: none does. */
uint64_t pool_history_oldest_way(const struct pool_history *h);
/* The item at *at, which begins with 0 and moves on. False: there are no more. */
bool pool_history_next(const struct pool_history_record *r, size_t *at,
                       struct pool_history_item *item);
/* Tells one history from another by its last change; never 0. What if_digest of a RESTORE is
 * compared with. */
uint64_t pool_history_digest(const struct pool_history *h);

/* ---- keeping ---- */

/* What is to be kept of the command, before it is applied. *out: NULL when its entry says
 * nothing of who wished for it; else the caller's. WERR_NOMEM. */
int pool_history_look(const struct pool_state *s, const struct pool_command *c, uint64_t index,
                      struct pool_history_record **out) MUST_USE;
/* The command has changed something; takes the record. NULL: all is forgotten. */
void pool_history_take(struct pool_history *h, struct pool_history_record *r);

/* ---- the way back ---- */

struct pool_history_back {
    struct pool_state *state; /* NULL: it is so already */
    struct pool_history_record *record;
};
/* Both are the caller's, to take over or to free. */
void pool_history_back_fini(struct pool_history_back *back);

/* What POOL_RESTORE makes of the state, with this index. 0; the refusals, the same in every
 * process, with error (may be NULL) filled:
 * WERR_NOT_FOUND      no such revision is kept
 * WERR_TOO_BIG        there is no way back to it
 * WERR_STALE          the last change is another than if_digest says
 * WERR_NO_TARGET, WERR_NO_CERTIFICATE  it needs certificates that have gone
 * WERR_GUARD          a pool would have fewer usable servers than its min_active
 * WERR_NOMEM leaves *back empty, as every refusal does. */
int pool_history_restore(const struct pool_history *h, const struct pool_state *s,
                         const struct pool_command *c, uint64_t index,
                         struct pool_history_back *back, struct pool_error *error) MUST_USE;

/* ---- as bytes ---- */

size_t pool_history_bytes(const struct pool_history *h);
/* Writes pool_history_bytes: the oldest first; layout in pool_history_code.c. */
void pool_history_encode(const struct pool_history *h, char *buf);
/* In place of what was kept. WERR_CORRUPT, WERR_NOMEM leave it empty. */
int pool_history_decode(struct pool_history *h, struct span bytes) MUST_USE;

#endif

/* pool_history_int.h - what the files pool_history_*.c share: writing down what a change has
 * touched. Pure. */
#ifndef WELDR_POOL_POOL_HISTORY_INT_H
#define WELDR_POOL_POOL_HISTORY_INT_H

#include "pool/kind_ops.h"
#include "pool/pool_history.h"

/* A record being written. */
struct history_pen {
    struct pool_history_record *r;
    size_t cap;
    int rc; /* WERR_NOMEM: nothing more is written */
};

/* A record of this index, without items. WERR_NOMEM. */
int history_pen_begin(struct history_pen *pen, uint64_t index,
                      const struct pool_by *by) MUST_USE;
/* One object; object NULL: it was not there. */
void history_pen_object(struct history_pen *pen, enum pool_change_type type,
                        const struct kind_object *o, const char *name, const char *owner_name);
/* The same with its JSON at hand, or empty. */
void history_pen_put(struct history_pen *pen, const struct pool_history_item *item);
/* The record; NULL: no memory. */
struct pool_history_record *history_pen_end(struct history_pen *pen);
/* Plain text, cut to fit. */
void history_summarize(struct pool_history_record *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Are all items whole? */
bool history_items_are_good(const struct pool_history_record *r);

#endif

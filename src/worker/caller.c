/* Out of memory, uthash takes the item out again and leaves its table pointer NULL. */
#define HASH_NONFATAL_OOM    1
#define uthash_malloc(bytes) fault_malloc(bytes)
#include "worker/caller.h"

#include <stdlib.h>
#include <uthash.h>

#include "base/fault.h"
#include "worker/listener_runtime.h"

struct caller_local {
    const struct caller *of;
    struct addr addr;
    UT_hash_handle hh;
};

/* The macros of uthash are pages of branches: each alone in a function that has nothing else.
 * NOLINTBEGIN(readability-function-size) */
static struct caller_local *find(const struct caller *c)
{
    struct caller_local *found;

    HASH_FIND_PTR(c->listener->locals, &c, found);
    return found;
}

static bool link_local(struct listener_runtime *l, struct caller_local *one)
{
    HASH_ADD_PTR(l->locals, of, one);
    return one->hh.tbl != NULL;
}

static void unlink_local(struct listener_runtime *l, struct caller_local *one)
{
    HASH_DEL(l->locals, one);
}
/* NOLINTEND(readability-function-size) */

int caller_note_local(struct caller *c, const struct addr *local)
{
    struct caller_local *one = fault_malloc(sizeof(*one));

    if (one == NULL)
        return WERR_NOMEM;
    MUST(find(c) == NULL);
    *one = (struct caller_local){.of = c, .addr = *local};
    if (link_local(c->listener, one))
        return 0;
    free(one);
    return WERR_NOMEM;
}

const struct addr *caller_local(const struct caller *c)
{
    const struct caller_local *one = find(c);

    return one != NULL ? &one->addr : NULL;
}

void caller_forget_local(struct caller *c)
{
    struct caller_local *one = find(c);

    if (one == NULL)
        return;
    unlink_local(c->listener, one);
    free(one);
}

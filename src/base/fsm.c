#include "base/fsm.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/werr.h"

enum { COMPLAINT_MAX = 160 };

fsm_trace_fn fsm_trace_hook;

void fsm_set_trace(fsm_trace_fn fn)
{
    fsm_trace_hook = fn;
}

const char *fsm_name(const struct fsm *fsm, unsigned state)
{
    return state < fsm->n ? fsm->states[state].name : "?";
}

void fsm_refuse_move(const struct fsm *fsm, unsigned from, unsigned to, uint64_t object_id,
                     const char *why)
{
    char text[COMPLAINT_MAX];
    snprintf(text, sizeof(text), "%s#%" PRIu64 " may go %s -> %s (%s)", fsm->name, object_id,
             fsm_name(fsm, from), fsm_name(fsm, to), why);
    werr_panic(__FILE__, __LINE__, "fsm_move", text);
}

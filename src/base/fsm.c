#include "base/fsm.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/werr.h"

enum { STATES_MAX = 32, COMPLAINT_MAX = 160 };

static fsm_trace_fn trace_hook;

void fsm_set_trace(fsm_trace_fn fn)
{
    trace_hook = fn;
}

const char *fsm_name(const struct fsm *fsm, unsigned state)
{
    return state < fsm->n ? fsm->states[state].name : "?";
}

static void refuse_move(const struct fsm *fsm, unsigned from, unsigned to, uint64_t object_id,
                        const char *why)
{
    char text[COMPLAINT_MAX];
    snprintf(text, sizeof(text), "%s#%" PRIu64 " may go %s -> %s (%s)", fsm->name, object_id,
             fsm_name(fsm, from), fsm_name(fsm, to), why);
    werr_panic(__FILE__, __LINE__, "fsm_move", text);
}

void fsm_move(const struct fsm *fsm, uint8_t *state, unsigned next, uint64_t object_id,
              const char *why)
{
    unsigned from = *state;

    MUST(fsm->n <= STATES_MAX);
    if (from >= fsm->n || next >= fsm->n || (fsm->states[from].next & FSM_TO(next)) == 0)
        refuse_move(fsm, from, next, object_id, why);
    *state = (uint8_t)next;
    if (trace_hook != NULL)
        trace_hook(fsm, object_id, from, next, why);
}

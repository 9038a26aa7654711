#include "worker/origin.h"

#include "base/fsm.h"
#include "base/werr.h"

static const struct fsm_state origin_states[ORIGIN_STATES] = {
    [ORIGIN_NEW] = {"NEW", FSM_TO(ORIGIN_SERVING) | FSM_TO(ORIGIN_GONE)},
    [ORIGIN_LEAVING] = {"LEAVING", FSM_TO(ORIGIN_GONE) | FSM_TO(ORIGIN_SERVING)},
    [ORIGIN_GONE] = {"GONE", FSM_TO(ORIGIN_SERVING)},
    [ORIGIN_SERVING] = {"SERVING", FSM_TO(ORIGIN_EJECTED) | FSM_TO(ORIGIN_LEAVING)},
    [ORIGIN_EJECTED] = {"EJECTED", FSM_TO(ORIGIN_SERVING)},
};
static const struct fsm origin_fsm = {"origin", origin_states, ORIGIN_STATES};

void origin_move(struct origin *o, enum origin_state next, const char *why)
{
    MUST(o->magic == ORIGIN_MAGIC);
    fsm_move(&origin_fsm, &o->state, next, o->server_id, why);
}

const char *origin_state_name(const struct origin *o)
{
    return fsm_name(&origin_fsm, o->state);
}

const char *origin_place_name(const struct origin *o)
{
    static const char *const names[] = {"unwanted", "wanted", "listed"};

    return names[o->place];
}

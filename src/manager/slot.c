#include "manager/slot.h"

#include "base/fsm.h"

static const struct fsm_state states[SLOT_STATES] = {
    [SLOT_STOPPED] = {"stopped", FSM_TO(SLOT_STARTING)},
    [SLOT_STARTING] = {"starting", FSM_TO(SLOT_SYNCING) | FSM_TO(SLOT_STOPPED)},
    [SLOT_SYNCING] = {"syncing",
                      FSM_TO(SLOT_RUNNING) | FSM_TO(SLOT_DRAINING) | FSM_TO(SLOT_STOPPED)},
    [SLOT_RUNNING] = {"running", FSM_TO(SLOT_DRAINING) | FSM_TO(SLOT_STOPPED)},
    [SLOT_DRAINING] = {"draining", FSM_TO(SLOT_STOPPED)},
};
static const struct fsm slot_fsm = {"slot", states, SLOT_STATES};

void slot_init(struct slot *slot, struct slots *owner, unsigned id,
               const struct manager_channel_ops *ops)
{
    MUST(owner->list != NULL && slot == &owner->list[id]);
    *slot = (struct slot){.magic = SLOT_MAGIC, .owner = owner, .id = id};
    slot->inbox = slot->outbox = -1;
    manager_channel_init(&slot->channel, owner->loop, ops);
}

struct slot *slot_of_channel(struct manager_channel *ch)
{
    struct slot *slot = (struct slot *)ch; /* its first member */

    MUST(slot->magic == SLOT_MAGIC);
    return slot;
}

void slot_move(struct slot *slot, enum slot_state next, const char *why)
{
    MUST(slot->magic == SLOT_MAGIC);
    MUST(slot->pid != 0); /* from before STARTING until after STOPPED */
    fsm_move(&slot_fsm, &slot->state, next, slot->id, why);
}

const char *slot_state_name(const struct slot *slot)
{
    return fsm_name(&slot_fsm, slot->state);
}

bool slot_is_live(const struct slot *slot)
{
    return (slot->state == SLOT_SYNCING || slot->state == SLOT_RUNNING) && !slot->is_condemned;
}

bool slot_takes_updates(const struct slot *slot)
{
    return slot_is_live(slot) || slot->state == SLOT_DRAINING;
}

bool slot_is_doubtful(const struct slot *slot)
{
    return slot->silent_n >= SLOT_DOUBTFUL_N;
}

bool slot_serves(const struct slot *slot)
{
    return slot->state == SLOT_RUNNING && !slot->is_condemned && !slot_is_doubtful(slot);
}

unsigned slots_count(const struct slots *s, enum slot_state state)
{
    unsigned n = 0;

    for (unsigned i = 0; i < s->n; i++)
        n += s->list[i].state == state ? 1 : 0;
    return n;
}

unsigned slots_count_serving(const struct slots *s)
{
    unsigned n = 0;

    for (unsigned i = 0; i < s->n; i++)
        n += slot_serves(&s->list[i]) ? 1 : 0;
    return n;
}

unsigned slots_count_wanted(const struct slots *s)
{
    unsigned n = 0;

    for (unsigned i = 0; i < s->n; i++)
        n += s->list[i].is_wanted ? 1 : 0;
    return n;
}

void slots_fill_reserve(struct slots *s)
{
    unsigned absent_n = 0;

    for (unsigned i = 0; i < s->n; i++)
        absent_n += s->list[i].is_wanted && s->list[i].state == SLOT_STOPPED ? 1 : 0;
    (void)reserve_fill(&s->reserve, RESERVE_BASE_N + absent_n);
}

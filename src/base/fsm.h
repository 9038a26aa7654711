/* fsm.h - states with legal moves: the one way to change a state.
 *
 * A machine is a table {name, bit mask of states that may follow}; fsm_move asserts that the
 * move is legal and calls the trace hook, so every state can be printed and every illegal move
 * names both states. States are small enums below 32, kept by the owner in one byte.
 */
#ifndef WELDR_BASE_FSM_H
#define WELDR_BASE_FSM_H

#include <stddef.h>
#include <stdint.h>

struct fsm_state {
    const char *name;
    uint32_t next; /* bit per state that may follow */
};

struct fsm {
    const char *name; /* "conn" */
    const struct fsm_state *states;
    unsigned n;
};

#define FSM_TO(state) (1U << (state))

typedef void (*fsm_trace_fn)(const struct fsm *fsm, uint64_t object_id, unsigned from,
                             unsigned to, const char *why);
/* One hook a process; NULL switches tracing off (the default). */
void fsm_set_trace(fsm_trace_fn fn);
extern fsm_trace_fn fsm_trace_hook; /* set by fsm_set_trace */
void fsm_refuse_move(const struct fsm *fsm, unsigned from, unsigned to, uint64_t object_id,
                     const char *why) __attribute__((noreturn));
/* Moves *state to next; MUST when the table does not allow it. why: a few words for the trace.
 * Inline, since a request makes a dozen moves and both machine and state are known to the
 * compiler. */
static inline void fsm_move(const struct fsm *fsm, uint8_t *state, unsigned next,
                            uint64_t object_id, const char *why)
{
    unsigned from = *state;

    if (from >= fsm->n || next >= fsm->n || (fsm->states[from].next & FSM_TO(next)) == 0)
        fsm_refuse_move(fsm, from, next, object_id, why);
    *state = (uint8_t)next;
    if (fsm_trace_hook != NULL)
        fsm_trace_hook(fsm, object_id, from, next, why);
}
const char *fsm_name(const struct fsm *fsm, unsigned state);

#endif

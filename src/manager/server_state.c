#include "manager/server_state.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/werr.h"

static const struct {
    const char *word;
    bool gets_requests;
} states[SERVER_STATES] = {
#define SERVER_STATE(id, word, gets, level, log, text) [SERVER_##id] = {word, gets},
#include "manager/server_state.def"
#undef SERVER_STATE
};

const char *server_state_word(enum server_state state)
{
    MUST((unsigned)state < SERVER_STATES);
    return states[state].word;
}

bool server_state_gets_requests(enum server_state state)
{
    MUST((unsigned)state < SERVER_STATES);
    return states[state].gets_requests;
}

void server_record_init(struct server_record *r, enum server_state state, uint64_t now_us)
{
    *r = (struct server_record){.state = (uint8_t)state, .since_us = now_us};
}

void server_record_fini(struct server_record *r)
{
    free(r->history);
    r->history = NULL;
}

static struct server_history *get_history(struct server_record *r)
{
    if (r->history != NULL)
        return r->history;
    r->history = fault_malloc(sizeof(*r->history));
    if (r->history != NULL)
        r->history->n = 0;
    return r->history;
}

void server_record_move(struct server_record *r, enum server_state to, uint64_t now_us,
                        const char *reason)
{
    struct server_history *h = get_history(r);

    MUST(r->state != to); /* that is no transition */
    if (h != NULL) {
        struct server_transition *t = &h->ring[h->n++ % SERVER_HISTORY_N];

        *t = (struct server_transition){now_us, r->state, (uint8_t)to, ""};
        (void)snprintf(t->reason, sizeof(t->reason), "%s", reason);
    }
    r->state = (uint8_t)to;
    r->since_us = now_us;
    r->transitions++;
}

const struct server_transition *server_record_transition(const struct server_record *r,
                                                         unsigned n)
{
    const struct server_history *h = r->history;

    if (h == NULL || n >= h->n || n >= SERVER_HISTORY_N)
        return NULL;
    return &h->ring[(h->n - 1 - n) % SERVER_HISTORY_N];
}

/* server_state.h - the states of a server (server_state.def), and the record of one server: the
 * state that it is in, since when, how many transitions led there, and the last of them.
 *
 * facts_state (facts.h) says which state the facts mean; states.c compares it with the record
 * and writes down what has changed. The history is memory of its own, made with the first
 * transition: most servers of a large pool never have one. Without memory for it the transition
 * is counted all the same. Owner: struct server_facts. Pure.
 */
#ifndef WELDR_MANAGER_SERVER_STATE_H
#define WELDR_MANAGER_SERVER_STATE_H

#include <stdbool.h>
#include <stdint.h>

enum { SERVER_HISTORY_N = 20, SERVER_REASON_MAX = 128 };

enum server_state {
#define SERVER_STATE(id, word, gets, level, log, text) SERVER_##id,
#include "manager/server_state.def"
#undef SERVER_STATE
    SERVER_STATES
};

struct server_transition {
    uint64_t at_us; /* wall clock */
    uint8_t from, to;
    char reason[SERVER_REASON_MAX];
};

struct server_history {
    struct server_transition ring[SERVER_HISTORY_N];
    uint64_t n; /* ever written; the newest is at (n - 1) % SERVER_HISTORY_N */
};

struct server_record {
    uint8_t state; /* enum server_state */
    uint64_t since_us;
    uint64_t transitions;
    struct server_history *history; /* NULL: none yet, or no memory for it */
};

const char *server_state_word(enum server_state state);
/* Does a server in this state get new requests (unless its pool fails open)? */
bool server_state_gets_requests(enum server_state state);

void server_record_init(struct server_record *r, enum server_state state, uint64_t now_us);
void server_record_fini(struct server_record *r);
/* To another state. */
void server_record_move(struct server_record *r, enum server_state to, uint64_t now_us,
                        const char *reason);
/* The transitions that are known, n of 0 is the newest. NULL: there is none. */
const struct server_transition *server_record_transition(const struct server_record *r,
                                                         unsigned n);

#endif

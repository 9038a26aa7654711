/* api_places.h - who has a place at the management API when there are more connections than
 * places.
 *
 * Nobody can keep the operator out by connecting. A connection that waits for a request (or has
 * sent a part of one) gives way to a newcomer, the one that has waited longest first. Strangers
 * (not from this machine, no good token yet) have API_STRANGERS_MAX of the API_CONNS_MAX places
 * and displace each other only; a caller that is known displaces strangers, then others that
 * wait, then clients that have taken nothing of their response for API_STUCK_MS. A request that
 * is being answered to a client that reads never gives way.
 *
 * States of a place: FREE (not in the table) → IDLE (a request is awaited) ⇄ BUSY (one is
 * worked on) or SENDING (its response waits for the client), each with its list, moved by
 * places_move. Embedded in struct api_conn; owner of the table: struct api.
 */
#ifndef WELDR_MANAGER_API_PLACES_H
#define WELDR_MANAGER_API_PLACES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

enum { API_CONNS_MAX = 1024, API_STRANGERS_MAX = 768, API_STUCK_MS = 1000 };

enum place_state { PLACE_FREE, PLACE_IDLE, PLACE_BUSY, PLACE_SENDING, PLACE_STATES };

struct place {
    TAILQ_ENTRY(place) entry;
    uint8_t state; /* enum place_state */
    bool is_known;
    uint64_t since_ms; /* in this state, or (SENDING) since the client last took something */
};

TAILQ_HEAD(place_list, place);

struct places {
    struct place_list lists[PLACE_STATES][2]; /* by is_known; the longest there first */
    unsigned n, stranger_n;
};

void places_init(struct places *p);
/* May a newcomer come in? *victim: who has to go for it, out of the table already; NULL:
 * nobody.
 */
bool places_make_room(struct places *p, bool is_known, uint64_t now_ms, struct place **victim);
void places_enter(struct places *p, struct place *who, bool is_known, uint64_t now_ms);
/* To another state, or anew into the same. No-op for one that is FREE. */
void places_move(struct places *p, struct place *who, enum place_state next, uint64_t now_ms);
/* It has shown a good token. */
void places_know(struct places *p, struct place *who);
/* No-op for one that is FREE. */
void places_leave(struct places *p, struct place *who);

#endif

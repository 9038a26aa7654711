/* event_ring.h - the last events of this manager, in memory of a fixed size that all readers
 * share.
 *
 * An event is written once, as the bytes that go to a reader of a stream: "id: …", "event: …",
 * "data: …" (server-sent events of the WHATWG's HTML). A poll takes the data out of the same
 * bytes. A reader is a cursor, the number of the event that it wants next; it holds nothing.
 * The oldest events give way to new ones, whoever has yet to read them.
 *
 * Numbers begin at 1 and grow for as long as the manager lives. The epoch tells one life from
 * the next: an id is "EPOCH-NUMBER". Pure.
 */
#ifndef WELDR_MANAGER_EVENT_RING_H
#define WELDR_MANAGER_EVENT_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/werr.h"

enum { EVENT_ID_MAX = 40, EVENT_FRAME_EXTRA = 128 };

/* What filters look at: hashes of texts (event_ring_hash); 0: the event has none. */
struct event_key {
    uint8_t kind; /* below 64 */
    uint64_t pool, server, server_id;
};

/* All zero: everything passes. */
struct event_filter {
    uint64_t kinds; /* bits; 0: all */
    uint64_t pool, server;
};

struct event_slot {
    uint32_t at, len; /* of the frame, in bytes */
    uint32_t data_at, data_len;
    struct event_key key;
};

struct event_ring {
    char *bytes;
    struct event_slot *slots;
    uint32_t size, slot_n;
    uint64_t epoch;
    uint64_t first, next; /* numbers: the oldest that is there; the one that comes */
    uint32_t end;         /* where the next frame begins */
};

/* slot_n: a power of 2. WERR_NOMEM. */
int event_ring_init(struct event_ring *r, uint32_t size, uint32_t slot_n,
                    uint64_t epoch) MUST_USE;
void event_ring_fini(struct event_ring *r);

/* "EPOCH-NUMBER"; buf of EVENT_ID_MAX. */
void event_ring_print_id(const struct event_ring *r, uint64_t number, char *buf);
/* WERR_SYNTAX: this is no id. WERR_NOT_FOUND: an id of another life. */
int event_ring_read_id(const struct event_ring *r, struct span text, uint64_t *number) MUST_USE;
uint64_t event_ring_hash(struct span text); /* never 0, but for an empty text */

/* Writes the next event. data: one line of JSON; with the frame's other lines
 * (EVENT_FRAME_EXTRA) no longer than a quarter of the ring. */
void event_ring_add(struct event_ring *r, const struct event_key *key, const char *word,
                    struct span data);

static inline bool event_ring_has(const struct event_ring *r, uint64_t number)
{
    return number >= r->first && number < r->next;
}
/* The event must be there. */
struct span event_ring_frame(const struct event_ring *r, uint64_t number);
struct span event_ring_data(const struct event_ring *r, uint64_t number);
/* Bytes of frames from this one on: how far behind its reader is. 0: the reader is not. */
uint32_t event_ring_behind(const struct event_ring *r, uint64_t number);
const struct event_key *event_ring_key(const struct event_ring *r, uint64_t number);
bool event_filter_passes(const struct event_filter *f, const struct event_key *key);
/* The next run of frames, one behind the other in memory, that pass the filter, from *number
 * on, no longer than max bytes (one frame in any case); *number: behind it. Empty: there is
 * none. */
struct span event_ring_run(const struct event_ring *r, const struct event_filter *f,
                           uint64_t *number, size_t max);

#endif

/* events.h - what happens to this weldr, told once: to the log, and to GET /events.
 *
 * Whoever sees something happen fills a struct event_note and calls events_tell: that writes
 * the line of the log, which no rate limit holds back, and the event in the ring (event_ring.h)
 * that all readers share. Readers are told by `wake` that there is more, in a turn of its own
 * and at most every EVENTS_PAUSE_MS: 1,000 events a second are 50 pieces for each reader.
 *
 * Who asked for a change is known from its request: servers.c says it (events_set_by) while an
 * entry is applied. Nobody is known for what weldr does by itself, for the servers of its
 * flags, and for changes that another node has proposed. Owner: the manager.
 */
#ifndef WELDR_MANAGER_EVENTS_H
#define WELDR_MANAGER_EVENTS_H

#include "base/addr.h"
#include "base/timers.h"
#include "config/token_file.h"
#include "manager/event_ring.h"

enum {
    EVENTS_BYTES = 4 * 1024 * 1024,
    EVENTS_N = 16384, /* whichever is used up first */
    EVENTS_PAUSE_MS = 20,
    EVENT_DATA_MAX = 4096 /* of one event; a longer one loses its facts */
};

enum event_kind {
#define EVENT(id, word, level, log, text) EVENT_##id,
#include "manager/events.def"
#undef EVENT
    EVENT_KINDS
};
_Static_assert(EVENT_KINDS <= 64, "a filter has a bit for each");

struct jtext;
struct manager;

/* Who asked for a change. */
struct event_by {
    char address[ADDR_TEXT_MAX];    /* empty: nobody, or nobody knows */
    char token[TOKEN_NAME_MAX + 1]; /* its name; empty: none was shown */
};

/* What is NULL or 0 is not told. */
struct event_note {
    enum event_kind kind;
    const char *pool, *server_id, *server; /* names and the url */
    const char *listener, *rule, *certificate, *address, *member;
    const char *from, *to, *reason;
    const char *log; /* what the log says in place of the table's; level: as there */
    int level;       /* enum log_level */
    int pid;         /* of the worker; with it … */
    unsigned worker; /* … its id */
};

struct events {
    struct manager *m;
    struct event_ring ring;
    struct event_by by; /* of the entry that is being applied */
    /* What is stored is handed over: it was told in the life that it came from, and 10,000
     * servers that are there again are no news. */
    bool is_replaying;
    struct timer pause;
    uint64_t told_ms;        /* when readers were last told */
    void (*wake)(void *arg); /* there is more to read; NULL: nobody reads */
    void *arg;
};

/* WERR_NOMEM. */
int events_init(struct events *e, struct manager *m) MUST_USE;
void events_fini(struct events *e);
void events_on_more(struct events *e, void (*wake)(void *arg), void *arg);
/* A reader has not taken its share yet: wake is called again, in another turn. */
void events_go_on(struct events *e);
/* by: NULL: nobody. */
void events_set_by(struct manager *m, const struct event_by *by);
void events_tell(struct manager *m, const struct event_note *note);
/* "by": who asked, as events and the history show it; null without an address. */
void events_put_by(struct jtext *t, const char *address, const char *token);
const char *event_word(enum event_kind kind);
/* WERR_NOT_FOUND. */
int event_kind_from_word(struct span word, enum event_kind *kind) MUST_USE;

#endif

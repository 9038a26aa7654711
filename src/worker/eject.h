/* eject.h - passive ejection: a server that fails request after request leaves the rotation of
 * this worker for a while, whatever its health checks say.
 *
 * An error is an attempt that the server is to blame for (no connection, no response, no valid
 * response) or a 502, 503 or 504 of its own; any other response ends the row. An idle lane that
 * was closed under a request says nothing. After eject.errors in a row the server is ejected
 * for base_ms × times, at most max_ms; the times count from one again when it was in for longer
 * than max_ms. Never more than max_percent of the servers that are wanted, and never the last
 * usable one. A passed check ends an ejection whose errors were refused or failed connections;
 * of responses it says nothing. Each worker decides for itself; the counters `ejections` and
 * `ejected` tell the manager.
 */
#ifndef WELDR_WORKER_EJECT_H
#define WELDR_WORKER_EJECT_H

#include <stdbool.h>
#include <stdint.h>

struct origin;

/* How an attempt at an origin has ended. */
struct eject_attempt {
    bool well;          /* answered */
    bool is_blamed;     /* not well, and the server is to blame */
    bool is_reset;      /* its connection was reset */
    bool is_connecting; /* there was none yet */
    bool is_stale_lane; /* an idle lane that was closed under the request */
    uint16_t status;    /* of the response */
};

void eject_init(struct origin *o);
void eject_note_attempt(struct origin *o, const struct eject_attempt *a);
/* A check of it has just passed. */
void eject_note_passed(struct origin *o);
/* It is back before its time; no-op when it is not ejected. */
void eject_end(struct origin *o);

#endif

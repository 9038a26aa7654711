/* lane.h - what is done with a lane (lanes.h): taken for an exchange, released, closed. */
#ifndef WELDR_WORKER_LANE_H
#define WELDR_WORKER_LANE_H

#include "worker/addr_set.h"
#include "worker/lanes.h"

struct caller;
struct origin;

enum lane_choice {
    LANE_ANY,  /* an idle one if there is one */
    LANE_SAFE, /* the same, but none that its server may be closing at this moment: for what
                  can't be sent twice */
    LANE_NEW
};

/* An idle lane, or a new one to an address that has not been tried. Its stream is the user's
 * then. *error when NULL: WERR_REFUSED, WERR_NO_FD …. */
struct lane *lane_take(struct origin *o, struct stream_user *user, struct addr_tries *tries,
                       enum lane_choice choice, int *error);
/* It is connected (BUSY, and before any head): its address works. */
void lane_note_open(const struct lane *lane);
/* Before the first head on a new lane, and with TLS before the handshake: names the client to a
 * server that wants a PROXY header (version 2). The lane then speaks for that client and is not
 * used again, since the next request may be somebody else's. */
void lane_tell_caller(struct lane *lane, const struct caller *caller,
                      const struct stream *from);
/* Why TLS with its server failed, in the words of net/tlsio.h; NULL: it did not. */
const char *lane_tls_word(const struct lane *lane);
/* The exchange is done with it: idle again if it can carry another, else closed. */
void lane_release(struct lane *lane, bool reuse);
/* The same after a tunnel: closed when all is sent, or, broken (STREAM_CUT_*), reset, since
 * bytes may be missing. */
void lane_end_tunnel(struct lane *lane);
void lane_break_tunnel(struct lane *lane, enum stream_why why);
/* Has it carried an exchange before? */
bool lane_is_reused(const struct lane *lane);
void lanes_close_idle(struct origin *o);
/* Its addresses are others: idle lanes to those that are gone, or down, close; busy ones will
 * when they are done. */
void lanes_close_gone(struct origin *o);
/* Whoever has one hears that the server has no more time. */
void lanes_cut(struct origin *o);
/* The response's head was read. It may say how long the server keeps the connection
 * (Keep-Alive: timeout): Weldr closes it a second before. After a large response another one is
 * expected of this origin: little is read with the next head then, so that the rest can be
 * spliced. */
void lane_note_head(struct lane *lane, const struct msg *m);
/* Broken before a response: if it had been idle, its server closes lanes suddenly. */
void lane_note_stale(const struct lane *lane);

#endif

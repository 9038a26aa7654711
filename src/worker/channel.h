/* channel.h - the worker's end of the channel to its manager: frames in, ACKs out.
 *
 * Frames are taken in order; each SNAPSHOT, APPLY and LOCAL is answered with one ACK. A frame
 * that can't be taken ends the process (the manager starts another with a fresh snapshot):
 * nothing is ever skipped. The end of the channel means that the manager died: the worker
 * drains.
 */
#ifndef WELDR_WORKER_CHANNEL_H
#define WELDR_WORKER_CHANNEL_H

#include "base/bufq.h"
#include "net/loop.h"
#include "wire/frame.h"

struct worker;

struct channel_hooks {
    int (*on_hello)(void *arg, const struct frame_hello *hello); /* first frame */
    void (*on_ready)(void *arg);                                 /* the first snapshot is in */
    void (*on_drain)(void *arg,
                     uint32_t limit_ms); /* asked, or the manager died (limit of HELLO) */
    void (*on_broken)(void *arg, const char *why); /* must not go on */
    void *arg;
};

struct channel {
    struct sock sock;
    struct worker *worker;
    struct bufq_store *store;
    struct channel_hooks hooks;
    struct bufq in, out;
    struct frame_hello hello;
    bool has_hello, is_ready;
    uint64_t frames;
};

/* fd becomes the loop's. worker must be initialised by on_hello at the latest. */
void channel_open(struct channel *ch, struct loop *loop, struct worker *worker,
                  struct bufq_store *store, const struct channel_hooks *hooks, int fd);
/* FRAME_BYE: drained. */
void channel_bye(struct channel *ch);
void channel_close(struct channel *ch);

#endif

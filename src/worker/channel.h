/* channel.h - the worker's end of the channel to its manager: frames in, ACKs and PONGs out.
 *
 * Frames are taken in order; updates (frame_is_update) are answered with an ACK, which counts
 * those that came together, each PING with a PONG. For want of memory an update can't be taken:
 * then the worker says LACKING, goes on with the pool that it has, and leaves updates out until
 * RESUME, which facts and a snapshot follow. Any other frame that can't be taken ends the
 * process (the manager starts another with a fresh snapshot): nothing is ever skipped. The end
 * of the channel means that the manager died: the worker drains.
 *
 * A long list of servers is taken in parts (bulk.h). Until then nothing is read, and what came
 * with it in one read is kept.
 *
 * A frame that is whole in what was received is taken where it lies; a cut one is put together,
 * in small when it is small, else in a block of its size. What goes out is small and says how
 * things stand now, so it needs no queue: what is due is noted, and one frame is on its way.
 */
#ifndef WELDR_WORKER_CHANNEL_H
#define WELDR_WORKER_CHANNEL_H

#include "net/loop.h"
#include "wire/frame.h"
#include "worker/bulk.h"

struct worker;

struct channel_hooks {
    int (*on_hello)(void *arg, const struct frame_hello *hello); /* first frame */
    int (*on_ready)(void *arg); /* the first snapshot is in; WERR_NOMEM: comes again */
    void (*on_drain)(void *arg,
                     uint32_t limit_ms); /* asked, or the manager died (limit of HELLO) */
    void (*on_ping)(void *arg);
    void (*on_log)(void *arg, int fd, uint8_t way); /* takes the access log's descriptor */
    void (*on_broken)(void *arg, const char *why);  /* must not go on */
    void *arg;
};

/* In a turn, so that clients need not wait for the facts of thousands of servers. */
enum { CHANNEL_READ_BYTES = 64 * 1024 };

/* A read ends behind one descriptor, and then all whole frames are taken: what is left over are
 * the one of a frame that is cut, and that of the next read. */
enum { CHANNEL_RIGHTS_MAX = 4 };

/* The frame that has come in part. */
struct channel_piece {
    uint16_t type; /* as soon as its head is whole: */
    bool is_lost;  /* there is no memory for it: the rest is passed over */
    size_t want;   /* 0: not known yet */
    size_t got;
    char *block; /* NULL: it fits small */
    char small[FRAME_FIXED_MAX];
};

struct channel {
    struct sock sock;
    struct worker *worker;
    struct channel_hooks hooks;
    struct channel_piece in;
    struct span unread; /* of what was received, while it is taken */
    struct bulk bulk;
    char *held; /* owned: behind the list that bulk takes */
    size_t held_len;
    char out[FRAME_FIXED_MAX]; /* the frame on its way */
    size_t out_len, out_sent;
    bool is_ack_due, is_lacking_due, is_pong_due, is_bye_due, is_log_wanted_due;
    bool is_parted_due; /* departures.h knows what of */
    bool has_hello, is_ready;
    bool is_lacking; /* until RESUME */
    uint64_t frames, ping;
    struct frame_hello hello;
    /* Descriptors that came and whose LISTEN or LOG has not been read to its end: in order; -1:
     * lost.
     */
    int rights[CHANNEL_RIGHTS_MAX];
    unsigned right_n;
};

/* fd becomes the loop's. worker must be initialised by on_hello at the latest. */
void channel_open(struct channel *ch, struct loop *loop, struct worker *worker,
                  const struct channel_hooks *hooks, int fd);
/* FRAME_BYE: drained. */
void channel_bye(struct channel *ch);
/* Asks for a descriptor for the access log, which comes to on_log. */
void channel_want_log(struct channel *ch);
void channel_close(struct channel *ch);

#endif

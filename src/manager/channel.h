/* channel.h - the manager's end of the channel to one worker: frames out, acknowledgements in.
 *
 * Frames wait in an unbounded list only up to CHANNEL_QUEUE_MAX: a worker that lets more pile
 * up gets the rest as one snapshot. Then every update that was not begun is dropped, the
 * channel is stale and takes no updates; when what is left has gone, on_stale asks the owner
 * for a snapshot. So no update is ever skipped and memory stays bounded. What a worker is
 * attached with (facts and snapshot, between refresh and attached) may be larger; the bound is
 * for what comes behind it.
 *
 * Short of memory, ours or the worker's (LACKING), the channel is stale too, and starved: the
 * owner is asked for a snapshot after a pause that doubles while it does not help. DRAIN and
 * PING have their places here and need no memory.
 *
 * A frame may carry a descriptor (LISTEN: a listening socket), which goes with its first byte
 * and stays its owner's, who says so (manager_channel_forget) before it closes it. When more of
 * them are on their way than the process may have, the channel pauses.
 *
 * Each frame that the worker acknowledges carries the publish sequence that it completes;
 * acked_seq is the highest that the worker has confirmed. Owner: the slot of the supervisor, in
 * which the channel is embedded; it may be used again after on_closed.
 */
#ifndef WELDR_MANAGER_CHANNEL_H
#define WELDR_MANAGER_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/span.h"
#include "net/loop.h"
#include "wire/frame.h"

enum {
    CHANNEL_QUEUE_MAX = 8 * 1024 * 1024,
    CHANNEL_IN_BYTES = 512,
    CHANNEL_RETRY_MIN_MS = 100,
    CHANNEL_RETRY_MAX_MS = 3200,
    CHANNEL_PAUSE_MS = 20
};

struct manager_channel;

struct manager_channel_ops {
    void (*on_ack)(struct manager_channel *ch, const struct frame_ack *ack);
    void (*on_bye)(struct manager_channel *ch);
    void (*on_pong)(struct manager_channel *ch);
    void (*on_log_wanted)(struct manager_channel *ch); /* nowhere to write its access log to */
    void (*on_parted)(struct manager_channel *ch, const struct frame_parted *said);
    /* The queue was dropped and is empty now: send a snapshot (manager_channel_refresh). */
    void (*on_stale)(struct manager_channel *ch);
    /* The worker has closed its end, or sent what is no frame. The owner closes. */
    void (*on_broken)(struct manager_channel *ch, int rc);
};

struct channel_frame {
    TAILQ_ENTRY(channel_frame) entry;
    uint64_t seq; /* what its acknowledgement completes; 0: nothing */
    size_t len, sent;
    bool counts;    /* the worker acknowledges it */
    bool is_secret; /* bytes is memory of base/seal.h */
    int fd;         /* to go with its first byte, borrowed; -1: none, or it has gone */
    char *bytes;    /* NULL once sent */
};
TAILQ_HEAD(channel_frames, channel_frame);

/* Frames that are always there, each at most once in the queue. */
enum channel_word { CHANNEL_PING, CHANNEL_RESUME, CHANNEL_DRAIN, CHANNEL_WORDS };

struct channel_ready_frame {
    struct channel_frame frame; /* first; len 0: not queued */
    char bytes[FRAME_FIXED_MAX];
};

struct manager_channel {
    struct sock sock; /* first */
    uint32_t magic;
    struct loop *loop;
    const struct manager_channel_ops *ops;
    struct loop_work flush;
    struct channel_frames unsent;  /* the first may be sent in part */
    struct channel_frames unacked; /* sent, acknowledgement due */
    struct channel_ready_frame words[CHANNEL_WORDS];
    size_t queued_bytes, queue_max;
    bool is_open;
    bool is_blocked; /* on_send will tell */
    bool is_broken;  /* on_broken was called */
    bool is_stale;
    struct timer retry; /* starved: on_stale comes then */
    struct timer pause; /* set: too many descriptors are on their way */
    uint32_t retry_ms;
    uint64_t acked_seq;
    uint64_t heard_n; /* frames of the worker */
    struct frame_ack last_ack;
    char in[CHANNEL_IN_BYTES];
    size_t in_len;
};

void manager_channel_init(struct manager_channel *ch, struct loop *loop,
                          const struct manager_channel_ops *ops);
/* Takes the descriptor. */
void manager_channel_open(struct manager_channel *ch, int fd);
/* Drops everything; is_open ends later in the same turn. No-op when closed. */
void manager_channel_close(struct manager_channel *ch);
/* Queues head + body as one frame (copied); on a stale channel updates are left out. Without
 * memory for it an update is left to a snapshot; anything else breaks the channel: on_broken
 * follows. */
struct channel_note {
    uint64_t seq;
    bool counts;
    bool is_secret; /* no core file shows it while it waits */
};
void manager_channel_send(struct manager_channel *ch, struct channel_note note,
                          struct span head, struct span body);
/* The same for a frame that hands a descriptor over (borrowed until it has gone or is
 * forgotten).
 */
void manager_channel_send_fd(struct manager_channel *ch, struct channel_note note,
                             struct span head, int fd);
/* The descriptor is about to be closed: frames that were to carry it are dropped. */
void manager_channel_forget(struct manager_channel *ch, int fd);
/* Queues a frame without a body that needs no memory; no-op while the last one is queued. */
void manager_channel_say(struct manager_channel *ch, enum channel_word word, struct span frame);
/* An update, or the snapshot, can't be made for want of memory: on_stale comes in a while. */
void manager_channel_starve(struct manager_channel *ch);
/* Waits for memory; the worker owes nothing meanwhile. */
bool manager_channel_is_starved(const struct manager_channel *ch);
/* Of updates, in the queue or on the way, that the worker has not acknowledged. */
size_t manager_channel_owed_bytes(const struct manager_channel *ch);
/* The snapshot follows: updates are taken again. */
void manager_channel_refresh(struct manager_channel *ch);
/* … and is queued. */
void manager_channel_attached(struct manager_channel *ch);

#endif

/* limits.h - bounds of a worker that are not settings of a pool. */
#ifndef WELDR_WORKER_LIMITS_H
#define WELDR_WORKER_LIMITS_H

enum worker_limits {
    LIMIT_CLIENTS = 200000,
    LIMIT_LANES = 65536,
    LIMIT_IDLE_LANES = 1024, /* per origin; more are closed */
    LIMIT_DRAIN_FIRST_MS =
        1000, /* while draining: a connection that has not asked yet may still do so */
    LIMIT_DRAIN_JITTER_MS = 1000, /* while draining: idle connections close within so long */
    LIMIT_UNWATCHED_MS = 200, /* so long a response is waited for before the client's socket is
                                 watched and its server is looked after */
    LIMIT_COPY_BLINDLY_BYTES =
        2048, /* so much of a body is kept for another attempt before asking whether it pays */
    LIMIT_RETRY_FREE_N = 32, /* so many further attempts may run whatever the budget says */
    LIMIT_PICKS_N = 200, /* servers that are tried for one request, if none can be reached */
    LIMIT_SHORT_PICKS_N = 4,      /* … or if it is for something that we lack */
    LIMIT_PLACE_TRIES_N = 4,      /* looks for a place that another worker takes first */
    LIMIT_PASSED_N = 3,           /* looks at a free place that another worker does not take */
    LIMIT_SERVERS_PER_LOOK = 128, /* so many servers more, and those who wait look a ms later */
    LIMIT_SETTLED_MS =
        20, /* a lane that has been idle so long was not closed behind its response */
    LIMIT_PROVEN_N =
        50, /* exchanges on one lane after which its origin is known to keep them */
    LIMIT_SUDDEN_MS =
        1000, /* an idle lane that its origin closes this early is closed suddenly */
    LIMIT_DISTRUST_MS = 60000, /* so long that is remembered */
    LIMIT_SHUN_MS = 10000,     /* so long an address that could not be reached comes last */
    LIMIT_SHARE_MIN_MS = 250,  /* an address has so long to take a connection before the next is
                                  tried, however many there are */
    LIMIT_LARGE_RESPONSE_BYTES = 256 * 1024, /* whoever sent one is expected to do so again … */
    LIMIT_LARGE_FIRST_BYTES =
        16 * 1024, /* … so little is read with its head then: the rest can be spliced */
    LIMIT_RATE_GRACE_MS = 5000, /* so long a client may be slower than the least rate */
    LIMIT_READ_ON_BYTES =
        64 * 1024, /* so much of a request is read behind its response to keep the connection */
    LIMIT_OTHER_DESCRIPTORS = 16, /* what is neither client, lane nor listener */
    LIMIT_SCARCE_SHARE = 8, /* with an eighth of the descriptors left newcomers are refused … */
    LIMIT_FULL_SHARE = 16, /* … with a sixteenth without a word */
    LIMIT_ARENA_BYTES = 256 * 1024,
    LIMIT_ARENA_CHUNK_BYTES = 4 * 1024,
    LIMIT_ARENA_KEEP_N = 1024,
    LIMIT_ARENA_RESERVE_N = 64,       /* of them, when nobody has needed them for a while */
    LIMIT_RECLAIM_MS = 2000,          /* so long memory must have been idle to be given back */
    LIMIT_RECLAIM_BYTES = 1024 * 1024 /* so much the allocator may hold back besides */
};

#endif

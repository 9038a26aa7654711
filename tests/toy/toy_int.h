/* toy_int.h - what the files of the toy codec share. */
#ifndef WELDR_TESTS_TOY_INT_H
#define WELDR_TESTS_TOY_INT_H

#include "base/bufq.h"
#include "toy_codec.h"

enum {
    TOY_FRAME_BYTES = 9,
    TOY_CONTROL_BYTES = 4, /* of RESET, CREDIT and GOAWAY */
    TOY_OWN_MAX_BYTES = 1024 * 1024,
    TOY_KEPT_MAX_BYTES = 4 * 1024 * 1024
};

enum toy_type { TOY_HEAD, TOY_DATA, TOY_RESET, TOY_CREDIT, TOY_GOAWAY, TOY_PING, TOY_PONG };
enum { TOY_END = 1 }; /* flag of HEAD and DATA: the message ends here */

struct toy_shared {
    struct bufq_store *store;
    unsigned live_n;
    struct msg msg;
    struct msg_field fields[MSG_FIELDS_MAX];
};

struct toy_stream {
    struct codec_stream stream; /* first */
    struct toy_stream *next;
    struct bufq kept; /* what there was no credit for */
    uint32_t id;
    uint32_t in_left;  /* what the peer may still send */
    uint32_t out_left; /* what we may */
    uint32_t owed;     /* delivered, not credited yet */
    bool paused, in_ended;
    bool out_ended;  /* its owner has sent all … */
    bool end_is_due; /* … but the END mark could not go out */
    bool is_full;    /* told so by flow() */
    bool has_failed; /* what was kept is lost: RESET is due both ways */
    bool reset_told; /* by an event: nothing more goes either way */
    bool asks_head;
};

struct toy_frame {
    uint32_t left; /* bytes of it still to come */
    uint32_t id;
    uint8_t type, flags;
};

struct toy {
    struct codec codec; /* first */
    struct toy_shared *shared;
    const struct codec_limits *limits;
    struct toy_stream *streams;
    struct bufq own; /* control frames to be sent */
    struct toy_frame frame;
    uint32_t last_id; /* the newest stream, whoever began it */
    unsigned stream_n;
    enum codec_role role;
    bool in_data; /* frame is DATA, its head was read */
    bool paused;
    bool is_closing; /* GOAWAY was sent or received */
    bool is_broken;
};

static inline struct toy *toy_from(struct codec *c)
{
    return (struct toy *)(void *)c;
}
static inline const struct toy *toy_of(const struct codec *c)
{
    return (const struct toy *)(const void *)c;
}
static inline struct toy_stream *toy_stream_from(struct codec_stream *st)
{
    MUST(st);
    return (struct toy_stream *)(void *)st;
}

/* toy_codec.c */
struct toy_stream *toy_find(const struct toy *t, uint32_t id);
struct toy_stream *toy_begin(struct toy *t, uint32_t id); /* NULL: no memory, or too many */
void toy_forget(struct toy *t, struct toy_stream *s);

/* toy_read.c */
size_t toy_feed(struct codec *c, struct span in);
/* Tells the owner; nothing more goes either way. */
void toy_tell_reset(struct toy *t, struct toy_stream *s, int error, const char *why);

/* toy_write.c */
void toy_put_frame(char *at, enum toy_type type, uint8_t flags, uint32_t id, size_t n);
/* A frame of the codec's own: RESET, CREDIT, GOAWAY, PONG. */
void toy_say(struct toy *t, enum toy_type type, uint32_t id, uint32_t number);
size_t toy_head_room(const struct codec *c, const struct msg *m);
void toy_send_head(struct codec *c, struct codec_stream *st, const struct msg *m,
                   struct outv *out);
void toy_send_body(struct codec *c, struct codec_stream *st, struct span data,
                   uint64_t chunk_bytes, struct outv *out);
void toy_send_end(struct codec *c, struct codec_stream *st, const struct msg *trailers,
                  struct outv *out);
bool toy_output(struct codec *c, struct outv *out);

#endif

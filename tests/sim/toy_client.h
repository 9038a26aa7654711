/* toy_client.h - a client of the simulated network that speaks the toy protocol: up to
 * TOY_ASKS requests at once on its one connection.
 *
 * toy_world makes a world whose worker takes toy from clients and speaks HTTP/1 to servers. A
 * client's codec stands on a peer; none of its allocations count for base/fault.h. What came is
 * recorded for each request. Owner: the test, which frees clients before world_end.
 */
#ifndef WELDR_TESTS_SIM_TOY_CLIENT_H
#define WELDR_TESTS_SIM_TOY_CLIENT_H

#include "toy_codec.h"
#include "world.h"

enum { TOY_ASKS = 220 };

struct toy_client;

struct toy_ask {
    struct toy_client *client;
    struct codec_stream *st; /* NULL: it is over */
    unsigned long id;
    unsigned status;     /* 0: no head has come */
    long got_id;         /* of X-Id */
    char error_word[40]; /* of Weldr-Error */
    struct text body;
    size_t left, total; /* of what it uploads */
    bool has_begun;     /* else: no stream could begin */
    bool has_ended;     /* the response */
    bool has_sent;      /* the request */
    bool is_full;
    bool pauses_at_head; /* asks for no more when the head has come */
    int error;           /* RESET */
};

struct toy_client {
    struct world_client base; /* first; the world's */
    struct world *w;
    struct bufq_store *store;
    struct codec_shared *shared;
    struct codec *codec;
    struct outv out;
    struct text unread; /* that the codec did not take yet */
    struct toy_ask asks[TOY_ASKS];
    unsigned n;
    bool is_broken; /* the server's bytes are no toy */
};

/* As world_new and world_open. */
struct world *toy_world_new(const struct world_setup *setup);
struct world *toy_world(const struct world_setup *setup);
struct toy_client *toy_client(struct world *w);
/* Its connection stays the world's, and is closed if it is not yet. */
void toy_client_free(struct toy_client *t);

/* A request for this target; its id is what stands behind the last "/". upload: bytes of its
 * body, as fake_body makes them. */
struct toy_ask *toy_ask(struct toy_client *t, const char *target, size_t upload);
struct toy_ask *toy_askf(struct toy_client *t, size_t upload, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* No more credit for its response, and on again. */
void toy_pause(struct toy_ask *a, bool paused);
void toy_cancel(struct toy_ask *a);
/* Bytes that are no toy. */
void toy_say_garbage(struct toy_client *t);
/* The whole response of its kind is there, status 200, and is its own. */
bool toy_is_whole(const struct toy_ask *a, size_t bytes);
/* All that came of the body is its own. */
bool toy_is_right(const struct toy_ask *a);

#endif

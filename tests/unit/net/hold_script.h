/* hold_script.h - steps of a test that are callbacks of one turn, for output that is held. */
#ifndef WELDR_TESTS_HOLD_SCRIPT_H
#define WELDR_TESTS_HOLD_SCRIPT_H

#include <stdio.h>

#include "conn_pairs.h"

/* The first conns have heard a request, so that they may answer; each of the others runs a step
 * of the test whenever its peer sends a byte: all steps of run_turn are callbacks of one turn.
 */

enum { STEPS_MAX = 3, HELD_MAX_BYTES = 4096, CROWD = 80 };

typedef void (*step_fn)(struct pairs *w);

static struct {
    unsigned answering_n, done;
    step_fn step[STEPS_MAX];
    step_fn at_end;             /* of a request of the first ones; NULL: nothing */
    uint64_t ops_at[STEPS_MAX]; /* operations of the network when it began, its read included */
} script;

static char bytes[KEEP_BYTES];

static inline void on_event(struct server *s, struct event *ev)
{
    if (ev->type == EVENT_END && script.at_end)
        script.at_end(s->pairs);
    if (ev->type != EVENT_BODY)
        return;
    assert_true(script.done < STEPS_MAX);
    script.ops_at[script.done] = loop_sim_ops(s->pairs->loop);
    script.step[script.done++](s->pairs);
}

static inline struct pairs *open_pairs(unsigned answering_n, uint32_t buffer_bytes)
{
    struct pairs *w = pairs_new(answering_n + STEPS_MAX, buffer_bytes);

    w->on_event = on_event;
    script.answering_n = answering_n;
    script.at_end = NULL;
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)('a' + i % 23 + i / 509 % 3);
    for (unsigned i = 0; i < w->n; i++)
        raw_send(&w->raws[i],
                 i < answering_n
                     ? SPAN("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                     : SPAN("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n"));
    pairs_run(w);
    for (unsigned i = 0; i < answering_n; i++)
        raw_listen(&w->raws[i]);
    pairs_run(w);
    return w;
}

static inline void run_turn(struct pairs *w, step_fn first, step_fn second, step_fn third)
{
    const step_fn steps[STEPS_MAX] = {first, second, third};
    unsigned n = 0;

    script.done = 0;
    for (; n < STEPS_MAX && steps[n]; n++) {
        script.step[n] = steps[n];
        raw_send(&w->raws[script.answering_n + n], SPAN("x"));
    }
    loop_turn(w->loop, 0);
    assert_int_equal(script.done, n);
}

/* ---- what is sent ---- */

static inline size_t head_text(char *to, size_t room, size_t body_bytes)
{
    return (size_t)snprintf(to, room, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
                            body_bytes);
}

static inline void send_head(struct pairs *w, unsigned i, size_t body_bytes)
{
    struct msg m;

    reply_init(&m, 200, body_bytes);
    conn_send_head(&w->servers[i].conn, &m);
}

static inline void send_body(struct pairs *w, unsigned i, size_t from, size_t n)
{
    conn_send_body(&w->servers[i].conn, span_from(bytes + from, n), 0);
}

static inline void respond(struct pairs *w, unsigned i, size_t body_bytes)
{
    send_head(w, i, body_bytes);
    send_body(w, i, 0, body_bytes);
    conn_send_end(&w->servers[i].conn, NULL);
}

static inline void check_answer(const struct pairs *w, unsigned i, size_t body_bytes)
{
    const struct raw *r = &w->raws[i];
    char head[64];
    size_t head_bytes = head_text(head, sizeof(head), body_bytes);

    assert_int_equal(r->n, head_bytes + body_bytes);
    assert_memory_equal(r->kept, head, head_bytes);
    assert_memory_equal(r->kept + head_bytes, bytes, body_bytes);
}

enum { SMALL = 100, LARGE = 12000, WINDOW_BYTES = 1000 };

static inline void answer_0(struct pairs *w)
{
    respond(w, 0, SMALL);
}

static inline void answer_1(struct pairs *w)
{
    respond(w, 1, SMALL + 1);
}

static inline void do_nothing(struct pairs *w)
{
    (void)w;
}

static inline void end_with_both(struct pairs *w)
{
    pairs_run(w);
    check_answer(w, 0, SMALL);
    check_answer(w, 1, SMALL + 1);
    pairs_end(w);
}

static size_t piece_bytes[2];

static inline void send_first(struct pairs *w)
{
    send_head(w, 0, piece_bytes[0] + piece_bytes[1]);
    send_body(w, 0, 0, piece_bytes[0]);
}

static inline void send_second(struct pairs *w)
{
    send_body(w, 0, piece_bytes[0], piece_bytes[1]);
    conn_send_end(&w->servers[0].conn, NULL);
}

static inline void go_on_0(struct pairs *w)
{
    conn_next(&w->servers[0].conn);
}

#endif

/* A reset makes both kernels forget: ours what the peer has not acknowledged yet. So before one
 * that ends a broken message it is waited for that the peer has got what is good of it. No
 * signal tells of that, so the kernel is asked. */
#include "net/conn_int.h"

enum { PAUSE_MAX_MS = 200, BYTES_PER_MS = 4096 };

/* Between two looks: longer, the longer nothing was taken and the more there is to take. */
static uint64_t pause_ms(const struct conn *c, uint64_t idle_ms)
{
    uint64_t ms = 1 + idle_ms + c->sock.unacked / BYTES_PER_MS;

    return ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS;
}

static void look_or_end(struct conn *c)
{
    uint64_t idle_ms = loop_now_ms(c->shared->loop) - c->taken_ms;

    if (c->sock.unacked == 0 || idle_ms >= conn_flush_limit_ms(c))
        conn_close(c, CONN_CLOSE_RESET);
    else
        loop_timer_in(c->shared->loop, &c->timer, pause_ms(c, idle_ms));
}

/* An end that was to be sent before the break is of what the peer gets. */
void conn_begin_settling(struct conn *c)
{
    if (c->sending == SENDING_LAST)
        sock_shutdown(&c->sock);
    conn_drop_pending(c);
    conn_move(c, CONN_SETTLING, "all sent");
    c->taken_ms = loop_now_ms(c->shared->loop);
    conn_look(c);
    look_or_end(c);
}

void conn_settle(struct conn *c)
{
    if (conn_has_taken(c))
        c->taken_ms = loop_now_ms(c->shared->loop);
    look_or_end(c);
}

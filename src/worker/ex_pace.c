#include "worker/ex_int.h"
#include "worker/limits.h"

/* Who is waited for, how long, and what it is called when that was too long. */

/* With Expect: 100-continue the server may take its time to say so, and the client its own
 * until it has had enough of waiting. The end of both is the client's: it is not to wait for
 * ever (RFC 9110 section 10.1.1), and else its silence would get a server ejected that never
 * asks for a body. */
static bool awaits_continue(const struct exchange *ex)
{
    return (ex->request.flags & MSG_EXPECT_100) && ex->bytes_in == 0 &&
           !(ex->flags & EX_CONTINUED);
}

static uint32_t longer(uint32_t a_ms, uint32_t b_ms)
{
    return a_ms > b_ms ? a_ms : b_ms;
}

uint32_t ex_silence_ms(const struct exchange *ex)
{
    const struct pool_timeouts *timeouts = &worker_pool(ex->worker)->timeouts;

    if (ex->step == EX_TUNNEL)
        return timeouts->tunnel_ms;
    if (ex->flags & EX_ANSWER_BEGUN)
        return conn_is_congested(&ex->client->conn) ? timeouts->client_write_ms
                                                    : timeouts->idle_ms;
    if (ex->flags & EX_REQUEST_SENT)
        return timeouts->response_head_ms;
    if (awaits_continue(ex))
        return longer(timeouts->response_head_ms, timeouts->client_body_ms);
    return ex->lane && conn_is_congested(&ex->lane->conn) ? timeouts->idle_ms
                                                          : timeouts->client_body_ms;
}

enum end ex_silence_end(const struct exchange *ex)
{
    if (ex->step == EX_LANE)
        return END_CONNECT_TIMEOUT;
    if (ex->step == EX_TUNNEL)
        return END_TUNNEL_IDLE;
    if ((ex->flags & EX_ANSWER_BEGUN) && conn_is_congested(&ex->client->conn))
        return END_CLIENT_WRITE;
    if (!(ex->flags & EX_REQUEST_READ) && !conn_is_congested(&ex->lane->conn))
        return END_CLIENT_TIMEOUT;
    return ex->flags & EX_ANSWER_BEGUN ? END_ORIGIN_IDLE : END_ORIGIN_TIMEOUT;
}

bool ex_is_too_slow(const struct worker *w, uint64_t bytes, uint64_t elapsed_ms)
{
    uint64_t rate = worker_pool(w)->bounds.min_rate_bytes;

    return elapsed_ms > LIMIT_RATE_GRACE_MS &&
           bytes * 1000 < rate * (elapsed_ms - LIMIT_RATE_GRACE_MS);
}

enum end ex_check_body(struct exchange *ex, size_t bytes)
{
    uint64_t max = worker_pool(ex->worker)->bounds.body_bytes;
    uint64_t now_us = loop_now_us(ex->worker->loop);

    if (max > 0 && ex->bytes_in > max)
        return END_BODY_TOO_BIG;
    if (ex->rate_from_us == 0) {
        ex->rate_from_us = now_us;
        ex->rate_bytes = 0;
    }
    ex->rate_bytes += bytes;
    return ex_is_too_slow(ex->worker, ex->rate_bytes, (now_us - ex->rate_from_us) / 1000)
               ? END_CLIENT_SLOW
               : END_OK;
}

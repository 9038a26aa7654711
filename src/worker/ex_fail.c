#include "base/werr.h"
#include "log/log.h"
#include "worker/eject.h"
#include "worker/ex_int.h"
#include "worker/limits.h"
#include "worker/place.h"
#include "worker/pool_turn.h"

enum end ex_end_of_error(int error)
{
    switch (error) {
    case WERR_REFUSED:
        return END_CONNECT_REFUSED;
    case WERR_RESET: /* connected and thrown out again before we looked */
        return END_ORIGIN_RESET;
    case WERR_TIMEOUT:
        return END_CONNECT_TIMEOUT;
    case WERR_NOMEM:
        return END_NO_MEMORY;
    case WERR_NO_FD:
        return END_NO_DESCRIPTOR;
    case WERR_ADDR_UNAVAILABLE:
        return END_NO_PORT;
    case WERR_DENIED: /* by a firewall of this host, or its table of connections is full */
        return END_CONNECT_DENIED;
    case WERR_UNTRUSTED:
        return END_ORIGIN_TLS_UNTRUSTED;
    case WERR_HANDSHAKE:
        return END_ORIGIN_TLS_FAILED;
    case WERR_NO_CERTIFICATE:
        return END_CERTIFICATE;
    default:
        return END_CONNECT_FAILED;
    }
}

static void count_attempt(const struct exchange *ex, bool well)
{
    bool success = well && ex->lane_status < 500;

    stats_add(ex->worker->stats, success ? STATS_server_success : STATS_server_failed, 1);
    stats_server_add(ex->worker->stats, ex->origin->stats_slot,
                     success ? STATS_SERVER_success : STATS_SERVER_failed, 1);
    ex_measure_attempt(ex, well);
}

bool ex_ends_at_once(const struct exchange *ex)
{
    return ex->end == END_CLIENT_WRITE || ex->end == END_TUNNEL_IDLE || ex->end == END_DRAINED;
}

static void end_tunnel(const struct exchange *ex, bool well)
{
    if (well)
        lane_end_tunnel(ex->lane);
    else if (ex_ends_at_once(ex) || ex->worker->draining)
        lane_break_tunnel(ex->lane, STREAM_CUT_NOW);
    else
        lane_break_tunnel(ex->lane, STREAM_CUT_OFF);
}

static void note_for_ejection(const struct exchange *ex, bool well)
{
    const bool is_reset = ex->end == END_ORIGIN_RESET;
    const struct eject_attempt a = {
        .well = well,
        .is_blamed = end_facts(ex->end)->blame == END_BLAME_SERVER,
        .is_reset = is_reset,
        .is_connecting = ex->step == EX_LANE,
        .is_stale_lane =
            is_reset && ex->lane != NULL && lane_is_reused(ex->lane) && !ex_lane_spoke(ex),
        .status = ex->lane_status,
    };

    eject_note_attempt(ex->origin, &a);
}

void ex_leave_lane(struct exchange *ex, bool well)
{
    struct origin *o = ex->origin;

    if (o == NULL)
        return;
    /* A client that leaves or is slow says nothing about the server. */
    if (well || end_facts(ex->end)->blame == END_BLAME_SERVER) {
        count_attempt(ex, well);
        note_for_ejection(ex, well);
        if (!well)
            pool_runtime_heard(ex->pool, o, loop_now_us(ex->worker->loop) - ex->picked_us,
                               false);
    }
    ex->origin = NULL;
    if (ex->lane != NULL && ex->step == EX_TUNNEL)
        end_tunnel(ex, well);
    else if (ex->lane != NULL)
        lane_release(ex->lane, well);
    ex->lane = NULL;
    place_give(o);
}

/* The time for connections does not go on meanwhile. */
void ex_leave_queue(struct exchange *ex)
{
    const uint64_t waited_us = loop_now_us(ex->worker->loop) - ex->waiter.from_us;

    pool_turn_end(ex->pool, &ex->waiter);
    ex->waited_us += waited_us;
    if (ex->connect_from_us != 0)
        ex->connect_from_us += waited_us;
}

static void end_wait(struct exchange *ex, enum end end)
{
    ex_leave_queue(ex);
    if (end == END_QUEUE_TIMEOUT)
        stats_line_add(ex->pool->stats, STATS_POOL_queue_timeout, 1);
}

/* What people see of it beside the word of the end. */
static const char *detail_of(const struct exchange *ex, enum end end)
{
    if (!end_is_of_tls(end))
        return NULL;
    const char *word = ex->lane != NULL ? lane_tls_word(ex->lane) : NULL;
    return word != NULL ? word : "no_authorities";
}

static void note_failed(struct exchange *ex, enum end end)
{
    const char *detail = detail_of(ex, end);
    uint64_t us = loop_now_us(ex->worker->loop) - ex->picked_us;

    ex->failed[ex->failed_n < EX_FAILED_MAX ? ex->failed_n : EX_FAILED_MAX - 1] =
        (struct ex_attempt){.origin_id = ex->origin_id,
                            .us = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX,
                            .end = (uint8_t)end,
                            .detail = detail};
    ex->failed_n++;
    log_debug("attempt failed", LOG_X("server", ex->origin_id),
              LOG_S("end", end_facts(end)->word),
              LOG_S("detail", detail != NULL ? detail : ""));
}

static void end_attempt(struct exchange *ex, enum end end)
{
    bool again = ex_may_retry(ex, end);
    uint64_t failed_id = ex->origin != NULL ? ex->origin->server_id : 0;

    ex->end = (uint8_t)end;
    if (ex->step == EX_LANE && end == END_ORIGIN_RESET)
        ex->sent_n++; /* it was reached: not without end */
    if (ex->origin != NULL)
        note_failed(ex, end);
    if (again && ex->row.failed_id == 0)
        ex->row.failed_id = failed_id;
    if (ex->lane != NULL && end == END_ORIGIN_RESET && !ex_lane_spoke(ex))
        lane_note_stale(ex->lane);
    ex_leave_lane(ex, false);
    if (ex->step == EX_QUEUE)
        end_wait(ex, end);
    if (again)
        ex_move(ex, EX_RETRY, end_facts(end)->word);
    else if (stream_is_begun(ex->client) || (ex->flags & EX_CLIENT_GONE))
        ex_move(ex, EX_DONE, end_facts(end)->word);
    else
        ex_move(ex, EX_REPLY, end_facts(end)->word);
}

/* Nothing was sent, and the server has more addresses: the next one is tried at once, within
 * the same attempt. */
static bool goes_on(struct exchange *ex, enum end end)
{
    const struct origin *o = ex->origin;

    if (ex->step != EX_LANE || o == NULL || !end_facts(end)->retry)
        return false;
    addr_set_note_failed(o->addrs, &ex->tries, loop_now_ms(ex->worker->loop));
    if (!addr_set_has_more(o->addrs, &ex->tries) || ex_connect_left_ms(ex) == 0)
        return false;
    const char *detail = detail_of(ex, end);
    log_debug("address failed", LOG_X("server", o->server_id),
              LOG_S("end", end_facts(end)->word),
              LOG_S("detail", detail != NULL ? detail : ""));
    if (ex->lane != NULL)
        lane_release(ex->lane, false);
    ex->lane = NULL;
    return true;
}

void ex_fail(struct exchange *ex, enum end end)
{
    if (!goes_on(ex, end))
        end_attempt(ex, end);
}

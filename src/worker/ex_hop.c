#include "base/num.h"
#include "http/rewrite.h"
#include "worker/ex_int.h"
#include "worker/listener_runtime.h"

struct span ex_upgrade_of(const struct msg *m)
{
    for (unsigned i = 0; i < m->field_n; i++)
        if (m->fields[i].token == FIELD_UPGRADE)
            return msg_field_value(m, &m->fields[i]);
    return SPAN_NONE;
}

struct span ex_request_id(struct exchange *ex)
{
    struct rand_state *rand = &ex->worker->rand;

    if (ex->request_id.len > 0)
        return ex->request_id;
    if (ex->request.flags & MSG_HAS_REQUEST_ID)
        ex->request_id = rewrite_request_id(&ex->request);
    if (ex->request_id.len == 0) {
        num_to_hex16(rand_u64(rand), ex->own_id);
        num_to_hex16(rand_u64(rand), ex->own_id + 16);
        ex->request_id = span_from(ex->own_id, sizeof(ex->own_id));
    }
    return ex->request_id;
}

/* RFC 9110 section 15.5.22: without it a 426 asks for something and does not say what. */
static int keep_upgrade(struct msg *m)
{
    bool has_upgrade = false;

    for (unsigned i = 0; i < m->field_n; i++) {
        if (m->fields[i].token != FIELD_UPGRADE)
            continue;
        m->fields[i].flags &= (uint8_t)~MSG_FIELD_DROP;
        has_upgrade = true;
    }
    return has_upgrade ? msg_add(m, SPAN("Connection"), SPAN("upgrade")) : 0;
}

/* Its Date stays: Connection, which could name it, is not there. */
static bool keeps_date(const struct msg *m)
{
    return msg_surely_has(m, FIELD_DATE) && msg_surely_lacks(m, FIELD_CONNECTION);
}

int ex_rewrite_response(struct exchange *ex, struct msg *m)
{
    struct rewrite_facts facts = {.client_ip = SPAN_NONE};

    if (!keeps_date(m))
        facts.date = worker_date(ex->worker);
    if (ex->caller->listener->settings.request_id_to_client)
        facts.request_id = ex_request_id(ex);
    int rc = rewrite_response(m, &facts, &ex->arena);
    if (rc == 0)
        rc = ex_add_hsts(ex, m);
    if (rc == 0 && ex->explained.len > 0)
        rc = ex_add_explain(ex, m);
    return rc == 0 && m->status == 426 ? keep_upgrade(m) : rc;
}

/* What of the fields of one connection goes on to the next all the same, in our own words. */

/* RFC 9110 section 10.1.4: whom we ask may send trailers, since the client takes them and we
 * hand them on; section 7.8: the client asks for another protocol. Both fields are for the next
 * hop alone, so Connection names them. */
int ex_add_hop_fields(struct exchange *ex)
{
    struct msg *m = &ex->request;
    bool has_te = ex_takes_trailers(ex);
    bool has_upgrade = m->flags & MSG_UPGRADE;
    struct span names = SPAN("TE");
    int rc = 0;

    if (!has_te && !has_upgrade)
        return 0;
    if (has_upgrade)
        names = has_te ? SPAN("upgrade, TE") : SPAN("upgrade");
    if (has_te)
        rc = msg_add(m, SPAN("TE"), SPAN("trailers"));
    if (rc == 0 && has_upgrade)
        rc = msg_add(m, SPAN("Upgrade"), ex_upgrade_of(m));
    return rc < 0 ? rc : msg_add(m, SPAN("Connection"), names);
}

bool ex_takes_trailers(const struct exchange *ex)
{
    return ex->request.version >= 11 && (ex->request.flags & MSG_HAS_TE_TRAILERS);
}

void ex_request_sent(struct exchange *ex, const struct msg *trailers)
{
    stream_send_end(ex_server(ex), trailers);
    ex_await_response(ex);
}

void ex_client_trailers(struct exchange *ex, struct msg *m)
{
    if ((ex->step != EX_RELAY && ex->step != EX_TUNNEL) || stream_is_said(ex_server(ex)))
        return;
    ex->flags |= EX_NO_REPLAY; /* they are not kept */
    ex_forget_body(ex);
    rewrite_drop_hop_by_hop(m);
    ex_request_sent(ex, m);
}

void ex_lane_trailers(struct exchange *ex, struct msg *m)
{
    if (!ex_takes_trailers(ex))
        return;
    rewrite_drop_hop_by_hop(m);
    stream_send_end(ex->client, m);
}

#include "http/rewrite.h"
#include "worker/ex_int.h"

/* What of the fields of one connection goes on to the next all the same, in our own words. */

/* RFC 9110 section 10.1.4: whom we ask may send trailers, since the client takes them and we
 * hand them on. TE is for the next hop alone, so Connection names it. */
int ex_add_hop_fields(struct exchange *ex)
{
    struct msg *m = &ex->request;
    int rc;

    if (!ex_takes_trailers(ex))
        return 0;
    rc = msg_add(m, SPAN("TE"), SPAN("trailers"));
    return rc < 0 ? rc : msg_add(m, SPAN("Connection"), SPAN("TE"));
}

bool ex_takes_trailers(const struct exchange *ex)
{
    return ex->request.version >= 11 && (ex->request.flags & MSG_HAS_TE_TRAILERS);
}

void ex_client_trailers(struct exchange *ex, struct msg *m)
{
    if (ex->step != EX_RELAY || (ex->flags & EX_REQUEST_SENT))
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
    conn_send_end(&ex->client->conn, m);
    ex->flags |= EX_ANSWER_ENDED;
}

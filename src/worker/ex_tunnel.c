#include "worker/ex_int.h"

/* A connection that has changed its protocol (RFC 9110 section 7.8): bytes go both ways until
 * both ends have said that they are done. To the codecs these are two bodies that end with the
 * connection, so back-pressure is that of any body; each end's FIN is passed on as a FIN. The
 * tunnel's bytes of a client begin behind its request, of which a body may still be coming. */

static bool begins_with(struct span s, struct span prefix)
{
    return s.len >= prefix.len && span_is_equal_nocase(span_first(s, prefix.len), prefix);
}

/* HTTP/2 and TLS inside a tunnel would carry requests past everything that Weldr checks. */
static bool is_safe_protocol(struct span item)
{
    return !begins_with(item, SPAN("h2")) && !begins_with(item, SPAN("HTTP/")) &&
           !begins_with(item, SPAN("TLS/"));
}

void ex_check_upgrade(struct exchange *ex)
{
    struct msg *m = &ex->request;
    struct span list, item;
    bool can = !(m->flags & MSG_HEAD_METHOD);

    if (!(m->flags & MSG_UPGRADE))
        return;
    list = ex_upgrade_of(m);
    while (can && span_next_item(&list, &item))
        can = is_safe_protocol(item);
    if (!can)
        m->flags &= (uint16_t)~MSG_UPGRADE;
}

int ex_tunnel_begin(struct exchange *ex, struct msg *m)
{
    MUST(ex->step == EX_RELAY && !stream_is_begun(ex->client));
    int rc = ex_rewrite_response(ex, m);

    if (rc == 0)
        rc = msg_add(m, SPAN("Connection"), SPAN("upgrade"));
    if (rc == 0)
        rc = msg_add(m, SPAN("Upgrade"), ex_upgrade_of(m));
    if (rc < 0)
        return rc;
    ex->status = m->status;
    ex_move(ex, EX_TUNNEL, "switched protocols");
    stream_send_head(ex->client, m);
    if (stream_is_read(ex->client))
        stream_tunnel(ex->client);
    ex_response_begun(ex);
    return 0;
}

/* One direction is done. What the other side does is heard of all the same. */
static void shut(struct stream *from, struct stream *to)
{
    stream_listen(from, STREAM_QUIET);
    stream_listen(from, STREAM_WATCH);
    stream_shut(to);
}

/* Of the request, which the server had not read when it switched; behind it the codecs know no
 * HTTP any more. Its trailers, if there are any, have brought the end along. */
static void end_request(struct exchange *ex)
{
    stream_move_in(ex->client, STREAM_TUNNEL, "switched protocols before");
    if (!stream_is_said(ex_server(ex)))
        stream_send_end(ex_server(ex), NULL);
    ex_touch(ex);
}

void ex_tunnel_client_event(struct exchange *ex, const struct event *ev)
{
    if (ev->type == EVENT_BODY) {
        stream_send_body(ex_server(ex), ev->data, 0);
        ex_touch(ex);
    } else if (ev->type == EVENT_END && ex->client->in == STREAM_END) {
        end_request(ex);
    } else if (ev->type == EVENT_END) {
        shut(ex->client, ex_server(ex));
        ex_run(ex);
    }
}

void ex_tunnel_lane_event(struct exchange *ex, const struct event *ev)
{
    if (ev->type == EVENT_BODY) {
        stream_send_body(ex->client, ev->data, 0);
        ex_touch(ex);
    } else if (ev->type == EVENT_END) {
        shut(ex_server(ex), ex->client);
        ex_run(ex);
    }
}

/* A server that has said all may reset what the client still sends: no harm is done. */
bool ex_tunnel_lane_gone(struct exchange *ex)
{
    if (ex->step != EX_TUNNEL || !stream_is_ended(ex->client))
        return false;
    stream_move_in(ex->client, ex->client->in == STREAM_TUNNEL ? STREAM_SHUT : STREAM_RESET,
                   "nobody is there to hear it");
    ex_run(ex);
    return true;
}

enum ex_verdict ex_step_tunnel(struct exchange *ex)
{
    if (ex->client->in < STREAM_SHUT || !stream_is_ended(ex->client))
        return EX_VERDICT_WAIT;
    ex_leave_lane(ex, true);
    ex_move(ex, EX_DONE, "both ends are done");
    return EX_VERDICT_NEXT;
}

#include "worker/ex_int.h"
#include "worker/limits.h"

/* A server that answers before it has the whole request (RFC 9112 section 9.3: the connection
 * lives on only if the rest of that request is read). If that is little, it is read and thrown
 * away behind the response; else the response says at once that the connection closes behind it
 * (section 9.6), so that the client sends nothing more on it than what is on its way. Who asked
 * to be told to go on, and was not, may never send its body: nobody could tell then whether
 * what comes next is that body or another request (RFC 9110 section 10.1.1). */

static bool is_early(const struct exchange *ex)
{
    return !stream_is_read(ex->client) && !(ex->flags & EX_NO_REQUEST);
}

static bool is_little_left(const struct exchange *ex)
{
    return ex->request.body == MSG_BODY_LENGTH &&
           ex->request.content_length - ex->bytes_in <= LIMIT_READ_ON_BYTES &&
           (ex->bytes_in > 0 || !(ex->request.flags & MSG_EXPECT_100));
}

void ex_announce_end(struct exchange *ex)
{
    if (is_early(ex) && !is_little_left(ex))
        stream_close_after(ex->client);
}

bool ex_may_read_on(const struct exchange *ex)
{
    return stream_is_ended(ex->client) && !(ex->flags & EX_CLIENT_GONE) && ex->end == END_OK &&
           ex->status != 101 && is_early(ex) && is_little_left(ex) && !ex->worker->draining &&
           stream_is_open(ex->client);
}

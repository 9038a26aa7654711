/* What comes of TLS with the client: it is told that it shall come by https alone. */
#include "worker/ex_int.h"
#include "worker/listener_runtime.h"

/* Whoever ends TLS says so, and it counts once (RFC 6797 section 8.1): the server's goes. */
static void drop_hsts(struct msg *m)
{
    for (unsigned i = 0; i < m->field_n; i++) {
        struct msg_field *f = &m->fields[i];

        if (f->token == FIELD_OTHER &&
            span_is_equal_nocase(msg_field_name(m, f), SPAN("strict-transport-security")))
            f->flags |= MSG_FIELD_DROP;
    }
}

int ex_add_hsts(const struct exchange *ex, struct msg *m)
{
    const struct listener_secure *s = &ex->caller->listener->secure;

    if (s->hsts_len == 0 || !ex_is_secure(ex))
        return 0;
    drop_hsts(m);
    return msg_add(m, SPAN("Strict-Transport-Security"), span_from(s->hsts, s->hsts_len));
}

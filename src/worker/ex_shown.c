/* What comes of TLS with the client: the server learns what certificate it has shown, and the
 * client that it shall come by https alone. */
#include "net/tlsio.h"
#include "worker/ex_int.h"

/* What others put into a certificate may not be put into a field as it is. */
static struct span keep_visible(struct exchange *ex, struct span text)
{
    struct span kept = arena_copy(&ex->arena, text);
    char *at = (char *)kept.ptr;

    for (size_t i = 0; at != NULL && i < kept.len; i++)
        if (at[i] < ' ' || at[i] > '~')
            at[i] = '?';
    return kept;
}

static int add(struct exchange *ex, struct span name, struct span text)
{
    if (text.len == 0)
        return 0;
    const struct span kept = keep_visible(ex, text);
    return kept.ptr != NULL ? msg_add(&ex->request, name, kept) : WERR_NOMEM;
}

int ex_add_shown_by(struct exchange *ex, const struct tlsio *tls)
{
    enum { SHOWN_MAX = 4096 };
    char buf[SHOWN_MAX];
    struct tlsio_shown shown;

    if (!tlsio_shown(tls, buf, sizeof(buf), &shown))
        return 0;
    int rc = add(ex, SPAN("X-Client-Cert-Subject"), shown.subject);
    if (rc == 0)
        rc = add(ex, SPAN("X-Client-Cert-San"), shown.names);
    return rc == 0 ? add(ex, SPAN("X-Client-Cert-Fingerprint"), shown.fingerprint) : rc;
}

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

int ex_add_hsts_of(const struct listener_secure *secure, struct msg *m)
{
    drop_hsts(m);
    return msg_add(m, SPAN("Strict-Transport-Security"),
                   span_from(secure->hsts, secure->hsts_len));
}

#include "net/tlsio_sessions.h"

#include <stdlib.h>

#include "base/fault.h"
#include "base/werr.h"
#include "net/tlsio_sessions_int.h"

/* A server sends two tickets as a rule; several connections may open at once, and TLS 1.3 wants
 * each ticket to be used once (RFC 8446 appendix C.4). */
enum { KEPT_N = 4 };

struct tlsio_sessions {
    unsigned ref_n;
    unsigned n;
    SSL_SESSION *kept[KEPT_N]; /* the oldest first */
};

struct tlsio_sessions *tlsio_sessions_new(void)
{
    struct tlsio_sessions *s = fault_malloc(sizeof(*s));

    if (s != NULL)
        *s = (struct tlsio_sessions){.ref_n = 1};
    return s;
}

struct tlsio_sessions *tlsio_sessions_get(struct tlsio_sessions *s)
{
    s->ref_n++;
    return s;
}

void tlsio_sessions_clear(struct tlsio_sessions *s)
{
    while (s->n > 0)
        SSL_SESSION_free(s->kept[--s->n]);
}

void tlsio_sessions_put(struct tlsio_sessions *s)
{
    if (s == NULL || --s->ref_n > 0)
        return;
    tlsio_sessions_clear(s);
    free(s);
}

static void drop_oldest(struct tlsio_sessions *s)
{
    SSL_SESSION_free(s->kept[0]);
    s->n--;
    for (unsigned i = 0; i < s->n; i++)
        s->kept[i] = s->kept[i + 1];
}

/* Nobody looks at the certificate of who is resumed: so it ends with it. */
static bool is_lasting(const SSL_SESSION *session)
{
    const X509 *shown = SSL_SESSION_get0_peer((SSL_SESSION *)session);

    return SSL_SESSION_is_resumable(session) == 1 &&
           (shown == NULL || X509_cmp_current_time(X509_get0_notAfter(shown)) > 0);
}

bool tlsio_sessions_use(struct tlsio_sessions *s, SSL *ssl)
{
    SSL_set_app_data(ssl, (void *)s);
    while (s->n > 0) {
        SSL_SESSION *last = s->kept[s->n - 1];
        const bool is_once = SSL_SESSION_get_protocol_version(last) >= TLS1_3_VERSION;
        const bool is_good = is_lasting(last);

        if (is_good && SSL_set_session(ssl, last) != 1)
            return false;
        if (is_once || !is_good) {
            SSL_SESSION_free(last);
            s->n--;
        }
        if (is_good)
            break;
    }
    return true;
}

/* 1: the session is ours from now on. */
int tlsio_sessions_on_new(SSL *ssl, SSL_SESSION *session)
{
    struct tlsio_sessions *s = SSL_get_app_data(ssl);

    if (s == NULL)
        return 0;
    if (s->n == KEPT_N)
        drop_oldest(s);
    s->kept[s->n++] = session;
    return 1;
}

/* Where OpenSSL reads and writes: in place of a socket, the bytes that were lent to a
 * connection and the output that all share. Neither ever blocks: without bytes it is told to
 * come again. */
#include <string.h>

#include "net/tlsio_int.h"

static int read_lent(BIO *bio, char *to, size_t max, size_t *n)
{
    struct tlsio *t = BIO_get_data(bio);

    MUST(t->magic == TLSIO_MAGIC);
    BIO_clear_retry_flags(bio);
    *n = t->in.len < max ? t->in.len : max;
    if (*n == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    memcpy(to, t->in.ptr, *n);
    t->in = span_skip(t->in, *n);
    return 1;
}

static int write_shared(BIO *bio, const char *from, size_t len, size_t *n)
{
    struct tlsio *t = BIO_get_data(bio);
    struct tlsio_shared *s = t->shared;

    MUST(t->magic == TLSIO_MAGIC && (s->writer == NULL || s->writer == t));
    MUST(s->wire_cap - s->wire_bytes >= len); /* tlsio_write asks before */
    s->writer = t;
    memcpy(s->wire + s->wire_bytes, from, len);
    s->wire_bytes += len;
    *n = len;
    return 1;
}

static long control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static int create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

BIO_METHOD *tlsio_bio_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weldr");

    if (m == NULL)
        return NULL;
    (void)BIO_meth_set_read_ex(m, read_lent);
    (void)BIO_meth_set_write_ex(m, write_shared);
    (void)BIO_meth_set_ctrl(m, control);
    (void)BIO_meth_set_create(m, create);
    return m;
}

#include "base/outv.h"

#include <stdlib.h>

#include "base/fault.h"

int outv_init(struct outv *o, size_t own_cap)
{
    outv_clear(o);
    o->own_cap = own_cap;
    o->own = fault_malloc(own_cap != 0 ? own_cap : 1);
    return o->own != NULL ? 0 : WERR_NOMEM;
}

void outv_fini(struct outv *o)
{
    free(o->own);
    o->own = NULL;
    o->own_cap = 0;
    outv_clear(o);
}

static void append_piece(struct outv *o, const char *ptr, size_t len)
{
    struct iovec *last = o->n > 0 ? &o->iov[o->n - 1] : NULL;

    o->bytes += len;
    if (last != NULL && (char *)last->iov_base + last->iov_len == ptr) {
        last->iov_len += len;
        return;
    }
    MUST(o->n < OUTV_PIECES);
    /* sendmsg only reads; struct iovec has no const. */
    o->iov[o->n++] = (struct iovec){.iov_base = (void *)ptr, .iov_len = len};
}

char *outv_reserve(struct outv *o, size_t n)
{
    MUST(n <= o->own_cap - o->own_len);
    return o->own + o->own_len;
}

void outv_commit(struct outv *o, size_t used)
{
    MUST(used <= o->own_cap - o->own_len);
    if (used == 0)
        return;
    append_piece(o, o->own + o->own_len, used);
    o->own_len += used;
}

void outv_add(struct outv *o, struct span s)
{
    if (s.len == 0)
        return;
    memcpy(outv_reserve(o, s.len), s.ptr, s.len);
    outv_commit(o, s.len);
}

void outv_ref(struct outv *o, struct span s)
{
    if (s.len <= OUTV_COPY_MAX && s.len <= o->own_cap - o->own_len)
        outv_add(o, s);
    else
        append_piece(o, s.ptr, s.len);
}

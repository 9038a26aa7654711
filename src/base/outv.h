/* outv.h - what goes out in one send: a list of pieces, some borrowed, some written into it.
 *
 * Codecs write heads, chunk sizes and bodies here; the conn hands the list to the loop in one
 * sendmsg. Borrowed pieces (outv_ref) must live until the conn has flushed, which is before the
 * callback that received them ends; small pieces are better copied (outv_add), and pieces that
 * lie side by side in memory share one iovec. One outv a process suffices, since a callback
 * fills one conn's output at a time. The caller asks outv_has_room() before each group of
 * pieces; adding without room is a bug (MUST).
 */
#ifndef WELDR_BASE_OUTV_H
#define WELDR_BASE_OUTV_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/span.h"
#include "base/werr.h"

enum { OUTV_PIECES = 64, OUTV_COPY_MAX = 256 };

struct outv {
    struct iovec iov[OUTV_PIECES];
    unsigned n;
    size_t bytes; /* sum over all pieces */
    char *own;    /* space for copied pieces */
    size_t own_cap;
    size_t own_len;
};

int outv_init(struct outv *o, size_t own_cap) MUST_USE; /* WERR_NOMEM */
void outv_fini(struct outv *o);
/* Forgets all pieces. */
static inline void outv_clear(struct outv *o)
{
    o->n = 0;
    o->bytes = 0;
    o->own_len = 0;
}
/* Room for own_bytes more copied bytes and pieces more pieces? (Every outv_add or outv_ref may
 * take one piece.) */
static inline bool outv_has_room(const struct outv *o, size_t own_bytes, unsigned pieces)
{
    return o->own_cap - o->own_len >= own_bytes && OUTV_PIECES - o->n >= pieces;
}
/* Copies s. */
void outv_add(struct outv *o, struct span s);
/* Space for n bytes that the caller fills at once; then outv_commit(o, used <= n). The pointer
 * is valid till the next call. */
char *outv_reserve(struct outv *o, size_t n);
void outv_commit(struct outv *o, size_t used);
/* Borrows s; copies it instead when it is at most OUTV_COPY_MAX bytes long and fits. Who asks
 * for room for a ref and for copied bytes together counts min(s.len, OUTV_COPY_MAX) own bytes
 * for the ref. */
void outv_ref(struct outv *o, struct span s);

#endif

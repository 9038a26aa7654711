#include "http/msg.h"

#include "base/werr.h"

const struct msg_field *msg_next(const struct msg *m, enum field_token token, unsigned *from)
{
    for (unsigned i = *from; i < m->field_n; i++) {
        const struct msg_field *f = &m->fields[i];
        if (f->token == token && !(f->flags & MSG_FIELD_DROP)) {
            *from = i + 1;
            return f;
        }
    }
    *from = m->field_n;
    return NULL;
}

struct span msg_value(const struct msg *m, enum field_token token)
{
    unsigned from = 0;
    const struct msg_field *f = msg_next(m, token, &from);
    return f != NULL ? msg_field_value(m, f) : SPAN_NONE;
}

int msg_add(struct msg *m, struct span name, struct span value)
{
    if (m->added_n >= MSG_ADDED_MAX)
        return WERR_TOO_BIG;
    m->added[m->added_n++] = (struct msg_added){name, value};
    return WERR_OK;
}

unsigned msg_drop(struct msg *m, enum field_token token)
{
    unsigned n = 0;
    for (unsigned i = 0; i < m->field_n; i++) {
        struct msg_field *f = &m->fields[i];
        if (f->token == token && !(f->flags & MSG_FIELD_DROP)) {
            f->flags |= MSG_FIELD_DROP;
            n++;
        }
    }
    return n;
}

/* Everything up to added[] at once; of added[], which is most of the struct, only what is in
 * use. */
static void copy_struct(struct msg *dst, const struct msg *src)
{
    memcpy(dst, src, offsetof(struct msg, added));
    memcpy(dst->added, src->added, src->added_n * sizeof(src->added[0]));
}

int msg_copy(struct msg *dst, const struct msg *src, struct arena *arena)
{
    size_t list_bytes = src->field_n * sizeof(src->fields[0]);
    char *block = arena_alloc(arena, list_bytes + src->base_len + 1);
    if (block == NULL)
        return WERR_NOMEM;

    copy_struct(dst, src);
    if (list_bytes > 0)
        memcpy(block, src->fields, list_bytes);
    dst->fields = (struct msg_field *)(void *)block;
    char *bytes = block + list_bytes;
    if (src->base_len > 0)
        memcpy(bytes, src->base, src->base_len);
    dst->base = bytes;

    /* authority points into the bytes for h1, elsewhere for others: those keep theirs. */
    const char *at = src->authority.ptr;
    if (at != NULL && at >= src->base && at < src->base + src->base_len)
        dst->authority.ptr = bytes + (at - src->base);
    return WERR_OK;
}

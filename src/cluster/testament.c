#include "cluster/testament.h"

#include <string.h>

#include "cluster/bytes.h"

static const char magic[4] = {'W', 'L', 'T', '1'};

void testament_encode(const struct testament *t, char *buf)
{
    struct bytes_out o;

    bytes_out_init(&o, buf, TESTAMENT_BYTES);
    bytes_put(&o, magic, sizeof(magic));
    bytes_put(&o, t->uuid, sizeof(t->uuid));
    bytes_put_u32(&o, t->incarnation);
    bytes_put_u64(&o, t->member);
    bytes_put(&o, t->secret, sizeof(t->secret));
    MUST(o.len == TESTAMENT_BYTES);
}

int testament_decode(struct span datagram, struct testament *t)
{
    char head[sizeof(magic)];
    struct bytes_in in;

    bytes_in_init(&in, datagram);
    bytes_get(&in, head, sizeof(head));
    bytes_get(&in, t->uuid, sizeof(t->uuid));
    t->incarnation = bytes_get_u32(&in);
    t->member = bytes_get_u64(&in);
    bytes_get(&in, t->secret, sizeof(t->secret));
    if (!bytes_in_is_done(&in) || memcmp(head, magic, sizeof(magic)) != 0 || t->member == 0)
        return WERR_CORRUPT;
    return 0;
}

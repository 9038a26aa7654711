/* Messages of a link: any bytes. Split anywhere they are the same messages, and the same error
 * ends them. */
#include <stdlib.h>
#include <string.h>

#include "cluster/link_message.h"

enum { MAX = 4096 };

/* What came out: the sum of all messages, and how it ended. */
struct outcome {
    uint64_t sum;
    unsigned n;
    int rc;
};

static void note(struct outcome *o, uint8_t type, struct span payload)
{
    MUST(payload.len < MAX);
    o->sum = o->sum * 31 + type;
    for (size_t i = 0; i < payload.len; i++)
        o->sum = o->sum * 31 + (uint8_t)payload.ptr[i];
    o->sum = o->sum * 31 + payload.len;
    o->n++;
}

static void take_all(struct link_message *m, struct span in, struct outcome *o)
{
    struct span payload;
    uint8_t type;

    while ((o->rc = link_message_take(m, &in, MAX, &type, &payload)) > 0)
        note(o, type, payload);
    MUST(o->rc < 0 || in.len == 0);
    MUST(m->n <= 4 + MAX);
}

/* Each piece in a block of its own: a byte read too far is seen. */
static struct outcome run(const uint8_t *data, size_t size, size_t piece)
{
    struct link_message m = {.n = 0};
    struct outcome o = {.rc = 0};

    for (size_t at = 0; at < size && o.rc == 0;) {
        const size_t n = piece < size - at ? piece : size - at;
        char *copy = malloc(n > 0 ? n : 1);

        MUST(copy != NULL);
        memcpy(copy, data + at, n);
        take_all(&m, span_from(copy, n), &o);
        free(copy);
        at += n;
    }
    link_message_fini(&m);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const size_t piece = 1U + data[0];

    data++;
    size--;
    const struct outcome whole = run(data, size, size + 1);
    const size_t pieces[] = {1, piece};

    for (unsigned i = 0; i < 2; i++) {
        const struct outcome o = run(data, size, pieces[i]);

        MUST(o.n == whole.n && o.sum == whole.sum && o.rc == whole.rc);
    }
    return 0;
}

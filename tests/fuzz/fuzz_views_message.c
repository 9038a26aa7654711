/*
 * What a node tells the others of the health of its servers. What is taken is written again, to
 * the same bytes.
 */
#include <stdint.h>

#include "base/werr.h"
#include "manager/views_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct views_message_out again;
    const struct span bytes = span_from((const char *)data, size);
    struct views_message_item item;
    struct views_message m;
    const int rc = views_message_read(bytes, &m);

    MUST(rc == 0 || rc == WERR_CORRUPT);
    if (rc < 0)
        return 0;
    views_message_begin(&again, m.life, m.asks);
    while (views_message_next(&m, &item))
        views_message_add(&again, &item);
    MUST(span_is_equal(views_message_bytes(&again), bytes));
    return 0;
}

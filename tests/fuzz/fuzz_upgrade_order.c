/*
 * What one member of a cluster wants of another one in an upgrade, and what that says: the
 * first byte chooses. What is taken is written again, to the same bytes.
 */
#include <stdint.h>

#include "manager/upgrade_order.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_order(struct span bytes)
{
    static char again[UPGRADE_ORDER_BYTES_MAX];
    struct upgrade_order o;
    const int rc = upgrade_order_get(bytes, &o);

    MUST(rc == 0 || rc == WERR_CORRUPT);
    if (rc == 0)
        MUST(span_is_equal(upgrade_order_put(&o, again), bytes));
}

static void check_said(struct span bytes)
{
    static char again[UPGRADE_SAID_BYTES_MAX];
    struct upgrade_said s;
    const int rc = upgrade_said_get(bytes, &s);

    MUST(rc == 0 || rc == WERR_CORRUPT);
    if (rc == 0)
        MUST(span_is_equal(upgrade_said_put(&s, again), bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const struct span bytes = span_from((const char *)data + 1, size - 1);
    if (data[0] == 0)
        check_order(bytes);
    else
        check_said(bytes);
    return 0;
}

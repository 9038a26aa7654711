/*
 * What nodes say to each other: the first byte is the type of the message, the rest its
 * payload. What is taken has one form.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/peer_messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(name)                                          \
    static void check_##name(struct span payload)            \
    {                                                        \
        struct peer_##name m;                                \
        size_t len = 0;                                      \
        const int rc = peer_##name##_decode(payload, &m);    \
                                                             \
        MUST(rc == 0 || rc == WERR_CORRUPT);                 \
        if (rc < 0)                                          \
            return;                                          \
        char *again = peer_##name##_encode(&m, &len);        \
        MUST(again != NULL);                                 \
        MUST(span_is_equal(span_from(again, len), payload)); \
        free(again);                                         \
    }
CHECK(ask)
CHECK(grant)
CHECK(elsewhere)
CHECK(refused)
CHECK(request)
CHECK(response)
CHECK(tell)
CHECK(share)
CHECK(order)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const checks[])(struct span payload) = {
        [PEER_ASK] = check_ask,
        [PEER_GRANT] = check_grant,
        [PEER_ELSEWHERE] = check_elsewhere,
        [PEER_REFUSED] = check_refused,
        [PEER_REQUEST] = check_request,
        [PEER_RESPONSE] = check_response,
        [PEER_TELL] = check_tell,
        [PEER_SHARE] = check_share,
        [PEER_ORDER] = check_order,
        [PEER_ORDERED] = check_order,
    };

    if (size == 0 || data[0] >= sizeof(checks) / sizeof(checks[0]) || checks[data[0]] == NULL)
        return 0;
    checks[data[0]](span_from(data + 1, size - 1));
    return 0;
}

/* retry.h - when something that has failed is tried again, and which failure is worth a line
 * in the log. Pure.
 *
 * The first delay is RETRY_FIRST_MS, each later one twice as long, up to RETRY_LAST_MS. A
 * failure like the one before is told once: what is tried for days would fill the log. Owner:
 * who tries. Zeroed: nothing has failed.
 */
#ifndef WELDR_CLUSTER_RETRY_H
#define WELDR_CLUSTER_RETRY_H

#include <stdbool.h>
#include <stdint.h>

enum { RETRY_FIRST_MS = 1000, RETRY_LAST_MS = 5 * 60 * 1000 };

struct retry {
    uint64_t again_ms; /* not before */
    uint32_t delay_ms; /* 0: the last try did not fail */
    int error;         /* WERR_* of the last try; 0 */
};

bool retry_may_begin(const struct retry *r, uint64_t now_ms);
/* True: it is another failure than the one before, so it is to be told. error: WERR_*. */
bool retry_has_failed(struct retry *r, int error, uint64_t now_ms);
void retry_has_succeeded(struct retry *r);

#endif

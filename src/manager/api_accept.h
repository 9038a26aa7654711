/* api_accept.h - which of its two formats GET /metrics answers in, by the field Accept (RFC
 * 9110 section 12.5.1). Pure.
 *
 * OpenMetrics is answered to who names it and likes it no less than text/plain; to all others,
 * also those that take anything, the older text format. Feed each value of the field, then ask.
 */
#ifndef WELDR_MANAGER_API_ACCEPT_H
#define WELDR_MANAGER_API_ACCEPT_H

#include <stdbool.h>

#include "base/span.h"

/* Begins zeroed. Weights in thousandths, the greatest that was given; 0: not wanted. */
struct api_accept {
    unsigned openmetrics, plain;
};

void api_accept_read(struct span value, struct api_accept *a);
bool api_accept_is_openmetrics(const struct api_accept *a);

#endif

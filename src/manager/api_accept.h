/* api_accept.h - which of several formats a resource answers in, by the field Accept (RFC 9110
 * section 12.5.1). Pure. Feed each value of the field, then ask.
 *
 * OpenMetrics is answered to who names it and likes it no less than text/plain; to all others,
 * also those that take anything, the older text format. A stream of events gets who names it.
 * And whether it may be compressed, by Accept-Encoding (section 12.5.3): only for who names
 * gzip; programs that say nothing seldom unpack.
 */
#ifndef WELDR_MANAGER_API_ACCEPT_H
#define WELDR_MANAGER_API_ACCEPT_H

#include <stdbool.h>

#include "base/span.h"

/* Begins zeroed. Weights in thousandths, the greatest that was given; 0: not wanted. */
struct api_accept {
    unsigned openmetrics, plain, event_stream, gzip;
};

void api_accept_read(struct span value, struct api_accept *a);
void api_accept_read_encoding(struct span value, struct api_accept *a);
bool api_accept_is_openmetrics(const struct api_accept *a);
bool api_accept_is_event_stream(const struct api_accept *a);
bool api_accept_is_gzip(const struct api_accept *a);

#endif

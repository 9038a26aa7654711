/* hops.h - how often a request has come through a Weldr already: what its Via tells.
 *
 * A loop over several Weldrs (each is a server of the next one's pool) would send a request
 * round for ever, and can be seen by no single one of them but in the request itself. Used by
 * the worker before it routes a request. Pure.
 */
#ifndef WELDR_HTTP_HOPS_H
#define WELDR_HTTP_HOPS_H

#include "http/msg.h"

/* Elements of all Via lines whose received-by is the pseudonym that rewrite.c gives, in any
 * case, whatever their protocol; what stands in comments does not count (RFC 9110
 * section 7.6.3). */
unsigned hops_count(const struct msg *m);

#endif

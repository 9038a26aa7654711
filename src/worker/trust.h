/* trust.h - whom a worker believes when a connection speaks for somebody else.
 *
 * Two ways to do so: a PROXY header before the first byte of a connection, on listeners that
 * expect one, and the fields X-Forwarded-* and Forwarded of a request. --trusted-proxies names
 * the addresses that are believed in both; an empty list names nobody. Without it, headers are
 * taken from the loopback addresses only, since a forged one is a forged client, and fields
 * from nobody, but that X-Forwarded-For is appended to (http/rewrite.h).
 *
 * A header is the word of the connection's peer; fields are the word of the client that the
 * header names. A connection that must not, or does not, begin with a header is closed without
 * a response, counted as proxy_refused and told in the log at level debug.
 */
#ifndef WELDR_WORKER_TRUST_H
#define WELDR_WORKER_TRUST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/span.h"

struct worker;
struct caller;
struct listener_runtime;

/* Whom the listener "default" believes, as a comma list. WERR_*. */
int trust_default(struct worker *w, struct span trusted) MUST_USE;
/* May this peer begin with a PROXY header? If not, it is counted. */
bool trust_may_send_header(struct listener_runtime *l, const struct addr *peer);
/* Reads the header at the begin of what was received, as conn_ops.on_prologue wants it: its
 * length, 0 when more must come, WERR_SYNTAX (counted) or WERR_NOMEM. Then the client is the
 * one named. */
int64_t trust_take_header(struct caller *c, struct span in);
/* The client's address is known: are its fields believed? Sets is_trusted. */
void trust_judge(struct caller *c);
/* Counts and tells. */
void trust_refuse(struct listener_runtime *l, const struct addr *peer, const char *why);

#endif

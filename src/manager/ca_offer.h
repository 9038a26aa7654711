/* ca_offer.h - certificates of authorities that a command brings (client_ca of a listener, ca
 * of a pool), judged before the command is proposed.
 *
 * The description is pure and parses none, so that only the proposer can judge them. Without
 * this a worker would find out: its listener takes no newcomer then, its pool fails every
 * request. A private key in their place would be shown by the API and kept in clear on disk.
 * Called by api_wish.c.
 */
#ifndef WELDR_MANAGER_CA_OFFER_H
#define WELDR_MANAGER_CA_OFFER_H

#include "base/werr.h"
#include "pool/pool_command.h"

/* 0 also for a command that brings none. WERR_INVALID: *error says what is wrong, with field
 * "tls.client_ca" or "tls.ca"; WERR_NOMEM. */
int ca_offer_check(const struct pool_command *c, struct pool_error *error) MUST_USE;

#endif

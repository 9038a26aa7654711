/* toy_tlsio.h - TLS without cryptography for the simulated world: linked in the place of
 * net/tlsio.c, it behaves as that may behave at worst, by chance.
 *
 * Handshakes take one to three round trips. Plain bytes go in records of any size; what comes
 * is handed on in pieces of any size; either side says things of its own account (as tickets
 * and KeyUpdates are) with any call, reading included. A record is a type, two bytes of length,
 * and the bytes with each bit turned, so that plain bytes never pass for records.
 */
#ifndef WELDR_TESTS_SIM_TOY_TLSIO_H
#define WELDR_TESTS_SIM_TOY_TLSIO_H

#include <stdint.h>

void toy_tlsio_seed(uint64_t seed);
/* Until it is seeded again it behaves well: records and what is handed on are as large as they
 * may be, and nothing is said of its own account. */
void toy_tlsio_calm(void);
/* How often something was said of its own account while reading. */
uint64_t toy_tlsio_asides(void);

#endif

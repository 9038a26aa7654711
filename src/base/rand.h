/* rand.h - a small seeded generator (for jitter, request ids, offsets), never for secrets.
 *
 * The caller seeds it; floor 0 and 1 read no randomness of their own. Secrets come from
 * getrandom in manager/.
 */
#ifndef WELDR_BASE_RAND_H
#define WELDR_BASE_RAND_H

#include <stdint.h>

struct rand_state {
    uint64_t s[2];
};

void rand_seed(struct rand_state *r, uint64_t seed);
uint64_t rand_u64(struct rand_state *r);
/* Uniform in [0, n); n > 0. */
uint64_t rand_below(struct rand_state *r, uint64_t n);

#endif

#include "base/rand.h"

#include "base/werr.h"

/* Spreads a seed: neighbouring seeds give unrelated states, and never two zero words. (The
 * mixer of splitmix64.) */
static uint64_t spread(uint64_t *seed)
{
    *seed += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *seed;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint64_t rotate_left(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

void rand_seed(struct rand_state *r, uint64_t seed)
{
    r->s[0] = spread(&seed);
    r->s[1] = spread(&seed);
}

/* xoroshiro128++ */
uint64_t rand_u64(struct rand_state *r)
{
    uint64_t a = r->s[0];
    uint64_t b = r->s[1] ^ a;
    uint64_t result = rotate_left(a + r->s[1], 17) + a;

    r->s[0] = rotate_left(a, 49) ^ b ^ b << 21;
    r->s[1] = rotate_left(b, 28);
    return result;
}

uint64_t rand_below(struct rand_state *r, uint64_t n)
{
    MUST(n > 0);
    /* 2^64 is no multiple of n: the few lowest values would make some results likelier. */
    uint64_t reject_below = -n % n;
    uint64_t value = rand_u64(r);
    while (value < reject_below)
        value = rand_u64(r);
    return value % n;
}

/* tls_toy_world.h - the setup of a world that is rough by chance, in the network and in what
 * toy_tlsio.h makes of TLS. */
#ifndef WELDR_TESTS_SIM_TLS_TOY_WORLD_H
#define WELDR_TESTS_SIM_TLS_TOY_WORLD_H

#include "toy_tlsio.h"
#include "world.h"

static inline struct world_setup tls_toy_setup(uint64_t seed, unsigned server_n)
{
    static const uint32_t delays_us[] = {0, 100, 5000};
    static const uint32_t buffers[] = {0, 300, 4096};
    struct rand_state r;

    rand_seed(&r, seed * 5 + 3);
    toy_tlsio_seed(seed);
    return (struct world_setup){
        .seed = seed,
        .server_n = server_n,
        .faults = {.max_delay_us =
                       delays_us[rand_below(&r, sizeof(delays_us) / sizeof(*delays_us))],
                   .buffer_bytes = buffers[rand_below(&r, sizeof(buffers) / sizeof(*buffers))],
                   .short_reads = rand_below(&r, 2) == 0,
                   .short_sends = rand_below(&r, 2) == 0}};
}

#endif

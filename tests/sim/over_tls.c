/* Linked to a test of the sim that knows nothing of it: clients and servers of the world speak
 * TLS, one that is at its worst (toy_tlsio.h). */
#include "peer_tls.h"
#include "secure.h"
#include "toy_tlsio.h"

static struct identities identities;
static struct peer_tls both_sides;

static void describe(struct world *w)
{
    toy_tlsio_seed(w->seed);
    secure_add_certificate(w);
    CHECK(world_describe(w, POOL_SET_POOL, "default", "{\"tls\":{\"verify\":false}}", NULL) ==
          0);
    CHECK(world_describe(w, POOL_SET_LISTENER, "default", "{\"protocol\":\"https\"}", NULL) ==
          0);
}

static int unseal(struct world *w)
{
    return certificates_set_seal(&w->worker,
                                 span_from((const char *)secure_seal_key, SEAL_KEY_BYTES));
}

__attribute__((constructor)) static void begin(void)
{
    static const struct world_over_tls hooks = {describe, unseal, toy_tlsio_calm};

    (void)secure_init(NULL);
    identities_add(&identities, &secure.leaf);
    both_sides = (struct peer_tls){secure.shared, secure.client,
                                   identities_server(&identities, TLSIO_INTERMEDIATE)};
    peer_tls = &both_sides;
    world_over_tls = &hooks;
}

__attribute__((destructor)) static void end(void)
{
    tlsio_context_put(both_sides.server);
    identities_free(&identities);
    (void)secure_fini(NULL);
}

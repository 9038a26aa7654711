/* world_tls.h - the bare ends of conn_world.h speak TLS: what they are told to send becomes
 * records, and of what comes they keep the plain bytes. With that each test of a conn is one of
 * a conn with TLS too. Compiled with WORLD_TLS; else the ends are as bare as they were.
 */
#ifndef WELDR_TESTS_WORLD_TLS_H
#define WELDR_TESTS_WORLD_TLS_H

#include "net/conn.h"

#ifdef WORLD_TLS
#include "net/tlsio.h"
#include "net/tlsio_context.h"
#include "tls_identity.h"

enum { WORLD_IS_TLS = 1 };

static struct {
    struct identity authority, leaf;
    struct tlsio_shared *shared;
    struct identities identities;
    struct tlsio_context *server, *client;
} world_tls;

static inline void world_tls_init(void)
{
    if (world_tls.shared != NULL)
        return;
    assert_int_equal(tlsio_start(), 0);
    identity_make(&world_tls.authority,
                  &(struct identity_wish){KEY_P256, "authority", NULL, -DAY_S, DAY_S});
    identity_make(
        &world_tls.leaf,
        &(struct identity_wish){KEY_P256, "w.example", &world_tls.authority, -DAY_S, DAY_S});
    world_tls.shared = tlsio_shared_new(LOOP_SCRATCH_BYTES);
    identities_add(&world_tls.identities, &world_tls.leaf);
    world_tls.server = identities_server(&world_tls.identities, TLSIO_INTERMEDIATE);
    world_tls.client = client_that_trusts(&world_tls.authority);
    assert_non_null(world_tls.shared);
}

static inline void world_tls_fini(void)
{
    if (world_tls.shared == NULL)
        return;
    tlsio_context_put(world_tls.server);
    tlsio_context_put(world_tls.client);
    identities_free(&world_tls.identities);
    tlsio_shared_free(world_tls.shared);
    identity_free(&world_tls.authority);
    identity_free(&world_tls.leaf);
    world_tls.shared = NULL;
}

/* Of a conn, by its role. */
static inline struct tlsio_context *world_tls_context(struct conn *c)
{
    return c->flags & CONN_ASKS ? world_tls.client : world_tls.server;
}

static inline void world_tls_peer(struct conn *c, struct tlsio_peer_name *peer)
{
    (void)c;
    peer->name = "w.example";
}
#else
enum { WORLD_IS_TLS = 0 };
#endif

#endif

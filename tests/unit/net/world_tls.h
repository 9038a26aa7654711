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
    struct tlsio_context *server, *client;
} world_tls;

static inline void world_tls_init(void)
{
    if (world_tls.shared != NULL)
        return;
    assert_int_equal(tlsio_start(), 0);
    identity_make(&world_tls.authority,
                  &(struct identity_wish){KEY_P256, "authority", NULL, -DAY_S, DAY_S});
    identity_make(&world_tls.leaf, &(struct identity_wish){KEY_P256, "w.example",
                                                           &world_tls.authority, -DAY_S, DAY_S});
    world_tls.shared = tlsio_shared_new(LOOP_SCRATCH_BYTES);
    world_tls.server = tlsio_context_new_server(TLSIO_INTERMEDIATE);
    world_tls.client = tlsio_context_new_client();
    assert_true(world_tls.shared && world_tls.server && world_tls.client);
    assert_int_equal(tlsio_context_add_certificate(world_tls.server,
                                                 span_from_str(world_tls.leaf.chain),
                                                 span_from_str(world_tls.leaf.secret)),
                     0);
    assert_int_equal(
        tlsio_context_trust(world_tls.client, span_from_str(world_tls.authority.chain)), 0);
}

static inline void world_tls_fini(void)
{
    if (world_tls.shared == NULL)
        return;
    tlsio_context_put(world_tls.server);
    tlsio_context_put(world_tls.client);
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

static inline const char *world_tls_name(struct conn *c)
{
    (void)c;
    return "w.example";
}
#else
enum { WORLD_IS_TLS = 0 };
#endif

#endif

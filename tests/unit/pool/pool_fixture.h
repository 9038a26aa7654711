/* pool_fixture.h - what the tests of pool/ share: commands made from JSON, applied, and made at
 * random.
 *
 * Static functions only; every test program includes it after nothing else of cmocka. Random
 * runs print their seed by way of the assertion's line, since seeds are fixed.
 */
#ifndef WELDR_TESTS_POOL_FIXTURE_H
#define WELDR_TESTS_POOL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rand.h"
#include "pool/pool_apply.h"
#include "pool/pool_code.h"

#define UNUSED __attribute__((unused))

static UNUSED struct pool *default_pool(const struct pool_state *s)
{
    struct pool *p = pool_find(s, SPAN("default"));
    assert_non_null(p);
    return p;
}

static UNUSED void make_add(struct pool_command *c, const char *json)
{
    struct pool_error error = {0};
    int rc = pool_code_add_from_json(span_from_str(json), c, &error);
    if (rc != 0)
        print_error("%s: %s %s\n", json, error.field, error.detail);
    assert_int_equal(rc, 0);
}

/* Applies at the next index, frees the command and what was removed. */
static UNUSED int apply_next(struct pool_state *s, struct pool_command *c,
                             struct pool_change *change)
{
    int rc = pool_apply(s, c, s->index + 1, change);
    pool_command_fini(c);
    pool_server_free(change->removed);
    change->removed = NULL;
    return rc;
}

static UNUSED uint64_t add_server(struct pool_state *s, const char *json)
{
    struct pool_command c;
    struct pool_change change;
    make_add(&c, json);
    assert_int_equal(apply_next(s, &c, &change), 0);
    return change.server_id;
}

static UNUSED enum pool_change_type change_server(struct pool_state *s, uint64_t id,
                                                  const char *json)
{
    struct pool_command c;
    struct pool_change change;
    struct pool_error error = {0};
    const struct pool_server *server = pool_find_server(default_pool(s), id);
    assert_non_null(server);
    assert_int_equal(pool_code_change_from_json(span_from_str(json), server, &c, &error), 0);
    assert_int_equal(apply_next(s, &c, &change), 0);
    return change.type;
}

static UNUSED enum pool_change_type set_pool(struct pool_state *s, const char *json)
{
    struct pool_command c;
    struct pool_change change;
    struct pool_error error = {0};
    assert_int_equal(pool_code_set_pool_from_json(span_from_str(json), &c, &error), 0);
    assert_int_equal(apply_next(s, &c, &change), 0);
    return change.type;
}

static UNUSED int remove_server(struct pool_state *s, uint64_t id)
{
    struct pool_command c;
    struct pool_change change;
    pool_command_init(&c, POOL_REMOVE_SERVER);
    c.server_id = id;
    return apply_next(s, &c, &change);
}

/* ---- random commands ---- */

static UNUSED void print_random_check(struct rand_state *r, bool is_patch, char *buf,
                                      size_t size)
{
    static const char *const checks[] = {
        "{}",
        "{\"path\":\"/up\",\"failures\":5}",
        "{\"type\":\"tcp\"}",
        "{\"expect\":\"200,204,300-399\",\"host\":\"a.example\"}",
        "{\"interval_ms\":100,\"fast_interval_ms\":200,\"timeout_ms\":10}",
        "{\"path\":null,\"type\":null}",
        "{\"host\":null,\"interval_ms\":null,\"passes\":7}",
    };
    snprintf(buf, size, "%s", checks[rand_below(r, is_patch ? 7 : 5)]);
}

static UNUSED void print_random_meta(struct rand_state *r, bool is_patch, char *buf,
                                     size_t size)
{
    unsigned key = (unsigned)rand_below(r, 5);
    if (is_patch && rand_below(r, 3) == 0)
        snprintf(buf, size, "{\"k%u\":null}", key);
    else
        snprintf(buf, size, "{\"k%u\":\"v%u\",\"z\":\"\\u00fc\\\"\"}", key,
                 (unsigned)rand_below(r, 3));
}

static UNUSED void make_random_add(struct rand_state *r, struct pool_command *c)
{
    char json[600];
    char check[200];
    char meta[100];
    print_random_check(r, false, check, sizeof(check));
    print_random_meta(r, false, meta, sizeof(meta));
    snprintf(json, sizeof(json),
             "{\"url\":\"http://10.0.0.%u:%u\",\"weight\":%u,\"map_host\":%s,"
             "\"proxy_protocol\":%u,\"check\":%s,\"meta\":%s}",
             (unsigned)rand_below(r, 4) + 1, (unsigned)rand_below(r, 6) + 80,
             (unsigned)rand_below(r, 257), rand_below(r, 2) == 0 ? "true" : "false",
             (unsigned)rand_below(r, 2) * 2, check, meta);
    make_add(c, json);
}

static UNUSED void make_random_change(struct rand_state *r, const struct pool_server *server,
                                      struct pool_command *c)
{
    char json[600];
    char check[200];
    char meta[100];
    struct pool_error error = {0};
    print_random_check(r, true, check, sizeof(check));
    print_random_meta(r, true, meta, sizeof(meta));
    if (rand_below(r, 2) == 0)
        snprintf(json, sizeof(json), "{\"weight\":%u,\"check\":%s}", (unsigned)rand_below(r, 5),
                 check);
    else
        snprintf(json, sizeof(json), "{\"map_host\":true,\"proxy_protocol\":%u,\"meta\":%s}",
                 (unsigned)rand_below(r, 2) * 2, meta);
    assert_int_equal(pool_code_change_from_json(span_from_str(json), server, c, &error), 0);
}

static UNUSED void make_random_set_pool(struct rand_state *r, struct pool_command *c)
{
    char json[600];
    char check[200];
    struct pool_error error = {0};
    print_random_check(r, true, check, sizeof(check));
    snprintf(json, sizeof(json),
             "{\"check\":%s,\"timeouts\":{\"idle_ms\":%u},\"limits\":{\"body_bytes\":%llu},"
             "\"fail_open\":%s}",
             check, (unsigned)rand_below(r, 3) + 1,
             (unsigned long long)rand_below(r, 1ULL << 53),
             rand_below(r, 2) == 0 ? "true" : "false");
    assert_int_equal(pool_code_set_pool_from_json(span_from_str(json), c, &error), 0);
}

/* Some command that suits the state; one in ten names a server that is not there. */
static UNUSED void make_random_command(struct rand_state *r, const struct pool_state *s,
                                       struct pool_command *c)
{
    const struct pool *p = default_pool(s);
    uint64_t kind = rand_below(r, 11);
    const struct pool_server *server =
        p->server_n > 0 ? p->servers[rand_below(r, p->server_n)] : NULL;
    if (kind < 4 || server == NULL) {
        make_random_add(r, c);
    } else if (kind < 7) {
        make_random_change(r, server, c);
    } else if (kind == 7) {
        pool_command_init(c, POOL_SET_SERVER_ADMIN);
        c->server_id = rand_below(r, 5) == 0 ? 999999 : server->id;
        c->server.admin = (uint8_t)rand_below(r, 3);
        c->server.drain_ms = (uint32_t)rand_below(r, 3) * 1000;
    } else if (kind < 10) {
        pool_command_init(c, POOL_REMOVE_SERVER);
        c->server_id = rand_below(r, 5) == 0 ? 999999 : server->id;
    } else {
        make_random_set_pool(r, c);
    }
    for (unsigned i = 0; i < sizeof(c->request_id); i++)
        c->request_id[i] = (uint8_t)rand_u64(r);
}

#endif

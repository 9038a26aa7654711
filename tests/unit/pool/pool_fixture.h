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
    pool_change_fini(change);
    return rc;
}

static UNUSED uint64_t add_server(struct pool_state *s, const char *json)
{
    struct pool_command c;
    struct pool_change change;
    make_add(&c, json);
    assert_int_equal(apply_next(s, &c, &change), 0);
    return change.id;
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

typedef int (*from_json_fn)(struct span body, struct pool_command *c, struct pool_error *error);
typedef int (*named_from_json_fn)(struct span body, struct span name, struct pool_command *c,
                                  struct pool_error *error);

static UNUSED void make_wish(struct pool_command *c, from_json_fn from_json, const char *json)
{
    struct pool_error error = {0};
    int rc = from_json(span_from_str(json), c, &error);
    if (rc != 0)
        print_error("%s: %s %s\n", json, error.field, error.detail);
    assert_int_equal(rc, 0);
}

/* name "": POST, else PUT. */
static UNUSED void make_named(struct pool_command *c, named_from_json_fn from_json,
                              const char *name, const char *json)
{
    struct pool_error error = {0};
    int rc = from_json(span_from_str(json), span_from_str(name), c, &error);
    if (rc != 0)
        print_error("%s: %s %s\n", json, error.field, error.detail);
    assert_int_equal(rc, 0);
}

static UNUSED void set_text(char *to, const char *text)
{
    assert_int_equal(span_to_str(span_from_str(text), to, POOL_NAME_MAX + 1), 0);
}

static UNUSED uint64_t apply_good(struct pool_state *s, struct pool_command *c)
{
    struct pool_change change;
    assert_int_equal(apply_next(s, c, &change), 0);
    return change.id;
}

static UNUSED uint64_t add_pool(struct pool_state *s, const char *json)
{
    struct pool_command c;
    make_named(&c, pool_code_add_pool_from_json, "", json);
    return apply_good(s, &c);
}

static UNUSED uint64_t add_listener(struct pool_state *s, const char *json)
{
    struct pool_command c;
    make_named(&c, pool_code_add_listener_from_json, "", json);
    return apply_good(s, &c);
}

static UNUSED uint64_t add_rule(struct pool_state *s, const char *listener, const char *json)
{
    struct pool_command c;
    make_wish(&c, pool_code_add_rule_from_json, json);
    set_text(c.listener, listener);
    return apply_good(s, &c);
}

/* A command of this type with a certificate that nobody could use: pool/ looks into none. name
 * NULL: none is given. */
static UNUSED void make_certificate(struct pool_command *c, enum pool_command_type type,
                                    const char *name, unsigned seed)
{
    char text[200];
    pool_command_init(c, type);
    struct certificate *made = &c->certificate;
    made->name = name != NULL ? strdup(name) : NULL;
    snprintf(text, sizeof(text),
             "-----BEGIN CERTIFICATE-----\n%08x\n-----END CERTIFICATE-----\n", seed);
    made->chain = strdup(text);
    snprintf(text, sizeof(text), "%064x", seed);
    made->facts.fingerprint = strdup(text);
    made->key = strdup("Y2xvc2Vk");
    made->staple = seed % 3 == 0 ? strdup("c3RhcGxl") : NULL;
    made->is_of_file = seed % 2 != 0;
    snprintf(text, sizeof(text), "CN=h%u.example,O=\\\"A\\\"", seed);
    made->facts.subject = strdup(text);
    made->facts.issuer = strdup("CN=An Authority");
    made->facts.serial = strdup("0a1b");
    made->facts.names = calloc(3, sizeof(char *));
    snprintf(text, sizeof(text), "h%u.example", seed);
    made->facts.names[made->facts.name_n++] = strdup(text);
    if (seed % 2 == 0)
        made->facts.names[made->facts.name_n++] = strdup("*.example");
    made->facts.not_before_s = (int64_t)seed - 100;
    made->facts.not_after_s = INT64_C(1) << 36;
    made->facts.key_type = (uint8_t)(seed % CERTIFICATE_KEY_TYPE_N);
    made->facts.key_bits = (uint16_t)(256 + seed % 5);
}

static UNUSED uint64_t add_certificate(struct pool_state *s, const char *name, unsigned seed)
{
    struct pool_command c;
    make_certificate(&c, POOL_ADD_CERTIFICATE, name, seed);
    return apply_good(s, &c);
}

static UNUSED int remove_certificate(struct pool_state *s, uint64_t id)
{
    struct pool_command c;
    struct pool_change change;
    pool_command_init(&c, POOL_REMOVE_CERTIFICATE);
    c.certificate_id = id;
    return apply_next(s, &c, &change);
}

/* ---- random commands ---- */

static UNUSED void make_random_certificate_command(struct rand_state *r,
                                                   const struct pool_state *s,
                                                   struct pool_command *c)
{
    const uint64_t kind = rand_below(r, 6);
    const struct certificate *there =
        s->certificate_n > 0 ? s->certificates[rand_below(r, s->certificate_n)] : NULL;
    const unsigned seed = (unsigned)rand_below(r, 40);
    char name[8];
    snprintf(name, sizeof(name), "c%u", seed % 4);
    if (kind < 3 || there == NULL) {
        make_certificate(c, POOL_ADD_CERTIFICATE, seed % 3 != 0 ? name : NULL, seed);
        c->is_put = rand_below(r, 2) == 0;
        return;
    }
    if (kind == 3)
        make_certificate(c, POOL_SET_CERTIFICATE, NULL, seed);
    else
        pool_command_init(c, POOL_REMOVE_CERTIFICATE);
    c->certificate_id = rand_below(r, 8) == 0 ? 999999 : there->id;
}

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
    const unsigned port = (unsigned)rand_below(r, 6) + 80;
    snprintf(json, sizeof(json),
             "{\"url\":\"http://10.0.0.%u:%u\",\"weight\":%u,\"map_host\":%s,"
             "\"proxy_protocol\":%u,\"max_requests\":%u,\"check\":%s,\"meta\":%s}",
             (unsigned)rand_below(r, 4) + 1, port, (unsigned)rand_below(r, 257),
             rand_below(r, 2) == 0 ? "true" : "false", (unsigned)rand_below(r, 2) * 2, port % 3,
             check, meta);
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
    const unsigned weight = (unsigned)rand_below(r, 10);
    if (weight < 5)
        snprintf(json, sizeof(json), "{\"weight\":%u,\"max_requests\":%u,\"check\":%s}", weight,
                 4 - weight, check);
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
             "{\"check\":%s,\"timeouts\":{\"idle_ms\":%u},\"limits\":{\"response_fields\":"
             "%u},\"min_active\":%u,\"fail_open\":%s}",
             check, (unsigned)rand_below(r, 3) + 1, (unsigned)rand_below(r, 512) + 1,
             (unsigned)rand_below(r, 3), rand_below(r, 2) == 0 ? "true" : "false");
    assert_int_equal(pool_code_set_pool_from_json(span_from_str(json), c, &error), 0);
}

/* Now and then with one URL twice. */
static UNUSED void make_random_list(struct rand_state *r, struct pool_command *c)
{
    const uint32_t n = (uint32_t)rand_below(r, 6);
    pool_command_init(c, POOL_SET_SERVERS);
    c->list = calloc(n + 1, sizeof(c->list[0]));
    assert_non_null(c->list);
    for (; c->list_n < n; c->list_n++) {
        struct pool_command one;
        make_random_add(r, &one);
        c->list[c->list_n] = one.server;
        c->list[c->list_n].admin = (uint8_t)rand_below(r, 3);
        c->list[c->list_n].drain_ms = c->list[c->list_n].admin * 1000U;
        memset(&one.server, 0, sizeof(one.server));
        pool_command_fini(&one);
    }
}

static UNUSED void make_random_server_command(struct rand_state *r, const struct pool_state *s,
                                              struct pool_command *c)
{
    const struct pool *p = s->pools[rand_below(r, s->pool_n)];
    uint64_t kind = rand_below(r, 13);
    const struct pool_server *server =
        p->server_n > 0 ? p->servers[rand_below(r, p->server_n)] : NULL;
    if (kind == 12) {
        make_random_list(r, c);
    } else if (kind < 4 || kind == 11 || server == NULL) {
        make_random_add(r, c);
        c->is_put = rand_below(r, 4) == 0;
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
    set_text(c->pool, p->name);
}

static UNUSED void make_random_pool_command(struct rand_state *r, struct pool_command *c)
{
    static const char *const policies[] = {"round_robin", "least_outstanding", "p2c", "hash"};
    static const char *const keys[] = {"address", "header:X-User", "cookie:sid", "path"};
    char json[300];
    char name[8];
    snprintf(name, sizeof(name), "p%u", (unsigned)rand_below(r, 4));
    if (rand_below(r, 3) == 0) {
        pool_command_init(c, POOL_REMOVE_POOL);
        set_text(c->pool, rand_below(r, 8) == 0 ? "default" : name);
        return;
    }
    snprintf(json, sizeof(json),
             "{\"name\":\"%s\",\"policy\":\"%s\",\"hash_key\":\"%s\",\"drain_ms\":%u,"
             "\"tls\":{\"min_version\":\"1.%u\",\"certificate\":%s,\"verify\":%s}}",
             name, policies[rand_below(r, 4)], keys[rand_below(r, 4)],
             (unsigned)rand_below(r, 3), (unsigned)rand_below(r, 2) + 2,
             rand_below(r, 3) == 0 ? "\"c1\"" : "null",
             rand_below(r, 2) == 0 ? "true" : "false");
    make_named(c, pool_code_add_pool_from_json, rand_below(r, 2) == 0 ? name : "", json);
}

/* Forwards to pools that may not be there. */
static UNUSED void print_random_action(struct rand_state *r, char *buf, size_t size)
{
    switch (rand_below(r, 4)) {
    case 0:
        snprintf(buf, size, "{\"redirect\":{\"status\":301,\"host\":\"h%u.example\"}}",
                 (unsigned)rand_below(r, 3));
        break;
    case 1:
        snprintf(buf, size, "{\"fixed\":{\"status\":%u,\"body\":\"no\"}}",
                 (unsigned)rand_below(r, 3) + 400);
        break;
    default:
        snprintf(buf, size,
                 "{\"forward\":[{\"pool\":\"default\",\"weight\":%u},{\"pool\":\"p%u\"}]}",
                 (unsigned)rand_below(r, 100), (unsigned)rand_below(r, 4));
        break;
    }
}

/* Names certificates that may not be there. */
static UNUSED void print_random_tls(struct rand_state *r, char *buf, size_t size)
{
    static const char *const lists[] = {"null", "[\"c1\"]", "[\"c2\",\"c1\"]"};
    if (rand_below(r, 2) == 0)
        snprintf(buf, size, "%s", "");
    else if (rand_below(r, 4) == 0)
        snprintf(buf, size, ",\"tls\":null");
    else
        snprintf(buf, size,
                 ",\"protocol\":\"%s\",\"tls\":{\"certificates\":%s,\"profile\":\"modern\","
                 "\"default_certificate\":%s,\"client_ca\":\"PEM%u\",\"redirect\":%s}",
                 rand_below(r, 2) == 0 ? "http" : "https", lists[rand_below(r, 3)],
                 rand_below(r, 2) == 0 ? "null" : "\"c2\"", (unsigned)rand_below(r, 3),
                 rand_below(r, 5) == 0 ? "true" : "false");
}

static UNUSED void make_random_listener_command(struct rand_state *r, struct pool_command *c)
{
    char json[700];
    char action[200];
    char tls[200];
    char name[8];
    snprintf(name, sizeof(name), "l%u", (unsigned)rand_below(r, 3));
    if (rand_below(r, 3) == 0) {
        pool_command_init(c, POOL_REMOVE_LISTENER);
        set_text(c->listener, rand_below(r, 8) == 0 ? "default" : name);
        return;
    }
    print_random_action(r, action, sizeof(action));
    print_random_tls(r, tls, sizeof(tls));
    snprintf(json, sizeof(json),
             "{\"addresses\":[\"127.0.0.1:%u\",\"[::]:%u\"],\"proxy_protocol\":%s,"
             "\"trusted_proxies\":%s,\"timeouts\":{\"client_idle_ms\":%u},"
             "\"request_id_to_client\":false,\"default_action\":%s%s}",
             (unsigned)rand_below(r, 5) + 1, (unsigned)rand_below(r, 5) + 100,
             rand_below(r, 2) == 0 ? "true" : "false",
             rand_below(r, 2) == 0 ? "null" : "[\"10.0.0.0/8\",\"::1/128\"]",
             (unsigned)rand_below(r, 3) + 1, action, tls);
    if (rand_below(r, 3) == 0)
        make_wish(c, pool_code_set_listener_from_json, json);
    else
        make_named(c, pool_code_add_listener_from_json, name, json);
    set_text(c->listener, rand_below(r, 4) == 0 ? "default" : name);
    c->is_put = c->is_put && rand_below(r, 2) == 0;
}

static UNUSED void make_random_rule_command(struct rand_state *r, const struct pool_state *s,
                                            struct pool_command *c)
{
    const struct listener *l = s->listeners[rand_below(r, s->listener_n)];
    const struct rule *rule = l->rule_n > 0 ? l->rules[rand_below(r, l->rule_n)] : NULL;
    uint64_t kind = rand_below(r, 4);
    char json[500];
    char action[200];
    print_random_action(r, action, sizeof(action));
    if (rule != NULL && kind == 0) {
        pool_command_init(c, POOL_REMOVE_RULE);
    } else {
        snprintf(json, sizeof(json),
                 "{\"priority\":%u,\"conditions\":{\"path_prefix\":\"/p%u\","
                 "\"host\":\"*.h%u.example\"},\"action\":%s%s}",
                 (unsigned)rand_below(r, 8) + 1, (unsigned)rand_below(r, 3),
                 (unsigned)rand_below(r, 3), action,
                 rand_below(r, 2) == 0 ? ",\"name\":\"n\"" : "");
        make_wish(c,
                  rule != NULL && kind == 1 ? pool_code_set_rule_from_json
                                            : pool_code_add_rule_from_json,
                  json);
        c->is_put = c->type == POOL_ADD_RULE && kind == 2;
    }
    set_text(c->listener, l->name);
    c->rule_id = rule != NULL ? rule->id : 999999;
    if (c->type == POOL_ADD_RULE)
        c->rule_id = 0;
}

/* One of a few addresses, so that many are there already. */
static UNUSED void make_random_vip_command(struct rand_state *r, struct pool_command *c)
{
    static const char *const addresses[] = {"192.0.2.1", "192.0.2.2", "2001:db8::1",
                                            "10.0.0.9"};
    const char *address = addresses[rand_below(r, 4)];
    const uint64_t kind = rand_below(r, 4);
    char json[200];
    snprintf(json, sizeof(json),
             "{\"interface\":%s,\"prefix\":%s,\"conflict\":\"%s\","
             "\"nodes\":{\"000000000000000%u\":\"bond%u\"}}",
             rand_below(r, 2) == 0 ? "null" : "\"eth0\"", rand_below(r, 2) == 0 ? "null" : "24",
             rand_below(r, 2) == 0 ? "hold" : "back_off", (unsigned)rand_below(r, 8) + 1,
             (unsigned)rand_below(r, 3));
    if (kind == 0)
        pool_command_init(c, POOL_REMOVE_VIP);
    else if (kind == 1)
        make_wish(c, pool_code_set_vip_from_json, json);
    else
        make_named(c, pool_code_add_vip_from_json, address, json);
    if (kind == 2)
        c->is_put = false;
    assert_int_equal(vip_set_address(&c->vip, span_from_str(address)), 0);
}

static UNUSED void add_random_guard(struct rand_state *r, const struct pool_state *s,
                                    struct pool_command *c)
{
    c->has_guard = true;
    c->guard_unusable = calloc(s->server_n + 1, sizeof(uint64_t));
    for (uint32_t i = 0; i < pool_default(s)->server_n; i++) {
        if (rand_below(r, 2) == 0)
            c->guard_unusable[c->guard_n++] = pool_default(s)->servers[i]->id;
    }
}

/* Some command that mostly suits the state. */
static UNUSED void make_random_command(struct rand_state *r, const struct pool_state *s,
                                       struct pool_command *c)
{
    switch (rand_below(r, 10)) {
    case 0:
        make_random_pool_command(r, c);
        break;
    case 8:
        make_random_certificate_command(r, s, c);
        break;
    case 9:
        make_random_vip_command(r, c);
        break;
    case 1:
        make_random_listener_command(r, c);
        break;
    case 2:
        make_random_rule_command(r, s, c);
        break;
    default:
        make_random_server_command(r, s, c);
        break;
    }
    if (rand_below(r, 20) == 0)
        c->if_digest = rand_u64(r) | 1;
    c->if_there = rand_below(r, 20) == 0;
    c->if_absent = rand_below(r, 20) == 0;
    c->if_list = rand_below(r, 20) == 0;
    if (rand_below(r, 10) == 0)
        add_random_guard(r, s, c);
    for (unsigned i = 0; i < sizeof(c->request_id); i++)
        c->request_id[i] = (uint8_t)rand_u64(r);
}

#endif

/*
 * The bodies of the management API. The first byte chooses which of the readers takes the
 * rest. What a reader accepts must pass the check or be refused by the check and by the apply
 * alike, survive encoding and decoding, and change
 * two states, one by the command and one by its decoded copy, in the same way; what it refuses
 * must come with a code and a sentence.
 */
#include <stdint.h>
#include <stdlib.h>

#include "pool/pool_apply.h"
#include "pool/pool_code.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A state with a certificate, and one server that has a bit of everything. */
static struct pool_state *new_state(void)
{
    struct pool_command c;
    struct pool_change change;
    struct span certificate =
        SPAN("{\"name\":\"a\",\"chain\":\"c\",\"key\":\"k\",\"facts\":{\"names\":[],"
             "\"subject\":\"s\",\"issuer\":\"i\",\"serial\":\"1\",\"fingerprint\":\"f\"}}");
    struct pool_error error;
    struct span body = SPAN("{\"url\":\"http://10.0.0.1\",\"check\":{\"path\":\"/a\"},"
                            "\"meta\":{\"a\":\"1\",\"b\":\"2\"}}");
    struct pool_state *s = pool_state_new();
    MUST(s != NULL);
    MUST(pool_code_add_from_json(body, &c, &error) == 0);
    MUST(pool_apply(s, &c, 1, &change) == 0);
    pool_command_fini(&c);
    MUST(pool_code_read_stored(KIND_CERTIFICATE, certificate, &c) == 0);
    MUST(pool_apply(s, &c, 2, &change) == 0);
    pool_command_fini(&c);
    return s;
}

/* Kinds from here on are those of pools, listeners and rules; then lists of servers; the last
 * is a certificate. */
enum { OBJECTS = 0x40, LISTS = 0xc0, PEM = 0xff };

static int read_object(uint8_t kind, struct span body, struct pool_command *c,
                       struct pool_error *error)
{
    switch (kind % 8) {
    case 0:
        return pool_code_add_pool_from_json(body, SPAN_NONE, c, error);
    case 1:
        return pool_code_add_pool_from_json(body, SPAN("default"), c, error);
    case 2:
        return pool_code_add_listener_from_json(body, SPAN_NONE, c, error);
    case 3:
        return pool_code_add_listener_from_json(body, SPAN("default"), c, error);
    case 4:
        return pool_code_set_listener_from_json(body, c, error);
    case 5:
        return pool_code_add_rule_from_json(body, c, error);
    case 6:
        return pool_code_set_rule_from_json(body, c, error);
    default:
        return pool_code_put_server_from_json(body, c, error);
    }
}

static int read_body(uint8_t kind, struct span body, const struct pool_state *s,
                     struct pool_command *c, struct pool_error *error)
{
    if (kind >= LISTS)
        return pool_code_set_servers_from_json(body, pool_default(s), c, error);
    if (kind >= OBJECTS)
        return read_object(kind, body, c, error);
    switch (kind % 4) {
    case 0:
        return pool_code_add_from_json(body, c, error);
    case 1:
        return pool_code_change_from_json(body, pool_default(s)->servers[0], c, error);
    case 2:
        return pool_code_set_pool_from_json(body, c, error);
    default:
        return pool_code_admin_from_json(body, (enum pool_admin)(kind / 4 % 3), pool_default(s),
                                         pool_default(s)->servers[0]->id, c, error);
    }
}

static void require_error(int rc, const struct pool_error *error)
{
    MUST(rc == WERR_INVALID || rc == WERR_SYNTAX);
    MUST(error->code != NULL && error->detail[0] != '\0');
    MUST((rc == WERR_SYNTAX) == (strcmp(error->code, "invalid_json") == 0));
}

/* want: what the check has said. */
static void apply_both(struct pool_state *a, const struct pool_command *c, int want)
{
    struct pool_state *b = new_state();
    struct pool_command decoded;
    struct pool_change change_a;
    struct pool_change change_b;
    char *bytes = NULL;
    size_t len = 0;
    MUST(pool_code_encode(c, &bytes, &len) == 0);
    MUST(pool_code_decode(span_from(bytes, len), &decoded) == 0);
    MUST(pool_apply(a, c, 3, &change_a) == want);
    MUST(pool_apply(b, &decoded, 3, &change_b) == want);
    MUST(change_a.type == change_b.type && change_a.id == change_b.id);
    MUST(a->digest == b->digest && a->digest == pool_state_digest_recompute(a));
    pool_change_fini(&change_a);
    pool_change_fini(&change_b);
    pool_command_fini(&decoded);
    pool_state_free(b);
    free(bytes);
}

/* Certificate and key are not judged here: what is accepted is whole. */
static void try_pem(struct span body)
{
    struct pool_code_pem pem;
    struct pool_error error = {.code = NULL};
    int rc = pool_code_pem_from_json(body, &pem, &error);
    if (rc != 0) {
        require_error(rc, &error);
        MUST(pem.chain.ptr == NULL && pem.key.ptr == NULL);
        return;
    }
    MUST(pem.chain.len > 0 && strlen(pem.key.ptr) == pem.key.len);
    pool_code_pem_fini(&pem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] == PEM) {
        try_pem(span_from(data + 1, size - 1));
        return 0;
    }
    struct pool_state *s = new_state();
    struct pool_command c;
    struct pool_error error = {.code = NULL};
    int rc = read_body(data[0], span_from(data + 1, size - 1), s, &c, &error);
    if (rc == 0) {
        rc = pool_check(s, &c, &error);
        MUST(rc == 0 || (error.code != NULL && error.detail[0] != '\0'));
        /* What pool_check says of a value alone, apply does not look at. */
        if (rc != WERR_INVALID)
            apply_both(s, &c, rc);
        pool_command_fini(&c);
    } else {
        require_error(rc, &error);
    }
    pool_state_free(s);
    return 0;
}

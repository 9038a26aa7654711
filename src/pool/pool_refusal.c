#include <stdio.h>

#include "base/strb.h"
#include "pool/pool_apply_int.h"
#include "pool/server_settings.h"

/* ---- who forwards to a pool ---- */

static bool forwards_to(const struct rule_action *action, const char *pool)
{
    for (uint32_t i = 0; i < listener_target_n(action); i++) {
        if (strcmp(action->targets[i].pool, pool) == 0)
            return true;
    }
    return false;
}

static const struct rule *find_rule_to(const struct listener *l, const char *pool)
{
    for (uint32_t i = 0; i < l->rule_n; i++) {
        if (forwards_to(&l->rules[i]->action, pool))
            return l->rules[i];
    }
    return NULL;
}

static void tell_certificate_in_use(const struct pool_state *s, const struct pool_command *c,
                                    struct pool_error *error)
{
    const struct certificate *which = certificate_find_id(s, c->certificate_id);
    if (which == NULL)
        return;
    const struct listener *l = listener_find_needy(s, which);
    const struct pool *p = pool_find_shower(s, which);
    if (p != NULL)
        pool_error_set(error, "in_use", "", "pool %s shows it to its servers", p->name);
    if (l != NULL)
        pool_error_set(error, "in_use", "", "listener %s has no other certificate", l->name);
}

static void tell_in_use(const struct pool_state *s, const struct pool_command *c,
                        struct pool_error *error)
{
    for (uint32_t i = 0; i < s->listener_n; i++) {
        const struct listener *l = s->listeners[i];
        const struct rule *rule = find_rule_to(l, c->pool);
        if (forwards_to(&l->default_action, c->pool)) {
            pool_error_set(error, "in_use", "",
                           "the default action of listener %s forwards to it", l->name);
            return;
        }
        if (rule != NULL) {
            pool_error_set(error, "in_use", "",
                           "the rule of listener %s with priority %u forwards to it", l->name,
                           rule->priority);
            return;
        }
    }
}

/* ---- the other refusals ---- */

static void tell_not_found(const struct pool_state *s, const struct pool_command *c,
                           struct pool_error *error)
{
    const enum kind kind = pool_command_kind(c->type);
    const char *word = kind_word(kind);
    const char *field = "";
    if (kind == KIND_SERVER && pool_find(s, span_from_str(c->pool)) == NULL)
        field = word = "pool";
    if (kind == KIND_RULE && listener_find(s, span_from_str(c->listener)) == NULL)
        field = word = "listener";
    if (kind == KIND_POOL || kind == KIND_LISTENER || kind == KIND_CERTIFICATE)
        field = word;
    if (kind == KIND_VIP)
        pool_error_set(error, "not_found", word, "there is no VIP %s", c->vip.address);
    else
        pool_error_set(error, "not_found", field, "there is no such %s", word);
}

/* The members of a server that differ; the first is the field. */
static void tell_other(const struct pool_server *now, const struct pool_command *c,
                       struct pool_error *error)
{
    const uint32_t differs = now != NULL ? server_differs(now, &c->server) : 0;
    const char *first = "";
    char list[96];
    struct strb b;
    strb_init(&b, list, sizeof(list));
    const char *key;
    uint32_t bit = 0;
    for (unsigned i = 0; (key = server_member(i, &bit)) != NULL; i++) {
        if ((differs & bit) == 0)
            continue;
        strb_addf(&b, "%s%s", b.len > 0 ? ", " : "", key);
        first = first[0] != '\0' ? first : key;
    }
    pool_error_set(error, "exists", first,
                   "the server is there already and differs in %s; PUT or PATCH changes it",
                   list);
}

static void tell_exists(const struct pool_state *s, const struct pool_command *c,
                        struct pool_error *error)
{
    if (c->type == POOL_SET_SERVERS)
        pool_error_set(error, "exists", "servers", "a server is in the list twice");
    else if (pool_command_kind(c->type) == KIND_SERVER)
        tell_other(pool_target_server(s, c, NULL), c, error);
    else if (pool_command_kind(c->type) == KIND_RULE)
        pool_error_set(error, "exists", "priority",
                       "another rule of the listener has priority %u", c->rule.priority);
    else if (pool_command_kind(c->type) == KIND_VIP)
        pool_error_set(error, "exists", "address", "there is a VIP %s already", c->vip.address);
    else
        pool_error_set(error, "exists", "name", "there is a %s with this name already",
                       kind_word(pool_command_kind(c->type)));
}

static void tell_address(const struct pool_state *s, const struct pool_command *c,
                         struct pool_error *error)
{
    for (unsigned i = 0; i < c->wanted.address_n; i++) {
        const struct addr *a = &c->wanted.addresses[i];
        const struct listener *other = listener_find_address(s, a);
        char text[ADDR_TEXT_MAX];
        if (other == NULL || strcmp(other->name, c->listener) == 0)
            continue;
        addr_print(a, text);
        pool_error_set(error, "exists", "addresses", "listener %s listens at %s already",
                       other->name, text);
        return;
    }
}

static void tell_no_target(const struct pool_state *s, const struct pool_command *c,
                           struct pool_error *error)
{
    bool is_rule = pool_command_kind(c->type) == KIND_RULE;
    const struct rule_action *action = is_rule ? &c->rule.action : &c->wanted.default_action;
    listener_tell_tls(s, c, error); /* of a certificate; of a pool there are other words */
    for (uint32_t i = 0; i < listener_target_n(action); i++) {
        const char *name = action->targets[i].pool;
        char field[48];
        if (pool_find(s, span_from_str(name)) != NULL)
            continue;
        snprintf(field, sizeof(field), "%s.forward[%u].pool",
                 is_rule ? "action" : "default_action", i);
        pool_error_set(error, "invalid_value", field, "there is no pool %s", name);
        return;
    }
}

static void tell_too_big(const struct pool_command *c, struct pool_error *error)
{
    switch (pool_command_kind(c->type)) {
    case KIND_SERVER:
        pool_error_set(error, "too_many", "", "there are %d servers: no more fit",
                       POOL_SERVERS_MAX);
        break;
    case KIND_POOL:
        pool_error_set(error, "too_many", "", "there are %d pools: no more fit",
                       POOL_POOLS_MAX);
        break;
    case KIND_LISTENER:
        pool_error_set(error, "too_many", "", "there are %d listeners: no more fit",
                       LISTENER_LISTENERS_MAX);
        break;
    case KIND_CERTIFICATE:
        pool_error_set(error, "too_many", "", "there are %d certificates: no more fit",
                       CERTIFICATE_MAX);
        break;
    case KIND_VIP:
        pool_error_set(error, "too_many", "", "there are %d VIPs: no more fit", VIP_MAX);
        break;
    default:
        pool_error_set(error, "too_many", "", "the listener has %d rules: no more fit",
                       LISTENER_RULES_MAX);
        break;
    }
}

static void tell_guard(const struct pool_state *s, const struct pool_command *c,
                       struct pool_error *error)
{
    const struct pool *p = pool_find(s, span_from_str(c->pool));
    pool_error_set(error, "would_empty_pool", "",
                   "%u usable servers would be left and the pool's min_active is %u; "
                   "?force=true does it all the same",
                   pool_guard_left(s, c), p != NULL ? p->min_active : 0);
}

static void tell_stale(const struct pool_command *c, struct pool_error *error)
{
    const enum kind kind = pool_command_kind(c->type);
    if (c->if_absent)
        pool_error_set(error, "precondition_failed", "", "there is such a %s", kind_word(kind));
    else if (c->if_there && c->if_digest == 0)
        pool_error_set(error, "precondition_failed", "", "there is no such %s",
                       kind_word(kind));
    else if (c->if_list)
        pool_error_set(error, "precondition_failed", "",
                       "the list of %s is another than If-Match says", kind_list(kind));
    else
        pool_error_set(error, "precondition_failed", "",
                       "the %s is another than If-Match says, or has gone", kind_word(kind));
}

static void tell_rest(const struct pool_command *c, int rc, struct pool_error *error)
{
    const char *word = kind_word(pool_command_kind(c->type));
    if (rc == WERR_BUILTIN)
        pool_error_set(error, "required", "", "the %s default can't be removed", word);
    else if (rc == WERR_STALE)
        tell_stale(c, error);
    else
        pool_error_set(error, "internal", "", "%s", werr_text(rc));
}

void pool_refusal(const struct pool_state *s, const struct pool_command *c, int rc,
                  struct pool_error *error)
{
    switch (rc) {
    case WERR_NOT_FOUND:
        tell_not_found(s, c, error);
        break;
    case WERR_EXISTS:
        tell_exists(s, c, error);
        break;
    case WERR_ADDR_IN_USE:
        tell_address(s, c, error);
        break;
    case WERR_IN_USE:
        if (pool_command_kind(c->type) == KIND_CERTIFICATE)
            tell_certificate_in_use(s, c, error);
        else
            tell_in_use(s, c, error);
        break;
    case WERR_INVALID:
        listener_tell_tls(s, c, error);
        break;
    case WERR_NO_CERTIFICATE:
        pool_error_set(error, "no_certificate", "protocol",
                       "a listener with protocol https needs a certificate, and there is none: "
                       "POST /certificates first");
        break;
    case WERR_NO_TARGET:
        if (pool_command_kind(c->type) == KIND_POOL)
            pool_error_set(error, "invalid_value", "tls.certificate",
                           "there is no certificate %s", c->tls.certificate);
        else
            tell_no_target(s, c, error);
        break;
    case WERR_TOO_BIG:
        tell_too_big(c, error);
        break;
    case WERR_GUARD:
        tell_guard(s, c, error);
        break;
    default:
        tell_rest(c, rc, error);
        break;
    }
}

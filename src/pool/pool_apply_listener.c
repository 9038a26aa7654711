#include "pool/kind_ops.h"
#include "pool/pool_apply_int.h"
#include "pool/pool_code.h"
#include "pool/pool_mem.h"
#include "pool/table.h"

/* ---- making ---- */

/* Without a default action. What "tls" and the action own is not freed. */
static void set_defaults(struct listener *l)
{
    l->protocol = LISTENER_HTTP;
    l->tls = (struct listener_tls){0};
    l->proxy_protocol = false;
    l->has_trusted = false;
    l->trusted.n = 0;
    l->address_n = 0;
    l->default_action = (struct rule_action){0};
    settings_init(&listener_settings_table, &l->settings);
}

struct listener *listener_new(struct span name)
{
    struct listener *l = pool_calloc(1, sizeof(*l));
    if (l == NULL)
        return NULL;
    l->name = fault_malloc(name.len + 1);
    if (l->name == NULL) {
        listener_free(l);
        return NULL;
    }
    memcpy(l->name, name.ptr, name.len);
    l->name[name.len] = '\0';
    set_defaults(l);
    return l;
}

void listener_free(struct listener *l)
{
    if (l == NULL)
        return;
    listener_free_rules(l);
    rule_action_fini(&l->default_action);
    listener_tls_fini(&l->tls);
    free(l->name);
    free(l);
}

static int hash_listener(const struct listener *l, uint64_t *hash)
{
    return kind_hash(KIND_LISTENER, l->id, 0, pool_code_listener_json(l), hash);
}

/* Into the tables, by name and by id. WERR_NOMEM leaves them as they were. */
static int list_listener(struct pool_state *s, struct listener *l)
{
    const struct id_entry entry = {KIND_LISTENER, l, NULL};
    int rc = text_table_add(&s->listener_names, l->name, l);
    if (rc != 0 || l->id == 0)
        return rc;
    rc = id_table_add(&s->ids, l->id, &entry);
    if (rc != 0)
        text_table_remove(&s->listener_names, l->name);
    return rc;
}

/* What takes a request that no rule takes, unless something else is said. */
static int fill_action(struct listener *l)
{
    bool has_action = l->default_action.type != RULE_FORWARD || l->default_action.target_n > 0;
    return has_action ? 0 : rule_action_init_forward(&l->default_action, SPAN("default"));
}

int listener_enter(struct pool_state *s, struct listener *l)
{
    struct listener **listeners = pool_reserve(s->listeners, s->listener_n, &s->listener_cap);
    if (listeners == NULL)
        return WERR_NOMEM;
    s->listeners = listeners;
    int rc = fill_action(l);
    if (rc == 0)
        rc = hash_listener(l, &l->digest);
    if (rc == 0)
        rc = list_listener(s, l);
    if (rc != 0)
        return rc;
    uint32_t place = s->listener_n;
    for (; place > 0 && listeners[place - 1]->id > l->id; place--)
        listeners[place] = listeners[place - 1];
    listeners[place] = l;
    s->listener_n++;
    s->digest += l->digest;
    listener_count_action(s, &l->default_action, 1);
    listener_count_certificates(s, &l->tls, 1);
    return 0;
}

/* With its rules, which stay in it. */
static void take_out(struct pool_state *s, struct listener *l)
{
    listener_take_out_rules(s, l);
    uint32_t place = 0;
    while (s->listeners[place] != l)
        place++;
    s->listener_n--;
    memmove(&s->listeners[place], &s->listeners[place + 1],
            (s->listener_n - place) * sizeof(struct listener *));
    text_table_remove(&s->listener_names, l->name);
    id_table_remove(&s->ids, l->id);
    s->digest -= l->digest;
    listener_count_action(s, &l->default_action, -1);
    listener_count_certificates(s, &l->tls, -1);
}

/* ---- applying ---- */

static void merge_numbers(struct listener *next, const struct pool_command *c)
{
    const struct listener *wanted = &c->wanted;
    settings_merge(&listener_settings_table, &next->settings, &wanted->settings, c->given);
    if ((c->set & POOL_SET_PROTOCOL) != 0)
        next->protocol = wanted->protocol;
    if ((c->set & POOL_SET_PROXY_PROTOCOL) != 0)
        next->proxy_protocol = wanted->proxy_protocol;
    if ((c->set & POOL_SET_TRUSTED) != 0) {
        next->has_trusted = wanted->has_trusted;
        next->trusted = wanted->trusted;
    }
    if ((c->set & POOL_SET_ADDRESSES) != 0) {
        next->address_n = wanted->address_n;
        memcpy(next->addresses, wanted->addresses, sizeof(next->addresses));
    }
}

/* The default action of next is that of now, borrowed, if the command leaves it alone. */
static bool has_new_action(const struct pool_command *c)
{
    return c->is_put || c->type == POOL_ADD_LISTENER || (c->set & POOL_SET_DEFAULT_ACTION) != 0;
}

static int merge_action(struct listener *next, const struct pool_command *c)
{
    if (!has_new_action(c))
        return 0;
    next->default_action = (struct rule_action){0};
    return (c->set & POOL_SET_DEFAULT_ACTION) != 0
               ? rule_action_copy(&next->default_action, &c->wanted.default_action)
               : fill_action(next);
}

/* What next->tls was is borrowed; what it is then is a copy. WERR_NOMEM leaves nothing to free.
 */
static int merge(struct listener *next, const struct pool_command *c)
{
    const struct listener_tls was = next->tls;
    merge_numbers(next, c);
    next->tls = (struct listener_tls){0};
    int rc = listener_tls_merge(&next->tls, &was, &c->wanted.tls, c->set);
    if (rc == 0)
        rc = merge_action(next, c);
    if (rc != 0)
        listener_tls_fini(&next->tls);
    return rc;
}

/* Of what merge has made. */
static void unmerge(struct listener *next, const struct pool_command *c)
{
    listener_tls_fini(&next->tls);
    if (has_new_action(c))
        rule_action_fini(&next->default_action);
}

static int apply_add(struct pool_state *s, const struct pool_command *c, uint64_t id,
                     struct pool_change *change)
{
    struct listener *l = listener_new(span_from_str(c->listener));
    if (l == NULL)
        return WERR_NOMEM;
    l->id = id;
    int rc = merge(l, c);
    if (rc == 0)
        rc = listener_enter(s, l);
    if (rc != 0) {
        listener_free(l);
        return rc;
    }
    change->type = POOL_CHANGE_ADDED;
    change->listener = l;
    change->id = id;
    return 0;
}

/* SET, or PUT of what is there: this begins with the defaults. */
static int apply_set(struct pool_state *s, const struct pool_command *c, struct listener *l,
                     struct pool_change *change)
{
    struct listener next = *l;
    if (c->is_put)
        set_defaults(&next);
    int rc = merge(&next, c);
    if (rc != 0)
        return rc;
    rc = hash_listener(&next, &next.digest);
    if (rc != 0) {
        unmerge(&next, c);
        return rc;
    }
    if (next.digest != l->digest)
        change->type = POOL_CHANGE_CHANGED;
    s->digest += next.digest - l->digest;
    listener_count_action(s, &next.default_action, 1);
    listener_count_action(s, &l->default_action, -1);
    listener_count_certificates(s, &next.tls, 1);
    listener_count_certificates(s, &l->tls, -1);
    unmerge(l, c);
    *l = next;
    return 0;
}

static int apply_listener(struct pool_state *s, const struct pool_command *c, uint64_t id,
                          struct pool_change *change)
{
    struct listener *l = listener_find(s, span_from_str(c->listener));
    if (l == NULL)
        return apply_add(s, c, id, change);
    change->id = l->id;
    if (c->type != POOL_REMOVE_LISTENER) {
        change->listener = l;
        return apply_set(s, c, l, change);
    }
    take_out(s, l);
    change->type = POOL_CHANGE_REMOVED;
    change->removed_listener = l;
    return 0;
}

/* No two listeners listen at one address. Port 0 stands for any free one. */
static int judge_addresses(const struct pool_state *s, const struct pool_command *c,
                           const struct listener *self)
{
    for (unsigned i = 0; (c->set & POOL_SET_ADDRESSES) != 0 && i < c->wanted.address_n; i++) {
        const struct addr *a = &c->wanted.addresses[i];
        const struct listener *other = a->port != 0 ? listener_find_address(s, a) : NULL;
        if (other != NULL && other != self)
            return WERR_ADDR_IN_USE;
    }
    return 0;
}

static int judge_wanted(const struct pool_state *s, const struct pool_command *c,
                        const struct listener *self)
{
    int rc = judge_addresses(s, c, self);
    if (rc == 0 && (c->set & POOL_SET_DEFAULT_ACTION) != 0)
        rc = listener_judge_action(s, &c->wanted.default_action);
    return rc == 0 ? listener_judge_tls(s, c, self) : rc;
}

static int judge_listener(const struct pool_state *s, const struct pool_command *c)
{
    const struct listener *l = listener_find(s, span_from_str(c->listener));
    if (c->type == POOL_REMOVE_LISTENER && l != NULL)
        return l->id == 0 ? WERR_BUILTIN : 0;
    if (c->type == POOL_ADD_LISTENER) {
        if (l != NULL && !c->is_put)
            return WERR_EXISTS;
        if (l == NULL && s->listener_n >= LISTENER_LISTENERS_MAX)
            return WERR_TOO_BIG;
    } else if (l == NULL) {
        return WERR_NOT_FOUND;
    }
    return judge_wanted(s, c, l);
}

static int target_listener(const struct pool_state *s, const struct pool_command *c,
                           uint64_t *digest)
{
    const struct listener *l = listener_find(s, span_from_str(c->listener));
    *digest = l != NULL ? l->digest : 0;
    return 0;
}

static int visit_listeners(const struct pool_state *s, kind_visit_fn fn, void *arg)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < s->listener_n; i++) {
        const struct kind_object o = {KIND_LISTENER, s->listeners[i]->id, 0, s->listeners[i]};
        rc = fn(arg, &o);
    }
    return rc;
}

/* ---- checking ---- */

static int refuse_addresses(struct pool_error *error, const char *wish)
{
    pool_error_set(error, "invalid_value", "addresses", "%s", wish);
    return WERR_INVALID;
}

static int check_addresses(const struct listener *wanted, struct pool_error *error)
{
    if (wanted->address_n == 0 || wanted->address_n > LISTENER_ADDRESSES_MAX)
        return refuse_addresses(error, "addresses must be a list of 1 to 16 addresses");
    for (unsigned i = 0; i < wanted->address_n; i++) {
        const struct addr *a = &wanted->addresses[i];
        if (a->family == 0 || addr_is_multicast(a))
            return refuse_addresses(error, "nobody can listen at one of the addresses");
        for (unsigned k = 0; k < i; k++) {
            if (a->port != 0 && addr_is_equal(a, &wanted->addresses[k]))
                return refuse_addresses(error, "an address is there twice");
        }
    }
    return 0;
}

static int check_action(const struct listener *wanted, struct pool_error *error)
{
    if (wanted->default_action.type != RULE_FORWARD || wanted->default_action.target_n > 0)
        return 0;
    pool_error_set(error, "invalid_value", "default_action",
                   "default_action must be an action");
    return WERR_INVALID;
}

static int check_members(const struct pool_command *c, struct pool_error *error)
{
    int rc = 0;
    if ((c->set & POOL_SET_PROTOCOL) != 0 && c->wanted.protocol >= LISTENER_PROTOCOL_N) {
        pool_error_set(error, "invalid_value", "protocol", LISTENER_PROTOCOL_WISH);
        return WERR_INVALID;
    }
    if ((c->set & POOL_SET_ADDRESSES) != 0)
        rc = check_addresses(&c->wanted, error);
    if (rc == 0 && (c->set & POOL_SET_DEFAULT_ACTION) != 0)
        rc = check_action(&c->wanted, error);
    return rc != 0
               ? rc
               : settings_check(&listener_settings_table, &c->wanted.settings, c->given, error);
}

static int check_listener(const struct pool_command *c, struct pool_error *error)
{
    if (c->type == POOL_REMOVE_LISTENER)
        return 0;
    if (c->type == POOL_ADD_LISTENER && !pool_name_is_valid(span_from_str(c->listener))) {
        pool_error_set(error, "invalid_value", "name", POOL_NAME_WISH, POOL_NAME_MAX);
        return WERR_INVALID;
    }
    if (c->type == POOL_ADD_LISTENER && (c->set & POOL_SET_ADDRESSES) == 0) {
        pool_error_set(error, "missing_field", "addresses", "addresses is missing");
        return WERR_INVALID;
    }
    return check_members(c, error);
}

static char *listener_json(const void *object)
{
    return pool_code_listener_json(object);
}

const struct kind_ops kind_ops_listener = {
    .check = check_listener,
    .judge = judge_listener,
    .apply = apply_listener,
    .target = target_listener,
    .visit = visit_listeners,
    .json = listener_json,
};

#include "pool/listener.h"

#include "base/search.h"
#include "pool/table.h"

struct listener *listener_default(const struct pool_state *s)
{
    return s->listeners[0];
}

struct listener *listener_find(const struct pool_state *s, struct span name)
{
    return text_table_find(s->listener_names, name);
}

struct listener *listener_find_id(const struct pool_state *s, uint64_t id)
{
    if (id == 0)
        return listener_default(s);
    const struct id_entry *entry = id_table_find(s->ids, id);
    return entry != NULL && entry->kind == KIND_LISTENER ? entry->object : NULL;
}

static const char *const protocols[LISTENER_PROTOCOL_N] = {
    [LISTENER_HTTP] = "http", [LISTENER_HTTPS] = "https"};

const char *listener_protocol_word(enum listener_protocol protocol)
{
    return (unsigned)protocol < LISTENER_PROTOCOL_N ? protocols[protocol] : "http";
}

bool listener_protocol_from_word(struct span word, uint8_t *protocol)
{
    for (unsigned i = 0; i < LISTENER_PROTOCOL_N; i++) {
        if (span_is_equal(word, span_from_str(protocols[i]))) {
            *protocol = (uint8_t)i;
            return true;
        }
    }
    return false;
}

static bool has_address(const struct listener *l, const struct addr *a)
{
    for (unsigned i = 0; i < l->address_n; i++) {
        if (addr_is_equal(&l->addresses[i], a))
            return true;
    }
    return false;
}

const struct listener *listener_find_address(const struct pool_state *s, const struct addr *a)
{
    for (uint32_t i = 0; i < s->listener_n; i++) {
        if (has_address(s->listeners[i], a))
            return s->listeners[i];
    }
    return NULL;
}

/* ---- rules ---- */

static uint64_t priority_at(const void *rules, uint32_t i)
{
    return ((struct rule *const *)rules)[i]->priority;
}

uint32_t listener_rule_place(const struct listener *l, uint32_t priority)
{
    return search_place(l->rules, l->rule_n, priority_at, priority);
}

struct rule *listener_find_priority(const struct listener *l, uint32_t priority)
{
    uint32_t place = listener_rule_place(l, priority);
    bool is_there = place < l->rule_n && l->rules[place]->priority == priority;
    return is_there ? l->rules[place] : NULL;
}

struct rule *listener_find_any_rule(const struct pool_state *s, uint64_t rule_id,
                                    struct listener **listener)
{
    const struct id_entry *entry = id_table_find(s->ids, rule_id);
    if (entry == NULL || entry->kind != KIND_RULE)
        return NULL;
    if (listener != NULL)
        *listener = entry->owner;
    return entry->object;
}

struct rule *listener_find_rule(const struct pool_state *s, const struct listener *l,
                                uint64_t rule_id)
{
    struct listener *owner = NULL;
    struct rule *rule = listener_find_any_rule(s, rule_id, &owner);
    return owner == l ? rule : NULL;
}

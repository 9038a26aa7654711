#include <stdio.h>

#include "base/search.h"
#include "pool/kind_ops.h"
#include "pool/pool_apply_int.h"
#include "pool/pool_code.h"
#include "pool/pool_mem.h"
#include "pool/table.h"

static int hash_vip(const struct vip *vip, uint64_t *hash)
{
    return kind_hash(KIND_VIP, vip->id, 0, pool_code_vip_json(vip), hash);
}

/* ---- the vector and the table ---- */

static uint64_t id_at(const void *vips, uint32_t i)
{
    return ((struct vip *const *)vips)[i]->id;
}

static int enter(struct pool_state *s, struct vip *vip)
{
    const struct id_entry entry = {KIND_VIP, vip, NULL};
    struct vip **all = pool_reserve(s->vips, s->vip_n, &s->vip_cap);
    if (all == NULL)
        return WERR_NOMEM;
    s->vips = all;
    int rc = hash_vip(vip, &vip->digest);
    if (rc == 0)
        rc = id_table_add(&s->ids, vip->id, &entry);
    if (rc != 0)
        return rc;
    const uint32_t place = search_place(all, s->vip_n, id_at, vip->id);
    memmove(&all[place + 1], &all[place], (s->vip_n - place) * sizeof(struct vip *));
    all[place] = vip;
    s->vip_n++;
    s->digest += vip->digest;
    return 0;
}

static void take_out(struct pool_state *s, struct vip *vip)
{
    const uint32_t place = search_place(s->vips, s->vip_n, id_at, vip->id);
    MUST(place < s->vip_n && s->vips[place] == vip);
    s->vip_n--;
    memmove(&s->vips[place], &s->vips[place + 1], (s->vip_n - place) * sizeof(struct vip *));
    id_table_remove(&s->ids, vip->id);
    s->digest -= vip->digest;
}

/* ---- applying ---- */

/* All but what it is known by. */
static void set_defaults(struct vip *vip)
{
    vip->interface[0] = '\0';
    vip->prefix = vip_prefix_max(&vip->addr);
    vip->conflict = VIP_CONFLICT_HOLD;
    vip->node_n = 0;
}

static void merge(struct vip *next, const struct pool_command *c)
{
    const struct vip *wanted = &c->vip;
    if ((c->set & POOL_SET_INTERFACE) != 0)
        memcpy(next->interface, wanted->interface, sizeof(next->interface));
    if ((c->set & POOL_SET_PREFIX) != 0)
        next->prefix = wanted->prefix != 0 ? wanted->prefix : vip_prefix_max(&next->addr);
    if ((c->set & POOL_SET_CONFLICT) != 0)
        next->conflict = wanted->conflict;
    if ((c->set & POOL_SET_NODES) != 0) {
        next->node_n = wanted->node_n;
        memcpy(next->nodes, wanted->nodes, sizeof(next->nodes));
    }
}

static int apply_add(struct pool_state *s, const struct pool_command *c, uint64_t id,
                     struct pool_change *change)
{
    struct vip *made = pool_calloc(1, sizeof(*made));
    if (made == NULL)
        return WERR_NOMEM;
    made->id = id;
    made->addr = c->vip.addr;
    memcpy(made->address, c->vip.address, sizeof(made->address));
    set_defaults(made);
    merge(made, c);
    int rc = enter(s, made);
    if (rc != 0) {
        free(made);
        return rc;
    }
    change->type = POOL_CHANGE_ADDED;
    change->vip = made;
    change->id = id;
    return 0;
}

/* SET, or PUT of what is there: this begins with the defaults. */
static int apply_set(struct pool_state *s, const struct pool_command *c, struct vip *now,
                     struct pool_change *change)
{
    struct vip next = *now;
    if (c->is_put)
        set_defaults(&next);
    merge(&next, c);
    int rc = hash_vip(&next, &next.digest);
    if (rc != 0)
        return rc;
    if (next.digest != now->digest)
        change->type = POOL_CHANGE_CHANGED;
    s->digest += next.digest - now->digest;
    *now = next;
    return 0;
}

static int apply_vip(struct pool_state *s, const struct pool_command *c, uint64_t id,
                     struct pool_change *change)
{
    struct vip *now = vip_find(s, &c->vip.addr);
    if (now == NULL)
        return apply_add(s, c, id, change);
    change->id = now->id;
    if (c->type != POOL_REMOVE_VIP) {
        change->vip = now;
        return apply_set(s, c, now, change);
    }
    take_out(s, now);
    change->type = POOL_CHANGE_REMOVED;
    change->removed_vip = now;
    return 0;
}

static int judge_vip(const struct pool_state *s, const struct pool_command *c)
{
    const struct vip *now = vip_find(s, &c->vip.addr);
    if (c->type != POOL_ADD_VIP)
        return now != NULL ? 0 : WERR_NOT_FOUND;
    if (now != NULL)
        return c->is_put ? 0 : WERR_EXISTS;
    return s->vip_n < VIP_MAX ? 0 : WERR_TOO_BIG;
}

static int target_vip(const struct pool_state *s, const struct pool_command *c,
                      uint64_t *digest)
{
    const struct vip *now = vip_find(s, &c->vip.addr);
    *digest = now != NULL ? now->digest : 0;
    return 0;
}

static int visit_vips(const struct pool_state *s, kind_visit_fn fn, void *arg)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < s->vip_n; i++) {
        const struct kind_object o = {KIND_VIP, s->vips[i]->id, 0, s->vips[i]};
        rc = fn(arg, &o);
    }
    return rc;
}

/* ---- checking ---- */

static int refuse(struct pool_error *error, const char *field, const char *detail)
{
    pool_error_set(error, "invalid_value", field, "%s", detail);
    return WERR_INVALID;
}

static int check_address(const struct vip *vip, struct pool_error *error)
{
    const char *fault = vip_address_fault(&vip->addr);
    if (fault == NULL)
        return 0;
    pool_error_set(error, "invalid_value", "address", "%s %s: no node can hold it for others",
                   vip->address, fault);
    return WERR_INVALID;
}

static int check_interface(const char *name, struct pool_error *error, const char *field)
{
    if (vip_interface_is_valid(span_from_str(name)))
        return 0;
    pool_error_set(error, "invalid_value", field, VIP_INTERFACE_WISH, VIP_INTERFACE_MAX);
    return WERR_INVALID;
}

static int check_nodes(const struct vip *vip, struct pool_error *error)
{
    int rc =
        vip->node_n <= VIP_NODES_MAX ? 0 : refuse(error, "nodes", "nodes has too many members");
    for (unsigned i = 0; rc == 0 && i < vip->node_n; i++) {
        const struct vip_node *node = &vip->nodes[i];
        if (node->member == 0 || (i > 0 && vip->nodes[i - 1].member >= node->member))
            return refuse(error, "nodes", "nodes must name each member once");
        rc = check_interface(node->interface, error, "nodes");
    }
    return rc;
}

static int check_prefix(const struct vip *vip, struct pool_error *error)
{
    const unsigned most = vip_prefix_max(&vip->addr);
    if (vip->prefix <= most)
        return 0;
    pool_error_set(error, "invalid_value", "prefix", "prefix of %s must be from 1 to %u",
                   vip->address, most);
    return WERR_INVALID;
}

static int check_vip(const struct pool_command *c, struct pool_error *error)
{
    const struct vip *vip = &c->vip;
    int rc = 0;
    if (c->type == POOL_REMOVE_VIP)
        return 0;
    if (c->type == POOL_ADD_VIP)
        rc = check_address(vip, error);
    if (rc == 0 && vip->interface[0] != '\0')
        rc = check_interface(vip->interface, error, "interface");
    if (rc == 0)
        rc = check_prefix(vip, error);
    if (rc == 0 && vip->conflict >= VIP_CONFLICT_N)
        rc = refuse(error, "conflict", VIP_CONFLICT_WISH);
    return rc == 0 ? check_nodes(vip, error) : rc;
}

static char *vip_json(const void *object)
{
    return pool_code_vip_json(object);
}

const struct kind_ops kind_ops_vip = {
    .check = check_vip,
    .judge = judge_vip,
    .apply = apply_vip,
    .target = target_vip,
    .visit = visit_vips,
    .json = vip_json,
};

#include <stdio.h>

#include "base/num.h"
#include "pool/pool_code_int.h"

/* ---- reading ---- */

static int refuse_address(struct pool_error *error)
{
    pool_error_set(error, "invalid_value", "address",
                   "address must be an IPv4 or IPv6 address without a port, like "
                   "\"192.0.2.10\" or \"2001:db8::10\"");
    return WERR_INVALID;
}

/* With the path's there already, it must be that one. */
static int read_address(struct reading *r, json_t *value)
{
    struct vip given = {.node_n = 0};
    if (!json_is_string(value) || vip_set_address(&given, code_text(value)) != 0)
        return refuse_address(r->error);
    if (r->c->vip.addr.family != 0 && !addr_is_equal(&given.addr, &r->c->vip.addr))
        return code_refuse_value(r, "address", "address is not the one in the path");
    return vip_set_address(&r->c->vip, code_text(value));
}

static int refuse_interface(struct reading *r, const char *field)
{
    char wish[120];
    snprintf(wish, sizeof(wish), VIP_INTERFACE_WISH, VIP_INTERFACE_MAX);
    return code_refuse_value(r, field, wish);
}

static bool take_interface(json_t *value, char *to)
{
    return json_is_string(value) && vip_interface_is_valid(code_text(value)) &&
           span_to_str(code_text(value), to, VIP_INTERFACE_MAX + 1) == 0;
}

/* null or "": the one whose subnet contains the address. */
static int read_interface(struct reading *r, json_t *value)
{
    struct vip *vip = &r->c->vip;
    r->c->set |= POOL_SET_INTERFACE;
    vip->interface[0] = '\0';
    if (json_is_null(value) || (json_is_string(value) && json_string_length(value) == 0))
        return 0;
    return take_interface(value, vip->interface) ? 0 : refuse_interface(r, "interface");
}

static int read_prefix(struct reading *r, json_t *value)
{
    uint64_t n = 0; /* the default */
    r->c->set |= POOL_SET_PREFIX;
    if (!json_is_null(value) && !code_number(value, 1, VIP_PREFIX_V6, &n))
        return code_refuse_value(r, "prefix",
                                 "prefix must be a number from 1 to 32, of IPv6 to 128");
    r->c->vip.prefix = (uint8_t)n;
    return 0;
}

static int read_conflict(struct reading *r, json_t *value)
{
    r->c->set |= POOL_SET_CONFLICT;
    r->c->vip.conflict = VIP_CONFLICT_HOLD;
    if (json_is_null(value) || (json_is_string(value) &&
                                vip_conflict_from_word(code_text(value), &r->c->vip.conflict)))
        return 0;
    return code_refuse_value(r, "conflict", VIP_CONFLICT_WISH);
}

/* In its place by the number of the member. */
static void insert_node(struct vip *vip, const struct vip_node *node)
{
    unsigned place = vip->node_n;
    for (; place > 0 && vip->nodes[place - 1].member > node->member; place--)
        vip->nodes[place] = vip->nodes[place - 1];
    vip->nodes[place] = *node;
    vip->node_n++;
}

static int read_node(struct reading *r, const char *key, json_t *value)
{
    struct vip_node node = {.member = 0};
    char field[64];
    snprintf(field, sizeof(field), "nodes.%s", key);
    if (num_from_hex16(span_from_str(key), &node.member) != 0 || node.member == 0)
        return code_refuse_value(r, field,
                                 "a key of nodes must be the id of a member, as "
                                 "GET /cluster shows it");
    if (!take_interface(value, node.interface))
        return refuse_interface(r, field);
    insert_node(&r->c->vip, &node);
    return 0;
}

static int read_nodes(struct reading *r, json_t *value)
{
    const char *key = NULL;
    json_t *member = NULL;
    r->c->set |= POOL_SET_NODES;
    r->c->vip.node_n = 0;
    if (json_is_null(value))
        return 0;
    if (!json_is_object(value) || json_object_size(value) > VIP_NODES_MAX)
        return code_refuse_value(r, "nodes",
                                 "nodes must be an object of at most 32 members: id and "
                                 "interface");
    json_object_foreach(value, key, member)
    {
        int rc = read_node(r, key, member);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static const struct member members[] = {
    {"address", read_address, 0}, {"interface", read_interface, 0},
    {"prefix", read_prefix, 0},   {"conflict", read_conflict, 0},
    {"nodes", read_nodes, 0},     {NULL, NULL, 0},
};

/* A SET has its address elsewhere. */
static int read_vip(struct reading *r, json_t *object)
{
    const struct member *known = r->c->type == POOL_ADD_VIP ? members : &members[1];
    int rc = code_read_members(r, object, known);
    if (rc != 0 || r->c->type != POOL_ADD_VIP || r->c->vip.addr.family != 0)
        return rc;
    return code_refuse_missing(r, "address");
}

int pool_code_add_vip_from_json(struct span body, struct span address, struct pool_command *c,
                                struct pool_error *error)
{
    struct reading r = {.c = c, .error = error};
    pool_command_init(c, POOL_ADD_VIP);
    c->is_put = address.len > 0;
    if (!c->is_put || vip_set_address(&c->vip, address) == 0)
        return code_read_document(body, &r, read_vip);
    pool_command_fini(c);
    return refuse_address(error);
}

int pool_code_set_vip_from_json(struct span body, struct pool_command *c,
                                struct pool_error *error)
{
    struct reading r = {.c = c, .error = error};
    pool_command_init(c, POOL_SET_VIP);
    return code_read_document(body, &r, read_vip);
}

/* ---- writing ---- */

static void write_nodes(struct jtext *t, const struct vip *vip)
{
    jtext_open(t, "nodes", '{');
    for (unsigned i = 0; i < vip->node_n; i++) {
        char member[NUM_HEX16 + 1] = "";
        num_to_hex16(vip->nodes[i].member, member);
        jtext_str(t, member, vip->nodes[i].interface);
    }
    jtext_close(t, '}');
}

static void write_members(struct jtext *t, const struct vip *vip, uint32_t set)
{
    if ((set & POOL_SET_INTERFACE) != 0)
        code_write_text(t, "interface", vip->interface[0] != '\0' ? vip->interface : NULL);
    if ((set & POOL_SET_PREFIX) != 0 && vip->prefix != 0)
        jtext_number(t, "prefix", vip->prefix);
    else if ((set & POOL_SET_PREFIX) != 0)
        jtext_null(t, "prefix");
    if ((set & POOL_SET_CONFLICT) != 0)
        jtext_str(t, "conflict", vip_conflict_word((enum vip_conflict)vip->conflict));
    if ((set & POOL_SET_NODES) != 0)
        write_nodes(t, vip);
}

/* Its address is its target, and stands before this. */
static void write_vip(struct jtext *t, const char *key, const struct pool_command *c)
{
    jtext_open(t, key, '{');
    write_members(t, &c->vip, c->set);
    jtext_close(t, '}');
}

char *pool_code_vip_json(const struct vip *vip)
{
    struct jtext t;
    jtext_init_compact(&t);
    jtext_open(&t, NULL, '{');
    jtext_str(&t, "address", vip->address);
    write_members(&t, vip, UINT32_MAX);
    jtext_close(&t, '}');
    return jtext_take(&t);
}

const struct code_kind code_vip = {read_vip, write_vip};

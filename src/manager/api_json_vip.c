#include <stdio.h>

#include "base/clock.h"
#include "manager/api_json.h"
#include "manager/api_links.h"
#include "manager/members.h"
#include "manager/vip_view.h"

static void put_or_null(struct jtext *t, const char *key, const char *text)
{
    if (text[0] != '\0')
        jtext_str(t, key, text);
    else
        jtext_null(t, key);
}

static void put_described(struct jtext *t, const struct vip *vip)
{
    char member[MEMBERS_ID_TEXT];

    jtext_str(t, "address", vip->address);
    put_or_null(t, "interface", vip->interface);
    jtext_number(t, "prefix", vip->prefix);
    jtext_str(t, "conflict", vip_conflict_word((enum vip_conflict)vip->conflict));
    jtext_open(t, "nodes", '{');
    for (unsigned i = 0; i < vip->node_n; i++) {
        members_print_id(vip->nodes[i].member, member);
        jtext_str(t, member, vip->nodes[i].interface);
    }
    jtext_close(t, '}');
}

static void put_view(struct jtext *t, const struct vip_view *v)
{
    char holder[MEMBERS_ID_TEXT] = "", since[32] = "";

    if (v->holder != 0)
        members_print_id(v->holder, holder);
    if (v->since_us != 0)
        (void)clock_print_wall(v->since_us, since);
    jtext_str(t, "state", v->state);
    put_or_null(t, "why", v->why);
    put_or_null(t, "holder", holder);
    jtext_bool(t, "is_self", v->is_self);
    put_or_null(t, "since", since);
    jtext_number(t, "epoch", v->epoch);
    if (v->has_lease)
        jtext_number(t, "lease_ms", v->lease_ms);
    else
        jtext_null(t, "lease_ms");
    jtext_number(t, "announcements", v->announcements);
}

char *api_json_vip(const struct api_json_vip_view *v, const char *base)
{
    char self[API_JSON_HREF_MAX], move[API_JSON_HREF_MAX], id[24];
    const struct api_link links[] = {{"self", self, "GET"},
                                     {"change", self, "PATCH"},
                                     {"delete", self, "DELETE"},
                                     {"move", move, "POST"}};
    struct jtext t;

    (void)snprintf(self, sizeof(self), "/vips/%s", v->vip->address);
    (void)snprintf(move, sizeof(move), "/vips/%s/move", v->vip->address);
    (void)kind_id_print(KIND_VIP, v->vip->id, id);
    jtext_init(&t);
    jtext_open(&t, NULL, '{');
    jtext_str(&t, "id", id);
    put_described(&t, v->vip);
    put_view(&t, v->view);
    jtext_number(&t, "revision", v->revision);
    api_links_put(&t, base, links, sizeof(links) / sizeof(links[0]));
    jtext_close(&t, '}');
    return jtext_take(&t);
}

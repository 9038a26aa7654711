#include <stdio.h>

#include "base/clock.h"
#include "base/jtext.h"
#include "manager/api.h"
#include "manager/api_json.h"
#include "manager/api_links.h"
#include "manager/api_servers.h"
#include "manager/manager.h"
#include "manager/states.h"

static void put_transition(struct jtext *t, const struct server_transition *tr)
{
    char at[32];

    (void)clock_print_wall(tr->at_us, at);
    jtext_open(t, NULL, '{');
    jtext_str(t, "at", at);
    jtext_str(t, "from", server_state_word((enum server_state)tr->from));
    jtext_str(t, "to", server_state_word((enum server_state)tr->to));
    if (tr->reason[0] != '\0')
        jtext_str(t, "reason", tr->reason);
    else
        jtext_null(t, "reason");
    jtext_close(t, '}');
}

static void put_links(struct jtext *t, const struct api_conn *ac,
                      const struct pool_server *server)
{
    char self[API_JSON_HREF_MAX + 16], href[API_JSON_HREF_MAX];
    const struct api_link links[] = {{"self", self, "GET"}, {"server", href, "GET"}};

    api_json_server_href(api_find_pool(ac)->name, server, href, sizeof(href));
    (void)snprintf(self, sizeof(self), "%s/history", href);
    api_links_put(t, api_base(ac), links, sizeof(links) / sizeof(links[0]));
}

static char *print_history(const struct api_conn *ac, const struct pool_server *server,
                           const struct server_facts *f)
{
    const struct server_transition *tr;
    char id[24], since[32];
    struct jtext t;

    (void)pool_id_print(server->id, id);
    (void)clock_print_wall(f->record.since_us, since);
    jtext_init(&t);
    jtext_open(&t, NULL, '{');
    jtext_str(&t, "id", id);
    jtext_str(&t, "url", server->url);
    jtext_str(&t, "state", server_state_word((enum server_state)f->record.state));
    jtext_str(&t, "since", since);
    jtext_number(&t, "transitions", f->record.transitions);
    jtext_open(&t, "history", '[');
    for (unsigned i = 0; (tr = server_record_transition(&f->record, i)) != NULL; i++)
        put_transition(&t, tr);
    jtext_close(&t, ']');
    put_links(&t, ac, server);
    jtext_close(&t, '}');
    return jtext_take(&t);
}

void api_server_history(struct api_conn *ac)
{
    const struct pool_server *server = api_find_server(ac, true);
    struct server_facts *f = server != NULL ? facts_find(&ac->m->facts, server->id) : NULL;

    if (f == NULL) {
        api_respond_no_server(ac);
        return;
    }
    states_look(ac->m, f);
    api_respond(ac, 200, print_history(ac, server, f));
}

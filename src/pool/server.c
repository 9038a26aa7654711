#include "pool/server.h"

#include "pool/pool_mem.h"
#include "pool/pool_meta.h"
#include "pool/table.h"

void pool_server_fini(struct pool_server *server)
{
    free(server->url);
    free(server->host);
    free(server->authority);
    pool_meta_fini(server);
    pool_health_fini(&server->health);
}

static int copy_strings(struct pool_server *to, const struct pool_server *from)
{
    to->url = pool_strdup(from->url);
    to->host = pool_strdup(from->host);
    to->authority = pool_strdup(from->authority);
    bool is_whole = to->url != NULL && to->host != NULL && to->authority != NULL;
    return is_whole ? 0 : WERR_NOMEM;
}

struct pool_server *server_copy(const struct pool_server *from)
{
    struct pool_server *server = pool_calloc(1, sizeof(*server));
    if (server == NULL)
        return NULL;
    *server = *from;
    server->id = server->digest = 0;
    server->url = server->host = server->authority = NULL;
    server->meta = NULL;
    server->meta_n = 0;
    server->health = (struct pool_health){0};
    int rc = copy_strings(server, from);
    if (rc == 0)
        rc = pool_meta_copy(server, from);
    if (rc == 0)
        rc = pool_health_copy(&server->health, &from->health);
    if (rc == 0)
        return server;
    pool_server_free(server);
    return NULL;
}

void pool_server_free(struct pool_server *server)
{
    if (server == NULL)
        return;
    pool_server_fini(server);
    free(server);
}

void server_free_all(struct pool *p)
{
    text_table_clear(&p->by_url);
    for (uint32_t i = 0; i < p->server_n; i++)
        pool_server_free(p->servers[i]);
    free(p->servers);
    p->servers = NULL;
    p->server_n = 0;
}

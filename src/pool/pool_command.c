#include "pool/pool_command.h"

#include <stdlib.h>

#include "pool/server.h"

struct command_row {
    const char *word;
    enum kind kind;
    enum pool_verb verb;
};

static const struct command_row rows[] = {
#define COMMAND(name, number, kind, verb, word) \
    [number] = {(word), KIND_##kind, POOL_VERB_##verb},
#include "pool/commands.def"
#undef COMMAND
};
enum { ROW_N = sizeof(rows) / sizeof(rows[0]) };

bool pool_command_is_known(unsigned type)
{
    return type < ROW_N && rows[type].word != NULL;
}

const char *pool_command_word(enum pool_command_type type)
{
    return pool_command_is_known(type) ? rows[type].word : "unknown command";
}

enum kind pool_command_kind(enum pool_command_type type)
{
    MUST(pool_command_is_known(type));
    return rows[type].kind;
}

enum pool_verb pool_command_verb(enum pool_command_type type)
{
    MUST(pool_command_is_known(type));
    return rows[type].verb;
}

void pool_by_set(char *to, size_t size, struct span text)
{
    size_t n = 0;
    for (; n < text.len && n + 1 < size; n++)
        to[n] = (char)(text.ptr[n] < ' ' || text.ptr[n] > '~' ? '?' : text.ptr[n]);
    to[n] = '\0';
}

void pool_command_init(struct pool_command *c, enum pool_command_type type)
{
    memset(c, 0, sizeof(*c));
    c->type = type;
    memcpy(c->pool, "default", sizeof("default"));
    memcpy(c->listener, "default", sizeof("default"));
    c->server.weight = 1;
}

void pool_command_fini(struct pool_command *c)
{
    pool_server_fini(&c->server);
    for (uint32_t i = 0; i < c->list_n; i++)
        pool_server_fini(&c->list[i]);
    free(c->list);
    rule_action_fini(&c->wanted.default_action);
    listener_tls_fini(&c->wanted.tls);
    pool_tls_fini(&c->tls);
    rule_fini(&c->rule);
    certificate_fini(&c->certificate);
    free(c->guard_unusable);
    memset(c, 0, sizeof(*c));
}

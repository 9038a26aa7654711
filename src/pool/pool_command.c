#include "pool/pool_command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "pool/pool_int.h"

static const char *const command_words[] = {
#define COMMAND(name, number, word) [number] = (word),
#include "pool/commands.def"
#undef COMMAND
};

const char *pool_command_word(enum pool_command_type type)
{
    unsigned n = sizeof(command_words) / sizeof(command_words[0]);
    bool is_known = (unsigned)type < n && command_words[type] != NULL;
    return is_known ? command_words[type] : "unknown command";
}

void pool_command_init(struct pool_command *c, enum pool_command_type type)
{
    *c = (struct pool_command){.type = type, .pool = "default", .server = {.weight = 1}};
}

void pool_server_fini(struct pool_server *server)
{
    free(server->url);
    free(server->host);
    free(server->authority);
    pool_meta_fini(server);
    pool_health_fini(&server->health);
}

void pool_command_fini(struct pool_command *c)
{
    pool_server_fini(&c->server);
    *c = (struct pool_command){0};
}

/* A cut in the middle of a UTF-8 sequence would make the answer unreadable JSON: drops the
 * half. */
static void trim_partial_character(char *text)
{
    size_t len = strlen(text);
    size_t start = len;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xc0U) == 0x80U)
        start--;
    if (start == 0)
        return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t wants = lead >= 0xf0U ? 3 : lead >= 0xe0U ? 2 : lead >= 0xc0U ? 1 : 0;
    if (len - start < wants)
        text[start - 1] = '\0';
}

void pool_error_set(struct pool_error *error, const char *code, const char *field,
                    const char *format, ...)
{
    if (error == NULL)
        return;
    va_list args;
    va_start(args, format);
    error->code = code;
    snprintf(error->field, sizeof(error->field), "%s", field);
    vsnprintf(error->detail, sizeof(error->detail), format, args);
    va_end(args);
    trim_partial_character(error->field);
    trim_partial_character(error->detail);
}

#include "pool/pool_error.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* A cut in the middle of a UTF-8 sequence would make the response unreadable JSON: drops the
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

/*
 * The variables of sd_listen_fds(3), a line each: LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES; an
 * empty one is not there. What is taken for good has as many names as sockets, and between
 * colons they are the variable again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/listen_fds.h"

enum { TEXT_MAX = 4096, OWN_PID = 77 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *cut_line(char **rest)
{
    char *line = strsep(rest, "\n");

    return line == NULL || line[0] == '\0' ? NULL : line;
}

static void check(const struct listen_fds *l, const char *names)
{
    char again[TEXT_MAX];
    size_t len = 0;

    for (unsigned i = 0; names != NULL && i < l->n; i++) {
        const struct span name = listen_fds_name(l, i);

        MUST(name.len <= LISTEN_FDS_NAME_MAX);
        if (i > 0)
            again[len++] = ':';
        MUST(len + name.len < sizeof(again)); /* they are parts of one text */
        if (name.len > 0)
            memcpy(again + len, name.ptr, name.len);
        len += name.len;
    }
    if (l->n > 0 && names != NULL)
        MUST(span_is_equal(span_from(again, len), span_from_str(names)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[TEXT_MAX], *rest = text;
    const char *bad = NULL, *why = NULL;
    struct listen_fds l;

    if (size >= sizeof(text))
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    struct listen_fds_texts texts;
    texts.fds = cut_line(&rest);
    texts.pid = cut_line(&rest);
    texts.names = cut_line(&rest);
    const int rc = listen_fds_read(&texts, OWN_PID, &l, &bad, &why);
    if (rc == 0)
        check(&l, texts.names);
    else
        MUST(bad != NULL && why != NULL);
    return 0;
}

/*
 * What a program says of itself when it is asked for its version. What is taken can be printed,
 * and is taken again.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "manager/program_words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct program_words w, again;
    char text[64];
    const int rc = program_words_read(span_from((const char *)data, size), &w);

    MUST(rc == 0 || rc == WERR_SYNTAX);
    if (rc < 0)
        return 0;
    (void)snprintf(text, sizeof(text), "weldr %s\nlevel %u\n", w.version, w.level);
    MUST(program_words_read(span_from_str(text), &again) == 0);
    MUST(strcmp(w.version, again.version) == 0 && w.level == again.level);
    return 0;
}

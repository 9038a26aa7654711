/* program_words.h - what a Weldr says of itself with --version --verbose, read by another one:
 * "weldr 0.1.0", and on the next line "level 5". An older one has no second line. Pure. */
#ifndef WELDR_MANAGER_PROGRAM_WORDS_H
#define WELDR_MANAGER_PROGRAM_WORDS_H

#include <stdint.h>

#include "base/span.h"
#include "base/werr.h"

enum { PROGRAM_VERSION_MAX = 24, PROGRAM_LEVEL_MAX = 255 };

struct program_words {
    char version[PROGRAM_VERSION_MAX];
    uint8_t level; /* of features, the highest that it knows; 0: it does not say */
};

/* WERR_SYNTAX: it is no Weldr that speaks. */
int program_words_read(struct span text, struct program_words *w) MUST_USE;

#endif

/* near.h - which known word somebody may have meant: for errors that name it. Pure. */
#ifndef WELDR_BASE_NEAR_H
#define WELDR_BASE_NEAR_H

#include "base/span.h"

enum { NEAR_LEN_MAX = 64, NEAR_FAR = 1000 };

/* How many letters must be put in, left out, replaced or swapped with their neighbour to make
 * one of the other; case and the difference of '-' and '_' are none. NEAR_FAR: a word is longer
 * than NEAR_LEN_MAX. */
unsigned near_distance(struct span a, struct span b);
/* Is it so near that it may have been meant? Half of the letters may differ. */
bool near_is(struct span word, unsigned distance);
/* The nearest of the words, which are separated by a space. ptr NULL: none is near. */
struct span near_find(struct span word, struct span words);

#endif

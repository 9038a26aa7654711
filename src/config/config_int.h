/* config_int.h - what config.c (reading) and config_whole.c (all that was read, as a whole)
 * share. */
#ifndef WELDR_CONFIG_CONFIG_INT_H
#define WELDR_CONFIG_CONFIG_INT_H

#include "config/config.h"

/* Lists that nothing was given for. */
void config_set_defaults(struct config *c);
/* A setting that makes no sense without another one: a sentence; NULL: there is none. */
const char *config_find_lonely(const struct config *c);

#endif

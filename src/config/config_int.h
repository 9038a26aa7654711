/* config_int.h - what config.c (reading), config_cluster.c (readers of what a cluster needs)
 * and config_whole.c (all that was read, as a whole) share. */
#ifndef WELDR_CONFIG_CONFIG_INT_H
#define WELDR_CONFIG_CONFIG_INT_H

#include "config/config.h"

/* Visible ASCII only. */
bool config_is_word(struct span value);
/* Without a port. */
bool config_is_host_name(struct span value);
/* In place of what is there. WERR_NOMEM. */
int config_store(char **to, struct span value) MUST_USE;
int config_read_file_name(char **to, struct span value, const char **wish) MUST_USE;

/* Each takes one value into the config: 0, WERR_INVALID (*wish: what it must be), WERR_NOMEM.
 */
int config_read_cluster_ip(struct config *c, struct span value, const char **wish) MUST_USE;
int config_read_join(struct config *c, struct span value, const char **wish) MUST_USE;
int config_read_join_token(struct config *c, struct span value, const char **wish) MUST_USE;
int config_read_join_token_file(struct config *c, struct span value,
                                const char **wish) MUST_USE;
int config_read_witness(struct config *c, struct span value, const char **wish) MUST_USE;
int config_read_on_active(struct config *c, struct span value, const char **wish) MUST_USE;
int config_read_on_passive(struct config *c, struct span value, const char **wish) MUST_USE;
int config_read_ready_passive(struct config *c, struct span value, const char **wish) MUST_USE;
int config_read_cluster_profile(struct config *c, struct span value,
                                const char **wish) MUST_USE;

/* Lists that nothing was given for. */
void config_set_defaults(struct config *c);
/* A setting that makes no sense without another one: a sentence; NULL: there is none. */
const char *config_find_lonely(const struct config *c);

#endif

/* api_json_cluster.h - the documents of /cluster. Owner of the text: the caller (free); NULL:
 * out of memory. */
#ifndef WELDR_MANAGER_API_JSON_CLUSTER_H
#define WELDR_MANAGER_API_JSON_CLUSTER_H

#include <stdint.h>

#include "base/span.h"
#include "cluster/cluster.h"

enum { API_JSON_TOKEN_MAX = 1024 }; /* a token is shorter */

char *api_json_cluster(const struct cluster *c, const char *base);
char *api_json_member(const struct cluster_member *member);
char *api_json_token(struct span token, uint64_t expires_us);

#endif

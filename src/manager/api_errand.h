/* api_errand.h - a request that waits for what a member of the cluster says of its own upgrade
 * (upgrade_order.h): api_member_upgrade.c, for api.c. Owner: the connection, until it is
 * answered or gone. */
#ifndef WELDR_MANAGER_API_ERRAND_H
#define WELDR_MANAGER_API_ERRAND_H

struct errand;

/* Nobody waits any more; what the member does goes on. */
void api_errand_forget(struct errand *e);

#endif

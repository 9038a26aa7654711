/* origin_table.h - the origins of a worker, by the ids of their servers: found, made, freed. */
#ifndef WELDR_WORKER_ORIGIN_TABLE_H
#define WELDR_WORKER_ORIGIN_TABLE_H

#include <stdint.h>

struct origin;
struct worker;

struct origin *origin_find(struct worker *w, uint64_t server_id); /* NULL: none */
/* NULL: no memory. */
struct origin *origin_find_or_new(struct worker *w, uint64_t server_id);
/* It is about to be freed, or is another server now. */
void origin_part(struct origin *o);
/* Frees it when nothing needs it any more. */
void origin_check_done(struct origin *o);
/* Only when no lane is left (worker_fini). */
void origin_free_all(struct worker *w);

#endif

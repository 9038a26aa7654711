/* tlsio_memory.h - the memory of the TLS library: faster than malloc's and in no core file.
 *
 * A handshake takes about 700 pieces of memory, and an idle connection holds some that malloc
 * has no fitting size for. So pieces come from regions, each with pieces of one size, found by
 * the address alone; a region is mapped whole and touched piece by piece. One that is free as a
 * whole serves any size; few are kept for that, and none that had nothing to do for a while.
 * Private keys and session secrets lie here while the
 * library works with them: regions are left out of core files (MADV_DONTDUMP); the library
 * itself clears most of what is secret before it frees it, and this file the rest
 * (tlsio_memory_clear_freed).
 *
 * One thread, like all of Weldr.
 */
#ifndef WELDR_NET_TLSIO_MEMORY_H
#define WELDR_NET_TLSIO_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/werr.h"

/* Before the first call of the library in the process. The library takes its memory here from
 * then on; not in a build with AddressSanitizer, which would see nothing of it. Again: nothing.
 * WERR_INVALID: the library has memory already. */
int tlsio_memory_start(void) MUST_USE;

/* As malloc, realloc and free; aligned to 16 bytes. A size of 0 is NULL. */
void *tlsio_memory_new(size_t bytes);
void *tlsio_memory_resize(void *piece, size_t bytes);
void tlsio_memory_free(void *piece);
/* From now on whether pieces are cleared when they are freed; false at first. For the time in
 * which a private key is read: the library frees an encoded copy of it as it is. */
void tlsio_memory_clear_freed(bool is_wanted);

/* To be called every few seconds: gives back the free regions that were not needed since the
 * last call. */
void tlsio_memory_settle(void);
/* Mapped at present. */
size_t tlsio_memory_bytes(void);

#endif

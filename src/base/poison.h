/* poison.h - tells AddressSanitizer which bytes of our own free lists must not be touched.
 *
 * malloc and free do this by themselves; memory that waits in a slab, an arena store or a bufq
 * store is allocated from malloc's point of view, so a use after put would go unnoticed. In a
 * build without the sanitizer all macros are nothing. Used by arena.c, bufq.c and slab.c only.
 * What only mapped memory points to counts as leaked, unless LOOK_THROUGH says that it is to be
 * searched for pointers, until LOOK_AWAY says the same bytes. Used by seal.c only. POISON_GAP
 * is the number of bytes to leave between objects, so that running off the end of one is
 * noticed too.
 */
#ifndef WELDR_BASE_POISON_H
#define WELDR_BASE_POISON_H

#if defined(__SANITIZE_ADDRESS__)
#define POISON_IS_ON 1
#elif defined(__has_feature)
#define POISON_IS_ON __has_feature(address_sanitizer)
#else
#define POISON_IS_ON 0
#endif

#if POISON_IS_ON
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#define POISON(ptr, bytes)       ASAN_POISON_MEMORY_REGION((ptr), (bytes))
#define UNPOISON(ptr, bytes)     ASAN_UNPOISON_MEMORY_REGION((ptr), (bytes))
#define LOOK_THROUGH(ptr, bytes) __lsan_register_root_region((ptr), (bytes))
#define LOOK_AWAY(ptr, bytes)    __lsan_unregister_root_region((ptr), (bytes))
#define POISON_GAP               16
#else
#define POISON(ptr, bytes)       ((void)(ptr), (void)(bytes))
#define UNPOISON(ptr, bytes)     ((void)(ptr), (void)(bytes))
#define LOOK_THROUGH(ptr, bytes) ((void)(ptr), (void)(bytes))
#define LOOK_AWAY(ptr, bytes)    ((void)(ptr), (void)(bytes))
#define POISON_GAP               0
#endif

#endif

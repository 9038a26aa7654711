/* clock.h - the only place where time is read. Read once a wake-up by the loop; all else uses
 * the loop's copy. */
#ifndef WELDR_BASE_CLOCK_H
#define WELDR_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

uint64_t clock_mono_us(void); /* CLOCK_MONOTONIC, µs */
uint64_t clock_wall_us(void); /* since 1970 UTC, µs */
uint64_t clock_boot_ns(void); /* CLOCK_BOOTTIME, ns: goes on while the machine sleeps */
/* RFC 3339 in UTC with ms: "2026-11-23T15:08:14.123Z"; buf of at least 32, NUL-terminated;
 * returns the length, always 24 (times after the year 9999 print as its last ms). Pure. */
size_t clock_print_wall(uint64_t wall_us, char *buf);

#endif

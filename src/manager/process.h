/* process.h - what the system says of a process: this one, or a child that lives or was not
 * collected yet. 0 where it says nothing. */
#ifndef WELDR_MANAGER_PROCESS_H
#define WELDR_MANAGER_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

/* User and system. */
uint64_t process_cpu_us(pid_t pid);
uint64_t process_resident_bytes(pid_t pid);

#endif

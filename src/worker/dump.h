/* dump.h - prints what a worker is doing, for people: on SIGUSR1 and when a MUST fails. */
#ifndef WELDR_WORKER_DUMP_H
#define WELDR_WORKER_DUMP_H

struct worker;

/* Log lines at info: the worker, each origin, and the first exchanges that are under way. */
void dump_worker(const struct worker *w);

#endif

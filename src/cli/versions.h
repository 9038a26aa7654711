/* versions.h - what "weldr --version --verbose" prints of it: the compiler that made it, and
 * each library in it with its version. Those that can tell at run time are asked: they are
 * the ones that run, whatever the headers said. Weldr's own rooms don't use this. */
#ifndef WELDR_CLI_VERSIONS_H
#define WELDR_CLI_VERSIONS_H

#include <stdio.h>

/* A line "NAME VERSION" each. Whether all was written is told by to. */
void versions_print(FILE *to);

#endif

/* cm.h - cmocka with the headers that it wants before it, and array sizes. */
#ifndef WELDR_TESTS_CM_H
#define WELDR_TESTS_CM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif

/* old_cpu.c - what stands in for libgcc's knowledge of the processor in weldr-old-cpu.
 *
 * tools/perf-check keeps figures for each level of codec/h1_scan.c. __builtin_cpu_supports
 * reads
 * __cpu_model, which libgcc fills from the CPUID instruction; here PERF_CPU_LEVEL fills it, so
 * that one machine can measure the levels of lesser ones. All else is the release.
 */
#include <stdlib.h>
#include <string.h>

/* The order of libgcc's enum processor_features; SSE4.2 comes with all that is older. */
enum { FEATURES_TO_SSE42 = (1u << 9) - 1 };

/* Names and layout are libgcc's. */
struct __processor_model {
    unsigned __cpu_vendor;
    unsigned __cpu_type;
    unsigned __cpu_subtype;
    unsigned __cpu_features[1];
} __cpu_model;
unsigned __cpu_features2[1];

int __cpu_indicator_init(void);

__attribute__((constructor(101))) int __cpu_indicator_init(void)
{
    const char *level = getenv("PERF_CPU_LEVEL");

    if (level != NULL && strcmp(level, "sse4.2") == 0)
        __cpu_model.__cpu_features[0] = FEATURES_TO_SSE42;
    return 0;
}

#include "cli/versions.h"

#include <ares.h>
#include <gnu/libc-version.h>
#include <jansson.h>
#include <lz4.h>
#include <openssl/crypto.h>
#include <raft.h>
#include <seccomp.h>
#include <sodium.h>
#include <uthash.h>
#include <uv.h>
#include <xxhash.h>

#define TEXT_OF(word) #word
#define TEXT(macro)   TEXT_OF(macro) /* of what it stands for */

enum { RAFT_PART = 100 }; /* of its number: 22.1 is 2201 */

static void print_seccomp(FILE *to)
{
    const struct scmp_version *v = seccomp_version();

    (void)fprintf(to, "libseccomp %u.%u.%u\n", v->major, v->minor, v->micro);
}

static void print_raft(FILE *to)
{
    const int number = raft_version_number();

    (void)fprintf(to, "libraft %d.%d.%d\n", number / RAFT_PART / RAFT_PART,
                  number / RAFT_PART % RAFT_PART, number % RAFT_PART);
}

void versions_print(FILE *to)
{
    (void)fputs("compiler " __VERSION__ "\n", to);
    (void)fprintf(to, "glibc %s\n", gnu_get_libc_version());
    (void)fprintf(to, "openssl %s\n", OpenSSL_version(OPENSSL_VERSION_STRING));
    print_raft(to);
    (void)fprintf(to, "libuv %s\n", uv_version_string());
    (void)fprintf(to, "lz4 %s\n", LZ4_versionString());
    (void)fprintf(to, "c-ares %s\n", ares_version(NULL));
    (void)fprintf(to, "jansson %s\n", jansson_version_str());
    (void)fprintf(to, "libsodium %s\n", sodium_version_string());
    print_seccomp(to);
    /* These are headers only. */
    (void)fprintf(to, "xxhash %d.%d.%d\n", XXH_VERSION_MAJOR, XXH_VERSION_MINOR,
                  XXH_VERSION_RELEASE);
    (void)fputs("uthash " TEXT(UTHASH_VERSION) "\n", to);
    (void)fputs("chart.js " WELDR_CHART_JS "\n", to); /* in the dashboard */
}

/*
 * What people bring to be stapled to a certificate, as base64 says it: any bytes. The
 * certificate is one and the same, so that the seeds are about it; nobody has its key any more.
 * What is taken is taken again, with the same end; what is refused has a field and a reason.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/tlsio_context.h"
#include "net/tlsio_staple.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char chain[] = "-----BEGIN CERTIFICATE-----\n"
                            "MIIByjCCAXCgAwIBAgIUAgb1CR0un9b31niAUpiCscvOJ+owCgYIKoZIzj0EAwIw\n"
                            "KjEUMBIGA1UECgwLd2VsZHIgdGVzdHMxEjAQBgNVBAMMCWF1dGhvcml0eTAeFw0y\n"
                            "NjExMjkxNTA0NTJaFw0yNzAyMjcxNjA0NTJaMBQxEjAQBgNVBAMMCWEuZXhhbXBs\n"
                            "ZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABKWeUULlJcC83u4RCA/QmxOVgXlI\n"
                            "fZjizOdHW++NExuJ/OYl8Uz7ryinWx0W+pUmGIz1njPJUuwWxrzxXFKXvNGjgYkw\n"
                            "gYYwCQYDVR0TBAIwADAOBgNVHQ8BAf8EBAMCB4AwEwYDVR0lBAwwCgYIKwYBBQUH\n"
                            "AwEwHwYDVR0jBBgwFoAUv4DQ9W0/A0lf3uacVUaVSIT6jAcwFAYDVR0RBA0wC4IJ\n"
                            "YS5leGFtcGxlMB0GA1UdDgQWBBTt2jBmubqc2v0YnouBAfzQRoCEMzAKBggqhkjO\n"
                            "PQQDAgNIADBFAiEA6w9ml6jT8qO5/MwqdubZl2pcRYbRZVEMsDisFK1zjdwCIChF\n"
                            "8k3OWNzhS7xyTPadJ8ajfRvXAkSGkxbbJlZy3MpY\n"
                            "-----END CERTIFICATE-----\n";

static int read_one(struct span der, int64_t *ends_s)
{
    struct tlsio_refusal why;
    const int rc = tlsio_staple_read(der, span_from_str(chain), ends_s, &why);

    MUST(rc == 0 || rc == WERR_INVALID);
    if (rc < 0)
        MUST(strcmp(why.field, "ocsp") == 0 && why.text[0] != '\0');
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool is_started;
    int64_t ends_s = 0, again_s = 0;

    if (!is_started)
        MUST(tlsio_start() == 0);
    is_started = true;
    const int rc = read_one(span_from(data, size), &ends_s);

    MUST(read_one(span_from(data, size), &again_s) == rc && again_s == ends_s);
    return 0;
}

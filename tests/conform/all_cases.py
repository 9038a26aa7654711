"""All rows, in the order of their subjects."""

from conform import (cases_chunks, cases_coding, cases_connection, cases_fields, cases_forwarding, cases_host, cases_length,
                     cases_limits, cases_line, cases_pipeline, cases_proxy, cases_response, cases_response_bad,
                     cases_response_body, cases_target, cases_trust)

SUBJECTS = {
    "length": cases_length.CASES,
    "coding": cases_coding.CASES,
    "chunks": cases_chunks.CASES,
    "fields": cases_fields.CASES,
    "line": cases_line.CASES,
    "target": cases_target.CASES,
    "host": cases_host.CASES,
    "pipeline": cases_pipeline.CASES,
    "forwarding": cases_forwarding.CASES,
    "trust": cases_trust.CASES,
    "proxy": cases_proxy.CASES,
    "connection": cases_connection.CASES,
    "response": cases_response.CASES,
    "response-body": cases_response_body.CASES,
    "response-bad": cases_response_bad.CASES,
    "limits": cases_limits.CASES,
}
CASES = [case for cases in SUBJECTS.values() for case in cases]

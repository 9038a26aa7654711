"""What a refusal looks like: the proxy's and the management API's."""


def is_refused(response, status, word):
    """A proxy-made answer: status, machine-readable word, small text body."""
    assert response.status == status, response
    assert response.get("Weldr-Error") == word, response
    assert response.get("Content-Type", "").startswith("text/plain"), response
    assert 0 < len(response.body) < 1000, response
    return True


def is_problem(answer, status, code, field=None):
    """An RFC 9457 problem document with a stable code."""
    assert answer.status == status, answer
    assert answer.get("Content-Type").split(";")[0] == "application/problem+json", answer.headers
    problem = answer.json
    assert problem["code"] == code, problem
    assert problem["status"] == status and problem["title"] and problem["detail"] and problem["type"], problem
    if field is not None:
        assert problem["field"] == field, problem
    assert answer.get("X-Weldr-Revision") is not None
    return problem

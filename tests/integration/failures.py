"""What an answer that Weldr made itself looks like."""


def is_refused(response, status, word):
    """A proxy-made answer: status, machine-readable word, small text body."""
    assert response.status == status, response
    assert response.get("Weldr-Error") == word, response
    assert response.get("Content-Type", "").startswith("text/plain"), response
    assert 0 < len(response.body) < 1000, response
    return True

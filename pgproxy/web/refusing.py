"""What the API and the pages both take, and how they say that a request is wrong."""

from __future__ import annotations

COMMENT_CHARACTERS = 4000

APPROVAL = r"{id:\w{1,64}}"
"""In an address. Other names are nobody's, and no store has to be asked."""


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


def checked_comment(comment: object) -> str:
    """A comment as it is kept. Raises Refused: no text, too long, or nothing that a store can keep."""
    if not isinstance(comment, str):
        raise Refused(400, "comment has to be text")
    if len(comment) > COMMENT_CHARACTERS:
        raise Refused(400, f"comment has more than {COMMENT_CHARACTERS} characters")
    if "\0" in comment or any("\ud800" <= character <= "\udfff" for character in comment):
        raise Refused(400, "comment has characters that are no text")
    return comment.strip()

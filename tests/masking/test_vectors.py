"""The frozen vectors: a mask once released gives the same bytes for ever."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import pytest

from pgproxy.masking.functions import mask_function
from pgproxy.masking.keys import MaskingKeys
from tests.masking.vector_file import TYPES, Vector, load, mask_of

BY_MASK: dict[str, list[Vector]] = defaultdict(list)
for vector in load():
    BY_MASK[str(vector.mask)].append(vector)


def differences(vectors: list[Vector]) -> Iterator[tuple[Vector, int, bytes | None]]:
    for vector in vectors:
        keys = MaskingKeys(vector.key)
        for code, value, expected in ((0, vector.text, vector.masked_text), (1, vector.binary, vector.masked_binary)):
            function = mask_function(mask_of(vector.mask), vector.type_oid, vector.typmod, code, TYPES, keys, {})
            result = function(value)
            if result != expected:
                yield vector, code, result


@pytest.mark.parametrize("mask", BY_MASK)
def test_masks_give_what_they_always_gave(mask: str) -> None:
    assert list(differences(BY_MASK[mask])) == []

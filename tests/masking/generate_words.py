"""Write the frozen word lists of `pgproxy/masking/words` with Faker.

Run once, by hand: `python tests/masking/generate_words.py`. The lists are part of what makes a mask the same in every
release, so they are never generated again under the same names: a new list gets a new provider name.
"""

from __future__ import annotations

import random
from pathlib import Path

from faker import Faker

WORDS = Path(__file__).parents[2] / "pgproxy" / "masking" / "words"
SEED = 20261125
ENTRIES = {  # provider → how many entries at most
    "address": 2048,
    "bs": 1024,
    "catch_phrase": 1024,
    "city": 2048,
    "color_name": 256,
    "company": 2048,
    "company_suffix": 64,
    "country": 512,
    "country_code": 512,
    "currency_code": 512,
    "currency_name": 512,
    "file_name": 1024,
    "first_name": 2048,
    "first_name_female": 1024,
    "first_name_male": 1024,
    "first_name_nonbinary": 1024,
    "job": 1024,
    "language_name": 512,
    "last_name": 2048,
    "mime_type": 128,
    "name": 4096,
    "name_female": 2048,
    "name_male": 2048,
    "paragraph": 256,
    "postcode": 2048,
    "prefix": 64,
    "sentence": 1024,
    "state": 128,
    "state_abbr": 128,
    "street_address": 2048,
    "street_name": 2048,
    "suffix": 64,
    "text": 256,
    "timezone": 512,
    "user_agent": 256,
    "word": 2048,
}


def escape(entry: str) -> str:
    return entry.replace("\\", "\\\\").replace("\n", "\\n")


def main() -> None:
    WORDS.mkdir(exist_ok=True)
    for provider, wanted in ENTRIES.items():
        faker = Faker("en_US")
        faker.seed_instance(SEED)
        entries: set[str] = set()
        for _ in range(wanted * 8):
            entries.add(escape(str(getattr(faker, provider)())))
            if len(entries) == wanted:
                break
        ordered = sorted(entries)
        random.Random(SEED).shuffle(ordered)
        (WORDS / f"{provider}.txt").write_text("\n".join(ordered) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""The shop: 10,000 people who never were, what they ordered, and what support wrote about them.

The same rows on every machine and in every run (a seed of its own, nothing of the clock). Telephone numbers are
from the ranges kept for fiction, mail domains from those kept for examples. Words come from Faker's lists, read once:
a provider call per value would take a minute.
"""

from __future__ import annotations

import json
import random
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib import resources
from typing import Any, Final

import asyncpg
from faker import Faker
from faker.providers.person import de_DE, en_US, es_ES, fr_FR

SEED: Final = 20261
PEOPLE: Final = 10_000
ORDERS: Final = 24_000
LAST_ORDER: Final = datetime(2026, 10, 31, 18, tzinfo=UTC)
DAYS_OF_ORDERS: Final = 730
LOGIN: Final = "app"

LOCALES: Final = ((en_US.Provider, 82), (es_ES.Provider, 8), (de_DE.Provider, 6), (fr_FR.Provider, 4))
MAIL_DOMAINS: Final = ("example.com", "example.org", "example.net", "mail.example", "post.example")
PHONES: Final = (
    "({a}) 555-01{n:02}",
    "{a}-555-01{n:02}",
    "+1 {a} 555 01{n:02}",
    "+44 20 7946 0{n:03}",
    "+49 30 23125 {n:03}",
)
PLANS: Final = (("free", 70), ("plus", 22), ("pro", 8))
TAGS: Final = ("newsletter", "vip", "wholesale", "student", "returns-often", "beta", "staff", "gift-cards")
STATUSES: Final = (("delivered", 70), ("shipped", 9), ("paid", 8), ("pending", 4), ("returned", 5), ("cancelled", 4))

NOTES: Final = (
    "Asked to be called back on {phone} after 5 pm.",
    "Prefers invoices at {mail}, not at the account's address.",
    "Moved house, parcel went to the old address. New contact: {mail}, {phone}.",
    "Verified by SSN {ssn}.",
    "Card {card} was declined twice; paid by transfer.",
    "Very patient about the late delivery. Sent a voucher.",
    "Returns the wrong size and keeps the right one, no fee please.",
    "Partner orders for both, {mail} may ask about this account.",
    "Wholesale customer, discount agreed by telephone ({phone}).",
    "Allergic to wool: never suggest the blankets.",
)

MATERIALS: Final = (
    "Enamel",
    "Oak",
    "Linen",
    "Copper",
    "Glass",
    "Wool",
    "Cork",
    "Steel",
    "Ceramic",
    "Leather",
    "Bamboo",
)
THINGS: Final = (
    ("Kettle", 34), ("Bread Board", 28), ("Tea Towel", 9), ("Lamp", 74), ("Mug", 12), ("Blanket", 89), ("Vase", 31),
    ("Stool", 119), ("Apron", 27), ("Bowl", 22), ("Carafe", 26), ("Basket", 38), ("Clock", 65), ("Tray", 29),
    ("Candle Holder", 18), ("Storage Jar", 16), ("Door Mat", 33), ("Notebook", 14), ("Coat Hook", 19), ("Planter", 42),
)  # fmt: skip
SIZES: Final = (("S", "0.85"), ("M", "1"), ("L", "1.3"))

WORTH_TRYING: Final = (
    (
        "SELECT id, name, email, phone, salary FROM users ORDER BY id LIMIT 5",
        "names, addresses and numbers are made up, salaries are rounded",
    ),
    (
        "SELECT d.email, o.card_number, o.total FROM user_directory d JOIN orders o ON o.user_id = d.id LIMIT 5",
        "a view opens no way round: the same person has the same made-up address here, and the totals are exact",
    ),
    (
        "SELECT name FROM users WHERE ssn = '123-45-6789'",
        "refused: rows found by a secret would tell it; the error names the rule and what would pass",
    ),
)
"""Statements for a first look, each with what to look at."""

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Shop:
    """Rows by table, in the order of their columns; tables in the order in which foreign keys let them load."""

    tables: dict[str, list[Row]]


def make_shop(people: int = PEOPLE, orders: int = ORDERS) -> Shop:
    chance = random.Random(SEED)
    products = list(_products(chance))
    users = list(_users(chance, people))
    placed, items = _orders(chance, orders, people, products)
    return Shop({"users": users, "products": products, "orders": placed, "order_items": items})


async def load_shop(dsn: str, password: str) -> None:
    """Make the schema and the rows in the empty database of `dsn`, a superuser's, and let `app` in by `password`."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await allow_login(connection, password)
            await connection.execute(_script("shop.sql"))
            for table, rows in make_shop().tables.items():
                await connection.copy_records_to_table(table, schema_name="public", records=rows)
            await connection.execute(_script("shop_access.sql"))
    finally:
        await connection.close()


async def allow_login(connection: asyncpg.Connection, password: str) -> None:
    """Give the role `app` this password; make it where it is not there yet (roles belong to the whole server)."""
    is_there = await connection.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = $1", LOGIN)
    statement = await connection.fetchval(
        "SELECT format('%s ROLE %I LOGIN PASSWORD %L', $1::text, $2::text, $3::text)",
        "ALTER" if is_there else "CREATE",
        LOGIN,
        password,
    )
    await connection.execute(statement)


def _script(name: str) -> str:
    return resources.files("pgproxy.demo").joinpath(name).read_text()


def _users(chance: random.Random, count: int) -> Iterator[Row]:
    names = list(_names(chance, count))
    addresses = _mail_addresses(chance, names)
    fake = Faker("en_US")
    fake.seed_instance(SEED)
    cities = [fake.city() for _ in range(240)]
    streets = [fake.street_name() for _ in range(600)]
    plans = chance.choices([plan for plan, _ in PLANS], [share for _, share in PLANS], k=count)
    first_day = date(1941, 1, 1)
    for number, (first, last) in enumerate(names, start=1):
        mail, phone, ssn = addresses[number - 1], _phone(chance), _ssn(chance)
        facts = {"mail": _other_address(chance, mail), "phone": _phone(chance), "ssn": ssn, "card": _card(chance)}
        profile = {
            "plan": plans[number - 1],
            "address": {
                "street": f"{chance.randrange(1, 2400)} {chance.choice(streets)}",
                "city": chance.choice(cities),
                "zip": f"{chance.randrange(501, 99951):05}",
            },
            "contacts": [{"kind": "home", "email": mail}]
            + ([{"kind": "work", "email": facts["mail"]}] if chance.random() < 0.35 else []),
            "newsletter": chance.random() < 0.6,
        }
        yield (
            number,
            f"{first} {last}",
            mail,
            phone if chance.random() < 0.94 else None,
            ssn if chance.random() < 0.9 else None,
            Decimal(round(chance.lognormvariate(11.05, 0.42) * 100)) / 100 if chance.random() < 0.9 else None,
            first_day + timedelta(days=chance.randrange(24_000)) if chance.random() < 0.97 else None,
            chance.choice(NOTES).format_map(facts) if chance.random() < 0.45 else None,
            json.dumps(profile, ensure_ascii=False),
            sorted(chance.sample(TAGS, chance.choices((0, 1, 2, 3), (40, 35, 18, 7))[0])),
        )


def _names(chance: random.Random, count: int) -> Iterator[tuple[str, str]]:
    pools = [(_weighted(provider.first_names), _weighted(provider.last_names)) for provider, _ in LOCALES]
    for first, last in chance.choices(pools, [share for _, share in LOCALES], k=count):
        yield first.pick(chance), last.pick(chance)


@dataclass(frozen=True, slots=True)
class _Pool:
    words: list[str]
    up_to: list[float]
    """Cumulative weights."""

    def pick(self, chance: random.Random) -> str:
        return chance.choices(self.words, cum_weights=self.up_to)[0]


def _weighted(names: Any) -> _Pool:
    """Faker has some lists with weights, as a mapping, and some without."""
    weights = dict(names) if hasattr(names, "items") else dict.fromkeys(names, 1.0)
    reached, up_to = 0.0, []
    for weight in weights.values():
        reached += weight
        up_to.append(reached)
    return _Pool(list(weights), up_to)


def _mail_addresses(chance: random.Random, names: list[tuple[str, str]]) -> list[str]:
    """Distinct, like the names, in ASCII; in the order of `names`."""
    taken: dict[str, None] = {}
    for first, last in ((_ascii(first), _ascii(last)) for first, last in names):
        local = chance.choice((f"{first}.{last}", f"{first[0]}{last}", f"{first}_{last}", f"{first}{last[0]}"))
        domain = chance.choice(MAIL_DOMAINS)
        address, number = f"{local}@{domain}", chance.randrange(2, 99)
        while address in taken:
            address, number = f"{local}{number}@{domain}", number + 1
        taken[address] = None
    return list(taken)


def _other_address(chance: random.Random, address: str) -> str:
    """Another one of the same person."""
    return f"{address.partition('@')[0]}@{chance.choice(('work.example', 'office.example'))}"


def _ascii(name: str) -> str:
    """`name` as mail addresses spell it: Jürgen O'Hara-Weiß → jurgenoharaweiss."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss").replace("ø", "o").replace("ł", "l"))
    return "".join(letter for letter in plain.lower() if letter.isascii() and letter.isalnum())


def _phone(chance: random.Random) -> str:
    return chance.choice(PHONES).format(a=chance.randrange(201, 990), n=chance.randrange(100))


def _ssn(chance: random.Random) -> str:
    """Of the shape that is issued: no area 000, 666 or 9xx, no group 00, no serial 0000."""
    area = chance.choice((chance.randrange(1, 666), chance.randrange(667, 900)))
    return f"{area:03}-{chance.randrange(1, 100):02}-{chance.randrange(1, 10_000):04}"


def _card(chance: random.Random) -> str:
    """Sixteen digits with the check digit that cards have.

    Source: ISO/IEC 7812-1, annex B (Luhn).
    """
    body = f"4{chance.randrange(10**14):014}"
    doubled = sum(sum(divmod(int(digit) * 2, 10)) for digit in body[::2])
    return body + str(-(doubled + sum(int(digit) for digit in body[1::2])) % 10)


def _products(chance: random.Random) -> Iterator[Row]:
    number = 0
    for thing, price in THINGS:
        for material in MATERIALS:
            for size, factor in SIZES:
                number += 1
                cost = Decimal(price) * Decimal(factor) * chance.randrange(80, 130) / 100
                sku = f"{thing.replace(' ', '')[:3].upper()}-{material[:3].upper()}-{size}{number:03}"
                yield number, sku, f"{material} {thing} {size}", round(cost) - Decimal("0.05")


def _orders(chance: random.Random, count: int, people: int, products: list[Row]) -> tuple[list[Row], list[Row]]:
    """Orders in the order of time, with their items; few people order much, many once or never."""
    ages = sorted((chance.random() ** 1.3 * DAYS_OF_ORDERS for _ in range(count)), reverse=True)
    statuses = chance.choices([status for status, _ in STATUSES], [share for _, share in STATUSES], k=count)
    cards: dict[int, str] = {}
    orders: list[Row] = []
    items: list[Row] = []
    for number, age in enumerate(ages, start=1):
        user = int(people * chance.random() ** 1.8) * 7919 % people + 1
        total = Decimal(0)
        for line in range(1, chance.choices((1, 2, 3, 4, 5), (38, 28, 18, 10, 6))[0] + 1):
            product, _, _, price = chance.choice(products)
            quantity = chance.choices((1, 2, 3, 6), (74, 17, 6, 3))[0]
            items.append((number, line, product, quantity, price))
            total += quantity * price
        status = statuses[number - 1]
        if status in ("pending", "paid", "shipped") and age > 14:
            status = "delivered"
        card = cards.setdefault(user, _card(chance)) if chance.random() < 0.8 else None
        orders.append((number, user, total, card, status, LAST_ORDER - timedelta(minutes=int(age * 1440))))
    return orders, items

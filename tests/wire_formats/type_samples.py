"""Values of every type that pgproxy reads, as SQL; also what the mask tests run over."""

from __future__ import annotations

SETUP = """
create type mood as enum ('sad', 'ok', 'happy', 'it''s, "odd"');
create domain short_text as varchar(40);
create domain positive as int4 check (value > 0);
"""

SAMPLES: dict[str, tuple[str, ...]] = {
    "text": ("", "plain", "José 名前 🎉", "NULL", 'quo"te\\', "{a,b}", "line\nbreak", "+49 (0)30 1234-567", "٠١٢٣"),
    "varchar": ("", "abc"),
    "varchar(12)": ("", "abc", "zwölf Zeiche"),
    "char(8)": ("", "abc", "éééé"),
    '"char"': ("a", "7"),
    "name": ("pg_class", "é" * 31),
    "int2": ("0", "7", "-5", "32767", "-32768"),
    "int4": ("0", "9", "-1", "10", "12345", "2147483647", "-2147483648"),
    "int8": ("0", "5", "-5", "2147483648", "9223372036854775807", "-9223372036854775808"),
    "oid": ("0", "1", "4294967295"),
    "numeric": (
        "0", "0.00", "5", "-5", "5.00", "1e20", "12345678901234567890.000001", "0.000000001", "-0.5", "10000", "1e-30",
        "NaN", "Infinity", "-Infinity", "99999999", "100000000.0001",
    ),
    "numeric(10,2)": ("0", "12.50", "-99999999.99", "NaN"),
    "numeric(4,4)": ("0.1234", "-0.0001"),
    "numeric(3,-2)": ("12300", "-99900", "0"),
    "float4": ("0", "-0", "1.5", "-3.4028235e38", "1e-45", "0.1", "123456", "1234567", "NaN", "Infinity", "-Infinity"),
    "float8": (
        "0", "1.5", "-1e300", "5e-324", "0.1", "123456789012345", "1234567890123456", "1e15", "1e-5", "0.0001",
        "NaN", "Infinity", "-Infinity",
    ),
    "bool": ("true", "false"),
    "date": (
        "2000-01-01", "1999-12-31", "2024-02-29", "1900-03-01", "0001-01-01", "0001-12-31 BC", "4713-11-24 BC",
        "12026-11-25", "5874897-12-31", "infinity", "-infinity",
    ),
    "timestamp": (
        "2026-11-25 13:02:03", "2026-11-25 13:02:03.5", "1969-12-31 23:59:59.999999", "0044-03-15 12:00:00 BC",
        "294276-12-31 23:59:59.999999", "4713-11-24 00:00:00 BC", "infinity", "-infinity",
    ),
    "timestamptz": (
        "2026-11-25 13:02:03+00", "2026-07-25 13:02:03.25+02", "2026-10-25 00:30:00+00", "2026-10-25 01:30:00+00",
        "1850-01-01 00:00:00+00", "0044-03-15 12:00:00+00 BC", "12026-07-01 00:00:00+00", "infinity", "-infinity",
    ),
    "time": ("00:00:00", "13:02:03.000001", "24:00:00"),
    "timetz": ("13:02:03+01", "00:00:00-08:30", "23:59:59.999999+05:45:30"),
    "interval": (
        "0", "1 day", "-1 day", "1 year 2 mons 3 days 04:05:06.789", "-1 year -2 mons 3 days -04:05:06",
        "1 mon -1 day", "00:00:00.5", "-00:00:00.5", "1 year", "14 mons", "-3 days 2 hours", "100:00:01",
        "1 day 00:00:01", "-1 mons 1 sec", "1 min 1 sec", "1 hour -1 sec",
    ),
    "uuid": ("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "00000000-0000-0000-0000-000000000000"),
    "inet": ("10.1.2.3", "192.168.1.5/24", "::1", "2001:db8::7/64", "0.0.0.0/0", "::ffff:1.2.3.4",
             "::1.2.3.4/96", "::1:2"),
    "cidr": ("10.0.0.0/8", "192.168.1.5/32", "2001:db8::/32", "0.0.0.0/0"),
    "macaddr": ("08:00:2b:01:02:03",),
    "macaddr8": ("08:00:2b:01:02:03:04:05",),
    "json": ('{"a": 1, "a": [1.50, "x", null, true]}', "5", '"text"', "null", '{"k":{"e":"\\u00e9"}}'),
    "jsonb": ('{"a": [1.50, "x", null, true], "b": {}}', "5", '"text"', "null"),
    "bytea": ("", "\\x00ff", "abc\\\\"),
    "mood": ("sad", 'it\'s, "odd"'),
    "short_text": ("abc",),
    "positive": ("5",),
    "text[]": ("{}", "{a,NULL,b}", '{"",NULL,"NULL"," x","a\\"b","c\\\\d","{e}","f,g"}', "{{a,b},{c,NULL}}",
               "[2:3]={x,y}"),
    "varchar(5)[]": ("{abc,defgh}",),
    "int4[]": ("{1,2,NULL}", "{{1},{2}}", "[0:1]={5,6}", "[-1:0][2:3]={{1,2},{3,4}}"),
    "numeric(10,2)[]": ("{1.50,NaN}",),
    "date[]": ("{2000-01-01,infinity,0044-03-15 BC}",),
    "timestamptz[]": ('{"2026-11-25 13:02:03+00"}',),
    "interval[]": ('{"1 day 02:03:04"}',),
    "jsonb[]": ('{"{\\"a\\": 1}",NULL}',),
    "bytea[]": ('{"\\\\x00ff"}',),
    "uuid[]": ("{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}",),
    "inet[]": ("{10.1.2.3,::1}",),
    "bool[]": ("{t,f,NULL}",),
    "mood[]": ("{sad,NULL,happy}",),
    "short_text[]": ("{abc}",),
}  # fmt: skip
"""SQL type → literals of it."""

STYLES: tuple[dict[str, str], ...] = tuple(
    {"DateStyle": date_style, "TimeZone": zone, "IntervalStyle": interval_style}
    for date_style, zone, interval_style in (
        ("ISO, MDY", "UTC", "postgres"),
        ("SQL, DMY", "Europe/Berlin", "postgres_verbose"),
        ("SQL, MDY", "America/New_York", "sql_standard"),
        ("Postgres, MDY", "Asia/Kolkata", "iso_8601"),
        ("Postgres, DMY", "Australia/Lord_Howe", "postgres"),
        ("German", "America/St_Johns", "postgres"),
        ("ISO, DMY", "<+0530>-05:30", "postgres"),
        ("ISO, YMD", "Asia/Dubai", "postgres"),
    )
)

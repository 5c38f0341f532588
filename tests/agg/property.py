#!/usr/bin/env python3
"""Random base records through pay-agg, in random segments, orders, overlaps and runs, against totals of its own reading.

property.py [--seed N] [--rounds N]   needs pay-agg on PATH; prints the seed of a round that fails.
"""
import argparse
import decimal
import json
import os
import random
import subprocess
import sys
import tempfile

decimal.getcontext().prec = 60
SIGNS = {"CHARGEBACK": "-", "TOPUP": "+"}
CANCELS = {"CHARGEBACK", "CANCEL", "PARTIAL_CANCEL", "FULL_CANCEL", "NETWORK_CANCEL"}
DEFAULT = ["merchantNumber", "paymentActionType", "paymentDateDaily", "paymentMethodType"]
LEAST, MOST = -(2**63), 2**63 - 1


def spell(rng, text):
    """A JSON string of text, some characters spelled with escapes."""
    out = []
    for c in text:
        plain = json.dumps(c, ensure_ascii=False)[1:-1]
        if rng.random() < 0.15:
            units = c.encode("utf-16-be")
            plain = "".join(
                "\\u" + format(int.from_bytes(units[i : i + 2], "big"), rng.choice(["04x", "04X"]))
                for i in range(0, len(units), 2)
            )
        out.append(plain)
    return '"' + "".join(out) + '"'


def make_base(rng, place, merchants, signed):
    day = "2025-05-%02d" % rng.randint(1, 3)
    time = rng.choice(["T00:00", "T23:59:59", "T12:30:00.1", "T01:02:03.123456789"])
    base = {
        "paymentType": rng.choice(["ONLINE", "OFFLINE"]),
        "amount": rng.choice([LEAST, MOST, 0, -1, 1, rng.randint(LEAST, MOST), rng.randint(-(10**6), 10**6)]),
        "payoutDate": rng.choice([None, "2025-05-21", "2025-05-22"]),
        "confirmDate": None,
        "merchantNumber": rng.choice(merchants),
        "paymentDate": day + time,
        "paymentActionType": rng.choice(["PAYMENT", "PAYMENT", "TOPUP", *sorted(CANCELS)]),
        "paymentMethodType": rng.choice(["CARD", "MONEY", "PAY", "POINT"]),
    }
    if not signed:
        base["amount"] = min(abs(base["amount"]), MOST)
    members = ['"_src":' + spell(rng, "%s/%d/%d" % place)]
    tagged = rng.random() < 0.05
    if tagged:
        members.append('"_unsettled":"TEST_PAYMENT"')
    for name, value in base.items():
        text = spell(rng, value) if isinstance(value, str) else json.dumps(value)
        members.append(spell(rng, name) + ":" + text)
    members.append('"extra":{"amount":[1.50,"]"]}')
    return place, None if tagged else base, "{" + ",".join(members) + "}"


def key_of(base, by):
    return tuple(base["paymentDate"][:10] if name == "paymentDateDaily" else base[name] for name in by)


def expected(bases, by, net, signed):
    sums = {}
    known = set()
    for place, base, _ in bases:
        if base is None or place in known:
            continue
        known.add(place)
        amount = decimal.Decimal(base["amount"])
        if net and not signed and base["paymentActionType"] in CANCELS:
            amount = -amount
        count, total = sums.get(key_of(base, by), (0, decimal.Decimal(0)))
        sums[key_of(base, by)] = (count + 1, total + amount)
    return sums


def lines_of(sums, by):
    """The totals as lines, in the order of the keys' UTF-8 bytes, null first."""
    lines = []
    for key in sorted(sums, key=lambda k: [(v is not None, (v or "").encode()) for v in k]):
        count, total = sums[key]
        named = dict(zip(by, key))
        lines.append(
            '{"key":%s,"value":{"count":%d,"totalAmount":%d}}'
            % (json.dumps(named, ensure_ascii=False, separators=(",", ":")), count, int(total))
        )
    return lines


def sealed(rng, bases, cut):
    """The records as a stream of random segments; cut: its last mark is missing."""
    out, seq = [], 0

    def mark(records, end):
        nonlocal seq
        body = {"seq": seq, "records": records, "in": records + 2, "dropped": {"pay-filter": 2}, "amount": None}
        body.update({"from": {}, "next": {}, "end": end})
        out.append(json.dumps({"_mark": body}))
        seq += 1

    mark(0, None)
    at = 0
    while at < len(bases):
        n = min(rng.choice([0, 1, 2, 7, 50, 400]), len(bases) - at)
        out.extend(line for _, _, line in bases[at : at + n])
        at += n
        if not (cut and at == len(bases)):
            mark(n, None)
    if not cut:
        mark(0, "complete")
    return "\n".join(out) + "\n"


def run(arguments, text):
    done = subprocess.run(["pay-agg", *arguments], input=text.encode(), capture_output=True, check=False)
    return done.returncode, done.stdout.decode().split("\n")[:-1], done.stderr.decode()


def check(what, got, wanted):
    if got != wanted:
        raise AssertionError("%s: got\n%s\nnot\n%s" % (what, got, wanted))


def check_totals(what, result, sums, by):
    status, lines, errors = result
    fit = {key: value for key, value in sums.items() if LEAST <= value[1] <= MOST}
    check(what + ": " + errors, (status, lines), (0 if fit == sums else 65, lines_of(fit, by)))
    assert fit == sums or errors.count("does not fit 64 bits") == min(20, len(sums) - len(fit)), errors


def rolled(sums, by, part):
    """The sums by some of the members that they are by."""
    out = {} if part else {(): (0, decimal.Decimal(0))}
    for key, (count, total) in sums.items():
        short = tuple(key[by.index(name)] for name in part)
        before = out.get(short, (0, decimal.Decimal(0)))
        out[short] = (before[0] + count, before[1] + total)
    return out


def one_round(rng, folder):
    by = rng.choice([DEFAULT, DEFAULT, ["merchantNumber", "payoutDate"], ["paymentMethodType"]])
    net = rng.random() < 0.5
    signed = not net or rng.random() < 0.3
    options = (["--by", ",".join(by)] if by != DEFAULT else []) + (["--net"] if net else [])
    if net and signed:
        options.append("--signed")
    elif net:
        for action, sign in SIGNS.items():
            options += ["-a", "paymentActionType=%s:%s" % (action, sign)]
    merchants = ["merchant-1", "m\x00", "m", "m\n", 'q"\\/', "é", "\U0001f4b3", "\uffff", "a\u2028b", "merchant-1 "]
    places = set()
    while len(places) < rng.choice([1, 30, 300, 1200]):
        source = rng.choice(["day.ndjson", "a/b", "é"])
        offset = rng.choice([rng.randint(0, 2000), rng.randint(65530, 65540), rng.randint(0, 2**63 - 2)])
        places.add((source, rng.randint(0, 2), offset))
    bases = [make_base(rng, place, merchants, signed) for place in sorted(places)]
    rng.shuffle(bases)

    twice = bases + rng.sample(bases, len(bases) // 3)
    check_totals("in memory", run(options, sealed(rng, twice, False)), expected(bases, by, net, signed), by)

    database = os.path.join(folder, "totals.db")
    options += ["-d", database]
    runs = rng.randint(1, 5)
    for number in range(runs):
        last = number == runs - 1
        part = bases if last else rng.sample(bases, rng.randint(1, len(bases)))
        if not last and rng.random() < 0.4:
            check("a cut run", run(options, sealed(rng, part, True))[:2], (65, []))
            continue
        rng.shuffle(part)
        plain = rng.random() < 0.3
        text = "".join(line + "\n" for _, _, line in part) if plain else sealed(rng, part, False)
        result = run(options, text)
    check_totals("with a database", result, expected(bases, by, net, signed), by)
    check_totals("--query", run(["-d", database, "--query"], ""), expected(bases, by, net, signed), by)
    part = rng.sample(by, rng.randint(0, len(by)))
    sums = rolled(expected(bases, by, net, signed), by, part)
    check("--query --by", run(["-d", database, "--query", "--by", ",".join(part)], "")[:2], (0, lines_of(sums, part)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int)
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args()
    first = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(2**32)
    for seed in range(first, first + (1 if arguments.seed is not None else arguments.rounds)):
        with tempfile.TemporaryDirectory() as folder:
            try:
                one_round(random.Random(seed), folder)
            except AssertionError as error:
                sys.exit("%s\nagain with: property.py --seed %d" % (error, seed))


main()

#!/usr/bin/env python3
"""Settle a captured day, slowly and plainly: a second opinion on the pipeline, written from the design's text alone.

    settle_day.py settle [options] FILE...   writes base, unsettlement, dead and totals of the day to --out DIR
    settle_day.py canonical                  a stream of base records on stdin, in the form that `settle` writes
    settle_day.py coordinates                the coordinates of a stream of dead letters on stdin, sorted

A file may be given as FILE=NAME to name its source. Standard library only; numbers stay as they are spelled.
"""
import argparse
import csv
import datetime
import json
import os
import re
import sys
from collections import defaultdict

EIGHT = ("paymentType", "amount", "payoutDate", "confirmDate", "merchantNumber", "paymentDate",
         "paymentActionType", "paymentMethodType")
VALUES = {
    "paymentType": ("ONLINE", "OFFLINE"),
    "paymentActionType": ("PAYMENT", "CANCEL", "PARTIAL_CANCEL", "FULL_CANCEL", "NETWORK_CANCEL"),
    "paymentMethodType": ("CARD", "MONEY", "PAY", "POINT"),
}
CANCELS = ("CANCEL", "PARTIAL_CANCEL", "FULL_CANCEL", "NETWORK_CANCEL")
WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
LONGEST = 16 << 20


class Bad(Exception):
    """A bad record, and why."""


class Number(str):
    """A number as it is spelled."""


class Object(list):
    """An object as its pairs, in order, repeated names included."""

    def get(self, name):
        found = [value for key, value in self if key == name]
        if len(found) > 1:
            raise Bad(f"{name} is there {len(found)} times")
        return found[0] if found else None


def refuse(text):
    raise Bad(f"{text} is not JSON")


DECODER = json.JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=refuse, object_pairs_hook=Object)


def depth(text):
    """The deepest nesting of brackets outside of strings."""
    now = most = 0
    for token in re.finditer(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', text):
        if token[0] in "[{":
            now += 1
            most = max(most, now)
        elif token[0] in "]}":
            now -= 1
    return most


def no_surrogates(value):
    """Escaped surrogates in pairs were joined by the decoder; what is left stands alone."""
    if isinstance(value, Object):
        for key, inner in value:
            no_surrogates(key)
            no_surrogates(inner)
    elif isinstance(value, list):
        for inner in value:
            no_surrogates(inner)
    elif isinstance(value, str):
        if any(0xD800 <= ord(c) <= 0xDFFF for c in value):
            raise Bad("lone surrogate")


def read_object(line):
    """A line without its line feed as Object."""
    if len(line) > LONGEST:
        raise Bad("too long")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Bad("not UTF-8") from error
    text = text.strip(" \t\r")
    if depth(text) > 512:
        raise Bad("too deep")
    try:
        value, end = DECODER.raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise Bad(str(error)) from error
    if end != len(text):
        raise Bad("text after the object")
    if not isinstance(value, Object):
        raise Bad("not an object")
    no_surrogates(value)
    return value


def string(value, name):
    if not isinstance(value, str) or isinstance(value, Number):
        raise Bad(f"{name} is no string")
    return value


def read_day(text, name="a date"):
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise Bad(f"{name} is no date")
    try:
        return datetime.date(int(text[:4]), int(text[5:7]), int(text[8:]))
    except ValueError as error:
        raise Bad(f"{name} is no date that exists") from error


def read_moment(text):
    """A local date-time as (day, second of the day)."""
    parts = re.fullmatch(r"(.{10})T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]{1,9})?)?", text)
    if not parts:
        raise Bad("paymentDate is no date-time")
    hour, minute, second = int(parts[2]), int(parts[3]), int(parts[4] or 0)
    if hour > 23 or minute > 59 or second > 59:
        raise Bad("paymentDate is no time")
    return read_day(parts[1], "paymentDate"), hour * 3600 + minute * 60 + second


def base_of(message, accept, signed):
    """The base record of a message as (members, facts), None for FINISH."""
    action = string(message.get("action"), "action")
    data = message.get("data")
    if action == "FINISH":
        return None
    if action != "PAYMENT" or not isinstance(data, Object):
        raise Bad("no payment")
    facts = {name: data.get(name) for name in EIGHT}
    for name, allowed in VALUES.items():
        if string(facts[name], name) not in allowed and (name, facts[name]) not in accept:
            raise Bad(f"{name} {facts[name]}")
    if not isinstance(facts["amount"], Number) or not re.fullmatch(r"-?[0-9]+", facts["amount"]):
        raise Bad("amount")
    if not -(1 << 63) <= int(facts["amount"]) < 1 << 63:
        raise Bad("amount out of range")
    if int(facts["amount"]) < 0 and not signed:
        raise Bad("amount is negative")
    if not string(facts["merchantNumber"], "merchantNumber"):
        raise Bad("merchantNumber")
    for name in ("payoutDate", "confirmDate"):
        if facts[name] is not None:
            read_day(string(facts[name], name), name)
    read_moment(string(facts["paymentDate"], "paymentDate"))
    rest = Object((key, value) for key, value in data if key not in EIGHT)
    if any(key.startswith("_") for key, _ in rest):
        raise Bad("forged member")
    return Object([(name, facts[name]) for name in EIGHT] + list(rest))


# --- classification

def default_policy(record, barred):
    if record.get("testPayment") is True or record.get("merchantNumber").startswith("test-"):
        return "TEST_PAYMENT"
    if record.get("merchantNumber") in barred:
        return "NON_SETTLEMENT_MERCHANT"
    if record.get("paymentActionType") == "NETWORK_CANCEL":
        return "NETWORK_CANCEL"
    if record.get("confirmDate") is None:
        return "UNCONFIRMED"
    return None


def spelled(value):
    """A scalar as a policy names it."""
    return {None: "null", True: "true", False: "false"}.get(value, value) if not isinstance(value, list) else None


def policy_says(rows, record):
    for reason, member, test, value in rows:
        have = record.get(member)
        there = any(key == member for key, _ in record)
        if test == "missing":
            hit = have is None
        elif test == "is":
            hit = there and spelled(have) == value
        elif test == "prefix":
            hit = isinstance(have, str) and not isinstance(have, Number) and have.startswith(value)
        else:
            hit = there and spelled(have) in value
        if hit:
            return reason
    return None


def first_column(path):
    with open(path, newline="", encoding="utf-8") as file:
        return {row[0] for row in list(csv.reader(file))[1:] if row}


def read_policy(path):
    rows = []
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            value = row["value"]
            if row["test"] == "in":
                value = first_column(value)
            rows.append((row["reason"], row["member"], row["test"], value))
    return rows


# --- dates

class Calendar:
    def __init__(self, holidays):
        self.holidays = holidays

    def works(self, day):
        return day.isoweekday() < 6 and day not in self.holidays

    def step(self, day, by):
        """The next business day in a direction, not day itself."""
        while True:
            day += datetime.timedelta(days=by)
            if self.works(day):
                return day

    def roll(self, day):
        return day if self.works(day) else self.step(day, 1)

    def after(self, cycle, day):
        """The day that a cycle names for a payment of `day`."""
        kind, rest = cycle[0], cycle[2:]
        count = int(rest.split(":")[0])
        if kind == "C":
            return day + datetime.timedelta(days=count)
        if kind == "D":
            for _ in range(count):
                day = self.step(day, 1)
            return day
        which = rest.split(":")[1]
        if kind == "W":
            monday = day - datetime.timedelta(days=day.isoweekday() - 1)
            return self.roll(monday + datetime.timedelta(days=7 * count + WEEKDAYS.index(which)))
        months = day.year * 12 + day.month - 1 + count
        year, month = months // 12, months % 12 + 1
        if which == "LAST":
            first = datetime.date(year + month // 12, month % 12 + 1, 1)
            return self.roll(first - datetime.timedelta(days=1))
        return self.roll(datetime.date(year, month, int(which)))


def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


class Dating:
    def __init__(self, options):
        self.rules = {}
        for row in table(options.rules) if options.rules else []:
            key = (row["merchantNumber"], row["paymentDate"], row["paymentActionType"], row["paymentMethodType"])
            self.rules[key] = (row["ruleId"], row["payoutDate"] or None, row["confirmDate"] or None)
        self.cycles = table(options.cycles) if options.cycles else []
        holidays = {read_day(row["date"]) for row in table(options.holidays)} if options.holidays else set()
        self.calendar = Calendar(holidays)
        self.default = options.default_cycle
        self.base = options.base
        self.cutoff = None
        if options.cutoff:
            self.cutoff = int(options.cutoff[:2]) * 3600 + int(options.cutoff[3:]) * 60

    def dates(self, record):
        """(payout, confirm, rule) of a base record."""
        day, second = read_moment(record.get("paymentDate"))
        who = [record.get(name) for name in ("merchantNumber", "paymentActionType", "paymentMethodType")]
        found = self.rules.get((who[0], str(day), who[1], who[2]))
        if found:
            return found[1], found[2], found[0]
        if self.cutoff is not None and second > self.cutoff:
            day += datetime.timedelta(days=1)
        if self.base == "roll":
            day = self.calendar.roll(day)
        best, best_rank = None, None
        for row in self.cycles:
            named = [row["merchantNumber"], row["paymentActionType"], row["paymentMethodType"]]
            if all(pattern in ("*", value) for pattern, value in zip(named, who)):
                exact = [pattern != "*" for pattern in named]
                rank = (sum(exact), *exact)
                if best is None or rank > best_rank:
                    best, best_rank = row, rank
        if best:
            payout = self.calendar.after(best["cycle"], day)
            confirm = best.get("confirm")
            confirm = self.calendar.after(confirm, day) if confirm else self.calendar.step(payout, -1)
            return str(payout), str(confirm), "cycle:" + best["cycle"]
        payout = str(self.calendar.after(self.default, day))
        return payout, payout, "default:" + self.default


# --- the day

def lines_of(path):
    with open(path, "rb") as file:
        whole = file.read()
    parts = whole.split(b"\n")
    if parts[-1] == b"":
        parts.pop()
    return parts


def canonical(source, reason, rule, members):
    def shown(value):
        if isinstance(value, Number):
            return "number " + value
        if isinstance(value, Object):
            return {"object": [[key, shown(inner)] for key, inner in value]}
        if isinstance(value, list):
            return [shown(inner) for inner in value]
        return "string " + value if isinstance(value, str) else value

    return json.dumps([source, reason, rule, [[key, shown(value)] for key, value in members]])


def source_of(line):
    """The coordinates that a line claims, even where the rest of it is bad."""
    found = re.match(rb'[ \t]*{[ \t]*"_src"[ \t]*:[ \t]*("(?:[^"\\]|\\.)*")', line)
    try:
        return json.loads(found[1]) if found else None
    except ValueError:
        return None


def settle(options):
    accept = {tuple(text.split("=", 1)) for text in options.accept}
    signs = {value[:-2]: value[-1] for member, value in accept if member == "paymentActionType"}
    accept = {(member, value[:-2] if member == "paymentActionType" else value) for member, value in accept}
    barred = first_column(options.merchants) if options.merchants else set()
    policy = read_policy(options.policy) if options.policy else None
    dating = Dating(options)
    base, unsettled, dead = {}, {}, set()
    finished = 0
    for operand in options.files:
        path, _, name = operand.partition("=")
        name = name or os.path.basename(path)
        for number, line in enumerate(lines_of(path), 1):
            source = source_of(line) or f"{name}/0/{number}"
            try:
                record = base_of(read_object(line), accept, options.signed)
                if record is None:
                    finished += 1
                    continue
                if policy is None:
                    reason = default_policy(record, barred)
                else:
                    reason = policy_says(policy, record)
            except Bad:
                dead.add(source)
                continue
            if reason:
                if source not in base:
                    unsettled.setdefault(source, (reason, record))
            elif source not in base:
                base[source] = record
                unsettled.pop(source, None)

    totals = defaultdict(lambda: [0, 0])
    with open(os.path.join(options.out, "base"), "w", encoding="utf-8") as file:
        for source in sorted(base):
            record = base[source]
            payout, confirm, rule = dating.dates(record)
            dates = {"payoutDate": payout, "confirmDate": confirm}
            members = Object((key, dates.get(key, value)) for key, value in record)
            file.write(canonical(source, None, rule, members) + "\n")
            day = str(read_moment(record.get("paymentDate"))[0])
            if options.date != "paymentDate":
                day = dates[options.date]
            action = record.get("paymentActionType")
            key = (record.get("merchantNumber"), action, day, record.get("paymentMethodType"))
            subtracts = action in CANCELS or signs.get(action) == "-"
            sign = -1 if options.net and not options.signed and subtracts else 1
            totals[key][0] += 1
            totals[key][1] += sign * int(record.get("amount"))
    with open(os.path.join(options.out, "unsettlement"), "w", encoding="utf-8") as file:
        for source in sorted(unsettled):
            file.write(f"{source} {unsettled[source][0]}\n")
    with open(os.path.join(options.out, "dead"), "w", encoding="utf-8") as file:
        for source in sorted(dead):
            file.write(source + "\n")
    names = ("merchantNumber", "paymentActionType", "paymentDateDaily", "paymentMethodType")
    with open(os.path.join(options.out, "totals"), "w", encoding="utf-8") as file:
        for key in sorted(totals, key=lambda key: [part.encode() for part in key]):
            count, amount = totals[key]
            total = {"key": dict(zip(names, key)), "value": {"count": count, "totalAmount": amount}}
            file.write(json.dumps(total, ensure_ascii=False, separators=(",", ":")) + "\n")
    print(json.dumps({"base": len(base), "unsettled": len(unsettled), "dead": len(dead), "finish": finished,
                      "amount": str(sum(int(record.get("amount")) for record in base.values()))}))


def main():
    sys.setrecursionlimit(10000)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("settle")
    for name in ("merchants", "policy", "rules", "cycles", "holidays", "cutoff"):
        verb.add_argument("--" + name)
    verb.add_argument("--default-cycle", default="C+2")
    verb.add_argument("--base", choices=("day", "roll"), default="day")
    verb.add_argument("--date", default="paymentDate", choices=("paymentDate", "payoutDate", "confirmDate"))
    verb.add_argument("--net", action="store_true")
    verb.add_argument("--signed", action="store_true")
    verb.add_argument("--accept", action="append", default=[], metavar="MEMBER=VALUE")
    verb.add_argument("--out", required=True)
    verb.add_argument("files", nargs="+")
    verbs.add_parser("canonical")
    verbs.add_parser("coordinates")
    options = parser.parse_args()
    if options.verb == "settle":
        settle(options)
        return
    found = []
    for line in sys.stdin.buffer.read().split(b"\n")[:-1]:
        record = read_object(line)
        if any(key == "_mark" for key, _ in record):
            continue
        if options.verb == "coordinates":
            found.append(record.get("_src"))
            continue
        members = Object((key, value) for key, value in record if not key.startswith("_"))
        found.append(canonical(record.get("_src"), record.get("_unsettled"), record.get("_rule"), members))
    for line in sorted(found, key=lambda line: json.loads(line)[0] if options.verb == "canonical" else line):
        print(line)


if __name__ == "__main__":
    main()

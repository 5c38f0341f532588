#!/usr/bin/env python3
"""pay-rule against another reading of its rules, written with Python's datetime.

Random payments, cycles, holidays, cutoffs and bases; prints the seed and the first record that differs.
usage: oracle-cycle.py [SEED]   (pay-rule on the PATH)
"""
import calendar
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
from datetime import date, datetime, time, timedelta

WEEKDAYS = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]
MERCHANTS = ["m1", "m2", "a/b", "é", "unlisted"]
ACTIONS = ["PAYMENT", "CANCEL", "FULL_CANCEL"]
METHODS = ["CARD", "MONEY", "POINT"]
ROUNDS, RECORDS = 12, 400


class Settings:
    def __init__(self, random):
        start = date(random.choice([1999, 2019, 2023, 2024]), random.randint(1, 12), 1)
        self.start = start
        self.holidays = {start + timedelta(random.randint(-40, 500)) for _ in range(random.choice([0, 10, 80]))}
        self.roll = random.random() < 0.5
        self.cutoff = None if random.random() < 0.4 else time(random.randint(0, 23), random.choice([0, 30, 59]))
        self.default = random_cycle(random)
        self.cycles = {}
        for _ in range(random.randint(0, 25)):
            row = tuple(random.choice(some + ["*"]) for some in (MERCHANTS[:4], ACTIONS, METHODS))
            self.cycles[row] = (random_cycle(random), random.choice(["", "", random_cycle(random)]))
        self.rules = {}
        for _ in range(random.choice([0, 300])):
            key = (random.choice(MERCHANTS), start + timedelta(random.randint(0, 60)),
                   random.choice(ACTIONS), random.choice(METHODS))
            payout = key[1] + timedelta(random.randint(0, 30))
            self.rules[key] = ("rule %d" % len(self.rules), payout, random.choice([None, payout]))

    def off(self, day):
        return day.isoweekday() > 5 or day in self.holidays

    def next_business(self, day):
        while self.off(day):
            day += timedelta(1)
        return day

    def previous_business(self, day):
        day -= timedelta(1)
        while self.off(day):
            day -= timedelta(1)
        return day


def random_cycle(random):
    kind = random.choice("DCWM")
    if kind == "D":
        return "D+%d" % random.choice([0, 1, 2, 3, 7, 40])
    if kind == "C":
        return "C+%d" % random.choice([0, 1, 2, 30, 365])
    if kind == "W":
        return "W+%d:%s" % (random.choice([0, 1, 2, 53]), random.choice(WEEKDAYS))
    return "M+%d:%s" % (random.choice([0, 1, 2, 11, 25]), random.choice(["LAST", "1", "15", "29", "30", "31"]))


def cycle_date(settings, cycle, day):
    kind, rest = cycle.split("+")
    if kind == "C":
        return day + timedelta(int(rest))
    if kind == "D":
        for _ in range(int(rest)):
            day = settings.next_business(day + timedelta(1))
        return day
    count, which = rest.split(":")
    if kind == "W":
        year, week, _ = (day + timedelta(weeks=int(count))).isocalendar()
        return settings.next_business(date.fromisocalendar(year, week, WEEKDAYS.index(which) + 1))
    year, month = day.year, day.month
    for _ in range(int(count)):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    last = calendar.monthrange(year, month)[1]
    wanted = last if which == "LAST" else min(int(which), last)
    return settings.next_business(date(year, month, wanted))


def expected(settings, when, merchant, action, method):
    rule = settings.rules.get((merchant, when.date(), action, method))
    if rule:
        return rule[0], rule[1], rule[2] or settings.previous_business(rule[1])
    day = when.date()
    if settings.cutoff is not None and when.time() > settings.cutoff:
        day += timedelta(1)
    if settings.roll:
        day = settings.next_business(day)
    asked = (merchant, action, method)
    rows = [row for row in settings.cycles if all(r in ("*", a) for r, a in zip(row, asked))]
    if not rows:
        payout = cycle_date(settings, settings.default, day)
        return "default:" + settings.default, payout, payout
    named = lambda row: [r != "*" for r in row]
    row = max(rows, key=lambda row: (sum(named(row)), named(row)))
    cycle, confirm = settings.cycles[row]
    payout = cycle_date(settings, cycle, day)
    return ("cycle:" + cycle, payout,
            cycle_date(settings, confirm, day) if confirm else settings.previous_business(payout))


def write_csv(path, header, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def options(settings, folder):
    names = {name: os.path.join(folder, name + ".csv") for name in ("rules", "cycles", "holidays")}
    write_csv(names["holidays"], ["date", "name"], [(day, "off") for day in settings.holidays])
    write_csv(names["cycles"], ["merchantNumber", "paymentActionType", "paymentMethodType", "cycle", "confirm"],
              [row + terms for row, terms in settings.cycles.items()])
    write_csv(names["rules"],
              ["merchantNumber", "paymentDate", "paymentActionType", "paymentMethodType", "ruleId", "payoutDate",
               "confirmDate"],
              [key + (rule, payout, confirm or "") for key, (rule, payout, confirm) in settings.rules.items()])
    command = ["--base", "roll" if settings.roll else "payment", "--default-cycle", settings.default]
    for name, path in names.items():
        command += ["--" + name, path]
    if settings.cutoff is not None:
        command += ["--cutoff", settings.cutoff.strftime("%H:%M")]
    return command


def payments(settings, random):
    for number in range(1, RECORDS + 1):
        when = datetime.combine(settings.start, time()) + timedelta(
            days=random.randint(0, 60), hours=random.randint(0, 23), minutes=random.choice([0, 30, 59]),
            microseconds=random.choice([0, 0, 1, 59999999]))
        yield number, when, random.choice(MERCHANTS), random.choice(ACTIONS), random.choice(METHODS)


def record(number, when, merchant, action, method):
    return {"_src": "day/0/%d" % number, "paymentType": "ONLINE", "amount": number, "payoutDate": None,
            "confirmDate": "2024-01-02", "merchantNumber": merchant, "paymentDate": when.isoformat(),
            "paymentActionType": action, "paymentMethodType": method}


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.SystemRandom().randrange(1 << 32)
    source = random.Random(seed)
    compared = 0
    for _ in range(ROUNDS):
        settings = Settings(source)
        cases = list(payments(settings, source))
        with tempfile.TemporaryDirectory() as folder:
            command = ["pay-rule"] + options(settings, folder)
            lines = "".join(json.dumps(record(*case)) + "\n" for case in cases)
            run = subprocess.run(command, input=lines.encode(), stdout=subprocess.PIPE, check=True)
        got = [json.loads(line) for line in run.stdout.splitlines()]
        if len(got) != len(cases):
            sys.exit("seed %d: %d records in, %d out" % (seed, len(cases), len(got)))
        for case, line in zip(cases, got):
            rule, payout, confirm = expected(settings, *case[1:])
            wanted = dict(record(*case), _rule=rule, payoutDate=payout.isoformat(), confirmDate=confirm.isoformat())
            if line != wanted:
                sys.exit("seed %d: %s\nexpected %s\nbut got  %s" % (seed, " ".join(command[1:]), wanted, line))
            compared += 1
    print("seed %d: %d records agree" % (seed, compared))


main()

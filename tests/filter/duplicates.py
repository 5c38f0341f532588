#!/usr/bin/env python3
"""pay-filter --dedupe against a list of all payments: which are duplicates, and which are in conflict, at random.

  duplicates.py [--seed N] [--payments N]

Payments of few identities and amounts over some months, some of them late, some dated wrong, go through pay-filter in segments of a few records, in several
runs over one database: each run begins again somewhere in what the run before had read, under the same coordinates or, as
another source, under others. The verdicts must be those of a model that keeps every claim in a list. Segments are so short
that their claims are merged many times over. Prints the seed; ends with 1 and what differs.
"""
import argparse
import datetime
import json
import os
import random
import subprocess
import sys
import tempfile

WEEK = 7
VOTES = 1000  # of payments, after which the clock goes


class Model:
    """What dedupe.h promises, by comparison with everything that was met."""

    def __init__(self, days):
        self.days, self.clock, self.began, self.votes, self.claims = days, None, None, [], {}

    def vote(self, day):
        """The clock goes to the day that three quarters of a thousand payments have reached, a week at most."""
        self.votes.append(day)
        if len(self.votes) < VOTES:
            return
        agreed = sorted(self.votes)[VOTES // 4]
        self.votes = []
        if self.clock is None:
            self.clock = self.began = agreed
        else:
            self.clock = max(self.clock, min(agreed, self.clock + WEEK))

    def counts(self, claim):
        """What was met before the clock stood anywhere was met when it did first."""
        met = self.began if claim["met"] is None else claim["met"]
        return self.clock is None or self.clock - met <= self.days + WEEK

    def verdict(self, identity, amount, own, day):
        known = [claim for claim in self.claims.get(identity, []) if self.counts(claim)]
        for claim in known:
            if claim["own"] == own:
                return claim["verdict"]
        held = [claim for claim in known if not claim["verdict"] and abs(claim["day"] - day) <= self.days]
        verdict = None
        if held:
            verdict = "DUPLICATE" if any(claim["amount"] == amount for claim in held) else "CONFLICT"
        self.vote(day)
        self.claims[identity] = known + [{"own": own, "day": day, "met": self.clock, "amount": amount, "verdict": verdict}]
        return verdict


def line(source, offset, identity, amount, day):
    date = datetime.date.fromordinal(day).isoformat()
    record = {"_src": f"{source}/0/{offset}", "paymentType": "OFFLINE", "amount": amount, "payoutDate": date, "confirmDate": date,
              "merchantNumber": "merchant-1", "paymentDate": f"{date}T10:00:00", "paymentActionType": "PAYMENT",
              "paymentMethodType": "CARD", "id": identity}
    return json.dumps(record, separators=(",", ":"))


def mark(source, seq, payments, begin, end, last):
    records, amount = len(payments), sum(amount for _, amount, _ in payments)
    return json.dumps({"_mark": {"seq": seq, "records": records, "in": records, "dropped": {}, "amount": str(amount) if seq else None,
                                 "from": {f"{source}/0": begin}, "next": {f"{source}/0": end},
                                 "end": "complete" if last else None}}, separators=(",", ":"))


def stream(source, payments, begin, end, most):
    """The payments begin to end in segments of at most so many records."""
    yield mark(source, 0, [], begin, begin, False)
    seq, at = 1, begin
    while True:
        following = min(end, at + random.randint(1, most))
        for offset in range(at, following):
            yield line(source, offset, *payments[offset])
        yield mark(source, seq, payments[at:following], at, following, following == end)
        if following == end:
            return
        seq, at = seq + 1, following


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--payments", type=int, default=3000)
    options = parser.parse_args()
    print(f"seed {options.seed}")
    random.seed(options.seed)

    days = random.choice([0, 1, 5, 31])
    identities = random.choice([50, 500, options.payments])
    start, span = datetime.date(2025, 1, 1).toordinal(), random.choice([3, 40, 400])
    most = random.choice([1, 3, 20])
    payments = []
    for i in range(options.payments):
        day = start + i * span // options.payments - (random.randint(0, 60) if random.random() < 0.1 else 0)
        if random.random() < 0.05:
            day += random.choice([-5000, 700, 5000])
        payments.append((f"p{random.randrange(identities)}", random.choice([100, 100, 100, 250]), day))

    model = Model(days)
    wrong, seen = 0, {}
    with tempfile.TemporaryDirectory() as folder:
        database = os.path.join(folder, "seen.db")
        done = {"a": 0, "b": 0}
        while min(done.values()) < options.payments:
            source = random.choice(list(done))
            begin = max(0, done[source] - random.choice([0, 0, 5, 200]))
            end = min(options.payments, begin + random.randint(1, options.payments // 2))
            text = "\n".join(stream(source, payments, begin, end, most)) + "\n"
            ran = subprocess.run(["pay-filter", "--tag", "--dedupe", database, "--dedupe-by", "id", "--dedupe-days", str(days)],
                                 input=text.encode(), stdout=subprocess.PIPE, check=True)
            records = [json.loads(text) for text in ran.stdout.splitlines() if b'"_src"' in text]
            assert len(records) == end - begin, f"{len(records)} records of {end - begin}"
            for offset, record in zip(range(begin, end), records):
                identity, amount, day = payments[offset]
                expected = model.verdict(identity, amount, (source, offset), day)
                seen[expected] = seen.get(expected, 0) + 1
                if record.get("_unsettled") != expected:
                    wrong += 1
                    print(f"{source}/0/{offset}: {expected} by the model, {identity} of {amount} on {day - start}")
            done[source] = max(done[source], end)
    forgotten = sum(not model.counts(claim) for claims in model.claims.values() for claim in claims)
    print(f"{wrong} wrong of {seen}; {forgotten} forgotten; {days} days, {identities} identities, {span} days of payments, segments of at most {most}")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())

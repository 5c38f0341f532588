#!/usr/bin/env python3
"""letters.py SEED: a small day in which every stage finds bad records of every kind, in random order and number.

The payments behind 9999-12-31 are for `--default-cycle M+1:LAST`, amounts that 7 divides for `--reject` with an error, those without
an id for `--dedupe-by id`, merchant "api" for a rule API that does not answer."""
import json
import random
import sys

chance = random.Random(int(sys.argv[1]))
out = sys.stdout.buffer


def payment(channel="ONLINE", **changes):
    data = {"paymentType": "ONLINE", "amount": chance.choice([1, 7, 100, 2**52]), "payoutDate": None,
            "confirmDate": "2025-05-26", "merchantNumber": chance.choice(["m-1", "m-2", "test-1"]),
            "paymentDate": "2025-05-25T10:00:00", "paymentActionType": "PAYMENT", "paymentMethodType": "CARD"}
    if chance.random() < 0.9:
        data["id"] = chance.randrange(40)
    data.update(changes)
    return json.dumps({"channel": channel, "action": "PAYMENT", "data": {k: v for k, v in data.items() if v != "-"}})


def changed(of, into):
    return payment().replace(of, into, 1)


KINDS = [
    payment, payment, payment, payment,
    lambda: '{"channel":"ONLINE","action":"FINISH"}',
    lambda: '{"channel":"OFFLINE","action":"FINISH","data":null}',
    lambda: '{"channel":"ONLINE","action":"F\\u0049NISH"}',
    lambda: payment(amount=chance.choice([2**63 - 1, -(2**63)]), merchantNumber=f"wide-{chance.random()}"),
    # pay-tobase
    lambda: '{"channel":"KIOSK","action":"FINISH"}',
    lambda: '{"channel":5,"action":"FINISH"}',
    lambda: '{"action":"FINISH"}',
    lambda: '{"channel":"ONLINE","action":"FINISH","data":{}}',
    lambda: '{"channel":"ONLINE","action":"FINISH","data":{"amount":5}}',
    lambda: '{"channel":"ONLINE","action":"REFUND"}',
    lambda: '{"channel":"ONLINE"}',
    lambda: '{"channel":"ONLINE","action":"PAYMENT","data":7}',
    lambda: '{"channel":"ONLINE","action":["FINISH"]}',
    lambda: payment("KIOSK"),
    lambda: payment(amount="12"), lambda: payment(amount=1.5), lambda: payment(amount=2**63), lambda: payment(amount="-"),
    lambda: payment(merchantNumber=""), lambda: payment(paymentDate="2025-02-30T10:00:00"), lambda: payment(_own=1),
    lambda: payment(paymentMethodType="GIFT"), lambda: payment(payoutDate="2025-02-29"),
    lambda: "{}",
    # pay-consume
    lambda: "", lambda: "nonsense", lambda: '{"channel":', lambda: changed("{", "["), lambda: '{"a":"\\ud83d"}',
    lambda: changed('"amount"', '"amoun\\u0074":1,"amount"'), lambda: b'{"a":"\xff"}', lambda: b"\x00\x1b[31m",
    lambda: '{"_src":7,"channel":"ONLINE","action":"FINISH"}',
    lambda: '{"_src":"elsewhere/0/%d",%s' % (chance.randrange(1000000), payment()[1:]),
    lambda: '{"_src":"letters/0/%d","_dead":{"stage":"pay-rule","reason":"r","raw":"{"}}' % chance.randrange(1000000),
    # pay-filter and pay-rule
    lambda: payment(amount=7 * chance.randrange(1, 99), id=chance.randrange(40)),
    lambda: payment(id="-"),
    lambda: payment(paymentDate="9999-12-31T10:00:00"),
    lambda: payment(merchantNumber="api"),
]

lines = [kind() for kind in KINDS for _ in range(chance.randrange(1, 4))]
chance.shuffle(lines)
lines.insert(0, payment())  # a file that begins as something else is refused as a file
for line in lines:
    out.write(line if isinstance(line, bytes) else line.encode())
    out.write(b"\r\n" if chance.random() < 0.1 else b"\n")
if chance.random() < 0.5:
    out.write(payment()[:chance.randrange(1, 60)].encode())

"""The batch flow of bench/peers in ClickHouse, in this process. Arguments: the day, the rules, where totals go as CSV,
threads."""

import sys

import chdb

day, rules, totals, threads = sys.argv[1:]
result = chdb.query(
    f"""
SELECT merchant, kind, day, method, if(rule.payoutDate = '', payout, rule.payoutDate) AS paid, count(), sum(amount)
FROM (
  SELECT data.merchantNumber AS merchant, data.paymentActionType AS kind, substring(data.paymentDate, 1, 10) AS day,
    data.paymentMethodType AS method, data.payoutDate AS payout, data.amount AS amount
  FROM file('{day}', JSONEachRow, 'action LowCardinality(String), data Tuple(amount Int64, payoutDate Nullable(String),
    confirmDate Nullable(String), merchantNumber String, paymentDate String, paymentActionType LowCardinality(String),
    paymentMethodType LowCardinality(String), testPayment Nullable(Bool))')
  WHERE action = 'PAYMENT' AND coalesce(data.testPayment, false) = false
    AND NOT startsWith(data.merchantNumber, 'test-') AND data.paymentActionType <> 'NETWORK_CANCEL'
    AND data.confirmDate IS NOT NULL
) AS settled LEFT ANY JOIN file('{rules}', CSVWithNames, 'merchantNumber String, paymentDate String,
    paymentActionType LowCardinality(String), paymentMethodType LowCardinality(String), ruleId String,
    payoutDate String, confirmDate String') AS rule
  ON merchant = rule.merchantNumber AND day = rule.paymentDate AND kind = rule.paymentActionType
    AND method = rule.paymentMethodType
GROUP BY merchant, kind, day, method, paid
SETTINGS max_threads = {threads}
""",
    "CSV",
)
with open(totals, "wb") as file:
    file.write(result.bytes())

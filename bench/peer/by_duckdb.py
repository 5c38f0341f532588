"""The batch flow of bench/peers in DuckDB. Arguments: the day, the rules, where totals go as CSV, threads."""

import sys

import duckdb

day, rules, totals, threads = sys.argv[1:]
db = duckdb.connect(config={"threads": threads, "preserve_insertion_order": "false"})
db.execute(f"""
COPY (
  WITH message AS (
    SELECT data FROM read_ndjson('{day}', columns = {{action: 'VARCHAR', data: 'STRUCT(amount BIGINT,
      payoutDate VARCHAR, confirmDate VARCHAR, merchantNumber VARCHAR, paymentDate VARCHAR, paymentActionType VARCHAR,
      paymentMethodType VARCHAR, testPayment BOOLEAN)'}})
    WHERE action = 'PAYMENT'
  ), settled AS (
    SELECT data.merchantNumber AS merchant, data.paymentActionType AS action, substr(data.paymentDate, 1, 10) AS day,
      data.paymentMethodType AS method, data.payoutDate AS payout, data.amount AS amount
    FROM message
    WHERE data.testPayment IS NOT TRUE AND NOT starts_with(data.merchantNumber, 'test-')
      AND data.paymentActionType <> 'NETWORK_CANCEL' AND data.confirmDate IS NOT NULL
  ), rule AS (
    SELECT * FROM read_csv('{rules}', header = true, all_varchar = true)
  )
  SELECT merchant, action, day, method, coalesce(rule.payoutDate, payout) AS payout, count(*), sum(amount)
  FROM settled LEFT JOIN rule ON merchant = rule.merchantNumber AND day = rule.paymentDate
    AND action = rule.paymentActionType AND method = rule.paymentMethodType
  GROUP BY ALL
) TO '{totals}' (FORMAT csv, HEADER false)
""")

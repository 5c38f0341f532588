"""The batch flow of bench/peers in Polars. Arguments: the day, the rules, where totals go as CSV, threads."""

import os
import sys

day, rules, totals, threads = sys.argv[1:]
os.environ["POLARS_MAX_THREADS"] = threads

import polars as pl  # noqa: E402 - it reads the number of threads when it is loaded

text = ["payoutDate", "confirmDate", "merchantNumber", "paymentDate", "paymentActionType", "paymentMethodType"]
data = pl.Struct({"amount": pl.Int64, **{name: pl.String for name in text}, "testPayment": pl.Boolean})
keys = ["merchantNumber", "paymentDate", "paymentActionType", "paymentMethodType"]
rule = pl.scan_csv(rules, schema_overrides={"paymentDate": pl.String, "payoutDate": pl.String})
(
    pl.scan_ndjson(day, schema={"action": pl.String, "data": data})
    .filter(pl.col("action") == "PAYMENT")
    .select(pl.col("data").struct.unnest())
    .filter(
        pl.col("testPayment").fill_null(False).not_(),
        pl.col("merchantNumber").str.starts_with("test-").not_(),
        pl.col("paymentActionType") != "NETWORK_CANCEL",
        pl.col("confirmDate").is_not_null(),
    )
    .with_columns(pl.col("paymentDate").str.head(10))
    .join(rule.select(*keys, pl.col("payoutDate").alias("ruled")), on=keys, how="left")
    .with_columns(pl.coalesce("ruled", "payoutDate").alias("payoutDate"))
    .group_by("merchantNumber", "paymentActionType", "paymentDate", "paymentMethodType", "payoutDate")
    .agg(pl.len(), pl.col("amount").sum())
    .sink_csv(totals, include_header=False)
)

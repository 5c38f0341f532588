# Joins payments (tab-separated: merchant, action, day, method, payout date, amount) with the rules of the first file and
# totals them, as CSV: what jq and Benthos leave to another program.
BEGIN { FS = "," }
FNR == NR { rule[$1 "," $3 "," $2 "," $4] = $6; next }
FNR == 1 { FS = "\t"; $0 = $0 }
{
	key = $1 "," $2 "," $3 "," $4
	key = key "," (key in rule ? rule[key] : $5)
	count[key]++
	sum[key] += $6
}
END { for (key in count) printf "%s,%d,%.0f\n", key, count[key], sum[key] }

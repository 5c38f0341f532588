select(.action == "PAYMENT").data
| select((.testPayment == true or (.merchantNumber | startswith("test-")) or .paymentActionType == "NETWORK_CANCEL"
	or .confirmDate == null) | not)
| "\(.merchantNumber)\t\(.paymentActionType)\t\(.paymentDate[0:10])\t\(.paymentMethodType)\t\(.payoutDate // "")\t\(.amount)"

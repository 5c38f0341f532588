/* An answer of the rule API, or a value of the rules topic: a rule of days that exist and an id that is JSON, or a
 * fault that can be told. */
#include "fuzz.h"
#include "pay-rule/ruletext.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const struct slice key[RULE_KEY] = {{"m-1", 3}, {"2025-05-23", 10}, {"PAYMENT", 7}, {"CARD", 4}};
	static struct calendar calendar;
	static struct ruletext reader;
	struct keyed_rule keyed;
	if (!reader.calendar) {
		calendar_init(&calendar);
		ruletext_init(&reader, &calendar);
	}
	struct slice object = fuzz_slice(bytes, n);
	if (ruletext_object(&reader, object, key, &keyed)) {
		struct slice id = keyed.rule.id;
		MUST(keyed.rule.payout >= date_first() && keyed.rule.payout <= date_last());
		MUST(keyed.rule.confirm >= date_first() && keyed.rule.confirm <= date_last());
		MUST(slice_equal(keyed.texts.merchant, key[0]));
		MUST(id.n > 2 && id.p[0] == '"' && id.p[id.n - 1] == '"' && json_utf8(id));
	} else {
		char *complaint = ruletext_complaint(&reader);
		MUST(strlen(complaint) > 5);
		free(complaint);
	}
	free((char *)object.p);
	return 0;
}

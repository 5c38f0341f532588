#include "dating.h"

#include <stdlib.h>

#include "fail.h"

enum { SLOTS = 4096 }; /* some days times some hundred terms, in a core's own cache */

struct dating_slot {
	const struct terms *terms; /* NULL: free */
	const char *reason;        /* why there are no dates; NULL: there are */
	date_day day;
	struct dated dated;
};

void dating_init(struct dating *dating, const struct calendar *calendar, bool roll)
{
	size_t size = SLOTS * sizeof *dating->slot;
	*dating = (struct dating){.calendar = calendar, .roll = roll, .slot = must_alloc(size)};
	memset(dating->slot, 0, size);
}

void dating_free(struct dating *dating)
{
	free(dating->slot);
	dating->slot = NULL;
}

void dating_write(struct dating *dating, char to[DATED_TEXT], date_day day)
{
	struct dating_text *known = &dating->text[(unsigned)day % DATING_TEXTS];
	if (known->day != day || !known->text[0]) {
		char text[DATE_TEXT];
		date_write(text, day);
		known->day = day;
		known->text[0] = known->text[DATED_TEXT - 1] = '"';
		memcpy(known->text + 1, text, DATED_TEXT - 2);
	}
	memcpy(to, known->text, DATED_TEXT);
}

static bool confirm_date(const struct calendar *calendar, const struct terms *terms, date_day base, date_day payout,
			 date_day *to)
{
	switch (terms->confirm_kind) {
	case CONFIRM_BEFORE: return calendar_before(calendar, payout, to);
	case CONFIRM_SAME: *to = payout; return true;
	case CONFIRM_CYCLE: return cycle_date(&terms->confirm, calendar, base, to);
	}
	return false;
}

/* Works out the dates of a slot; returns why there are none, or NULL. */
static const char *work_out(struct dating *dating, const struct terms *terms, date_day day, struct dated *to)
{
	static const char beyond[] = "its payout would lie after the year 9999";
	date_day base = day, payout, confirm;
	if (base > date_last() || (dating->roll && !calendar_roll(dating->calendar, base, &base)))
		return beyond;
	if (!cycle_date(&terms->payout, dating->calendar, base, &payout))
		return beyond;
	if (!confirm_date(dating->calendar, terms, base, payout, &confirm))
		return "its confirmation would lie outside the years 0001 to 9999";
	dating_write(dating, to->payout, payout);
	dating_write(dating, to->confirm, confirm);
	to->beyond = dating->calendar->last >= date_first() && payout > dating->calendar->last;
	return NULL;
}

const struct dated *dating_find(struct dating *dating, const struct terms *terms, date_day day, const char **reason)
{
	/* Terms lie side by side in an array; their number in it and the day spread over the slots. */
	uintptr_t which = (uintptr_t)terms / sizeof *terms * 61 + (uintptr_t)day;
	struct dating_slot *slot = &dating->slot[which % SLOTS];
	if (slot->terms != terms || slot->day != day) {
		slot->reason = work_out(dating, terms, day, &slot->dated);
		slot->terms = terms;
		slot->day = day;
	}
	*reason = slot->reason;
	return slot->reason ? NULL : &slot->dated;
}

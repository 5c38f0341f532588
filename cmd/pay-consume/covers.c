#include "covers.h"

#include <inttypes.h>

#include "amount.h"
#include "fail.h"
#include "options.h"

static struct covers_range *find(const struct covers *covers, struct slice source, int32_t partition)
{
	for (size_t i = 0; i < covers->n; i++)
		if (covers->v[i].partition == partition && slice_equal(covers->v[i].source, source))
			return &covers->v[i];
	return NULL;
}

/* TOPIC/PARTITION/FROM-TO. */
static bool read_range(const char *text, struct covers_range *range)
{
	const char *dash = strrchr(text, '-');
	struct coordinates first;
	amount last;

	if (!dash || !coordinates_read((struct slice){text, (size_t)(dash - text)}, &first) ||
	    !amount_read(slice_of(dash + 1), &last) || last < first.offset || last == INT64_MAX)
		return false;
	*range = (struct covers_range){first.source, first.partition, first.offset, last + 1, INT64_MAX, -1};
	return true;
}

void covers_add(struct covers *covers, const char *text)
{
	struct covers_range range;

	if (!read_range(text, &range))
		options_misuse("--covers: \"%s\" is not TOPIC/PARTITION/FROM-TO, as payment/0/100-199", text);
	if (find(covers, range.source, range.partition))
		options_misuse("--covers %s: a second range of this partition; feed it by a run of its own", text);
	covers->v = must_realloc(covers->v, (covers->n + 1) * sizeof *covers->v);
	covers->v[covers->n++] = range;
}

bool covers_names(const struct covers *covers, struct slice source)
{
	for (size_t i = 0; i < covers->n; i++)
		if (slice_equal(covers->v[i].source, source))
			return true;
	return false;
}

void covers_note(struct covers *covers, const struct coordinates *at)
{
	struct covers_range *range = find(covers, at->source, at->partition);

	if (!range || at->offset < range->from || at->offset >= range->next)
		return;
	if (at->offset < range->least)
		range->least = at->offset;
	if (at->offset > range->most)
		range->most = at->offset;
}

void covers_say(const struct covers *covers, struct mark *mark)
{
	for (size_t i = 0; i < covers->n; i++) {
		const struct covers_range *range = &covers->v[i];
		int n = (int)range->source.n;

		if (range->most < 0)
			fail(EX_DATAERR,
			     "--covers %.*s/%" PRId32 "/%" PRId64 "-%" PRId64
			     ": no record of these offsets came: they are not in this capture",
			     n, range->source.p, range->partition, range->from, range->next - 1);
		if (range->least > range->from || range->most < range->next - 1)
			warn("--covers %.*s/%" PRId32 "/%" PRId64 "-%" PRId64 ": what came are %" PRId64 " to %" PRId64
			     ": the rest counts as never written",
			     n, range->source.p, range->partition, range->from, range->next - 1, range->least,
			     range->most);
		mark_cover(mark, range->source, range->partition, range->from, range->next);
	}
}

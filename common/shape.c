#include "shape.h"

static const struct member *find(const struct members *members, const char *name)
{
	for (size_t i = 0; i < members->n; i++)
		if (slice_equal(members->v[i].name, slice_of(name)))
			return &members->v[i];
	return NULL;
}

static bool has(const struct members *members, const char *name)
{
	return find(members, name) != NULL;
}

static bool has_object(const struct members *members, const char *name)
{
	const struct member *member = find(members, name);
	return member && member->type == JSON_OBJECT;
}

enum shape shape_of(const struct members *members)
{
	if (has(members, "_mark"))
		return SHAPE_MARK;
	if (has(members, "_dead"))
		return SHAPE_LETTER;
	if (has(members, "amount"))
		return has(members, "_unsettled")       ? SHAPE_REJECTED
		       : has(members, "merchantNumber") ? SHAPE_BASE
							: SHAPE_NONE;
	if (has(members, "action") && (has(members, "channel") || has_object(members, "data")))
		return SHAPE_MESSAGE;
	if (has(members, "channel") && has_object(members, "data"))
		return SHAPE_MESSAGE;
	if (has_object(members, "key") && has_object(members, "value"))
		return SHAPE_TOTAL;
	if (has(members, "verdict") && has(members, "by"))
		return SHAPE_VERDICT;
	if (has(members, "topic") && has(members, "partition") && has(members, "offset") && has(members, "payload"))
		return SHAPE_KCAT;
	return SHAPE_NONE;
}

const char *shape_no_base(enum shape shape)
{
	switch (shape) {
	case SHAPE_MESSAGE: return "a message, not a base record: pay-tobase stands before this stage";
	case SHAPE_TOTAL: return "a total, not a base record: pay-agg stands last, and once";
	case SHAPE_VERDICT: return "a verdict, not a base record: pay-filter --explain stands last";
	case SHAPE_KCAT: return "a capture of kcat, not a base record: pay-consume reads it, and then pay-tobase";
	default: return NULL;
	}
}

const char *shape_no_message(enum shape shape)
{
	switch (shape) {
	case SHAPE_BASE:
	case SHAPE_REJECTED: return "a base record, not a message: pay-tobase has made it already";
	case SHAPE_TOTAL: return "a total, not a message: pay-agg stands last, behind pay-tobase";
	case SHAPE_VERDICT: return "a verdict, not a message: pay-filter --explain stands last";
	case SHAPE_KCAT: return "a capture of kcat, not a message: pay-consume reads it, and stands before this stage";
	default: return NULL;
	}
}

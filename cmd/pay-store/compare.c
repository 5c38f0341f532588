#include "compare.h"

#include <inttypes.h>

#include "fail.h"

#define KEY "source=?1 AND partition=?2 AND \"offset\"=?3"
#define PAYMENT                                                                                                \
	"amount, merchantNumber, paymentDate, paymentActionType, paymentMethodType, payoutDate, confirmDate, " \
	"paymentType"

/* Columns of `payments`. */
enum { AMOUNT, FIRST_TEXT, FIRST_JUDGED = 5, REASON = 8, TABLE = 9 };

/* The texts of a payment, as columns from FIRST_TEXT on: what it is, then (from FIRST_JUDGED on) what is judged of it.
 */
static const enum row_text texts[] = {ROW_MERCHANT_NUMBER,     ROW_PAYMENT_DATE, ROW_PAYMENT_ACTION_TYPE,
				      ROW_PAYMENT_METHOD_TYPE, ROW_PAYOUT_DATE,  ROW_CONFIRM_DATE};
enum { TEXTS = sizeof texts / sizeof *texts };

void compare_open(struct compare *compare, struct database *database)
{
	*compare = (struct compare){.database = database};
	compare->payments =
	    database_prepare(database, "SELECT " PAYMENT ", NULL, ?4 FROM base WHERE " KEY " UNION ALL SELECT " PAYMENT
				       ", reason, ?5 FROM unsettlement WHERE " KEY);
	sqlite3_bind_int(compare->payments, 4, TABLE_BASE);
	sqlite3_bind_int(compare->payments, 5, TABLE_UNSETTLEMENT);
	compare->message = database_prepare(database, "SELECT message FROM payment_log WHERE " KEY);
}

static void bind_key(struct compare *compare, sqlite3_stmt *statement, const struct segment *segment,
		     const struct row *row)
{
	database_bind(compare->database, statement, 1, segment_text(segment, row->source));
	sqlite3_bind_int(statement, 2, row->partition);
	sqlite3_bind_int64(statement, 3, row->offset);
}

/* As slice_equal, where no text is none but itself. */
static bool same(struct slice a, struct slice b)
{
	return (a.p == NULL) == (b.p == NULL) && slice_equal(a, b);
}

static _Noreturn void refuse_payment(struct compare *compare, const struct segment *segment, const struct row *row)
{
	struct slice source = segment_text(segment, row->source), came[TEXTS], kept[TEXTS];

	for (int i = 0; i < TEXTS; i++) {
		came[i] = segment_text(segment, row->text[texts[i]]);
		kept[i] = column_text(compare->payments, FIRST_TEXT + i);
	}
	fail(EX_OPERATOR,
	     "%s: %.*s/%" PRId32 "/%" PRId64 " is another payment there: %" PRId64
	     " of %.*s, %.*s, %.*s, %.*s; now came %" PRId64
	     " of %.*s, %.*s, %.*s, %.*s; give another file another name (pay-consume --as), or overwrite with "
	     "--replace",
	     compare->database->path, (int)source.n, source.p, row->partition, row->offset,
	     (int64_t)sqlite3_column_int64(compare->payments, AMOUNT), (int)kept[0].n, kept[0].p, (int)kept[1].n,
	     kept[1].p, (int)kept[2].n, kept[2].p, (int)kept[3].n, kept[3].p, row->amount, (int)came[0].n, came[0].p,
	     (int)came[1].n, came[1].p, (int)came[2].n, came[2].p, (int)came[3].n, came[3].p);
}

enum table compare_payment(struct compare *compare, const struct segment *segment, const struct row *row,
			   uint64_t *differing)
{
	sqlite3_stmt *payments = compare->payments;
	struct slice reason = {NULL, 0};

	bind_key(compare, payments, segment, row);
	if (!database_step(compare->database, payments))
		return TABLES;
	enum table table = (enum table)sqlite3_column_int(payments, TABLE);
	if (sqlite3_column_int64(payments, AMOUNT) != row->amount)
		refuse_payment(compare, segment, row);
	bool differs = false;
	for (int i = 0; i < TEXTS; i++) {
		bool is = same(column_text(payments, FIRST_TEXT + i), segment_text(segment, row->text[texts[i]]));
		if (!is && FIRST_TEXT + i < FIRST_JUDGED)
			refuse_payment(compare, segment, row);
		differs |= !is;
	}
	if (row->table == TABLE_UNSETTLEMENT)
		reason = segment_text(segment, row->text[ROW_REASON]);
	*differing += differs || !same(column_text(payments, REASON), reason);
	sqlite3_reset(payments);
	return table;
}

/* A message as it is compared: without the toolkit's own members in front, without space between tokens, strings
 * spelled in one way. */
static struct slice normalized(struct scratch *scratch, struct slice message)
{
	struct members members = {0};
	char *line = scratch_room(scratch, message.n + 1 + JSON_PADDING + json_quote_room(message.n));
	char *start = line + message.n + 1 + JSON_PADDING, *to = start;

	memcpy(line, message.p, message.n);
	memset(line + message.n, 0, 1 + JSON_PADDING);
	line[message.n] = '\n';
	members_read(&members, NULL, (struct slice){line, message.n});
	const char *p = members.reserved < members.n ? members.v[members.reserved].name.p - 1 : line + message.n;
	members_free(&members);
	while (p < line + message.n) {
		bool escaped;
		const char *reason, *end;

		if (*p == '"' && (end = json_string(p + 1, &escaped, &reason))) {
			size_t n = json_unescape(to, (struct slice){p + 1, (size_t)(end - p - 1)});
			/* Its length behind it, so that no text can be taken for two. */
			to += n;
			memcpy(to, &n, sizeof n);
			to += sizeof n;
			p = end + 1;
		} else {
			if (json_space(p) == p)
				*to++ = *p;
			p++;
		}
	}
	return (struct slice){start, (size_t)(to - start)};
}

bool compare_message(struct compare *compare, const struct segment *segment, const struct row *row)
{
	enum { SHOWN = 200 };
	struct slice came = segment_text(segment, row->text[ROW_MESSAGE]);

	bind_key(compare, compare->message, segment, row);
	if (!database_step(compare->database, compare->message))
		return false;
	struct slice kept = column_text(compare->message, 0);
	if (!slice_equal(came, kept) &&
	    !slice_equal(normalized(&compare->came, came), normalized(&compare->kept, kept))) {
		struct slice source = segment_text(segment, row->source);
		fail(EX_OPERATOR,
		     "%s: %.*s/%" PRId32 "/%" PRId64
		     " is another message there: %.*s; now came %.*s; give another file "
		     "another name (pay-consume --as), or overwrite with --replace",
		     compare->database->path, (int)source.n, source.p, row->partition, row->offset,
		     (int)(kept.n < SHOWN ? kept.n : SHOWN), kept.p, (int)(came.n < SHOWN ? came.n : SHOWN), came.p);
	}
	sqlite3_reset(compare->message);
	return true;
}

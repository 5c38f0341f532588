/* Coordinates, dates, amounts: what is accepted is written back as the same text, and nothing behind it is read. */
#include "amount.h"
#include "coordinates.h"
#include "date.h"
#include "fuzz.h"

static void coordinates_hold(struct slice text)
{
	struct coordinates coordinates;
	if (!coordinates_read(text, &coordinates))
		return;
	MUST(coordinates.source.n > 0 && coordinates.partition >= 0 && coordinates.offset >= 0);
	MUST(coordinates.offset < INT64_MAX);
	char *again = malloc(text.n + 64);
	int n = sprintf(again, "%.*s/%d/%lld", (int)coordinates.source.n, coordinates.source.p, coordinates.partition,
			(long long)coordinates.offset);
	MUST(memchr(coordinates.source.p, 0, coordinates.source.n) ||
	     slice_equal(text, (struct slice){again, (size_t)n}));
	free(again);
}

static void dates_hold(struct slice text)
{
	date_day day, of_moment;
	int32_t second;
	char again[DATE_TEXT];
	if (date_read(text, &day)) {
		date_write(again, day);
		MUST(slice_equal(text, slice_of(again)));
		int year, month, dom;
		date_split(day, &year, &month, &dom);
		MUST(date_from(year, month, dom) == day && day >= date_first() && day <= date_last());
		MUST(dom >= 1 && dom <= date_month_days(year, month));
		MUST(date_weekday(day) == (int)(((day + 3) % 7 + 7) % 7) + 1);
	}
	if (date_time_read(text, &of_moment, &second)) {
		MUST(second >= 0 && second < 86400 && text.n >= 16);
		date_write(again, of_moment);
		MUST(memcmp(again, text.p, 10) == 0);
		MUST(date_read((struct slice){text.p, 10}, &day) && day == of_moment);
		MUST(date_time_read(text, NULL, NULL));
	}
}

static void amounts_hold(struct slice text)
{
	amount value;
	amount_sum sum;
	char again[AMOUNT_TEXT];
	if (amount_read(text, &value)) {
		size_t n = amount_write(again, value);
		MUST(n == strlen(again));
		MUST(slice_equal(text, slice_of(again)) || slice_equal(text, SLICE("-0")));
		MUST(amount_narrow(value, &value));
		MUST(amount_sum_read(slice_of(again), &sum) && sum == value);
	}
	if (amount_sum_read(text, &sum)) {
		amount_write(again, sum);
		MUST(slice_equal(text, slice_of(again)) || slice_equal(text, SLICE("-0")));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice text = fuzz_slice(bytes, n);
	coordinates_hold(text);
	dates_hold(text);
	amounts_hold(text);
	struct slice source;
	int32_t partition;
	if (coordinates_partition_read(text, &source, &partition))
		MUST(source.p == text.p && source.n > 0 && source.n < text.n && partition >= 0);
	free((char *)text.p);
	return 0;
}

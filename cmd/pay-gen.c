/* pay-gen writes a made-up day of payments: every seed its own day, the same one whenever it is asked for. */
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "confine.h"
#include "date.h"
#include "fail.h"
#include "file.h"
#include "options.h"
#include "output.h"
#include "pay-gen/payment.h"
#include "pay-gen/random.h"
#include "stats.h"
#include "target.h"

enum { AGAIN_KEPT = 4096, PROGRESS_EVERY = 1 << 16, MERCHANTS_MAX = 10000000, SHARE_ONE = 1000000000 };
static const int64_t payments_max = 1000000000000;

/* A part of the whole in units of 1 / SHARE_ONE, so that the counts it gives are exact. */
typedef uint64_t share;

/* What was asked for. */
struct order {
	uint64_t seed, payments;
	date_day date;
	uint32_t merchants, partitions;
	share share[KINDS], rules_share;
	const char *merchants_file, *rules_file;
};

/* The day being written. */
struct work {
	struct day day;
	uint64_t left[KINDS], left_sum; /* how many lines of each kind are still to come */
	struct random kinds, again;
	uint64_t ordinary;             /* lines of that kind so far */
	uint64_t again_of[AGAIN_KEPT]; /* a fair sample of their numbers, from which duplicates come */
	uint64_t *keys;                /* a bit for each key of a rule that the day has; NULL without a rules file */
};

enum {
	OPT_PAYMENTS = 1,
	OPT_SEED,
	OPT_DATE,
	OPT_MERCHANTS,
	OPT_PARTITIONS,
	OPT_TEST,
	OPT_NETWORK_CANCELS,
	OPT_UNCONFIRMED,
	OPT_NON_SETTLEMENT,
	OPT_DUPLICATES,
	OPT_MALFORMED,
	OPT_MERCHANTS_FILE,
	OPT_RULES,
	OPT_RULES_SHARE
};

static const struct option_entry entries[] = {
    {OPT_PAYMENTS, 'n', "payments", "N", "how many payments, those of the shares below included (1000)"},
    {OPT_SEED, 0, "seed", "N", "which of the possible days (1)"},
    {OPT_DATE, 0, "date", "DATE", "the day of the payments (2025-05-25)"},
    {OPT_MERCHANTS, 0, "merchants", "N", "how many merchants, few of them large (1000)"},
    {OPT_PARTITIONS, 0, "partitions", "N", "partitions, each ended by a FINISH of each channel (1)"},
    {OPT_TEST, 0, "test", "SHARE", "share of test payments, 0 to 1 (0)"},
    {OPT_NETWORK_CANCELS, 0, "network-cancels", "SHARE", "share of network cancels (0)"},
    {OPT_UNCONFIRMED, 0, "unconfirmed", "SHARE", "share of payments without a confirmDate (0)"},
    {OPT_NON_SETTLEMENT, 0, "non-settlement", "SHARE", "share of payments of non-settlement merchants (0)"},
    {OPT_DUPLICATES, 0, "duplicates", "SHARE", "share of lines that repeat an earlier payment (0)"},
    {OPT_MALFORMED, 0, "malformed", "SHARE", "share of lines that are no payments (0)"},
    {OPT_MERCHANTS_FILE | OPTION_WRITES, 0, "merchants-file", "FILE",
     "write the non-settlement merchants, CSV for pay-filter --merchants"},
    {OPT_RULES | OPTION_WRITES, 0, "rules", "FILE", "write payout rules of the day, CSV for pay-rule --rules"},
    {OPT_RULES_SHARE, 0, "rules-share", "SHARE", "share of the day's keys that have a rule (0.9)"},
    {0}};

static const struct program program = {
    .name = "pay-gen",
    .about = "write a made-up day of payment messages, the same one for the same seed",
    .operands = "",
    .options = entries,
    .examples = "  pay-gen -n 1000000 --seed 1 --date 2025-05-25 --merchants 9000 > day.ndjson\n"
		"  pay-gen -n 1000 --test 0.01 --malformed 0.001 --rules rules.csv > day.ndjson\n",
};

/* Reads 0 to 1 with up to nine decimals. */
static share read_share(const struct options *options, const char *name)
{
	const char *p = options->value;
	uint64_t value = 0, unit = SHARE_ONE;
	bool digits = false;
	for (; *p >= '0' && *p <= '9' && value <= SHARE_ONE; p++, digits = true)
		value = value * 10 + (uint64_t)(*p - '0') * SHARE_ONE;
	if (*p == '.')
		for (p++; *p >= '0' && *p <= '9' && unit > 1; p++, digits = true)
			value += (unit /= 10) * (uint64_t)(*p - '0');
	if (!digits || *p || value > SHARE_ONE)
		options_misuse("--%s: \"%s\" is no share (0 to 1, as 0.05)", name, options->value);
	return value;
}

static struct order read_order(int argc, char **argv, struct options *options)
{
	struct order order = {.seed = 1, .payments = 1000, .merchants = 1000, .partitions = 1};
	order.rules_share = SHARE_ONE / 10 * 9;
	order.date = date_from(2025, 5, 25);

	options_start(options, &program, argc, argv);
	for (int id; (id = options_next(options));) {
		switch (id) {
		case OPT_PAYMENTS: order.payments = (uint64_t)options_number(options, 0, payments_max); break;
		case OPT_SEED: order.seed = (uint64_t)options_number(options, 0, INT64_MAX); break;
		case OPT_DATE:
			if (!date_read(slice_of(options->value), &order.date) || order.date > date_last() - 31)
				options_misuse("--date: \"%s\" is no day before 9999-12 (YYYY-MM-DD)", options->value);
			break;
		case OPT_MERCHANTS: order.merchants = (uint32_t)options_number(options, 1, MERCHANTS_MAX); break;
		case OPT_PARTITIONS: order.partitions = (uint32_t)options_number(options, 1, INT_MAX); break;
		case OPT_TEST: order.share[KIND_TEST] = read_share(options, "test"); break;
		case OPT_NETWORK_CANCELS:
			order.share[KIND_NETWORK_CANCEL] = read_share(options, "network-cancels");
			break;
		case OPT_UNCONFIRMED: order.share[KIND_UNCONFIRMED] = read_share(options, "unconfirmed"); break;
		case OPT_NON_SETTLEMENT:
			order.share[KIND_NON_SETTLEMENT] = read_share(options, "non-settlement");
			break;
		case OPT_DUPLICATES: order.share[KIND_DUPLICATE] = read_share(options, "duplicates"); break;
		case OPT_MALFORMED: order.share[KIND_MALFORMED] = read_share(options, "malformed"); break;
		case OPT_MERCHANTS_FILE: order.merchants_file = options->value; break;
		case OPT_RULES: order.rules_file = options->value; break;
		case OPT_RULES_SHARE: order.rules_share = read_share(options, "rules-share"); break;
		}
	}
	if (options->operands_n)
		options_misuse("\"%s\": takes no operands", options->operands[0]);
	return order;
}

/* The nearest whole number of n's share. */
static uint64_t count_of(share part, uint64_t n)
{
	return (uint64_t)(((random_wide)n * part + SHARE_ONE / 2) / SHARE_ONE);
}

/* Turns the shares into numbers of lines. */
static void plan(struct work *work, const struct order *order)
{
	work->left[KIND_ORDINARY] = work->left_sum = order->payments;
	for (int kind = KIND_ORDINARY + 1; kind < KINDS; kind++) {
		work->left[kind] = count_of(order->share[kind], order->payments);
		if (work->left[kind] > work->left[KIND_ORDINARY])
			options_misuse("the shares come to more than all %llu payments",
				       (unsigned long long)order->payments);
		work->left[KIND_ORDINARY] -= work->left[kind];
	}
	if (work->left[KIND_DUPLICATE] && !work->left[KIND_ORDINARY])
		options_misuse("--duplicates: no ordinary payment is left that could be repeated; lower the shares");
}

/* Draws the next line's kind so that the numbers come out exactly: each line that is still to come is as likely as
 * any other (algorithm S of Fan, Muller and Rezucha, JASA 57, 1962, for several kinds at once). */
static enum kind draw_kind(struct work *work)
{
	enum kind kind = KIND_ORDINARY;
	if (work->left[KIND_ORDINARY] < work->left_sum) {
		uint64_t at = random_below(&work->kinds, work->left_sum);
		for (; at >= work->left[kind]; kind++)
			at -= work->left[kind];
		if (kind == KIND_DUPLICATE && work->ordinary == 0)
			kind = KIND_ORDINARY; /* nothing to repeat yet */
	}
	work->left[kind]--;
	work->left_sum--;
	return kind;
}

/* Keeps the number of an ordinary payment, in a sample in which each so far is as likely as any other. */
static void keep(struct work *work, uint64_t number)
{
	if (work->left[KIND_DUPLICATE]) {
		uint64_t at =
		    work->ordinary < AGAIN_KEPT ? work->ordinary : random_below(&work->again, work->ordinary + 1);
		if (at < AGAIN_KEPT)
			work->again_of[at] = number;
	}
	work->ordinary++;
}

/* Writes one line. */
static size_t write_line(char *to, struct work *work, uint64_t number)
{
	struct payment_key key;
	enum kind kind = draw_kind(work);
	if (kind == KIND_DUPLICATE) {
		uint64_t kept = work->ordinary < AGAIN_KEPT ? work->ordinary : AGAIN_KEPT;
		number = work->again_of[random_below(&work->again, kept)];
		kind = KIND_ORDINARY;
	} else if (kind == KIND_ORDINARY) {
		keep(work, number);
	}
	size_t n = payment_write(to, &work->day, number, kind, work->left[KIND_MALFORMED], &key);
	if (work->keys && key.merchant) {
		uint64_t bit = ((uint64_t)(key.merchant - 1) * ACTIONS + key.action) * METHODS + key.method;
		work->keys[bit / 64] |= (uint64_t)1 << (bit % 64);
	}
	return n;
}

static void write_finish(struct output *out, uint32_t partitions)
{
	for (uint32_t i = 0; i < partitions; i++) {
		output_line(out, SLICE("{\"channel\":\"ONLINE\",\"action\":\"FINISH\",\"data\":null}"));
		output_line(out, SLICE("{\"channel\":\"OFFLINE\",\"action\":\"FINISH\",\"data\":null}"));
	}
}

static const char merchants_header[] = "merchantNumber",
		  rules_header[] = "merchantNumber,paymentDate,paymentActionType,paymentMethodType,ruleId,"
				   "payoutDate,confirmDate";

static struct target merchants_target(const struct order *order)
{
	return (struct target){.option = "--merchants-file",
			       .path = order->merchants_file,
			       .kind = TARGET_TABLE,
			       .header = merchants_header};
}

static struct target rules_target(const struct order *order)
{
	return (struct target){
	    .option = "--rules", .path = order->rules_file, .kind = TARGET_TABLE, .header = rules_header};
}

/* Ends the program unless the table can be written. */
static void check_target(struct target target)
{
	file_look_at(&target);
	file_creatable(target.path);
}

static void write_merchants(const struct day *day, struct target target)
{
	struct file_new file;
	file_create(&file, &target);
	output_line(&file.output, slice_of(merchants_header));
	for (uint32_t i = 1; i <= day->non_settlement; i++) {
		char *p = output_room(&file.output, 32);
		output_advance(&file.output, (size_t)snprintf(p, 32, "merchant-%u\n", day->merchants + i));
	}
	file_finish(&file);
}

/* Writes rules for a share of the keys that the day has: what the merchant's contract says. */
static void write_rules(const struct work *work, const struct order *order)
{
	const struct day *day = &work->day;
	uint64_t bits = (uint64_t)day->merchants * ACTIONS * METHODS, keys = 0;
	for (uint64_t i = 0; i < bits / 64 + 1; i++)
		keys += (uint64_t)__builtin_popcountll(work->keys[i]);
	uint64_t wanted = count_of(order->rules_share, keys), rule = 0;
	struct random random = random_of(day->seed, RANDOM_RULE, 0);

	struct file_new file;
	struct target target = rules_target(order);
	file_create(&file, &target);
	output_line(&file.output, slice_of(rules_header));
	for (uint64_t bit = 0; bit < bits && wanted; bit++) {
		if (!(work->keys[bit / 64] >> (bit % 64) & 1))
			continue;
		if (random_below(&random, keys--) >= wanted)
			continue;
		wanted--;
		uint32_t merchant = (uint32_t)(bit / (ACTIONS * METHODS)) + 1;
		unsigned payout = day_payout(day, merchant), confirm = day_confirm(day, merchant, payout);
		char *p = output_room(&file.output, 192);
		int n = snprintf(p, 192, "merchant-%u,%s,%s,%s,R-%llu,%s,%s\n", merchant, day->date,
				 actions_documented[bit / METHODS % ACTIONS].name.p, payment_methods[bit % METHODS],
				 (unsigned long long)++rule, day->business[payout], day->business[confirm]);
		output_advance(&file.output, (size_t)n);
	}
	file_finish(&file);
}

int main(int argc, char **argv)
{
	static struct work work;
	struct options options;
	struct order order = read_order(argc, argv, &options);
	day_start(&work.day, order.seed, order.payments, order.merchants, order.date);
	plan(&work, &order);
	/* The rules come last: that they have no place is said before a day is written. */
	if (order.rules_file)
		check_target(rules_target(&order));
	if (order.merchants_file)
		check_target(merchants_target(&order));
	if (options.settings.check)
		return EX_OK;

	work.kinds = random_of(order.seed, RANDOM_KIND, 0);
	work.again = random_of(order.seed, RANDOM_AGAIN, 0);
	if (order.rules_file) {
		size_t size = ((size_t)order.merchants * ACTIONS * METHODS / 64 + 1) * sizeof *work.keys;
		work.keys = must_alloc(size);
		memset(work.keys, 0, size);
	}
	if (order.merchants_file)
		write_merchants(&work.day, merchants_target(&order));

	struct stats stats = {0};
	struct output out;
	uint64_t bytes = 0;
	stats_start(&stats);
	output_open(&out, STDOUT_FILENO, "standard output");
	if (!order.rules_file)
		confine();
	for (uint64_t i = 0; i < order.payments; i++) {
		size_t n = write_line(output_room(&out, PAYMENT_ROOM), &work, i);
		output_advance(&out, n);
		bytes += n;
		if (options.settings.progress && i % PROGRESS_EVERY == PROGRESS_EVERY - 1) {
			stats.in = stats.out = i + 1;
			stats_progress(&stats, program.name, bytes, bytes / (i + 1) * order.payments, false);
		}
	}
	write_finish(&out, order.partitions);
	if (work.keys)
		write_rules(&work, &order);
	output_close(&out, false);

	stats.in = stats.out = order.payments + 2 * (uint64_t)order.partitions;
	if (options.settings.progress)
		stats_progress(&stats, program.name, bytes, bytes, true);
	if (options.settings.stats)
		stats_print(&stats, program.name, NULL);
	return EX_OK;
}

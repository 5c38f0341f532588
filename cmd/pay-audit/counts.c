#include "counts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fail.h"
#include "file.h"
#include "input.h"
#include "record.h"
#include "shown.h"

static const struct slice statistics_begin = {"{\"program\":", 11};

/* The numbers of the members of statistics. */
struct stats_names {
	struct names names;
	int program, in, out, dropped, duplicates, dead, amount, tagged;
};

/* What is being read, for messages. */
struct place {
	const char *path;
	unsigned long long line;
};

static _Noreturn void unreadable(const struct place *place, const char *what)
{
	fail(EX_DATAERR, "%s:%llu: %s: not statistics as --stats writes them; give the file as the stages left it",
	     place->path, place->line, what);
}

static void names_of_statistics(struct stats_names *to)
{
	names_init(&to->names);
	to->program = names_need(&to->names, SLICE("program"));
	to->in = names_need(&to->names, SLICE("in"));
	to->out = names_need(&to->names, SLICE("out"));
	to->dropped = names_need(&to->names, SLICE("dropped"));
	to->duplicates = names_need(&to->names, SLICE("duplicates"));
	to->dead = names_need(&to->names, SLICE("dead"));
	to->amount = names_need(&to->names, SLICE("amount"));
	to->tagged = names_need(&to->names, SLICE("tagged"));
}

/* Where a reason stands, or belongs. */
static size_t place_of(const struct reasons *reasons, struct slice reason, bool *found)
{
	size_t i = 0;
	int order = 1;
	while (i < reasons->n && (order = slice_compare(slice_of(reasons->v[i].reason), reason)) < 0)
		i++;
	*found = i < reasons->n && order == 0;
	return i;
}

void reasons_add(struct reasons *reasons, struct slice reason, amount_sum records, amount_sum money)
{
	bool found;
	size_t at = place_of(reasons, reason, &found);
	if (!found) {
		if (reasons->n == reasons->capacity) {
			reasons->capacity = reasons->capacity ? 2 * reasons->capacity : 16;
			reasons->v = must_realloc(reasons->v, reasons->capacity * sizeof *reasons->v);
		}
		memmove(&reasons->v[at + 1], &reasons->v[at], (reasons->n - at) * sizeof *reasons->v);
		reasons->v[at] = (struct counted){.reason = must_format("%.*s", (int)reason.n, reason.p)};
		reasons->n++;
	}
	reasons->v[at].records += records;
	reasons->v[at].amount += money;
}

amount_sum reasons_of(const struct reasons *reasons, const char *reason)
{
	bool found;
	size_t at = place_of(reasons, slice_of(reason), &found);
	return found ? reasons->v[at].records : 0;
}

amount_sum reasons_sum(const struct reasons *reasons)
{
	amount_sum sum = 0;
	for (size_t i = 0; i < reasons->n; i++)
		sum += reasons->v[i].records;
	return sum;
}

static amount_sum reasons_money(const struct reasons *reasons)
{
	amount_sum sum = 0;
	for (size_t i = 0; i < reasons->n; i++)
		sum += reasons->v[i].amount;
	return sum;
}

static amount_sum read_count(const struct place *place, const struct member *member)
{
	amount count;
	if (!member || member->type != JSON_NUMBER || !amount_read(member->value, &count) || count < 0)
		unreadable(place, "a count is missing");
	return count;
}

/* An amount is a string of digits. */
static amount_sum read_money(const struct place *place, const struct member *member)
{
	amount_sum money;
	if (!member || member->type != JSON_STRING || !amount_sum_read(member_inside(member), &money))
		unreadable(place, "an amount is missing");
	return money;
}

/* Adds the members of an object, each a reason with its number: records, or with money its amount. */
static void read_reasons(const struct place *place, struct reasons *to, const struct member *object, bool money)
{
	struct members members = {0};
	struct scratch decoded = {0};
	if (!object || object->type != JSON_OBJECT)
		unreadable(place, "the reasons are missing");
	members_read(&members, NULL, object->value);
	for (size_t i = 0; i < members.n; i++) {
		const struct member *member = &members.v[i];
		struct member name = {.value = {member->name.p - 1, member->name.n + 2},
				      .type = JSON_STRING,
				      .escaped = member->name_escaped};
		struct slice reason = member_decoded(&name, &decoded);
		if (money)
			reasons_add(to, reason, 0, read_money(place, member));
		else
			reasons_add(to, reason, read_count(place, member), 0);
	}
	members_free(&members);
	free(decoded.p);
}

static void read_amounts(const struct place *place, struct stats_names *names, struct stage_counts *stage,
			 const struct member *member)
{
	struct members members = {0};
	if (!member || (member->type != JSON_OBJECT && member->type != JSON_NULL))
		unreadable(place, "amount is missing");
	stage->amounts = member->type == JSON_OBJECT;
	if (!stage->amounts)
		return;
	members_read(&members, &names->names, member->value);
	stage->amount_in = read_money(place, members_get(&members, names->in));
	stage->amount_out = read_money(place, members_get(&members, names->out));
	read_reasons(place, &stage->dropped, members_get(&members, names->dropped), true);
	members_free(&members);
}

static void read_stage(const struct place *place, struct stats_names *names, struct counts *counts,
		       const struct record *record)
{
	const struct members *top = &record->top;
	const struct member *program = members_get(top, names->program), *tagged = members_get(top, names->tagged);
	if (counts->n == COUNTS_STAGES)
		unreadable(place, "more stages than a pipeline has");
	if (program->type != JSON_STRING)
		unreadable(place, "program is no name");
	struct stage_counts *stage = &counts->stage[counts->n];
	struct slice name = member_inside(program);
	*stage = (struct stage_counts){.program = must_format("%.*s", (int)name.n, name.p),
				       .totals = counts->n > 0 &&
						 strcmp(counts->stage[counts->n - 1].program, "pay-agg") == 0,
				       .in = read_count(place, members_get(top, names->in)),
				       .out = read_count(place, members_get(top, names->out)),
				       .duplicates = read_count(place, members_get(top, names->duplicates)),
				       .dead = read_count(place, members_get(top, names->dead))};
	read_reasons(place, &stage->dropped, members_get(top, names->dropped), false);
	read_amounts(place, names, stage, members_get(top, names->amount));
	if (tagged)
		read_reasons(place, &stage->tagged, tagged, false);
	counts->n++;
}

void counts_read(struct counts *counts, const char *path)
{
	struct stats_names names;
	struct record record;
	struct input input;
	struct place place = {.path = path};
	const char *p, *reason;
	uint64_t length;
	int fd = file_open(path);

	names_of_statistics(&names);
	record_init(&record);
	input_open(&input, fd, path);
	for (enum input_state state; (state = input_next(&input, &p, &length, NULL, NULL)) != INPUT_END;) {
		place.line = input.line;
		if (state == INPUT_TOO_LONG)
			unreadable(&place, "a line over 16 MiB");
		const char *feed = rawmemchr(p, '\n');
		if (slice_begins((struct slice){p, (size_t)(feed - p)}, statistics_begin)) {
			if (state == INPUT_CUT)
				unreadable(&place, "the last line is cut");
			if (!record_read(&record, &names.names, p, &reason))
				unreadable(&place, reason);
			read_stage(&place, &names, counts, &record);
		}
		input_take(&input, feed);
	}
	input_close(&input);
	record_free(&record);
	close(fd);
	if (counts->n == 0)
		fail(EX_DATAERR, "%s: no statistics: run the stages with --stats, and keep their standard error", path);
}

static void add_reasons(struct reasons *to, const struct reasons *more)
{
	for (size_t i = 0; i < more->n; i++)
		reasons_add(to, slice_of(more->v[i].reason), more->v[i].records, more->v[i].amount);
}

static bool same_stages(const struct counts *a, const struct counts *b)
{
	bool same = a->n == b->n;
	for (size_t i = 0; same && i < a->n; i++)
		same = strcmp(a->stage[i].program, b->stage[i].program) == 0;
	return same;
}

void counts_add(struct counts *sum, const struct counts *counts, const char *path)
{
	if (sum->n > 0 && !same_stages(sum, counts))
		fail(EX_DATAERR, "%s: other stages than those of the statistics before it; audit them apart", path);
	for (size_t i = 0; i < counts->n; i++) {
		const struct stage_counts *more = &counts->stage[i];
		struct stage_counts *to = &sum->stage[i];
		if (sum->n == 0)
			*to = (struct stage_counts){
			    .program = more->program, .amounts = more->amounts, .totals = more->totals};
		to->in += more->in;
		to->out += more->out;
		to->duplicates += more->duplicates;
		to->dead += more->dead;
		to->amount_in += more->amount_in;
		to->amount_out += more->amount_out;
		add_reasons(&to->dropped, &more->dropped);
		add_reasons(&to->tagged, &more->tagged);
	}
	sum->n = counts->n;
}

/* A stage as the table names it: the store of messages is told apart from that of payments. */
static const char *title(const struct stage_counts *stage)
{
	return strcmp(stage->program, "pay-store") == 0 && !stage->amounts ? "pay-store --log" : stage->program;
}

/* Whether the money that it counted is that of payments. */
static bool has_money(const struct stage_counts *stage)
{
	return stage->amounts && !stage->totals;
}

static void check_neighbours(const struct stage_counts *before, const struct stage_counts *stage, const char *where,
			     struct findings *findings)
{
	if (stage->totals)
		return;
	findings_same(findings, before->out, stage->in, "%swhat %s wrote, and %s read", where, title(before),
		      title(stage));
	if (has_money(before) && has_money(stage))
		findings_same(findings, before->amount_out, stage->amount_in, "%samounts that %s wrote, and %s read",
			      where, title(before), title(stage));
}

void counts_check(const struct counts *counts, const char *where, struct findings *findings)
{
	for (size_t i = 0; i < counts->n; i++) {
		const struct stage_counts *stage = &counts->stage[i];
		findings_same(findings, stage->in, stage->out + reasons_sum(&stage->dropped),
			      "%s%s: in, and out + dropped", where, title(stage));
		if (has_money(stage))
			findings_same(findings, stage->amount_in, stage->amount_out + reasons_money(&stage->dropped),
				      "%s%s: amount in, and out + dropped", where, title(stage));
		if (i > 0)
			check_neighbours(&counts->stage[i - 1], stage, where, findings);
	}
}

static const char table_row[] = "%-26s %12s %12s %10s %10s %8s %22s %22s\n";

static void print_stage(const struct stage_counts *stage)
{
	char in[AMOUNT_TEXT], out[AMOUNT_TEXT], dropped[AMOUNT_TEXT], duplicates[AMOUNT_TEXT], dead[AMOUNT_TEXT];
	char money_in[AMOUNT_TEXT] = "-", money_out[AMOUNT_TEXT] = "-";
	amount_write(in, stage->in);
	amount_write(out, stage->out);
	amount_write(dropped, reasons_sum(&stage->dropped));
	amount_write(duplicates, stage->duplicates);
	amount_write(dead, stage->dead);
	if (has_money(stage)) {
		amount_write(money_in, stage->amount_in);
		amount_write(money_out, stage->amount_out);
	}
	shown_print(stdout, table_row, title(stage), in, out, dropped, duplicates, dead, money_in, money_out);
	for (size_t i = 0; i < stage->dropped.n; i++) {
		char *name = must_format("  dropped: %s", stage->dropped.v[i].reason);
		amount_write(dropped, stage->dropped.v[i].records);
		if (has_money(stage))
			amount_write(money_out, stage->dropped.v[i].amount);
		shown_print(stdout, table_row, name, "", "", dropped, "", "", "", money_out);
		free(name);
	}
	for (size_t i = 0; i < stage->tagged.n; i++) {
		char *name = must_format("tagged: %s", stage->tagged.v[i].reason);
		amount_write(dropped, stage->tagged.v[i].records);
		shown_print(stdout, "  %-37s %12s\n", name, dropped);
		free(name);
	}
}

void counts_print(const struct counts *counts)
{
	shown_print(stdout, table_row, "stage", "in", "out", "dropped", "duplicates", "dead", "amount in",
		    "amount out");
	for (size_t i = 0; i < counts->n; i++)
		print_stage(&counts->stage[i]);
}

const struct stage_counts *counts_stage(const struct counts *counts, const char *program)
{
	for (size_t i = counts->n; i > 0; i--)
		if (strcmp(counts->stage[i - 1].program, program) == 0)
			return &counts->stage[i - 1];
	return NULL;
}

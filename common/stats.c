#include "stats.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "json.h"
#include "output.h"

double stats_clock(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void stats_start(struct stats *stats)
{
	*stats = (struct stats){.started = stats_clock()};
}

unsigned stats_reason(struct stats *stats, const char *reason)
{
	for (unsigned i = 0; i < stats->dropped_n; i++)
		if (strcmp(stats->dropped[i].reason, reason) == 0)
			return i;
	if (stats->dropped_n == STATS_REASONS) {
		stats->dropped[STATS_REASONS - 1].reason = "other";
		return STATS_REASONS - 1;
	}
	stats->dropped[stats->dropped_n].reason = reason;
	return stats->dropped_n++;
}

static void write_number(struct output *out, amount_sum number)
{
	output_advance(out, amount_write(output_room(out, AMOUNT_TEXT), number));
}

static void write_count(struct output *out, struct slice name, amount_sum number)
{
	output_bytes(out, name);
	write_number(out, number);
}

/* `"REASON":N` for each reason that was met, in records or in money, so that both lists have the same reasons; amounts:
 * the money, as decimal strings. */
static void write_dropped(struct output *out, const struct stats *stats, bool amounts)
{
	const char *comma = "";
	for (unsigned i = 0; i < stats->dropped_n; i++) {
		if (stats->dropped[i].records == 0 && stats->dropped[i].amount == 0)
			continue;
		struct slice reason = slice_of(stats->dropped[i].reason);
		output_bytes(out, slice_of(comma));
		output_advance(out, json_quote(output_room(out, json_quote_room(reason.n)), reason));
		output_bytes(out, amounts ? SLICE(":\"") : SLICE(":"));
		write_number(out, amounts ? stats->dropped[i].amount : (amount_sum)stats->dropped[i].records);
		if (amounts)
			output_bytes(out, SLICE("\""));
		comma = ",";
	}
}

void stats_print(const struct stats *stats, const char *program, const char *more)
{
	struct output out;
	char seconds[64];
	output_open(&out, STDERR_FILENO, "standard error");
	output_bytes(&out, SLICE("{\"program\":\""));
	output_bytes(&out, slice_of(program));
	write_count(&out, SLICE("\",\"in\":"), stats->in);
	write_count(&out, SLICE(",\"out\":"), stats->out);
	output_bytes(&out, SLICE(",\"dropped\":{"));
	write_dropped(&out, stats, false);
	write_count(&out, SLICE("},\"duplicates\":"), stats->duplicates);
	write_count(&out, SLICE(",\"dead\":"), stats->dead);
	output_bytes(&out, SLICE(",\"amount\":"));
	if (stats->amounts) {
		write_count(&out, SLICE("{\"in\":\""), stats->amount_in);
		write_count(&out, SLICE("\",\"out\":\""), stats->amount_out);
		output_bytes(&out, SLICE("\",\"dropped\":{"));
		write_dropped(&out, stats, true);
		output_bytes(&out, SLICE("}}"));
	} else {
		output_bytes(&out, SLICE("null"));
	}
	snprintf(seconds, sizeof seconds, ",\"seconds\":%.3f", stats_clock() - stats->started);
	output_bytes(&out, slice_of(seconds));
	if (more)
		output_bytes(&out, slice_of(more));
	output_bytes(&out, SLICE("}\n"));
	output_flush(&out);
}

void stats_progress(struct stats *stats, const char *program, uint64_t done, uint64_t total, bool last)
{
	double now = stats_clock();
	if (!isatty(STDERR_FILENO) || (!last && now - stats->shown < 0.5))
		return;
	stats->shown = now;
	double seconds = now - stats->started;
	double rate = seconds > 0 ? (double)stats->in / seconds : 0;
	char bar[48] = "";
	if (total > 0 && done <= total) {
		int full = (int)(20 * done / total);
		snprintf(bar, sizeof bar, " [%.*s%.*s]", full, "####################", 20 - full,
			 "....................");
	}
	fprintf(stderr, "\r%s:%s %llu records, %.0f a second, %.1f s%s", program, bar, (unsigned long long)stats->in,
		rate, seconds, last ? "\n" : "");
}

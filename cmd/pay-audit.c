/* pay-audit: holds against each other what the stages of a pipeline counted and what its databases hold, and prints the
 * table, and each identity that does not hold. It only reads. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"
#include "file.h"
#include "input.h"
#include "options.h"
#include "pay-audit/counts.h"
#include "pay-audit/findings.h"
#include "pay-audit/kept.h"
#include "pay-audit/twice.h"
#include "shown.h"
#include "stats.h"

enum { OPT_STATISTICS = 1, OPT_STOPPED };

static const struct option_entry entries[] = {
    {OPT_STATISTICS, 's', "statistics", "FILE",
     "what the stages of a pipeline wrote by --stats, or a folder of such files"},
    {OPT_STOPPED, 0, "stopped", NULL, "the pipelines were told to stop, so they wrote no final totals"},
    {0},
};

static const struct program program = {
    .name = "pay-audit",
    .about = "show that what was settled adds up, from messages to totals",
    .operands = "FOLDER",
    .options = entries,
    .examples = "  pay-audit results\n"
		"  pay-audit --statistics stats results\n",
};

enum { SHARES_MAX = 999 };

struct audit {
	const char *folder;
	unsigned shares; /* 1: the folder holds the databases itself */
	char **folders;  /* those that anything was kept in */
	char **names;    /* of each, as findings name it: "share-1: ", or "" */
	size_t n;
	const char *statistics; /* NULL: none are given */
	bool stopped;
	struct counts counts; /* of all pipelines */
	struct kept kept;
	struct findings findings;
	struct findings details; /* of single folders and totals: said behind those of the sums */
};

/* How many shares a folder was settled in: the first line of its file `shares`, see settle. */
static unsigned shares_of(const char *folder)
{
	char *path = must_format("%s/shares", folder), *end;
	unsigned long shares = 1;
	if (access(path, F_OK) == 0) {
		char text[16] = "";
		int fd = file_open(path);
		if (read(fd, text, sizeof text - 1) < 0)
			fail(EX_IOERR, "%s: cannot read:", path);
		shares = strtoul(text, &end, 10);
		if (*text < '1' || *text > '9' || *end != '\n' || shares > SHARES_MAX)
			fail(EX_DATAERR, "%s: its first line is no number of shares; restore it", path);
		close(fd);
	}
	free(path);
	return (unsigned)shares;
}

static void add_folder(struct audit *audit, char *folder, char *name)
{
	if (access(folder, F_OK) != 0 || !kept_any(folder)) {
		free(folder);
		free(name);
		return;
	}
	audit->folders[audit->n] = folder;
	audit->names[audit->n++] = name;
}

static void find_folders(struct audit *audit)
{
	if (access(audit->folder, R_OK | X_OK) != 0)
		fail(fail_status(errno, EX_NOINPUT), "%s: cannot be read:", audit->folder);
	audit->shares = shares_of(audit->folder);
	audit->folders = must_alloc(audit->shares * sizeof *audit->folders);
	audit->names = must_alloc(audit->shares * sizeof *audit->names);
	if (audit->shares == 1)
		add_folder(audit, must_strdup(audit->folder), must_strdup(""));
	else
		for (unsigned i = 1; i <= audit->shares; i++)
			add_folder(audit, must_format("%s/share-%u", audit->folder, i), must_format("share-%u: ", i));
	if (audit->n == 0)
		fail(EX_NOINPUT, "%s: nothing was settled there: no log.db, settle.db and totals.db with records",
		     audit->folder);
}

static int is_shown(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Adds what a pipeline counted. where: as findings name it; NULL: it is the only one. */
static void read_pipeline(struct audit *audit, const char *path, const char *where)
{
	static struct counts counts;
	counts = (struct counts){0};
	counts_read(&counts, path);
	/* The sums may hide what single pipelines must not. */
	if (where) {
		char *lead = must_format("%s: ", where);
		counts_check(&counts, lead, &audit->findings);
		free(lead);
	}
	counts_add(&audit->counts, &counts, path);
}

static void read_pipelines(struct audit *audit, const char *folder)
{
	struct dirent **files;
	int n = scandir(folder, &files, is_shown, alphasort);
	if (n < 0)
		fail(fail_status(errno, EX_NOINPUT), "%s: cannot be read:", folder);
	if (n == 0)
		fail(EX_NOINPUT, "%s: no file of statistics is there", folder);
	for (int i = 0; i < n; i++) {
		char *path = must_format("%s/%s", folder, files[i]->d_name);
		read_pipeline(audit, path, n > 1 ? files[i]->d_name : NULL);
		free(path);
		free(files[i]);
	}
	free(files);
}

static void read_statistics(struct audit *audit)
{
	struct stat status;
	if (!audit->statistics)
		return;
	if (stat(audit->statistics, &status) == 0 && S_ISDIR(status.st_mode))
		read_pipelines(audit, audit->statistics);
	else
		read_pipeline(audit, audit->statistics, NULL);
	counts_check(&audit->counts, "", &audit->findings);
	counts_print(&audit->counts);
	shown_print(stdout, "\n");
}

static void check_shares(struct audit *audit)
{
	char **logs = must_alloc(audit->n * sizeof *logs);
	char *merged = must_format("%s/totals.ndjson", audit->folder);
	for (size_t i = 0; i < audit->n; i++)
		logs[i] = must_format("%s/log.db", audit->folders[i]);
	kept_compare_merged(&audit->kept, merged, &audit->details);
	uint64_t twice = twice_count(logs, audit->n);
	if (twice > 0)
		findings_add(&audit->details,
			     "%llu messages have their coordinates in two shares, so they count twice: files that "
			     "overlap, or lines that were copied with their coordinates; settle them without --jobs, "
			     "into another folder",
			     (unsigned long long)twice);
	for (size_t i = 0; i < audit->n; i++)
		free(logs[i]);
	free(logs);
	free(merged);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Says to which files dead letters went in runs before, each once; returns whether there are any. */
static bool print_letter_files(const struct audit *audit)
{
	char *path = must_format("%s/dead-letter-files", audit->folder), **files = NULL;
	size_t n = 0;
	if (access(path, F_OK) == 0) {
		char *line = NULL;
		size_t room = 0;
		FILE *list = fopen(path, "re");
		if (!list)
			fail(fail_status(errno, EX_IOERR), "%s: cannot open:", path);
		for (ssize_t length; (length = getline(&line, &room, list)) > 0; n++) {
			files = must_realloc(files, (n + 1) * sizeof *files);
			files[n] = must_format("%.*s", (int)(length - (line[length - 1] == '\n')), line);
		}
		if (ferror(list))
			fail(EX_IOERR, "%s: cannot read:", path);
		(void)fclose(list);
		free(line);
	}
	free(path);
	if (n == 0)
		return false;
	qsort(files, n, sizeof *files, by_text);
	shown_print(stdout, "\nmessages are not balanced with records: dead letters went to");
	for (size_t i = 0; i < n; i++)
		if (i == 0 || strcmp(files[i], files[i - 1]) != 0)
			shown_print(stdout, " %s", files[i]);
	shown_print(stdout, "\n");
	return true;
}

/* What pay-produce read are the totals that there are, where it was given all of them. */
static void check_produced(struct audit *audit)
{
	const struct stage_counts *produce = counts_stage(&audit->counts, "pay-produce");
	if (produce && produce->totals && audit->shares == 1 && !audit->stopped)
		findings_same(&audit->findings, audit->kept.keys, produce->in,
			      "totals in totals.db, and what pay-produce read");
}

/* "pay-tobase 14, pay-consume 6": the most first. */
static char *list_reasons(const struct reasons *reasons)
{
	char *list = must_strdup("");
	bool *told = must_alloc(reasons->n * sizeof *told);
	memset(told, 0, reasons->n * sizeof *told);
	for (size_t left = reasons->n; left > 0; left--) {
		char count[AMOUNT_TEXT];
		size_t most = reasons->n;
		for (size_t i = 0; i < reasons->n; i++)
			if (!told[i] && (most == reasons->n || reasons->v[i].records > reasons->v[most].records))
				most = i;
		told[most] = true;
		amount_write(count, reasons->v[most].records);
		char *longer = must_format("%s%s%s %s", list, *list ? ", " : "", reasons->v[most].reason, count);
		free(list);
		list = longer;
	}
	free(told);
	return list;
}

/* Bad records wait for somebody to correct them. */
static void warn_of_letters(const struct audit *audit)
{
	char count[AMOUNT_TEXT];
	amount_sum open = reasons_sum(&audit->kept.open);
	if (open == 0)
		return;
	amount_write(count, open);
	char *list = list_reasons(&audit->kept.open);
	warn("%s bad record%s in settle.db (%s)", count, open == 1 ? " waits" : "s wait", list);
	free(list);
}

/* A day with payments of which none was settled is seldom what was meant. */
static void warn_of_nothing(const struct audit *audit)
{
	const struct stage_counts *tobase = counts_stage(&audit->counts, "pay-tobase");
	const struct stage_counts *agg = counts_stage(&audit->counts, "pay-agg");
	const struct stage_counts *filter = counts_stage(&audit->counts, "pay-filter");
	if (!tobase || !agg)
		return;
	amount_sum payments = tobase->in - reasons_of(&tobase->dropped, "FINISH");
	if (payments == 0 || reasons_of(&agg->dropped, "aggregated") > 0)
		return;
	char count[AMOUNT_TEXT];
	amount_write(count, payments);
	char *tagged = filter && filter->tagged.n > 0 ? list_reasons(&filter->tagged) : NULL;
	warn("nothing settled of %s payment%s that came: no base record%s%s%s", count, payments == 1 ? "" : "s",
	     tagged ? " (" : "", tagged ? tagged : "", tagged ? ")" : "");
	free(tagged);
}

static void read_options(struct audit *audit, struct options *options, int argc, char **argv)
{
	options_start(options, &program, argc, argv);
	for (int id; (id = options_next(options));)
		switch (id) {
		case OPT_STATISTICS: audit->statistics = options->value; break;
		case OPT_STOPPED: audit->stopped = true; break;
		}
	if (options->operands_n != 1)
		options_misuse(options->operands_n == 0 ? "which FOLDER? that of the results"
							: "one FOLDER, that of the results");
	audit->folder = options->operands[0];
}

/* What was printed must reach its reader. */
static void finish_printing(void)
{
	if (fflush(stdout) != 0 || ferror(stdout) || fclose(stdout) != 0)
		fail(EX_IOERR, "standard output: cannot write:");
}

int main(int argc, char **argv)
{
	static struct audit audit;
	struct options options;
	struct stats stats;
	read_options(&audit, &options, argc, argv);
	stats_start(&stats);
	find_folders(&audit);
	if (options.settings.check) {
		for (size_t i = 0; i < audit.n; i++)
			kept_check(audit.folders[i]);
		return EX_OK;
	}
	read_statistics(&audit);
	kept_start(&audit.kept);
	for (size_t i = 0; i < audit.n; i++)
		kept_read(&audit.kept, audit.folders[i], audit.names[i], audit.shares > 1, &audit.details);
	if (audit.shares > 1)
		check_shares(&audit);
	check_produced(&audit);
	kept_print(&audit.kept, audit.shares);
	bool letters_elsewhere = print_letter_files(&audit);
	kept_balance(&audit.kept, !letters_elsewhere, &audit.findings);
	findings_move(&audit.findings, &audit.details);
	findings_print(&audit.findings);
	finish_printing();
	warn_of_nothing(&audit);
	warn_of_letters(&audit);
	stats.in = stats.out = (uint64_t)audit.kept.base;
	if (options.settings.stats)
		stats_print(&stats, program.name, NULL);
	if (audit.findings.n > 0)
		fail(EX_SOFTWARE, "%s", audit.findings.text[0]);
	return EX_OK;
}

/* A policy is refused, or each of its rules, or one before it, matches a record made for it. */
#include "pay-filter/policy.h"

#include <sys/mman.h>
#include <unistd.h>

#include "csv.h"
#include "file.h"
#include "kept.h"

static struct slice table; /* the policy's file */

/* The policy comes from memory, and each list that it names is the same one: the linker puts these two there. */
void __wrap_csv_file(const char *file, const struct csv_column *columns, csv_row *row, void *self);
int __wrap_file_open(const char *path);

struct rows {
	csv_row *row;
	void *self;
};

static void good_row(void *self, uint64_t line, const struct slice *fields, const char *fault, struct slice raw)
{
	const struct rows *rows = self;
	if (fault)
		__wrap_fail(EX_CONFIG, "%s", fault);
	rows->row(rows->self, line, fields, NULL, raw);
}

void __wrap_csv_file(const char *file, const struct csv_column *columns, csv_row *row, void *self)
{
	struct rows rows = {row, self};
	struct csv *csv = csv_start(file, columns, EX_CONFIG, good_row, &rows);
	for (struct slice rest = table; rest.n > 0;) {
		const char *end = memchr(rest.p, '\n', rest.n);
		size_t n = end ? (size_t)(end + 1 - rest.p) : rest.n;
		csv_line(csv, rest.p, n);
		rest = (struct slice){rest.p + n, rest.n - n};
	}
	csv_end(csv);
}

int __wrap_file_open(const char *path)
{
	static const char list[] = "M1\nM2\n";
	MUST(path[0]);
	int fd = memfd_create("list", MFD_CLOEXEC);
	MUST(fd >= 0 && write(fd, list, sizeof list - 1) == sizeof list - 1 && lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}

/* A record whose one member is what a rule asks for; the caller frees. */
static char *line_for(struct slice name, const struct policy_rule *rule)
{
	struct slice value = rule->test == POLICY_IN ? SLICE("M2") : rule->value;
	char *line = malloc(json_quote_room(name.n) + json_quote_room(value.n) + 8 + JSON_PADDING), *to = line;
	*to++ = '{';
	if (rule->test != POLICY_MISSING) {
		to += json_quote(to, name);
		*to++ = ':';
		to += json_quote(to, value);
	}
	*to++ = '}';
	*to++ = '\n';
	memset(to, 0, JSON_PADDING);
	return line;
}

static void load(void *self)
{
	static struct names names;
	names_init(&names);
	policy_file(self, &names, "folder/policy.csv");
}

static void check(const struct policy *policy)
{
	struct record record;
	struct scratch scratch = {0};
	char *shown;
	size_t shown_n, lines = 0;
	FILE *to = open_memstream(&shown, &shown_n);
	policy_print(policy, to);
	fclose(to);
	for (size_t i = 0; i < shown_n; i++)
		lines += shown[i] == '\n';
	MUST(lines >= policy->n);
	free(shown);
	record_init(&record);
	for (size_t i = 0; i < policy->n; i++) {
		const struct policy_rule *rule = &policy->v[i], *met;
		const char *reason;
		MUST(policy_reason(rule->reason) && rule->test <= POLICY_MISSING && rule->name > 0);
		MUST((rule->test == POLICY_IN) == (rule->list != NULL));
		char *line = line_for(policy->names->name[rule->name], rule);
		MUST(record_read(&record, policy->names, line, &reason));
		met = policy_judge(policy, &record.top, &scratch);
		MUST(met && met <= rule);
		free(line);
	}
	record_free(&record);
	free(scratch.p);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct policy policy = {0};
	table = fuzz_slice(bytes, n);
	kept_start();
	if (kept_try(load, &policy))
		check(&policy);
	kept_free();
	free((char *)table.p);
	return 0;
}

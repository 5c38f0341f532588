/* pay-run: runs a pipeline of stages in one process. It is the same code of the same stages: what one writes, the next
 * is handed without a pipe between them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "options.h"
#include "part.h"
#include "pay-run/pipeline.h"
#include "stream.h"

enum { OPT_FILE = 1, OPT_PRINT };

static const struct option_entry entries[] = {
    {OPT_FILE, 'f', "file", "FILE", "read the pipeline from FILE, with # comments"},
    {OPT_PRINT, 0, "print", NULL, "write the pipeline as the shell takes it, and end"},
    {0},
};

extern const struct part part_agg, part_filter, part_produce, part_rule, part_store, part_tobase;
static const struct part *const parts[] = {&part_tobase, &part_filter, &part_rule,
					   &part_store,  &part_agg,    &part_produce};
enum { PARTS = sizeof parts / sizeof *parts };

static const char *libraries(void)
{
	return must_format("%s, %s", part_filter.program->libraries(), part_rule.program->libraries());
}

static const struct program program = {
    .name = "pay-run",
    .about = "run a pipeline of stages in one process",
    .operands = "'STAGE [OPTION]... | STAGE...'",
    .options = entries,
    .examples = "  pay-consume day.ndjson | pay-run 'pay-tobase | pay-filter --tag | pay-rule | pay-agg'\n"
		"  pay-consume -b localhost -t payment | pay-run -f settle.run\n"
		"  pay-run --print -f settle.run\n",
    .libraries = libraries,
};

/* A stage of the pipeline. */
struct stage_run {
	const struct part *part;
	struct options options;
	struct stream *stream;
};

static const struct part *find(const char *name)
{
	for (int i = 0; i < PARTS; i++)
		if (strcmp(parts[i]->program->name, name) == 0)
			return parts[i];
	if (strcmp(name, "pay-consume") == 0 || strcmp(name, "pay-gen") == 0)
		options_misuse("%s is a program of its own before pay-run: %s ... | pay-run '...'", name, name);
	options_misuse("\"%s\" is no stage: they are pay-tobase, pay-filter, pay-rule, pay-store, pay-agg and "
		       "pay-produce",
		       name);
}

/* --print: a line a stage, each with what was asked of all. */
static void print(const struct pipeline *pipeline, const struct settings *asked)
{
	for (int i = 0; i < pipeline->n; i++) {
		const struct command *command = &pipeline->command[i];
		printf("%s%s%s%s%s", i > 0 ? "  " : "", find(command->word[0])->program->name,
		       asked->quiet ? " --quiet" : "", asked->stats ? " --stats" : "",
		       asked->progress && i == 0 ? " --progress" : "");
		for (int word = 1; word < command->n; word++) {
			putchar(' ');
			pipeline_word(stdout, command->word[word]);
		}
		puts(i < pipeline->n - 1 ? " |" : "");
	}
	if (fflush(stdout) != 0)
		fail(EX_IOERR, "standard output: cannot write:");
}

/* Opens all stages, the first one first; with --check each is checked, and has no stream. Returns the status. */
static int open_stages(struct stage_run *stages, const struct pipeline *pipeline, const struct settings *asked)
{
	int worst = 0;
	for (int i = 0; i < pipeline->n; i++) {
		struct stage_run *stage = &stages[i];
		struct settings *settings = &stage->options.settings;
		int status = 0;
		options_start(&stage->options, stage->part->program, pipeline->command[i].n, pipeline->command[i].word);
		settings->part = true;
		settings->upstream = i > 0 ? stages[i - 1].stream : NULL;
		settings->downstream = i < pipeline->n - 1;
		settings->check = asked->check;
		settings->quiet = asked->quiet;
		if (asked->quiet)
			fail_quiet();
		settings->stats = asked->stats;
		settings->progress = asked->progress && i == 0;
		stage->stream = stage->part->open(&stage->options, &status);
		if (i > 0 && stage->options.operands_n > 0 && strcmp(stage->options.operands[0], "-") != 0)
			options_misuse("no file: only the first stage reads one");
		worst = status > worst ? status : worst;
	}
	return worst;
}

static int run(struct stage_run *stages, int n)
{
	int status = stream_run(stages[0].stream);
	for (int i = 0; i < n; i++) {
		fail_speak((struct fail_voice){stages[i].part->program->name, stages[i].options.settings.quiet});
		if (stages[i].part->close)
			stages[i].part->close(stages[i].stream);
	}
	return status;
}

int main(int argc, char **argv)
{
	struct options options;
	struct pipeline pipeline = {0};
	const char *file = NULL;
	bool printing = false;
	options_start(&options, &program, argc, argv);
	for (int id; (id = options_next(&options));)
		switch (id) {
		case OPT_FILE: file = options.value; break;
		case OPT_PRINT: printing = true; break;
		}
	if (options.operands_n + (file != NULL) != 1)
		options_misuse(options.operands_n + (file != NULL) == 0
				   ? "which pipeline? give it as one argument in quotes, or by -f FILE"
				   : "one pipeline: as one argument in quotes, or by -f FILE");
	if (file)
		pipeline_file(&pipeline, file);
	else
		pipeline_read(&pipeline, options.operands[0]);

	struct stage_run *stages = must_alloc((size_t)pipeline.n * sizeof *stages);
	for (int i = 0; i < pipeline.n; i++)
		stages[i] = (struct stage_run){.part = find(pipeline.command[i].word[0])};
	if (printing) {
		print(&pipeline, &options.settings);
		return 0;
	}
	int status = open_stages(stages, &pipeline, &options.settings);
	return options.settings.check ? status : run(stages, pipeline.n);
}

/* csv: what rows come out of a table, and which tables are refused. */
#include "csv.h"

#include <csv.h> /* libcsv */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

static const struct csv_column columns[] = {{"name", false}, {"day", false}, {"note", true}, {NULL, false}};

/* Writes each row as `line:name|day|note;` or `line:!fault<raw>;`. */
static void collect(void *self, uint64_t line, const struct slice *fields, const char *fault, struct slice raw)
{
	FILE *to = self;
	fprintf(to, "%d:", (int)line);
	if (fault) {
		fprintf(to, "!%s<%.*s>;", fault, (int)raw.n, raw.p);
		return;
	}
	for (int i = 0; i < 3; i++)
		fprintf(to, "%s%.*s", i ? "|" : "", fields[i].p ? (int)fields[i].n : 1,
			fields[i].p ? fields[i].p : "-");
	fputc(';', to);
}

/* Feeds the table line by line, each from memory of its own, so that a slice kept too long is seen. */
static void feed(const char *text, FILE *to)
{
	struct csv *csv = csv_start("t.csv", columns, EX_DATAERR, collect, to);
	while (*text) {
		const char *end = strchr(text, '\n');
		size_t n = end ? (size_t)(end + 1 - text) : strlen(text);
		char *line = malloc(n);
		memcpy(line, text, n);
		csv_line(csv, line, n);
		memset(line, '#', n);
		free(line);
		text += n;
	}
	csv_end(csv);
}

static void expect_rows(const char *text, const char *rows)
{
	char *got;
	size_t n;
	FILE *to = open_memstream(&got, &n);
	feed(text, to);
	fclose(to);
	assert_string_equal(got, rows);
	free(got);
}

/* The status with which the table ends the program, its message in `message`. */
static int refused(const char *text, char message[512])
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		dup2(ends[1], 2);
		feed(text, fopen("/dev/null", "w"));
		_exit(0);
	}
	close(ends[1]);
	ssize_t n = read(ends[0], message, 511);
	message[n > 0 ? n : 0] = '\0';
	close(ends[0]);
	int status;
	waitpid(child, &status, 0);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void expect_refused(const char *text, const char *said)
{
	char message[512];
	assert_int_equal(refused(text, message), EX_DATAERR);
	if (!strstr(message, said))
		fail_msg("\"%s\" does not say \"%s\"", message, said);
}

static void rows_come_in_the_order_of_the_columns(void **state)
{
	(void)state;
	expect_rows("day,name\n1,a\n2,b\n", "2:a|1|-;3:b|2|-;");
	expect_rows("note,day,name\nn,1,a\n", "2:a|1|n;");
}

static void the_last_row_needs_no_line_feed(void **state)
{
	(void)state;
	expect_rows("name,day\na,1", "2:a|1|-;");
	expect_rows("name,day\n\"a\",\"1\"", "2:a|1|-;");
}

static void crlf_ends_a_row_and_a_bare_cr_does_not(void **state)
{
	(void)state;
	expect_rows("name,day\r\na,1\r\n\"b\",2\r\n", "2:a|1|-;3:b|2|-;");
	expect_rows("name,day\na\rb,1\n", "2:a\rb|1|-;");
}

static void quoted_fields_hold_commas_quotes_and_line_feeds(void **state)
{
	(void)state;
	expect_rows("name,day\n\"a,\"\"b\"\"\nc\",1\nd,2\n", "2:a,\"b\"\nc|1|-;4:d|2|-;");
}

static void a_byte_order_mark_is_skipped(void **state)
{
	(void)state;
	expect_rows("\xEF\xBB\xBFname,day\na,1\n", "2:a|1|-;");
}

static void empty_fields_are_there_and_empty(void **state)
{
	(void)state;
	expect_rows("name,day\n,\n\"\",1\n", "2:||-;3:|1|-;");
}

static void a_row_of_another_width_is_bad_and_its_text_at_hand(void **state)
{
	(void)state;
	expect_rows("name,day\na\nb,1,2\nc,3\n",
		    "2:!1 field where the header has 2<a>;3:!3 fields where the header has "
		    "2<b,1,2>;4:c|3|-;");
	expect_rows("name,day\n\"a\nb\"\n", "2:!1 field where the header has 2<\"a\nb\">;");
	expect_rows("name,day\na", "2:!1 field where the header has 2<a>;");
}

static void a_blank_line_is_a_bad_row_between_rows_and_text_inside_quotes(void **state)
{
	(void)state;
	expect_rows("name,day\n\n \r\na,1\n", "2:!a blank line<>;3:!a blank line< >;4:a|1|-;");
	expect_rows("name,day\n\"a\n\nb\",1\n", "2:a\n\nb|1|-;");
}

static void bytes_that_are_not_utf8_make_a_bad_row(void **state)
{
	(void)state;
	expect_rows("name,day\na,\xFF\n", "2:!not UTF-8<a,\xFF>;");
}

static void malformed_quotes_are_refused_with_their_line(void **state)
{
	(void)state;
	expect_refused("name,day\na,1\n\"b\"x,2\n", "t.csv:3: a quote is malformed");
	expect_refused("name,day\na\"b,1\n", "t.csv:2: a quote is malformed");
	expect_refused("name,day\na,1\n\"b,2\nc,3\n", "t.csv:3: a quote is left open");
}

static void a_quote_left_open_does_not_take_all_memory(void **state)
{
	(void)state;
	size_t n = 17 << 20;
	char *text = malloc(n + 1);
	memset(text, 'x', n);
	text[n] = '\0';
	for (size_t i = 1000; i < n; i += 1000)
		text[i] = '\n';
	memcpy(text, "name,day\n\"", 10);
	expect_refused(text, "t.csv:2: the row that begins here is over 16 MiB");
	free(text);
}

static void headers_that_do_not_fit_are_refused(void **state)
{
	(void)state;
	expect_refused("name,date\n", "t.csv:1: unknown column \"date\" (name, day, note)");
	expect_refused("name,note\n", "t.csv:1: no column \"day\" in the header");
	expect_refused("name,day,name\n", "t.csv:1: column \"name\" stands there twice");
	expect_refused("", "t.csv: no header row");
	expect_refused("\n\n", "t.csv: no header row");
}

/* Rows as `field|field|;`, ours and libcsv's. */
struct any {
	FILE *to;
	size_t width;
};

static void collect_any(void *self, uint64_t line, const struct slice *fields, const char *fault, struct slice raw)
{
	const struct any *any = self;
	(void)line, (void)raw;
	assert_null(fault);
	for (size_t i = 0; i < any->width; i++)
		fprintf(any->to, "%.*s|", (int)fields[i].n, fields[i].p);
	fputc(';', any->to);
}

static void collect_field(void *p, size_t n, void *self)
{
	fprintf(self, "%.*s|", (int)n, (const char *)p);
}

static void collect_end(int end, void *self)
{
	(void)end;
	fputc(';', self);
}

static int space_or_cr(unsigned char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static int line_feed(unsigned char c)
{
	return c == '\n';
}

static void rows_without_quotes_are_what_libcsv_makes_of_them(void **state)
{
	(void)state;
	static const char letters[] = "ab ,\t\r;";
	srand(1);
	for (int i = 0; i < 20000; i++) {
		char line[16], header[64];
		size_t n = 0, names = 0, width = 0;
		for (size_t most = 1 + (size_t)rand() % 12; n < most;)
			line[n++] = letters[(size_t)rand() % (sizeof letters - 1)];
		line[n++] = '\n';
		if (strspn(line, " \t\r") == n - 1)
			continue; /* blank */
		for (size_t k = 0; k < n; k++)
			if (line[k] == ',' || line[k] == '\n')
				names += (size_t)sprintf(header + names, "h%zu%c", width++, line[k]);
		char *ours, *theirs;
		size_t ours_n, theirs_n;
		FILE *to = open_memstream(&ours, &ours_n);
		struct any any = {to, width};
		struct csv *csv = csv_start("t.csv", NULL, EX_DATAERR, collect_any, &any);
		csv_line(csv, header, names);
		csv_line(csv, line, n);
		csv_end(csv);
		fclose(to);
		to = open_memstream(&theirs, &theirs_n);
		struct csv_parser parser;
		csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI);
		csv_set_space_func(&parser, space_or_cr);
		csv_set_term_func(&parser, line_feed);
		csv_parse(&parser, line, n, collect_field, collect_end, to);
		csv_free(&parser);
		fclose(to);
		assert_string_equal(ours, theirs);
		free(ours);
		free(theirs);
	}
}

static void take_value(void *self, uint64_t line, struct slice value)
{
	fprintf(self, "%d:%.*s;", (int)line, (int)value.n, value.p);
}

static char *first_column(const char *text, const char *header)
{
	char path[] = "/tmp/test-csv-XXXXXX";
	int fd = mkstemp(path);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	char *got;
	size_t n;
	FILE *to = open_memstream(&got, &n);
	csv_first_column(path, slice_of(header), take_value, to);
	fclose(to);
	unlink(path);
	return got;
}

static void a_list_has_a_header_only_where_it_is_called_so(void **state)
{
	static const struct {
		const char *text, *entries;
	} lists[] = {{"id,b\nm-1,x\n\n\"m,2\",y\n", "2:m-1;4:m,2;"},
		     {"Id,b\nm-1,x\n", "1:Id;2:m-1;"},
		     {"\"id\"\nm-1\n", "2:m-1;"},
		     {"\xef\xbb\xbf \"m-1\" \r\n m-2 \r\n", "1:m-1;2:m-2;"},
		     {"\xef\xbb\xbfid\nm-1\nid\n", "2:m-1;3:id;"},
		     {"\n\n\"a;b\"\n\"\"\n", "3:a;b;"}};
	(void)state;
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		char *got = first_column(lists[i].text, "id");
		assert_string_equal(got, lists[i].entries);
		free(got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rows_come_in_the_order_of_the_columns),
	    cmocka_unit_test(the_last_row_needs_no_line_feed),
	    cmocka_unit_test(crlf_ends_a_row_and_a_bare_cr_does_not),
	    cmocka_unit_test(quoted_fields_hold_commas_quotes_and_line_feeds),
	    cmocka_unit_test(a_byte_order_mark_is_skipped),
	    cmocka_unit_test(empty_fields_are_there_and_empty),
	    cmocka_unit_test(a_row_of_another_width_is_bad_and_its_text_at_hand),
	    cmocka_unit_test(a_blank_line_is_a_bad_row_between_rows_and_text_inside_quotes),
	    cmocka_unit_test(bytes_that_are_not_utf8_make_a_bad_row),
	    cmocka_unit_test(malformed_quotes_are_refused_with_their_line),
	    cmocka_unit_test(a_quote_left_open_does_not_take_all_memory),
	    cmocka_unit_test(headers_that_do_not_fit_are_refused),
	    cmocka_unit_test(rows_without_quotes_are_what_libcsv_makes_of_them),
	    cmocka_unit_test(a_list_has_a_header_only_where_it_is_called_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

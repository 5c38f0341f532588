#include "mark.h"

#include <stdlib.h>

#include "coordinates.h"
#include "fail.h"

enum {
	MEMBERS_MOST = 64,
	PARTS_MOST = 20000,
	PLACES_MOST = 2000
}; /* more than these no mark has: a line must not cost its square */

void mark_init(struct mark *mark)
{
	*mark = (struct mark){0};
}

void mark_free(struct mark *mark)
{
	for (size_t i = 0; i < mark->dropped_n; i++)
		free(mark->dropped[i].stage);
	for (size_t i = 0; i < mark->ranges_n; i++) {
		free(mark->ranges[i].source);
		free(mark->ranges[i].state);
	}
	for (size_t i = 0; i < mark->files_n; i++) {
		free(mark->files[i].source);
		free(mark->files[i].places);
	}
	free(mark->dropped);
	free(mark->ranges);
	free(mark->files);
	mark_init(mark);
}

/* Room for one more element of size bytes in an array that grows. */
static void *grow(void *array, size_t n, size_t *capacity, size_t size)
{
	if (n < *capacity)
		return array;
	*capacity = *capacity ? *capacity * 2 : 8;
	return must_realloc(array, *capacity * size);
}

static char *copy(struct slice text)
{
	char *to = must_alloc(text.n + 1);
	memcpy(to, text.p, text.n);
	to[text.n] = '\0';
	return to;
}

void mark_drop(struct mark *mark, const char *stage, uint64_t records)
{
	for (size_t i = 0; i < mark->dropped_n; i++)
		if (strcmp(mark->dropped[i].stage, stage) == 0) {
			mark->dropped[i].records += records;
			return;
		}
	mark->dropped = grow(mark->dropped, mark->dropped_n, &mark->dropped_capacity, sizeof *mark->dropped);
	mark->dropped[mark->dropped_n++] = (struct mark_dropped){must_strdup(stage), records};
}

static struct mark_range *range(struct mark *mark, struct slice source, int32_t partition)
{
	/* The last one first: a segment mostly stays in one partition. */
	for (size_t i = mark->ranges_n; i-- > 0;) {
		struct mark_range *r = &mark->ranges[i];
		if (r->partition == partition && slice_equal(slice_of(r->source), source))
			return r;
	}
	return NULL;
}

static struct mark_range *range_add(struct mark *mark, struct slice source, int32_t partition)
{
	mark->ranges = grow(mark->ranges, mark->ranges_n, &mark->ranges_capacity, sizeof *mark->ranges);
	struct mark_range *r = &mark->ranges[mark->ranges_n++];
	*r = (struct mark_range){copy(source), partition, -1, -1, NULL};
	return r;
}

void mark_cover(struct mark *mark, struct slice source, int32_t partition, int64_t from, int64_t next)
{
	struct mark_range *r = range(mark, source, partition);
	if (!r) {
		r = range_add(mark, source, partition);
		r->from = from;
		r->next = next;
	}
	if (from < r->from)
		r->from = from;
	if (next > r->next)
		r->next = next;
}

void mark_state(struct mark *mark, struct slice source, int32_t partition, struct slice text)
{
	struct mark_range *r = range(mark, source, partition);
	if (!r)
		return;
	free(r->state);
	r->state = copy(text);
}

void mark_place(struct mark_file *file, int64_t line, const char hash[MARK_HASH])
{
	for (size_t i = 0; i < file->places_n; i++)
		if (file->places[i].line == line)
			return;
	file->places = grow(file->places, file->places_n, &file->places_capacity, sizeof *file->places);
	struct mark_place *place = &file->places[file->places_n++];
	place->line = line;
	memcpy(place->hash, hash, MARK_HASH);
}

bool mark_join(struct mark *to, const struct mark *next)
{
	for (size_t i = 0; i < next->ranges_n; i++) {
		const struct mark_range *more = &next->ranges[i];
		const struct mark_range *before = range(to, slice_of(more->source), more->partition);
		if (before && before->next != more->from)
			return false;
	}
	for (size_t i = 0; i < next->ranges_n; i++) {
		const struct mark_range *more = &next->ranges[i];
		struct slice source = slice_of(more->source);
		mark_cover(to, source, more->partition, more->from, more->next);
		if (more->state)
			mark_state(to, source, more->partition, slice_of(more->state));
	}
	for (size_t i = 0; i < next->files_n; i++)
		mark_say(to, slice_of(next->files[i].source), &next->files[i]);
	return true;
}

struct mark_file *mark_file(struct mark *mark, struct slice source)
{
	for (size_t i = 0; i < mark->files_n; i++)
		if (slice_equal(slice_of(mark->files[i].source), source))
			return &mark->files[i];
	mark->files = grow(mark->files, mark->files_n, &mark->files_capacity, sizeof *mark->files);
	mark->files[mark->files_n] = (struct mark_file){.source = copy(source), .lines = -1};
	return &mark->files[mark->files_n++];
}

void mark_say(struct mark *mark, struct slice source, const struct mark_file *file)
{
	struct mark_file *to = mark_file(mark, source);
	if (file->lines >= 0)
		to->lines = file->lines;
	if (file->content[0])
		memcpy(to->content, file->content, MARK_HASH);
	if (file->was[0])
		memcpy(to->was, file->was, MARK_HASH);
	to->twice |= file->twice;
	for (size_t i = 0; i < file->places_n; i++)
		mark_place(to, file->places[i].line, file->places[i].hash);
}

uint64_t mark_dropped_sum(const struct mark *mark)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < mark->dropped_n; i++)
		sum += mark->dropped[i].records;
	return sum;
}

/* The member of that name; NULL: it is absent. */
static const struct member *find(const struct members *members, const char *name)
{
	for (size_t i = 0; i < members->n; i++)
		if (slice_equal(members->v[i].name, slice_of(name)))
			return &members->v[i];
	return NULL;
}

/* Whether two members have the same name; a mark has a dozen. More than any mark has count as that, too. */
static bool repeats(const struct members *members)
{
	if (members->n > MEMBERS_MOST)
		return true;
	for (size_t i = 1; i < members->n; i++)
		for (size_t k = 0; k < i; k++)
			if (slice_equal(members->v[i].name, members->v[k].name))
				return true;
	return false;
}

static bool count(const struct member *member, uint64_t *to)
{
	amount value;
	if (!member || member->type != JSON_NUMBER || !amount_read(member->value, &value) || value < 0)
		return false;
	*to = (uint64_t)value;
	return true;
}

/* The text of a member's name with escapes resolved. */
static struct slice decoded_name(const struct member *member, struct scratch *scratch)
{
	if (!member->name_escaped)
		return member->name;
	char *to = scratch_room(scratch, member->name.n);
	return (struct slice){to, json_unescape(to, member->name)};
}

/* Where mark_read keeps what it takes apart. */
struct reading {
	struct members mark, part, file, places;
	struct scratch scratch;
};

static const char *read_dropped(struct mark *mark, struct reading *reading)
{
	for (size_t i = 0; i < reading->part.n; i++) {
		const struct member *member = &reading->part.v[i];
		uint64_t records;
		if (!count(member, &records))
			return "mark with a member \"dropped\" that is not counts";
		char *stage = copy(decoded_name(member, &reading->scratch));
		mark_drop(mark, stage, records);
		free(stage);
	}
	return NULL;
}

/* The members "from" and "next": which of the two is said by `next`. */
static const char *read_ranges(struct mark *mark, struct reading *reading, bool next)
{
	for (size_t i = 0; i < reading->part.n; i++) {
		const struct member *member = &reading->part.v[i];
		struct slice source;
		int32_t partition;
		uint64_t offset;
		if (!coordinates_partition_read(decoded_name(member, &reading->scratch), &source, &partition) ||
		    !count(member, &offset))
			return next ? "mark with a member \"next\" that is not offsets by source/partition"
				    : "mark with a member \"from\" that is not offsets by source/partition";
		struct mark_range *r = range(mark, source, partition);
		if (next != (r != NULL))
			return "mark whose \"from\" and \"next\" do not name the same partitions";
		if (next && r->next >= 0)
			return "mark whose \"next\" names a partition twice";
		if (!r)
			r = range_add(mark, source, partition);
		*(next ? &r->next : &r->from) = (int64_t)offset;
	}
	return NULL;
}

static const char *read_states(struct mark *mark, struct reading *reading)
{
	for (size_t i = 0; i < reading->part.n; i++) {
		const struct member *member = &reading->part.v[i];
		struct slice source;
		int32_t partition;
		if (member->type != JSON_STRING ||
		    !coordinates_partition_read(decoded_name(member, &reading->scratch), &source, &partition) ||
		    !range(mark, source, partition))
			return "mark with a member \"state\" that is not texts by source/partition";
		char *text = must_alloc(member->value.n);
		size_t n = json_unescape(text, member_inside(member));
		mark_state(mark, source, partition, (struct slice){text, n});
		free(text);
	}
	return NULL;
}

/* A hash in hex, or null. */
static bool read_hash(const struct member *member, char to[MARK_HASH])
{
	if (!member_given(member))
		return true;
	if (member->type != JSON_STRING || member->escaped || member_inside(member).n != MARK_HASH - 1)
		return false;
	memcpy(to, member_inside(member).p, MARK_HASH - 1);
	to[MARK_HASH - 1] = '\0';
	return true;
}

static bool read_places(struct mark_file *file, const struct members *places)
{
	if (places->n > PLACES_MOST)
		return false;
	for (size_t i = 0; i < places->n; i++) {
		const struct member *member = &places->v[i];
		char hash[MARK_HASH] = "";
		int64_t line;
		if (!amount_read(member->name, &line) || line <= 0 || !member_given(member) || !read_hash(member, hash))
			return false;
		mark_place(file, line, hash);
	}
	return true;
}

static bool read_file(struct mark_file *file, struct reading *reading)
{
	const struct members *said = &reading->file;
	const struct member *lines = find(said, "lines"), *places = find(said, "places"), *twice = find(said, "twice");
	uint64_t n;
	if (member_given(lines)) {
		if (!count(lines, &n))
			return false;
		file->lines = (int64_t)n;
	}
	if (member_given(twice)) {
		if (twice->type != JSON_TRUE && twice->type != JSON_FALSE)
			return false;
		file->twice = twice->type == JSON_TRUE;
	}
	if (!read_hash(find(said, "content"), file->content) || !read_hash(find(said, "was"), file->was))
		return false;
	if (!member_given(places))
		return true;
	if (places->type != JSON_OBJECT)
		return false;
	members_read(&reading->places, NULL, places->value);
	return read_places(file, &reading->places);
}

static const char *read_files(struct mark *mark, struct reading *reading)
{
	for (size_t i = 0; i < reading->part.n; i++) {
		const struct member *member = &reading->part.v[i];
		if (member->type != JSON_OBJECT)
			return "mark with a member \"files\" that is not objects";
		struct mark_file *file = mark_file(mark, decoded_name(member, &reading->scratch));
		members_read(&reading->file, NULL, member->value);
		if (!read_file(file, reading))
			return "mark with a member \"files\" that is not lines and hashes";
	}
	return NULL;
}

static const char *read_parts(struct mark *mark, struct reading *reading)
{
	static const char *const parts[] = {"dropped", "from", "next", "state", "files"};
	for (int i = 0; i < 5; i++) {
		const struct member *part = find(&reading->mark, parts[i]);
		if (!part && i >= 3)
			continue;
		if (!part || part->type != JSON_OBJECT)
			return "mark without objects \"dropped\", \"from\" and \"next\"";
		members_read(&reading->part, NULL, part->value);
		if (reading->part.n > PARTS_MOST)
			return "mark of more than 20,000 partitions";
		const char *reason = i == 0   ? read_dropped(mark, reading)
				     : i < 3  ? read_ranges(mark, reading, i == 2)
				     : i == 3 ? read_states(mark, reading)
					      : read_files(mark, reading);
		if (reason)
			return reason;
	}
	for (size_t i = 0; i < mark->ranges_n; i++)
		if (mark->ranges[i].next < mark->ranges[i].from)
			return "mark whose \"next\" is missing or lies before its \"from\"";
	return NULL;
}

static const char *read_amount_and_end(struct mark *mark, const struct members *members)
{
	const struct member *sum = find(members, "amount"), *end = find(members, "end");
	if (member_given(sum)) {
		if (sum->type != JSON_STRING || !amount_sum_read(member_inside(sum), &mark->amount))
			return "mark whose amount is not a decimal string";
		mark->has_amount = true;
	}
	if (!end || end->type == JSON_NULL)
		mark->end = MARK_GOES_ON;
	else if (slice_equal(end->value, SLICE("\"complete\"")))
		mark->end = MARK_COMPLETE;
	else if (slice_equal(end->value, SLICE("\"stop\"")))
		mark->end = MARK_STOP;
	else
		return "mark whose end is none of null, \"complete\", \"stop\"";
	return NULL;
}

const char *mark_read(struct mark *mark, const struct member *member)
{
	struct reading reading = {0};
	const char *reason = NULL;
	mark_free(mark);
	if (member->type != JSON_OBJECT) {
		return "mark that is not an object";
	}
	members_read(&reading.mark, NULL, member->value);
	if (repeats(&reading.mark))
		reason = "mark with a member twice";
	else if (!count(find(&reading.mark, "seq"), &mark->seq) ||
		 !count(find(&reading.mark, "records"), &mark->records) || !count(find(&reading.mark, "in"), &mark->in))
		reason = "mark without the counts \"seq\", \"records\" and \"in\"";
	if (!reason)
		reason = read_parts(mark, &reading);
	if (!reason)
		reason = read_amount_and_end(mark, &reading.mark);
	members_free(&reading.mark);
	members_free(&reading.part);
	members_free(&reading.file);
	members_free(&reading.places);
	free(reading.scratch.p);
	return reason;
}

static void write_text(struct output *output, struct slice text)
{
	char *to = output_room(output, json_quote_room(text.n));
	output_advance(output, json_quote(to, text));
}

static void write_number(struct output *output, amount_sum number)
{
	output_advance(output, amount_write(output_room(output, AMOUNT_TEXT), number));
}

/* The name of a range and a colon, a comma before it unless it is the first. */
static void write_range_name(struct output *output, const struct mark_range *r, bool first)
{
	char *key = must_format("%s/%d", r->source, r->partition);
	if (!first)
		output_bytes(output, SLICE(","));
	write_text(output, slice_of(key));
	output_bytes(output, SLICE(":"));
	free(key);
}

static void write_ranges(const struct mark *mark, struct output *output, bool next)
{
	for (size_t i = 0; i < mark->ranges_n; i++) {
		write_range_name(output, &mark->ranges[i], i == 0);
		write_number(output, next ? mark->ranges[i].next : mark->ranges[i].from);
	}
}

/* The member "state", where a range has one. */
static void write_states(const struct mark *mark, struct output *output)
{
	bool first = true;
	for (size_t i = 0; i < mark->ranges_n; i++) {
		if (!mark->ranges[i].state)
			continue;
		if (first)
			output_bytes(output, SLICE(",\"state\":{"));
		write_range_name(output, &mark->ranges[i], first);
		write_text(output, slice_of(mark->ranges[i].state));
		first = false;
	}
	if (!first)
		output_bytes(output, SLICE("}"));
}

/* `,"name":"hash"`, where there is one. */
static void write_hash(struct output *output, const char *name, const char *hash)
{
	if (!*hash)
		return;
	output_bytes(output, SLICE(",\""));
	output_bytes(output, slice_of(name));
	output_bytes(output, SLICE("\":"));
	write_text(output, slice_of(hash));
}

static void write_places(struct output *output, const struct mark_file *file)
{
	for (size_t i = 0; i < file->places_n; i++) {
		output_bytes(output, i == 0 ? SLICE(",\"places\":{\"") : SLICE(",\""));
		write_number(output, file->places[i].line);
		output_bytes(output, SLICE("\":"));
		write_text(output, slice_of(file->places[i].hash));
	}
	if (file->places_n > 0)
		output_bytes(output, SLICE("}"));
}

static void write_files(const struct mark *mark, struct output *output)
{
	for (size_t i = 0; i < mark->files_n; i++) {
		const struct mark_file *file = &mark->files[i];
		if (i > 0)
			output_bytes(output, SLICE(","));
		write_text(output, slice_of(file->source));
		output_bytes(output, SLICE(":{\"lines\":"));
		if (file->lines < 0)
			output_bytes(output, SLICE("null"));
		else
			write_number(output, file->lines);
		write_hash(output, "content", file->content);
		write_hash(output, "was", file->was);
		write_places(output, file);
		if (file->twice)
			output_bytes(output, SLICE(",\"twice\":true"));
		output_bytes(output, SLICE("}"));
	}
}

void mark_write(const struct mark *mark, struct output *output)
{
	output_bytes(output, SLICE("{\"_mark\":{\"seq\":"));
	write_number(output, mark->seq);
	output_bytes(output, SLICE(",\"records\":"));
	write_number(output, mark->records);
	output_bytes(output, SLICE(",\"in\":"));
	write_number(output, mark->in);
	output_bytes(output, SLICE(",\"dropped\":{"));
	for (size_t i = 0; i < mark->dropped_n; i++) {
		if (i > 0)
			output_bytes(output, SLICE(","));
		write_text(output, slice_of(mark->dropped[i].stage));
		output_bytes(output, SLICE(":"));
		write_number(output, mark->dropped[i].records);
	}
	output_bytes(output, SLICE("},\"amount\":"));
	if (mark->has_amount) {
		output_bytes(output, SLICE("\""));
		write_number(output, mark->amount);
		output_bytes(output, SLICE("\""));
	} else {
		output_bytes(output, SLICE("null"));
	}
	output_bytes(output, SLICE(",\"from\":{"));
	write_ranges(mark, output, false);
	output_bytes(output, SLICE("},\"next\":{"));
	write_ranges(mark, output, true);
	output_bytes(output, SLICE("}"));
	write_states(mark, output);
	if (mark->files_n > 0) {
		output_bytes(output, SLICE(",\"files\":{"));
		write_files(mark, output);
		output_bytes(output, SLICE("}"));
	}
	output_bytes(output, mark->end == MARK_COMPLETE ? SLICE(",\"end\":\"complete\"}}\n")
			     : mark->end == MARK_STOP   ? SLICE(",\"end\":\"stop\"}}\n")
							: SLICE(",\"end\":null}}\n"));
}

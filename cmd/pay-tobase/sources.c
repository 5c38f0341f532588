#include "sources.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "coordinates.h"
#include "cover.h"
#include "fail.h"

enum { FIRST_SLOTS = 64 };

struct source {
	char *name; /* NULL: a free slot */
	uint64_t bad;
	char *reason; /* of the first bad record */
	bool good;    /* one was */
	bool ranged;  /* a mark has said where it begins */
	bool begun;   /* at its first line */
	bool passed;  /* a mark with some of it was passed on */
	bool ended;
};

static void forget(struct source *source)
{
	free(source->name);
	free(source->reason);
}

/* Where a name is, or would be. */
static struct source *slot_of(const struct sources *sources, struct slice name)
{
	size_t i = XXH3_64bits(name.p, name.n) & sources->mask;
	while (sources->slot[i].name && !slice_equal(slice_of(sources->slot[i].name), name))
		i = (i + 1) & sources->mask;
	return &sources->slot[i];
}

/* Makes a table of `size` slots of the sources that have not ended. */
static void rebuild(struct sources *sources, size_t size)
{
	struct source *old = sources->slot;
	size_t old_size = old ? sources->mask + 1 : 0;
	sources->slot = must_alloc(size * sizeof *sources->slot);
	memset(sources->slot, 0, size * sizeof *sources->slot);
	sources->mask = size - 1;
	sources->n = 0;
	for (size_t i = 0; i < old_size; i++)
		if (old[i].name && old[i].ended) {
			forget(&old[i]);
		} else if (old[i].name) {
			*slot_of(sources, slice_of(old[i].name)) = old[i];
			sources->n++;
		}
	free(old);
}

/* The entry of a source, made where there is none; NULL: there are too many. */
static struct source *entry(struct sources *sources, struct slice name)
{
	if (!sources->slot)
		rebuild(sources, FIRST_SLOTS);
	struct source *source = slot_of(sources, name);
	if (source->name || sources->too_many)
		return source->name ? source : NULL;
	if (sources->n == SOURCES_MOST) {
		sources->too_many = true;
		return NULL;
	}
	if (2 * (sources->n + 1) > sources->mask + 1) {
		rebuild(sources, 2 * (sources->mask + 1));
		source = slot_of(sources, name);
	}
	sources->n++;
	source->name = must_alloc(name.n + 1);
	memcpy(source->name, name.p, name.n);
	source->name[name.n] = '\0';
	return source;
}

/* The source that coordinates name; NULL where they name none. */
static struct source *source_of(struct sources *sources, struct slice coordinates)
{
	struct coordinates at;
	if (coordinates.n < 2)
		return NULL;
	struct slice text = {coordinates.p + 1, coordinates.n - 2};
	if (memchr(text.p, '\\', text.n)) {
		char *to = scratch_room(&sources->decoded, text.n);
		text = (struct slice){to, json_unescape(to, text)};
	}
	return coordinates_read(text, &at) ? entry(sources, at.source) : NULL;
}

void sources_good_other(struct sources *sources, struct slice coordinates)
{
	const char *slash = coordinates.n ? memrchr(coordinates.p, '/', coordinates.n) : NULL;
	struct source *source = source_of(sources, coordinates);
	sources->any_good = true;
	sources->current_n = 0;
	if (!source || !slash)
		return;
	source->good = true;
	size_t n = (size_t)(slash - coordinates.p) + 1;
	if (n > sources->current_room) {
		sources->current = must_realloc(sources->current, n);
		sources->current_room = n;
	}
	memcpy(sources->current, coordinates.p, n);
	sources->current_n = n;
}

void sources_bad(struct sources *sources, struct slice coordinates, const char *reason)
{
	struct source *source = source_of(sources, coordinates);
	if (sources->bad++ == 0)
		sources->reason = must_strdup(reason);
	if (source && source->bad++ == 0 && !source->good)
		source->reason = must_strdup(reason);
}

static void take_range(struct sources *sources, const struct mark_range *range)
{
	bool file = range->state && slice_begins(slice_of(range->state), SLICE(COVER_FILE_STATE));
	struct source *source = file ? entry(sources, slice_of(range->source)) : NULL;
	if (source && !source->ranged) {
		source->ranged = true;
		source->begun = range->from == 1;
	}
	sources->others |= !source || !source->begun;
}

static bool refuses(const struct source *source, struct sources_refused *refused)
{
	uint64_t enough = source->passed ? SOURCES_BAD : SOURCES_FIRST;
	if (!source->begun || source->good || source->bad == 0 || (!source->ended && source->bad < enough))
		return false;
	*refused = (struct sources_refused){source->name, source->bad, source->reason};
	return true;
}

bool sources_segment(struct sources *sources, const struct mark *mark, struct sources_refused *refused)
{
	size_t ended = 0;
	for (size_t i = 0; i < mark->ranges_n; i++)
		take_range(sources, &mark->ranges[i]);
	for (size_t i = 0; i < mark->files_n; i++) {
		struct source *source =
		    mark->files[i].lines < 0 ? NULL : entry(sources, slice_of(mark->files[i].source));
		if (!source)
			continue;
		source->ended = true;
		ended++;
	}
	for (size_t i = 0; sources->slot && i <= sources->mask; i++) {
		struct source *source = &sources->slot[i];
		if (!source->name)
			continue;
		source->ended |= mark->end == MARK_COMPLETE;
		if (refuses(source, refused))
			return true;
		source->passed = source->ranged;
	}
	sources->ended += ended;
	if (ended > 0) {
		sources->current_n = 0;
		rebuild(sources, sources->mask + 1);
	}
	return false;
}

bool sources_end(const struct sources *sources, struct sources_refused *refused)
{
	if (sources->any_good || sources->bad == 0 || sources->others || sources->ended == 0)
		return false;
	*refused = (struct sources_refused){NULL, sources->bad, sources->reason};
	return true;
}

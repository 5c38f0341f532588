#include "coordinates.h"

/* Reads the decimal behind the last '/' of text[0..*n), up to most, and cuts both off *n. -1: there is none. */
static int64_t last_number(const char *text, size_t *n, int64_t most)
{
	size_t start = *n;
	while (start > 0 && text[start - 1] >= '0' && text[start - 1] <= '9')
		start--;
	size_t digits = *n - start;
	if (digits == 0 || digits > 19 || start == 0 || text[start - 1] != '/' || (digits > 1 && text[start] == '0'))
		return -1;
	uint64_t value = 0;
	for (size_t i = start; i < *n; i++)
		value = value * 10 + (uint64_t)(text[i] - '0');
	if (value > (uint64_t)most)
		return -1;
	*n = start - 1;
	return (int64_t)value;
}

bool coordinates_read(struct slice text, struct coordinates *to)
{
	size_t n = text.n;
	int64_t offset = last_number(text.p, &n, INT64_MAX - 1);
	if (offset < 0 || !coordinates_partition_read((struct slice){text.p, n}, &to->source, &to->partition))
		return false;
	to->offset = offset;
	return true;
}

bool coordinates_partition_read(struct slice text, struct slice *source, int32_t *partition)
{
	size_t n = text.n;
	int64_t number = last_number(text.p, &n, INT32_MAX);
	if (number < 0 || n == 0 || memchr(text.p, '\0', n))
		return false;
	*source = (struct slice){text.p, n};
	*partition = (int32_t)number;
	return true;
}

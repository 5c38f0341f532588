#include "encoding.h"

#include <errno.h>
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"

enum { STORED = 64 << 10, BAD_TEXT = 3, UNIT_MAX = 4 };

struct encoding {
	const char *name;
	input_fill *fill;
	void *self;
	iconv_t iconv;
	size_t unit; /* bytes of its characters, at least: so many are stepped over where they are none */
	char stored[STORED];
	size_t at, n; /* stored[at, n): read and not yet converted */
	bool ended;
	bool reset; /* what is kept back behind the last byte was asked for */
	char fault[128];
};

/* Suffixes such as //IGNORE would leave out in silence what cannot be read. */
bool encoding_known(const char *name)
{
	if (!*name || strchr(name, '/'))
		return false;
	iconv_t iconv = iconv_open("UTF-8", name);
	if (iconv == (iconv_t)-1)
		return false;
	iconv_close(iconv);
	return true;
}

static bool begins(const char *name, const char *with)
{
	return strncasecmp(name, with, strlen(with)) == 0;
}

static size_t unit_of(const char *name)
{
	if (begins(name, "UTF-32") || begins(name, "UTF32") || begins(name, "UCS-4") || begins(name, "UCS4"))
		return UNIT_MAX;
	return begins(name, "UTF-16") || begins(name, "UTF16") || begins(name, "UCS-2") || begins(name, "UCS2") ? 2 : 1;
}

struct encoding *encoding_open(const char *name, input_fill *fill, void *self)
{
	struct encoding *encoding = must_alloc(sizeof *encoding);
	*encoding = (struct encoding){.name = name, .fill = fill, .self = self, .unit = unit_of(name)};
	encoding->iconv = iconv_open("UTF-8", name);
	if (encoding->iconv == (iconv_t)-1)
		fail(EX_OSERR, "%s: iconv cannot start", name);
	return encoding;
}

static void refill(struct encoding *encoding)
{
	memmove(encoding->stored, encoding->stored + encoding->at, encoding->n - encoding->at);
	encoding->n -= encoding->at;
	encoding->at = 0;
	size_t got = encoding->fill(encoding->self, encoding->stored + encoding->n, STORED - encoding->n);
	encoding->n += got;
	encoding->ended = got == 0;
}

/* Puts what is at hand into `to` as bytes that cannot be read. */
static char *append_bad(struct encoding *encoding, char *to)
{
	static const char digits[] = "0123456789ABCDEF";
	for (size_t i = 0; i < encoding->unit && encoding->at < encoding->n; i++) {
		unsigned char byte = (unsigned char)encoding->stored[encoding->at++];
		*to++ = (char)ENCODING_BAD;
		*to++ = digits[byte >> 4];
		*to++ = digits[byte & 15];
	}
	return to;
}

size_t encoding_fill(void *self, char *to, size_t n)
{
	struct encoding *encoding = self;
	char *out = to;
	while (out == to && !encoding->reset) {
		if (encoding->at == encoding->n && !encoding->ended)
			refill(encoding);
		char *in = encoding->stored + encoding->at;
		size_t left = encoding->n - encoding->at, room = n - UNIT_MAX * BAD_TEXT;
		encoding->reset = left == 0 && encoding->ended;
		size_t result = iconv(encoding->iconv, encoding->reset ? NULL : &in, &left, &out, &room);
		int error = result == (size_t)-1 ? errno : 0;
		encoding->at = encoding->n - left;
		if (error == EILSEQ || (error == EINVAL && encoding->ended))
			out = append_bad(encoding, out);
		else if (error == EINVAL)
			refill(encoding);
	}
	return (size_t)(out - to);
}

const char *encoding_fault(struct encoding *encoding, struct slice text)
{
	const char *bad = memchr(text.p, ENCODING_BAD, text.n);
	if (!bad || text.n - (size_t)(bad - text.p) < BAD_TEXT)
		return NULL;
	snprintf(encoding->fault, sizeof encoding->fault, "the byte 0x%.2s is no text in %.60s (--encoding)", bad + 1,
		 encoding->name);
	return encoding->fault;
}

void encoding_close(struct encoding *encoding)
{
	if (!encoding)
		return;
	iconv_close(encoding->iconv);
	free(encoding);
}

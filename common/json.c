#include "json.h"

#include "scan.h"

/* The byte after the multi-byte character at p (RFC 3629 section 4), NULL when it is none. Bytes are looked at one by
 * one, so a line feed ends it. */
static const char *utf8(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;
	unsigned least = 0x80, most = 0xbf;
	int more;
	if (u[0] >= 0xc2 && u[0] <= 0xdf) {
		more = 1;
	} else if (u[0] >= 0xe0 && u[0] <= 0xef) {
		more = 2;
		least = u[0] == 0xe0 ? 0xa0 : least; /* shorter forms */
		most = u[0] == 0xed ? 0x9f : most;   /* surrogates */
	} else if (u[0] >= 0xf0 && u[0] <= 0xf4) {
		more = 3;
		least = u[0] == 0xf0 ? 0x90 : least;
		most = u[0] == 0xf4 ? 0x8f : most; /* beyond U+10FFFF */
	} else {
		return NULL;
	}
	if (u[1] < least || u[1] > most)
		return NULL;
	for (int i = 2; i <= more; i++)
		if (u[i] < 0x80 || u[i] > 0xbf)
			return NULL;
	return p + more + 1;
}

enum { EIGHT = 8 }; /* bytes that are looked at together */
static const uint64_t ONES = UINT64_MAX / 255;

bool json_utf8(struct slice text)
{
	/* A copy of the last few bytes, ended, so that utf8 can look ahead. */
	const char *p = text.p, *end = text.p + text.n;
	while (p < end) {
		uint64_t eight;
		while (end - p > EIGHT && (memcpy(&eight, p, EIGHT), !(eight & ONES * 0x80)))
			p += EIGHT;
		if ((unsigned char)*p < 0x80) {
			p++;
			continue;
		}
		char ahead[5] = {0};
		size_t rest = (size_t)(end - p);
		memcpy(ahead, p, rest < 4 ? rest : 4);
		const char *next = utf8(ahead);
		if (!next)
			return false;
		p += next - ahead;
	}
	return true;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The code unit of the four hex digits at p, -1 when they are none. */
static long unit(const char *p)
{
	long value = 0;
	for (int i = 0; i < 4; i++) {
		int digit = hex(p[i]);
		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

/* The byte after the escape whose backslash is at p. */
static const char *escape(const char *p, const char **reason)
{
	switch (p[1]) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't': return p + 2;
	case 'u': {
		long first = unit(p + 2);
		if (first < 0)
			break;
		if (first < 0xd800 || first > 0xdfff)
			return p + 6;
		if (first < 0xdc00 && p[6] == '\\' && p[7] == 'u') {
			long second = unit(p + 8);
			if (second >= 0xdc00 && second <= 0xdfff)
				return p + 12;
		}
		*reason = "lone surrogate in a string";
		return NULL;
	}
	default: break;
	}
	*reason = "bad escape in a string";
	return NULL;
}

const char *json_string(const char *p, bool *escaped, const char **reason)
{
	*escaped = false;
	for (;;) {
		p = scan_special(p);
		if (*p == '"')
			return p;
		if (*p == '\\') {
			*escaped = true;
			p = escape(p, reason);
			if (!p)
				return NULL;
			continue;
		}
		if ((unsigned char)*p < 0x20) {
			*reason = *p == '\n' ? "string without end" : "control character in a string";
			return NULL;
		}
		do {
			p = utf8(p);
			if (!p) {
				*reason = "invalid UTF-8";
				return NULL;
			}
		} while ((unsigned char)*p >= 0x80);
	}
}

static inline bool digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The byte after the digits at p, of which there must be one; else NULL. */
static inline const char *digits(const char *p)
{
	if (!digit(*p))
		return NULL;
	do
		p++;
	while (digit(*p));
	return p;
}

/* The byte after the number at p (RFC 8259 section 6), NULL when it is none. */
static const char *number(const char *p, const char **reason)
{
	if (*p == '-')
		p++;
	if (*p == '0' && digit(p[1])) {
		*reason = "number with a leading zero";
		return NULL;
	}
	p = digits(p);
	if (p && *p == '.')
		p = digits(p + 1);
	if (p && (*p | 0x20) == 'e')
		p = digits(p[1] == '+' || p[1] == '-' ? p + 2 : p + 1);
	if (!p)
		*reason = "bad number";
	return p;
}

/* The byte after the scalar at p; what is no scalar is an error. */
static inline const char *scalar(const char *p, struct json_value *to, const char **reason)
{
	switch (*p) {
	case '"':
		to->type = JSON_STRING;
		p = json_string(p + 1, &to->escaped, reason);
		return p ? p + 1 : NULL;
	case '-':
	case '0':
	case '1':
	case '2':
	case '3':
	case '4':
	case '5':
	case '6':
	case '7':
	case '8':
	case '9': to->type = JSON_NUMBER; return number(p, reason);
	case 'n':
		to->type = JSON_NULL;
		if (memcmp(p, "null", 4) == 0)
			return p + 4;
		break;
	case 't':
		to->type = JSON_TRUE;
		if (memcmp(p, "true", 4) == 0)
			return p + 4;
		break;
	case 'f':
		to->type = JSON_FALSE;
		if (memcmp(p, "false", 5) == 0)
			return p + 5;
		break;
	case '\n': *reason = "line ends inside the object"; return NULL;
	default: break;
	}
	*reason = "bad value";
	return NULL;
}

/* The byte after the object or array at p. */
static const char *container(const char *p, int depth, const char **reason)
{
	uint64_t object[JSON_DEPTH / 64 + 1] = {0}; /* a bit a level: is it an object */
	struct json_value skipped;
	int level = depth - 1;
open:
	if (++level > JSON_DEPTH) {
		*reason = "nested deeper than 512";
		return NULL;
	}
	bool in_object = *p == '{';
	if (in_object)
		object[level / 64] |= UINT64_C(1) << level % 64;
	else
		object[level / 64] &= ~(UINT64_C(1) << level % 64);
	p = json_space(p + 1);
	if (*p == (in_object ? '}' : ']'))
		goto close;
	if (!in_object)
		goto value;
name:
	if (*p != '"') {
		*reason = *p == '\n' ? "line ends inside the object" : "a member's name must be a string";
		return NULL;
	}
	p = json_string(p + 1, &skipped.escaped, reason);
	if (!p)
		return NULL;
	p = json_space(p + 1);
	if (*p != ':') {
		*reason = "no ':' after a member's name";
		return NULL;
	}
	p = json_space(p + 1);
value:
	if (*p == '{' || *p == '[')
		goto open;
	p = scalar(p, &skipped, reason);
	if (!p)
		return NULL;
after:
	p = json_space(p);
	in_object = object[level / 64] >> level % 64 & 1;
	if (*p == ',') {
		p = json_space(p + 1);
		if (in_object)
			goto name;
		goto value;
	}
	if (*p != (in_object ? '}' : ']')) {
		*reason = *p == '\n' ? "line ends inside the object" : "no ',' or end after a value";
		return NULL;
	}
close:
	p++;
	if (--level < depth)
		return p;
	goto after;
}

const char *json_value(const char *p, int depth, struct json_value *to, const char **reason)
{
	const char *start = p;
	to->escaped = false;
	if (*p == '{' || *p == '[') {
		to->type = (uint8_t)*p;
		p = container(p, depth, reason);
	} else {
		p = scalar(p, to, reason);
	}
	if (!p)
		return NULL;
	to->text = (struct slice){start, (size_t)(p - start)};
	return p;
}

/* Writes a code point as UTF-8; returns how many bytes. */
static size_t encode(char *to, unsigned long code)
{
	if (code < 0x80) {
		to[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		to[0] = (char)(0xc0 | code >> 6);
		to[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		to[0] = (char)(0xe0 | code >> 12);
		to[1] = (char)(0x80 | (code >> 6 & 0x3f));
		to[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | code >> 18);
	to[1] = (char)(0x80 | (code >> 12 & 0x3f));
	to[2] = (char)(0x80 | (code >> 6 & 0x3f));
	to[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

size_t json_unescape(char *to, struct slice string)
{
	const char *p = string.p, *end = string.p + string.n;
	char *start = to;
	while (p < end) {
		if (*p != '\\') {
			*to++ = *p++;
			continue;
		}
		p += 2;
		switch (p[-1]) {
		case 'b': *to++ = '\b'; break;
		case 'f': *to++ = '\f'; break;
		case 'n': *to++ = '\n'; break;
		case 'r': *to++ = '\r'; break;
		case 't': *to++ = '\t'; break;
		case 'u': {
			unsigned long code = (unsigned long)unit(p);
			p += 4;
			if (code >= 0xd800 && code <= 0xdbff) {
				code = 0x10000 + ((code - 0xd800) << 10) + ((unsigned long)unit(p + 2) - 0xdc00);
				p += 6;
			}
			to += encode(to, code);
			break;
		}
		default: *to++ = p[-1]; break;
		}
	}
	return (size_t)(to - start);
}

/* Whether one of eight bytes is a quote, a backslash or a control character. A subtraction borrows from the next byte
 * only where one is. */
static bool any_escaped(uint64_t bytes)
{
	uint64_t quotes = bytes ^ ONES * '"', backslashes = bytes ^ ONES * '\\';
	uint64_t less = (bytes - ONES * 0x20) | (quotes - ONES) | (backslashes - ONES);
	return (less & ~bytes & ONES * 0x80) != 0;
}

size_t json_quote(char *to, struct slice text)
{
	static const char digits[] = "0123456789abcdef";
	char *start = to;
	*to++ = '"';
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		uint64_t eight;
		while (text.n - i > EIGHT && (memcpy(&eight, text.p + i, EIGHT), !any_escaped(eight))) {
			memcpy(to, &eight, EIGHT);
			to += EIGHT;
			i += EIGHT;
			c = (unsigned char)text.p[i];
		}
		if (c >= 0x20 && c != '"' && c != '\\') {
			*to++ = (char)c;
			continue;
		}
		*to++ = '\\';
		switch (c) {
		case '"':
		case '\\': *to++ = (char)c; break;
		case '\b': *to++ = 'b'; break;
		case '\f': *to++ = 'f'; break;
		case '\n': *to++ = 'n'; break;
		case '\r': *to++ = 'r'; break;
		case '\t': *to++ = 't'; break;
		default:
			memcpy(to, "u00", 3);
			to[3] = digits[c >> 4];
			to[4] = digits[c & 15];
			to += 5;
		}
	}
	*to++ = '"';
	return (size_t)(to - start);
}

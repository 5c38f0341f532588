#include "deadletter.h"

#include <stdio.h>
#include <stdlib.h>

#include "amount.h"
#include "fail.h"
#include "file.h"
#include "input.h"
#include "json.h"

static bool has_file(const struct settings *settings)
{
	return settings->dead_letter && strcmp(settings->dead_letter, "-") != 0;
}

static struct target target_of(const struct settings *settings)
{
	return (struct target){
	    .option = "--dead-letter",
	    .path = settings->dead_letter,
	    .kind = TARGET_LETTERS,
	    .instead = settings->ends_stream ? NULL : "--dead-letter - keeps the letters in the stream, for pay-store"};
}

void deadletter_check(const struct settings *settings)
{
	if (!has_file(settings))
		return;
	struct target target = target_of(settings);
	file_look_at(&target);
	file_appendable(settings->dead_letter);
}

void deadletter_open(struct deadletter *dead, const struct settings *settings, struct output *stream)
{
	*dead = (struct deadletter){.settings = settings, .stream = stream};
	if (!has_file(settings))
		return;
	struct target target = target_of(settings);
	append_open(&dead->file, &target, false, settings->lock_wait);
	append_wait_for_sync(&dead->file);
	dead->to_file = true;
}

size_t deadletter_base64(char *to, struct slice bytes)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *start = to;
	for (size_t i = 0; i < bytes.n; i += 3) {
		size_t left = bytes.n - i;
		uint32_t group = (uint32_t)(unsigned char)bytes.p[i] << 16;
		if (left > 1)
			group |= (uint32_t)(unsigned char)bytes.p[i + 1] << 8;
		if (left > 2)
			group |= (unsigned char)bytes.p[i + 2];
		*to++ = alphabet[group >> 18];
		*to++ = alphabet[group >> 12 & 63];
		*to++ = left > 1 ? alphabet[group >> 6 & 63] : '=';
		*to++ = left > 2 ? alphabet[group & 63] : '=';
	}
	return (size_t)(to - start);
}

enum {
	PIECE = 3 * 1024,  /* so much of a text is written at a time; base64 wants a multiple of 3 */
	LETTER_REST = 1024 /* the names of a letter's members, the stage, and the length */
};

/* A JSON string, a piece at a time: a long line takes no memory to match. */
static void write_text(struct output *out, struct slice text)
{
	output_bytes(out, SLICE("\""));
	while (text.n > 0) {
		struct slice piece = {text.p, text.n < PIECE ? text.n : PIECE};
		char *to = output_room(out, json_quote_room(piece.n));
		size_t inside = json_quote(to, piece) - 2;
		memmove(to, to + 1, inside);
		output_advance(out, inside);
		text.p += piece.n;
		text.n -= piece.n;
	}
	output_bytes(out, SLICE("\""));
}

/* How long the text is as a JSON string, or more. */
static size_t quoted_length(struct slice text)
{
	size_t n = text.n + 2;
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		n += c < 0x20 ? 5 : c == '"' || c == '\\';
	}
	return n;
}

/* What of a line can stand in a letter that the stages after this one take: its beginning, if not all. */
static struct slice fitting(struct slice raw)
{
	enum { REST = 64 << 10 }; /* the letter's other members */
	if (raw.n <= (INPUT_LETTER_MAX - REST) / 6 || quoted_length(raw) <= INPUT_LETTER_MAX - REST)
		return raw;
	return (struct slice){raw.p, INPUT_TOO_LONG_KEPT};
}

static void write_base64(struct output *out, struct slice bytes)
{
	output_bytes(out, SLICE("\""));
	while (bytes.n > 0) {
		struct slice piece = {bytes.p, bytes.n < PIECE ? bytes.n : PIECE};
		output_advance(out, deadletter_base64(output_room(out, (piece.n + 2) / 3 * 4), piece));
		bytes.p += piece.n;
		bytes.n -= piece.n;
	}
	output_bytes(out, SLICE("\""));
}

static void write_line(struct output *out, const char *stage, const struct deadletter_origin *origin,
		       const char *reason, struct slice raw, uint64_t length)
{
	output_bytes(out, SLICE("{\"_src\":"));
	output_bytes(out, origin->source.n ? origin->source : SLICE("null"));
	if (origin->key.n) {
		output_bytes(out, SLICE(",\"_key\":"));
		output_bytes(out, origin->key);
	}
	output_bytes(out, SLICE(",\"_dead\":{\"stage\":"));
	write_text(out, slice_of(stage));
	output_bytes(out, SLICE(",\"reason\":"));
	write_text(out, slice_of(reason));
	output_bytes(out, SLICE(",\"raw\":"));
	if (json_utf8(raw)) {
		write_text(out, raw);
	} else {
		write_base64(out, raw);
		output_bytes(out, SLICE(",\"encoding\":\"base64\""));
	}
	if (origin->key_base64)
		output_bytes(out, SLICE(",\"keyEncoding\":\"base64\""));
	if (length > raw.n) {
		output_bytes(out, SLICE(",\"length\":"));
		output_advance(out, amount_write(output_room(out, AMOUNT_TEXT), length));
	}
	output_bytes(out, SLICE("}}\n"));
}

static void write_to_file(struct deadletter *dead, const struct deadletter_origin *origin, const char *reason,
			  struct slice raw, uint64_t length)
{
	size_t quoted = quoted_length(raw), base64 = (raw.n + 2) / 3 * 4;
	append_begin(&dead->file, origin->source.n + origin->key.n + json_quote_room(strlen(reason)) +
				      (quoted > base64 ? quoted : base64) + json_quote_room(PIECE) + LETTER_REST);
	write_line(&dead->file.output, dead->settings->program, origin, reason, raw, length);
	append_end(&dead->file);
}

bool deadletter_write(struct deadletter *dead, const struct deadletter_origin *origin, const char *place,
		      const char *reason, struct slice raw, uint64_t length)
{
	const struct settings *settings = dead->settings;
	dead->count++;
	snprintf(dead->reason, sizeof dead->reason, "%s", reason);
	bool kept = settings->dead_letter != NULL;
	if (kept && dead->to_file)
		write_to_file(dead, origin, reason, raw, length);
	else if (kept)
		write_line(dead->stream, settings->program, origin, reason, fitting(raw), length);
	if (kept && dead->count <= settings->max_dead)
		return !dead->to_file;
	/* What was good before it is not held back. */
	deadletter_sync(dead);
	output_flush(dead->stream);
	struct slice source = origin->source;
	int n = source.n ? (int)(source.n < 300 ? source.n - 2 : 300) : (int)strlen(place);
	const char *name = source.n ? source.p + 1 : place;
	if (kept)
		fail(EX_DATAERR, "%.*s: %s; that is more than --max-dead %llu", n, name, reason,
		     (unsigned long long)settings->max_dead);
	fail(EX_DATAERR, "%.*s: bad record: %s%s", n, name, reason,
	     settings->offers & OPTIONS_DEAD ? "; --dead-letter FILE keeps such records and goes on" : "");
}

void deadletter_sync(struct deadletter *dead)
{
	if (dead->to_file)
		append_sync(&dead->file);
}

void deadletter_close(struct deadletter *dead)
{
	if (dead->to_file)
		append_close(&dead->file);
	dead->to_file = false;
}

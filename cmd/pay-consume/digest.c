#include "digest.h"

#include <string.h>

#include "fail.h"

static XXH3_state_t *new_state(void)
{
	XXH3_state_t *state = XXH3_createState();
	if (!state)
		fail(EX_OSERR, "out of memory");
	XXH3_128bits_reset(state);
	return state;
}

void digest_open(struct digest *digest)
{
	*digest = (struct digest){.taken = new_state(), .settled = new_state()};
}

void digest_close(struct digest *digest)
{
	XXH3_freeState(digest->taken);
	XXH3_freeState(digest->settled);
	*digest = (struct digest){0};
}

/* Hashes bytes behind those that were; a line's end at their end waits until more comes. */
static void add(struct digest *digest, const char *p, size_t n)
{
	size_t end = n;
	if (n == 0)
		return;
	if (p[end - 1] == '\n')
		end--;
	if (end > 0 && p[end - 1] == '\r')
		end--;
	XXH3_128bits_update(digest->taken, digest->owed, digest->owed_n);
	XXH3_128bits_update(digest->taken, p, end);
	digest->owed_n = n - end;
	memcpy(digest->owed, p + end, digest->owed_n);
}

/* What is hashed from here on is not settled. */
static void lag(struct digest *digest)
{
	if (!digest->lags)
		XXH3_copyState(digest->settled, digest->taken);
	digest->lags = true;
}

/* Hashes the lines taken since it was last called. */
static void catch_up(struct digest *digest, const struct input *input)
{
	if (digest->settled_to > digest->from) {
		add(digest, input->buffer + digest->from, digest->settled_to - digest->from);
		digest->from = digest->settled_to;
		digest->lags = false;
	}
	if (input->start <= digest->from)
		return;
	lag(digest);
	add(digest, input->buffer + digest->from, input->start - digest->from);
	digest->from = input->start;
}

void digest_catch_up(struct digest *digest, const struct input *input)
{
	catch_up(digest, input);
	/* Nothing of what the buffer will hold while it is filled was taken. */
	digest->from = SIZE_MAX;
}

void digest_too_long(struct digest *digest, const struct input *input, const char *p, uint64_t length)
{
	unsigned char bytes[sizeof length];
	for (size_t i = 0; i < sizeof length; i++)
		bytes[i] = (unsigned char)(length >> 8 * i);
	catch_up(digest, &(struct input){.buffer = input->buffer, .start = (size_t)(p - input->buffer)});
	lag(digest);
	add(digest, p, INPUT_TOO_LONG_KEPT);
	add(digest, (const char *)bytes, sizeof bytes);
	digest->owed[0] = '\n';
	digest->owed_n = 1;
	digest->from = input->start;
}

static void write_hex(XXH128_hash_t hash, char hex[MARK_HASH])
{
	static const char digits[] = "0123456789abcdef";
	XXH128_canonical_t canonical;
	XXH128_canonicalFromHash(&canonical, hash);
	for (int i = 0; i < 16; i++) {
		hex[2 * i] = digits[canonical.digest[i] >> 4];
		hex[2 * i + 1] = digits[canonical.digest[i] & 15];
	}
	hex[32] = '\0';
}

void digest_text(struct digest *digest, const struct input *input, char hex[MARK_HASH])
{
	if (digest->from != SIZE_MAX)
		catch_up(digest, input);
	write_hex(XXH3_128bits_digest(digest->lags ? digest->settled : digest->taken), hex);
}

/* A line of kcat -J, and the same bytes as a message's value: each gives one record with coordinates that the other
 * stages take, or one dead letter, and nothing is lost. */
#include "pay-consume/envelope.h"

#include "coordinates.h"
#include "fuzz.h"

static struct settings settings = {.program = "pay-consume", .dead_letter = "-", .max_dead = UINT64_MAX};
static struct delivery delivery;

/* What was delivered: one line that is a record. */
static void check(void)
{
	static struct names names;
	static struct record record;
	static struct scratch decoded;
	const char *reason;
	struct coordinates at;
	if (names.count == 0)
		names_init(&names);
	MUST(delivery.stats.in == 1 && delivery.stats.out == 1 && delivery.mark.records == 1);
	size_t n = delivery.out.n;
	char *line = malloc(n + JSON_PADDING);
	MUST(line && n > 0);
	memcpy(line, delivery.out.buffer, n);
	memset(line + n, 0, JSON_PADDING);
	MUST(record_read(&record, &names, line, &reason) == line + n - 1);
	const struct member *source = members_get(&record.top, NAME_SRC);
	MUST(source && source->type == JSON_STRING);
	MUST(coordinates_read(member_decoded(source, &decoded), &at));
	MUST((members_get(&record.top, NAME_DEAD) != NULL) == (delivery.stats.dead == 1));
	free(line);
}

static void start(void)
{
	if (!delivery.settings)
		delivery_open(&delivery, &settings, &(struct delivery_limits){10000, 4 << 20, 1});
	delivery.out.n = 0;
	delivery.stats.in = delivery.stats.out = delivery.stats.dead = 0;
	delivery.mark.in = delivery.mark.records = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static struct envelopes envelopes;
	static struct message_reader reader;
	struct message message = {.source = SLICE("\"topic/0/7\""), .value = fuzz_slice(bytes, n)};
	if (!delivery.settings) {
		envelopes_init(&envelopes, (struct message_with){true, true, true});
		message_reader_init(&reader, (struct message_with){0});
	}
	start();
	message.raw = message.value;
	const char *reason = message_deliver(&reader, &delivery, &message);
	if (reason)
		message_bad(&delivery, &message, reason);
	check();
	free((char *)message.value.p);

	char *line = fuzz_line(bytes, &n);
	(void)envelope_is(&envelopes, line);
	start();
	MUST(envelope_deliver(&envelopes, &delivery, line, SLICE("\"file/0/1\""), false) == line + n);
	check();
	free(line);
	return 0;
}

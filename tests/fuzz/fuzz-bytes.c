/* Archives: unpacked without end they take no memory, plain bytes come as they are, and damage is told. */
#include "pay-consume/bytes.h"

#include <sys/mman.h>
#include <unistd.h>

#include "kept.h"

enum { MOST = 4 << 20 }; /* of what a bomb unpacks to */

struct reading {
	struct slice stored;
	size_t step;
};

static int tick(void *self, uint64_t read, bool waiting)
{
	const struct reading *reading = self;
	MUST(read <= reading->stored.n && !waiting);
	return 0;
}

static bool packed(struct slice stored)
{
	return slice_begins(stored, SLICE("\x1f\x8b")) || slice_begins(stored, SLICE("\x28\xb5\x2f\xfd")) ||
	       (stored.n >= 4 && (stored.p[0] & 0xf0) == 0x50 && memcmp(stored.p + 1, "\x2a\x4d\x18", 3) == 0);
}

static void unpack(void *self)
{
	struct reading *reading = self;
	int fd = memfd_create("stored", MFD_CLOEXEC);
	MUST(fd >= 0 && write(fd, reading->stored.p, reading->stored.n) == (ssize_t)reading->stored.n);
	MUST(lseek(fd, 0, SEEK_SET) == 0);
	struct bytes *bytes = bytes_open(fd, "stored", tick, reading);
	char *to = malloc(reading->step);
	size_t got, all = 0;
	while (all < MOST && (got = bytes_fill(bytes, to, reading->step)) > 0) {
		MUST(got <= reading->step);
		if (!packed(reading->stored))
			MUST(memcmp(to, reading->stored.p + all, got) == 0);
		all += got;
	}
	if (all < MOST) {
		MUST(packed(reading->stored) || all == reading->stored.n);
		MUST(bytes_read(bytes) == reading->stored.n);
	}
	free(to);
	bytes_close(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	int first = dup(STDERR_FILENO); /* the descriptor that the next one will have, should the try leave it open */
	close(first);
	struct reading reading = {fuzz_slice(bytes, n), n > 0 ? 1 + bytes[n - 1] * 257u : 1};
	kept_start();
	if (!kept_try(unpack, &reading))
		close(first);
	kept_free();
	free((char *)reading.stored.p);
	return 0;
}

#include "bytes.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "fail.h"

enum { STORED = 256 << 10, GZIP_WINDOW = 15 + 16 };

enum packing { PLAIN, GZIP, ZSTD };

struct bytes {
	int fd;
	const char *path;
	bytes_tick *tick;
	void *self;
	void (*before_failing)(void *self); /* NULL: nothing */
	uint64_t read;
	bool ended;   /* the file is */
	bool stopped; /* by tick */
	bool started; /* its first bytes were looked at */
	bool inside;  /* a member or frame is begun */
	enum packing packing;
	z_stream gzip;
	ZSTD_DStream *zstd;
	unsigned char *stored; /* room for STORED bytes */
	size_t at, n;          /* stored[at, n): read and not yet unpacked */
};

struct bytes *bytes_open(int fd, const char *path, bytes_tick *tick, void *self)
{
	struct bytes *bytes = must_alloc(sizeof *bytes);
	*bytes = (struct bytes){.fd = fd, .path = path, .tick = tick, .self = self};
	bytes->stored = must_alloc(STORED);
	return bytes;
}

void bytes_before_failing(struct bytes *bytes, void (*act)(void *self))
{
	bytes->before_failing = act;
}

/* Waits until fd can be read, as long as tick lets it. Returns false when it says to end here. */
static bool wait_for(struct bytes *bytes)
{
	struct pollfd readable = {bytes->fd, POLLIN, 0};
	bool waiting = poll(&readable, 1, 0) == 0;
	for (;;) {
		int most = bytes->tick(bytes->self, bytes->read, waiting);
		if (most < 0) {
			bytes->stopped = true;
			return false;
		}
		if (!waiting)
			return true;
		waiting = poll(&readable, 1, most) <= 0;
	}
}

/* Reads stored bytes; 0 at the end. */
static size_t read_stored(struct bytes *bytes, void *to, size_t n)
{
	ssize_t got = -1;
	while (!bytes->ended && wait_for(bytes)) {
		got = read(bytes->fd, to, n);
		if (got >= 0)
			break;
		if (errno != EINTR && errno != EAGAIN)
			fail(EX_IOERR, "%s: cannot read:", bytes->path);
	}
	if (got <= 0) {
		bytes->ended = true;
		return 0;
	}
	bytes->read += (uint64_t)got;
	return (size_t)got;
}

static bool refill(struct bytes *bytes)
{
	bytes->at = 0;
	bytes->n = read_stored(bytes, bytes->stored, STORED);
	return bytes->n > 0;
}

/* Looks at the first bytes, for which as many reads are made as they need. */
static void start(struct bytes *bytes)
{
	bytes->started = true;
	while (bytes->n < 4) {
		size_t got = read_stored(bytes, bytes->stored + bytes->n, STORED - bytes->n);
		if (got == 0)
			break;
		bytes->n += got;
	}
	const unsigned char *p = bytes->stored;
	if (bytes->n >= 2 && p[0] == 0x1f && p[1] == 0x8b) {
		bytes->packing = GZIP;
		if (inflateInit2(&bytes->gzip, GZIP_WINDOW) != Z_OK)
			fail(EX_OSERR, "%s: zlib cannot start", bytes->path);
	} else if (bytes->n >= 4 && (memcmp(p, "\x28\xb5\x2f\xfd", 4) == 0 ||
				     ((p[0] & 0xf0) == 0x50 && memcmp(p + 1, "\x2a\x4d\x18", 3) == 0))) {
		bytes->packing = ZSTD;
		bytes->zstd = ZSTD_createDStream();
		if (!bytes->zstd)
			fail(EX_OSERR, "%s: zstd cannot start", bytes->path);
	}
}

_Noreturn static void damaged(const struct bytes *bytes, const char *what, const char *cause)
{
	if (bytes->before_failing)
		bytes->before_failing(bytes->self);
	fail(EX_DATAERR, "%s: the %s data is damaged or cut (%s); fetch the file again", bytes->path, what, cause);
}

/* A frame that was written with --long, whose window is larger than what is taken without being asked. */
_Noreturn static void too_long_a_window(const struct bytes *bytes)
{
	if (bytes->before_failing)
		bytes->before_failing(bytes->self);
	fail(EX_DATAERR,
	     "%s: the zstd data wants more memory than is given unasked (it was packed with --long=28 or more): zstd "
	     "-dc "
	     "--long=31 FILE | pay-consume --as NAME -",
	     bytes->path);
}

/* Between members and frames: steps over zeros, which tapes and disks leave behind them. Returns false at the end. */
static bool step_over_zeros(struct bytes *bytes)
{
	do
		while (bytes->at < bytes->n && bytes->stored[bytes->at] == 0)
			bytes->at++;
	while (bytes->at == bytes->n && refill(bytes));
	return bytes->at < bytes->n;
}

static size_t fill_gzip(struct bytes *bytes, char *to, size_t n)
{
	z_stream *gzip = &bytes->gzip;
	gzip->next_out = (unsigned char *)to;
	gzip->avail_out = (unsigned)n;
	while (gzip->avail_out == n) {
		if (!bytes->inside && !step_over_zeros(bytes))
			return 0;
		if (bytes->at == bytes->n && !refill(bytes)) {
			if (!bytes->stopped)
				damaged(bytes, "gzip", "it ends too early");
			return 0;
		}
		if (!bytes->inside)
			inflateReset(gzip);
		bytes->inside = true;
		gzip->next_in = bytes->stored + bytes->at;
		gzip->avail_in = (unsigned)(bytes->n - bytes->at);
		int result = inflate(gzip, Z_NO_FLUSH);
		bytes->at = bytes->n - gzip->avail_in;
		if (result == Z_STREAM_END)
			bytes->inside = false;
		else if (result != Z_OK && result != Z_BUF_ERROR)
			damaged(bytes, "gzip", gzip->msg ? gzip->msg : "not a gzip member");
	}
	return n - gzip->avail_out;
}

static size_t fill_zstd(struct bytes *bytes, char *to, size_t n)
{
	ZSTD_outBuffer out = {to, n, 0};
	while (out.pos == 0) {
		if (!bytes->inside && !step_over_zeros(bytes))
			return 0;
		/* A frame may hold back what did not fit: only when it is empty is more read. */
		ZSTD_inBuffer in = {bytes->stored, bytes->n, bytes->at};
		size_t result = ZSTD_decompressStream(bytes->zstd, &out, &in);
		if (ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge)
			too_long_a_window(bytes);
		if (ZSTD_isError(result))
			damaged(bytes, "zstd", ZSTD_getErrorName(result));
		if (in.pos > bytes->at || out.pos > 0)
			bytes->inside = result != 0;
		bytes->at = in.pos;
		if (out.pos == 0 && bytes->at == bytes->n && !refill(bytes)) {
			if (bytes->inside && !bytes->stopped)
				damaged(bytes, "zstd", "it ends too early");
			return 0;
		}
	}
	return out.pos;
}

size_t bytes_fill(void *self, char *to, size_t n)
{
	struct bytes *bytes = self;
	if (!bytes->started)
		start(bytes);
	if (bytes->packing == GZIP)
		return fill_gzip(bytes, to, n < STORED ? n : STORED);
	if (bytes->packing == ZSTD)
		return fill_zstd(bytes, to, n);
	if (bytes->at < bytes->n) {
		size_t held = bytes->n - bytes->at;
		size_t given = held < n ? held : n;
		memcpy(to, bytes->stored + bytes->at, given);
		bytes->at += given;
		return given;
	}
	return read_stored(bytes, to, n);
}

const char *bytes_unpack(const struct bytes *bytes)
{
	return bytes->packing == GZIP ? "gzip -dc" : bytes->packing == ZSTD ? "zstd -dc" : NULL;
}

uint64_t bytes_read(const struct bytes *bytes)
{
	return bytes->read;
}

void bytes_close(struct bytes *bytes)
{
	if (bytes->packing == GZIP)
		inflateEnd(&bytes->gzip);
	ZSTD_freeDStream(bytes->zstd);
	close(bytes->fd);
	free(bytes->stored);
	free(bytes);
}

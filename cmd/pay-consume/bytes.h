/* bytes: a file's content, unpacked: gzip (RFC 1952, any number of members) and zstd (RFC 8878, any number of frames)
 * are known by their first bytes. */
#ifndef PAYPIPE_BYTES_H
#define PAYPIPE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes;

/* What is called before each read of the file: read is how many bytes were, waiting whether this read would wait.
 * Returns how many milliseconds it may wait before it is called again; less than 0 ends the input here. */
typedef int bytes_tick(void *self, uint64_t read, bool waiting);

/* Starts on fd, which bytes_close closes. path names it in messages. */
struct bytes *bytes_open(int fd, const char *path, bytes_tick *tick, void *self);

/* Has act(self) called, with the self of tick, before damaged data ends the program. */
void bytes_before_failing(struct bytes *bytes, void (*act)(void *self));

/* Unpacks up to n bytes; 0 at the end. Damaged or cut compressed data ends the program with 65; zeros
 * behind it are padding. An input_fill. */
size_t bytes_fill(void *bytes, char *to, size_t n);

/* The command that unpacks what was begun in the same way; NULL where it is not packed. */
const char *bytes_unpack(const struct bytes *bytes);

/* Bytes read as stored. */
uint64_t bytes_read(const struct bytes *bytes);

void bytes_close(struct bytes *bytes);

#endif

/* source: where messages come from. A captured file is one; a topic is another. */
#ifndef PAYPIPE_SOURCE_H
#define PAYPIPE_SOURCE_H

#include <stdbool.h>

struct delivery;
struct mark;

struct source {
	void *self;
	/* Gets ready to be read. */
	void (*open)(void *self, struct delivery *delivery);
	/* Delivers the next records, a bufferful at most. Returns false when there are no more. To be called until
	 * then, unless delivery_full or *delivery->stop. */
	bool (*read)(void *self, struct delivery *delivery);
	/* Adds to mark which offsets it has covered since it was called last. */
	void (*cover)(void *self, struct mark *mark);
	/* Gives back what it holds. */
	void (*close)(void *self);
};

#endif

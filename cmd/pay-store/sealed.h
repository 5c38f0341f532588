/* sealed: a store's records written back as a stream with marks, from which other databases are built. */
#ifndef PAYPIPE_STORE_SEALED_H
#define PAYPIPE_STORE_SEALED_H

#include "export.h"

struct sealed_wish {
	enum table table;     /* TABLE_LOG or TABLE_BASE */
	const char **without; /* sources that are left out */
	int without_n;
	bool allow_gap; /* messages that were pruned may be missing */
};

/* Writes the records of a table, of payment_log with the open letters of pay-consume, in the order of their
 * coordinates, in segments whose marks cover what the store's cover covers, with its states and files. A database that
 * takes the stream has the same cover; it needs --allow-gap only where the store has a hole. Messages that were pruned
 * end the program with 76 unless allow_gap. All is of one moment. */
void export_sealed(struct database *database, const struct sealed_wish *wish, struct output *output);

#endif

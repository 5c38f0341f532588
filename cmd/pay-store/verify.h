/* verify: whether a store is sound. */
#ifndef PAYPIPE_STORE_VERIFY_H
#define PAYPIPE_STORE_VERIFY_H

#include "database.h"

/* Checks the file's structure, counts and sums every table against its running tally, looks for payments that are in
 * base and in unsettlement, and lists what it found and the holes in the cover on standard output. Returns the exit
 * status: 0, 65 where something is damaged, else 76 where there are holes. */
int verify_store(struct database *database);

#endif

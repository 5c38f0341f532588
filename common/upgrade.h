/* upgrade: a database of an older version brought to the present one. */
#ifndef PAYPIPE_UPGRADE_H
#define PAYPIPE_UPGRADE_H

#include "database.h"

/* What makes the version after `from` of a file of version `from`; a version may take several. */
struct upgrade_step {
	int from; /* 0 ends a list */
	const char *sql;
};

/* Brings the file to the present version of its kind by all steps that it takes, in one transaction, under the writers'
 * lock, and says so on standard output; a file of that version is left as it is. A version that the steps do not begin
 * with, or that is newer, ends the program with 78; a missing file with 66; too little free space with 74. */
void upgrade(const char *path, enum database_kind kind, const struct upgrade_step *steps, double lock_wait);

/* --check: ends the program as upgrade would for the file's version; changes nothing. */
void upgrade_check(const char *path, enum database_kind kind);

#endif

/* backup: a copy of a database of ours, of one moment, while others read and write it. */
#ifndef PAYPIPE_BACKUP_H
#define PAYPIPE_BACKUP_H

/* Copies the database `from`, whatever program made it and by whichever version, to `to`: made under a name beside it,
 * checked, synced and renamed, mode 0600. A `to` that is there and not empty, or beside which a log of another database
 * lies, ends the program with 73; a missing `from` with 66; a damaged one with 65, and nothing is left of the copy.
 * Says on standard output what the copy holds. */
void backup(const char *from, const char *to);

/* --check: ends the program as backup would for these names; copies nothing. */
void backup_check(const char *from, const char *to);

#endif

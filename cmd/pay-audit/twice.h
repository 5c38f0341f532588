/* twice: messages that are in the databases of two shares, and so count twice. */
#ifndef PAYPIPE_AUDIT_TWICE_H
#define PAYPIPE_AUDIT_TWICE_H

#include <stddef.h>
#include <stdint.h>

/* How many coordinates of messages are in more than one of these stores of messages. */
uint64_t twice_count(char *const *paths, size_t n);

#endif

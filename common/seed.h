/* seed: what hash tables are seeded with, another in each run, so that nobody can choose texts which all come to one
 * place of a table. No result may depend on it. */
#ifndef PAYPIPE_SEED_H
#define PAYPIPE_SEED_H

#include <stdint.h>

/* The seed of this run; costs no system call, also where the program is confined. */
uint64_t seed_of_run(void);

#endif

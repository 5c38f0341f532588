/* holidays: the file of days that are no business days. */
#ifndef PAYPIPE_RULE_HOLIDAYS_H
#define PAYPIPE_RULE_HOLIDAYS_H

#include "calendar.h"

/* Adds the holidays of a CSV file with header date,name (name may be left out) to a calendar. A date that does not
 * exist or stands there twice ends the program with 78, naming file:line. */
void holidays_load(struct calendar *calendar, const char *file);

#endif

/* date: real calendar dates of the proleptic Gregorian calendar, years 0001 to 9999, without any time zone. */
#ifndef PAYPIPE_DATE_H
#define PAYPIPE_DATE_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

typedef int32_t date_day; /* days since 1970-01-01, negative before it */

enum { DATE_TEXT = 11 }; /* "YYYY-MM-DD" and NUL */

/* Reads `YYYY-MM-DD`, a day that exists. Returns whether it is one; *to is set only then. */
bool date_read(struct slice text, date_day *to);

/* Reads `YYYY-MM-DDThh:mm[:ss[.1-9 digits]]` (seconds to 59). *day gets the date, *second the second of the day
 * (0..86399, fraction cut off); either may be NULL. Returns whether it is one. */
bool date_time_read(struct slice text, date_day *day, int32_t *second);

/* Writes `YYYY-MM-DD` and a NUL. The day must lie in years 0001 to 9999 (see date_first, date_last). */
void date_write(char to[DATE_TEXT], date_day day);

/* The day number of a date that exists. */
date_day date_from(int year, int month, int day);

/* Splits a day number; each of the pointers may be NULL. */
void date_split(date_day day, int *year, int *month, int *dom);

/* ISO 8601 weekday: 1 Monday … 7 Sunday. */
int date_weekday(date_day day);

/* Days in a month of a year. */
int date_month_days(int year, int month);

/* The first and the last day that can be written. */
date_day date_first(void);
date_day date_last(void);

#endif

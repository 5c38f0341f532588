/* syncer: what was asked for is synced once, beside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <errno.h>
#include <unistd.h>

#include "syncer.h"

static void a_file_is_synced_as_often_as_asked(void **state)
{
	(void)state;
	struct syncer syncer;
	FILE *file = tmpfile();
	int error = 1;

	assert_non_null(file);
	syncer_open(&syncer, fileno(file));
	assert_true(syncer.threaded);
	assert_true(syncer_done(&syncer, false, &error)); /* nothing was asked for */
	assert_int_equal(error, 0);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(write(fileno(file), "x", 1), 1);
		syncer_ask(&syncer);
		while (i % 2 && !syncer_done(&syncer, false, &error)) {
			/* not yet */
		}
		assert_true(syncer_done(&syncer, true, &error));
		assert_int_equal(error, 0);
	}
	syncer_ask(&syncer);
	syncer_close(&syncer); /* waits for it */
	fclose(file);
}

static void what_cannot_be_synced_is_told_once(void **state)
{
	(void)state;
	struct syncer syncer;
	int ends[2], error;

	assert_int_equal(pipe(ends), 0); /* cannot be synced: EINVAL */
	syncer_open(&syncer, ends[1]);
	syncer_ask(&syncer);
	assert_true(syncer_done(&syncer, true, &error));
	assert_int_equal(error, EINVAL);
	assert_true(syncer_done(&syncer, true, &error));
	assert_int_equal(error, 0);
	syncer_close(&syncer);
	close(ends[0]);
	close(ends[1]);
}

static void without_a_thread_the_caller_waits(void **state)
{
	(void)state;
	struct syncer syncer;
	int ends[2], error;

	assert_int_equal(pipe(ends), 0);
	syncer_open(&syncer, ends[1]);
	syncer_close(&syncer);
	syncer = (struct syncer){.fd = ends[1]}; /* as where none was to be had */
	syncer_ask(&syncer);
	assert_true(syncer_done(&syncer, false, &error));
	assert_int_equal(error, EINVAL);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_file_is_synced_as_often_as_asked),
	    cmocka_unit_test(what_cannot_be_synced_is_told_once),
	    cmocka_unit_test(without_a_thread_the_caller_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* action: which way the money of an action goes, and how one is declared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "action.h"

static void the_documented_actions_have_their_signs(void **state)
{
	struct actions actions;
	(void)state;
	actions_init(&actions);
	assert_int_equal(actions_sign(&actions, SLICE("PAYMENT")), 1);
	assert_int_equal(actions_sign(&actions, SLICE("CANCEL")), -1);
	assert_int_equal(actions_sign(&actions, SLICE("PARTIAL_CANCEL")), -1);
	assert_int_equal(actions_sign(&actions, SLICE("FULL_CANCEL")), -1);
	assert_int_equal(actions_sign(&actions, SLICE("NETWORK_CANCEL")), -1);
	assert_int_equal(actions_sign(&actions, SLICE("Cancel")), 0);
	assert_int_equal(actions_sign(&actions, SLICE("CANCE")), 0);
	assert_int_equal(actions_sign(&actions, SLICE("")), 0);
}

static void an_action_is_declared_once_with_one_sign(void **state)
{
	struct actions actions;
	(void)state;
	actions_init(&actions);
	assert_null(actions_add(&actions, SLICE("TOPUP"), 1));
	assert_null(actions_add(&actions, SLICE("TOPUP"), 1));
	assert_int_equal(actions.n, ACTIONS_DOCUMENTED + 1);
	assert_non_null(actions_add(&actions, SLICE("TOPUP"), -1));
	assert_non_null(actions_add(&actions, SLICE("PAYMENT"), -1));
	assert_int_equal(actions_sign(&actions, SLICE("TOPUP")), 1);
}

static void the_name_of_a_declaration_is_what_stands_before_its_sign(void **state)
{
	struct actions actions;
	(void)state;
	actions_init(&actions);
	assert_true(slice_equal(actions_declare(&actions, "A:B:-"), SLICE("A:B")));
	assert_int_equal(actions_sign(&actions, SLICE("A:B")), -1);
	actions_accept(&actions, "paymentActionType=C=D:+");
	assert_int_equal(actions_sign(&actions, SLICE("C=D")), 1);
}

static void equal_declarations_are_equal_texts(void **state)
{
	struct actions one, other;
	(void)state;
	actions_init(&one);
	actions_init(&other);
	char *none = actions_declared(&one);
	assert_string_equal(none, "");
	actions_declare(&one, "B:-");
	actions_declare(&one, "A:+");
	actions_declare(&other, "A:+");
	actions_declare(&other, "B:-");
	char *a = actions_declared(&one), *b = actions_declared(&other);
	assert_string_equal(a, "A:+,B:-");
	assert_string_equal(a, b);
	free(none);
	free(a);
	free(b);
}

static void no_more_are_known_than_there_is_room_for(void **state)
{
	struct actions actions;
	char name[] = "A";
	(void)state;
	actions_init(&actions);
	for (; actions.n < ACTIONS_MAX; name[0]++)
		assert_null(actions_add(&actions, slice_of(name), -1));
	assert_non_null(actions_add(&actions, slice_of(name), -1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_documented_actions_have_their_signs),
	    cmocka_unit_test(an_action_is_declared_once_with_one_sign),
	    cmocka_unit_test(the_name_of_a_declaration_is_what_stands_before_its_sign),
	    cmocka_unit_test(equal_declarations_are_equal_texts),
	    cmocka_unit_test(no_more_are_known_than_there_is_room_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

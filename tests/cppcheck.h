/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Read by cppcheck alone, before each file (tests/lint), for it reads no library's headers: the macros of Check and jansson. */
#define START_TEST(name) static void name(int _i)
#define END_TEST
#define json_array_foreach(array, index, value)                                                                        \
	for (index = 0; index < json_array_size(array) && (value = json_array_get(array, index)); index++)
#define json_object_foreach(object, key, value)                                                                        \
	for (key = first_key(object); key && (value = json_object_get(object, key)); key = next_key(object, key))
